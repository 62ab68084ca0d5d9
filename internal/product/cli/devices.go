// SPDX-License-Identifier: AGPL-3.0-or-later

package cli

import (
	"bufio"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client"
	"github.com/securecrypt/securecrypt/client/backend"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/internal/product/cli/jsonlines"
	"github.com/securecrypt/securecrypt/internal/product/console"
	"github.com/securecrypt/securecrypt/internal/product/termtext"
)

type deviceCmd struct {
	Link    deviceLinkCmd    `cmd:"" help:"On a new device: become one of an account's, with the help of a device that it has."`
	Approve deviceApproveCmd `cmd:"" help:"Let a new device into the account."`
	List    deviceListCmd    `cmd:"" help:"List the account's devices."`
	Rename  deviceRenameCmd  `cmd:"" help:"Give a device a name, which your devices show and nobody else sees."`
	Revoke  deviceRevokeCmd  `cmd:"" help:"Take a device out of the account, for example a stolen one."`
}

type deviceListCmd struct{}

// Run lists the devices as the server has them, or else as this device knows them.
func (deviceListCmd) Run(a *app) error {
	return a.with(func(s *session) error {
		ctx, cancel := context.WithTimeout(a.Ctx, answerTimeout)
		defer cancel()
		late := s.Devices().Refresh(ctx)
		if late != nil && !errors.Is(late, backend.ErrOffline) && !errors.Is(late, chat.ErrRevoked) {
			return late
		}
		all, err := s.Devices().List()
		if err != nil {
			return err
		}
		for _, d := range all {
			a.printDevice(d)
		}
		if errors.Is(late, backend.ErrOffline) {
			return fmt.Errorf("this is what this device knows; look again once your server answers: %w", late)
		}
		return late
	})
}

func (a *app) printDevice(d chat.Device) {
	if a.JSON {
		a.PrintJSON(jsonlines.DeviceOf(d))
		return
	}
	line := fmt.Sprintf("%s  added %s by %s", hex.EncodeToString(d.ID[:]), day(d.Added), adder(d.AddedBy, d.ID))
	if !d.Revoked.IsZero() {
		line += fmt.Sprintf(", revoked %s by %s", day(d.Revoked), adder(d.RevokedBy, account.DeviceID{}))
	}
	if !d.Used.IsZero() {
		line += fmt.Sprintf(", %s, used last on %s", d.Kind, d.Used.Format(time.DateOnly))
	}
	if d.Name != "" {
		line += "  " + termtext.Quote(d.Name)
	}
	if d.This {
		line += "  this device"
	}
	_, _ = fmt.Fprintln(a.Stdout, line)
}

func day(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// adder names who added or revoked a device; first is a device that began the account
// if it added itself.
func adder(by, first account.DeviceID) string {
	switch by {
	case account.DeviceID{}:
		return "the recovery key"
	case first:
		return "itself"
	}
	return hex.EncodeToString(by[:])
}

type deviceRenameCmd struct {
	Device string `arg:"" help:"The device's identifier, or the first 8 digits of it or more; securecrypt device list prints it."`
	Name   string `arg:"" help:"Its name; '' takes it away."`
}

// Run gives a device a name, and waits a while until the other devices can see it.
func (cmd *deviceRenameCmd) Run(a *app) error {
	return a.with(func(s *session) error {
		id, err := s.findDevice(cmd.Device)
		if err != nil {
			return err
		}
		if err := s.Devices().Rename(a.Ctx, id, cmd.Name); err != nil {
			return err
		}
		all, err := s.Devices().List()
		for _, d := range all {
			if d.ID == id {
				a.printDevice(d)
			}
		}
		ctx, cancel := context.WithTimeout(a.Ctx, answerTimeout)
		defer cancel()
		if s.Devices().WaitUntilTold(ctx) != nil {
			a.Say("your other devices see the name once this one reaches the server")
		}
		return err
	})
}

type deviceRevokeCmd struct {
	Device       string `arg:"" help:"The device's identifier, or the first 8 digits of it or more; securecrypt device list prints it."`
	Added        bool   `help:"Revoke the devices that it added, too, and those that these added."`
	Recovery     bool   `help:"Sign with the recovery key: needed for the last device."`
	RecoveryFile string `help:"Read the recovery key from the first line of FILE." type:"path" placeholder:"FILE"`
}

// Run revokes a device.
func (cmd *deviceRevokeCmd) Run(a *app) error {
	return a.with(func(s *session) error {
		ctx, cancel := context.WithTimeout(a.Ctx, answerTimeout)
		defer cancel()
		if err := s.Devices().Refresh(ctx); err != nil {
			return fmt.Errorf("nothing was revoked: %w", err)
		}
		id, err := s.findDevice(cmd.Device)
		if err != nil {
			return err
		}
		r := client.Revocation{Device: id, AlsoAddedBy: cmd.Added}
		if cmd.Recovery || cmd.RecoveryFile != "" {
			secret, err := newKeyReader(a).recoveryKey(cmd.RecoveryFile, "Recovery key: ")
			if err != nil {
				return err
			}
			defer secret.Erase()
			r.Recovery = &secret
			ctx, cancel = context.WithTimeout(a.Ctx, answerTimeout)
			defer cancel()
		}
		revoked, err := s.Devices().Revoke(ctx, r)
		if len(revoked) > 0 {
			s.followDevices()
		}
		all, lerr := s.Devices().List()
		for _, d := range all {
			if slices.Contains(revoked, d.ID) {
				a.printDevice(d)
			}
		}
		if err != nil {
			return errors.Join(err, lerr)
		}
		more, merr := s.Devices().AddedBy(id)
		if len(more) > 0 {
			a.Say("it added %d devices that are in the account: look at securecrypt device list, and revoke those that you do not know", len(more))
		}
		return errors.Join(lerr, merr)
	})
}

// minDevicePrefix is how many digits of a device's identifier name it.
const minDevicePrefix = 8

// findDevice finds a device by its identifier, or the beginning of it.
func (s *session) findDevice(text string) (account.DeviceID, error) {
	prefix := strings.TrimPrefix(strings.ToLower(text), "device:")
	all, err := s.Devices().List()
	if err != nil {
		return account.DeviceID{}, err
	}
	var found []account.DeviceID
	for _, d := range all {
		if len(prefix) >= minDevicePrefix && strings.HasPrefix(hex.EncodeToString(d.ID[:]), prefix) {
			found = append(found, d.ID)
		}
	}
	switch len(found) {
	case 0:
		return account.DeviceID{}, console.WithCode(fmt.Errorf("%q: %w", text, chat.ErrNoDevice), console.ExitNotFound)
	case 1:
		return found[0], nil
	}
	return account.DeviceID{}, fmt.Errorf("%q: %w", text, chat.ErrAmbiguous)
}

type deviceApproveCmd struct {
	Code string `arg:"" optional:"" help:"The code that the new device shows; without one, this device shows a code."`
}

// Run lets a device into the account.
func (cmd *deviceApproveCmd) Run(a *app) error {
	if a.lender != nil {
		return console.WithCode(errors.New("another process receives for this profile: stop it first"), console.ExitBusy)
	}
	return a.with(func(s *session) error {
		lines := readLines(a.Stdin)
		device, err := s.Devices().Approve(a.Ctx, client.Approval{
			Code: cmd.Code,
			ShowCode: func(c chat.LinkCode) {
				a.showLinkCode(c, "Give this code to the new device within ten minutes: securecrypt device link CODE")
			},
			Digits: func(ctx context.Context, left int) (string, error) { return a.askDigits(ctx, lines, left) },
		})
		if device == (account.DeviceID{}) {
			return linkFailed(err)
		}
		line := jsonlines.Linking{State: "linked", Address: s.Address().String(), Device: hex.EncodeToString(device[:])}
		if a.JSON {
			a.PrintJSON(line)
		} else {
			_, _ = fmt.Fprintf(a.Stdout, "%s is a device of %s now\n", line.Device, line.Address)
		}
		if err != nil {
			return fmt.Errorf("the device is linked, but did not get everything from this one; leave both connected: %w", err)
		}
		s.giveEverything(device)
		return nil
	})
}

// How long a command waits for work that a connected device does in the background.
const (
	followPatience  = 30 * time.Second
	historyPatience = 10 * time.Minute
)

// giveEverything waits until a new device is in the conversations and has the history.
func (s *session) giveEverything(device account.DeviceID) {
	ctx, cancel := context.WithTimeout(s.Ctx, historyPatience)
	defer cancel()
	s.Say("the conversations and the history go to the new device: leave both connected, or press Ctrl-C and go on later with securecrypt receive")
	err := s.Devices().WaitUntilFollowed(ctx)
	if err == nil {
		err = s.Devices().WaitUntilGiven(ctx, device)
	}
	if err != nil {
		s.Say("the new device does not have everything yet: the rest goes on whenever both are connected")
	}
}

// followDevices has the conversations follow the account's devices, as far as that can be
// done soon.
func (s *session) followDevices() {
	ctx, cancel := context.WithTimeout(s.Ctx, followPatience)
	defer cancel()
	if err := s.Devices().WaitUntilFollowed(ctx); err != nil {
		s.Say("the device is not out of all conversations yet: nothing is said there before it is, and this goes on whenever this device is connected")
	}
}

// linkFailed gives an error of linking its exit code.
func linkFailed(err error) error {
	switch {
	case errors.Is(err, chat.ErrLinkCode):
		return console.WithCode(err, console.ExitUsage)
	case errors.Is(err, chat.ErrLinkUnknown):
		return console.WithCode(err, console.ExitNotFound)
	case errors.Is(err, chat.ErrLinkOpen), errors.Is(err, chat.ErrLinkLate):
		return console.WithCode(err, console.ExitWaiting)
	case errors.Is(err, chat.ErrLinkUsed), errors.Is(err, chat.ErrLinkDigits), errors.Is(err, chat.ErrLinkCancelled), errors.Is(err, chat.ErrLinkChanged),
		errors.Is(err, chat.ErrLinkChain), errors.Is(err, chat.ErrManyDevices):
		return console.WithCode(err, console.ExitRefused)
	}
	return err
}

func (a *app) showLinkCode(c chat.LinkCode, what string) {
	if a.JSON {
		a.PrintJSON(jsonlines.Linking{State: "code", Code: c.Text, URI: c.URI, Until: &c.Until})
		return
	}
	if a.coloured() {
		if picture, err := drawQR(c.URI); err == nil {
			_, _ = fmt.Fprintln(a.Stdout.Raw(), picture)
		}
	}
	_, _ = fmt.Fprintf(a.Stdout, "%s\n\n%s\n", c.Text, what)
}

// lines are those of standard input, as they come.
type lines chan string

// readLines reads lines until r ends. What waits for a line need not wait for its end.
func readLines(r io.Reader) lines {
	out := make(lines)
	go func() {
		defer close(out)
		in := bufio.NewReader(io.LimitReader(r, maxKeyInput))
		for {
			text, err := in.ReadString('\n')
			if text != "" {
				out <- text
			}
			if err != nil {
				return
			}
		}
	}()
	return out
}

// askDigits asks for the digits that the new device shows.
func (a *app) askDigits(ctx context.Context, in lines, left int) (string, error) {
	switch {
	case a.JSON:
		a.PrintJSON(jsonlines.Linking{State: "asks", Attempts: left})
	case left < 3:
		_, _ = fmt.Fprintf(a.Stderr, "These are not the digits that the new device shows. Digits: ")
	default:
		_, _ = fmt.Fprintf(a.Stderr, "Type in the six digits that the new device shows; go on only if you are linking a device yourself. Digits: ")
	}
	select {
	case text, ok := <-in:
		if !ok {
			return "", console.WithCode(errors.New("no digits were typed in: nothing was linked; run the command again and type them in"), console.ExitUsage)
		}
		return text, nil
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}
