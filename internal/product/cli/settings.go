// SPDX-License-Identifier: AGPL-3.0-or-later

package cli

import (
	"fmt"

	"github.com/securecrypt/securecrypt/internal/product/cli/jsonlines"
	"github.com/securecrypt/securecrypt/internal/product/english"
)

type settingsCmd struct {
	ReadReports     *bool   `negatable:"" help:"Say what was read here, and show what others read."`
	DeliveryReports *bool   `negatable:"" help:"Say what arrived here, and show what arrived at others."`
	Typing          *bool   `negatable:"" help:"Say when you type, and show when others do."`
	Timer           *string `help:"Time after which messages of new conversations disappear, such as 24h; off for never." placeholder:"TIME"`
}

// Run changes what is asked for, and prints the settings.
func (cmd *settingsCmd) Run(a *app) error {
	return a.with(func(s *session) error {
		settings, err := s.Account().Settings()
		if err != nil {
			return err
		}
		for flag, to := range map[*bool]*bool{
			cmd.ReadReports: &settings.ReadReports, cmd.DeliveryReports: &settings.DeliveryReports, cmd.Typing: &settings.Typing,
		} {
			if flag != nil {
				*to = *flag
			}
		}
		if cmd.Timer != nil {
			if settings.Timer, err = timerOf(*cmd.Timer); err != nil {
				return err
			}
		}
		if *cmd != (settingsCmd{}) {
			if err := s.Account().SetSettings(a.Ctx, settings); err != nil {
				return err
			}
		}
		if a.JSON {
			a.PrintJSON(jsonlines.SettingsOf(settings))
			return nil
		}
		timer := "off"
		if settings.Timer > 0 {
			timer = english.Duration(settings.Timer)
		}
		onOff := map[bool]string{true: "on", false: "off"}
		_, _ = fmt.Fprintf(a.Stdout, "read reports      %s\ndelivery reports  %s\ntyping            %s\ntimer             %s\n",
			onOff[settings.ReadReports], onOff[settings.DeliveryReports], onOff[settings.Typing], timer)
		return nil
	})
}
