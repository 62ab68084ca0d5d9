// SPDX-License-Identifier: AGPL-3.0-or-later

package cli

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/keyring"
	"github.com/securecrypt/securecrypt/client/transport/websocket"
	"github.com/securecrypt/securecrypt/internal/product/cli/jsonlines"
	"github.com/securecrypt/securecrypt/internal/product/console"
)

// resumeTimeout bounds how long it is asked whether this device was linked.
const resumeTimeout = 40 * time.Second

// A newProfile makes a profile in a folder that has none, for an account that exists.
type newProfile struct {
	NoPassphrase bool `help:"Keep the key of the profile in a file instead of sealing it with a passphrase. Anybody who can read the folder can read everything."`
}

// make runs fn, which leaves a profile in the store that it is given, unless the folder
// has one already. Nothing is left if fn fails, but for what may be the account's.
func (cmd *newProfile) make(a *app, fn func(client.Config) error) error {
	if err := os.MkdirAll(a.Home, 0o700); err != nil {
		return err
	}
	f, err := a.openFolder()
	if err != nil {
		return err
	}
	begun := f.exists(fileStore) || f.exists(console.FileKey) || f.exists(console.FileSealed)
	var k keyring.StoreKey
	if begun {
		k, err = f.key()
	} else {
		k, err = a.NewKey(f.path, cmd.NoPassphrase)
	}
	if err == nil {
		err = f.openStore()
	}
	if err != nil {
		return errors.Join(err, f.close())
	}
	transport := websocket.New()
	defer transport.Close()
	cfg := a.config(f, k, transport, nil)
	if begun {
		if err := a.mayBegin(cfg, f.path); err != nil {
			return errors.Join(err, f.close())
		}
	}
	if err = fn(cfg); err != nil && !errors.Is(err, chat.ErrLinkOpen) {
		return errors.Join(err, f.remove())
	}
	return errors.Join(err, f.close())
}

// mayBegin returns nil if a store has no profile, or one that did not become the
// account's.
func (a *app) mayBegin(cfg client.Config, path string) error {
	err := a.resume(cfg)
	if errors.Is(err, chat.ErrNotLinked) {
		return nil
	}
	if err != nil {
		return linkFailed(err)
	}
	c, err := client.Open(cfg)
	switch {
	case errors.Is(err, chat.ErrNoProfile):
		return nil
	case err != nil:
		return err
	}
	defer c.Close()
	return console.WithCode(fmt.Errorf("there is a profile of %s in %s already; use another --home for another one", c.Address(), path), console.ExitError)
}

// resume finds out whether this device was linked before the program was ended.
func (a *app) resume(cfg client.Config) error {
	ctx, cancel := context.WithTimeout(a.Ctx, resumeTimeout)
	defer cancel()
	return client.Resume(ctx, cfg)
}

type deviceLinkCmd struct {
	Code   string `arg:"" optional:"" help:"The code that the existing device shows; without one, this device shows a code."`
	Server string `help:"Where both meet if this device shows the code, such as https://chat.example; any server will do." placeholder:"URL"`
	newProfile
}

// Run makes this device one of an account's.
func (cmd *deviceLinkCmd) Run(a *app) error {
	var host string
	switch {
	case (cmd.Code == "") == (cmd.Server == ""):
		return console.WithCode(errors.New("give the code that securecrypt device approve shows on the other device, or with --server a server where both meet"), console.ExitUsage)
	case cmd.Code == "":
		var err error
		if host, err = serverHost(cmd.Server); err != nil {
			return err
		}
	}
	return cmd.make(a, func(cfg client.Config) error {
		linked, err := client.Link(a.Ctx, cfg, client.NewDevice{
			Code: cmd.Code, Host: host,
			ShowCode: func(c chat.LinkCode) {
				a.showLinkCode(c, "Give this code to a device of the account within ten minutes: securecrypt device approve CODE")
			},
			Show: a.showDigits,
		})
		if err != nil {
			return linkFailed(err)
		}
		if !linked.Complete {
			a.Say("the other device went away before it gave this one everything; leave both connected")
		}
		a.printLinked(linked.Address, linked.Device)
		return a.takeEverything(cfg)
	})
}

// takeEverything connects the new device until it has the history.
func (a *app) takeEverything(cfg client.Config) error {
	c, err := client.Open(cfg)
	if err != nil {
		return err
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(a.Ctx, historyPatience)
	defer cancel()
	a.Say("the conversations and the history come from the other device: leave both connected, or press Ctrl-C and go on later with securecrypt receive")
	err = c.ConnectAll()
	if err == nil {
		err = c.Devices().WaitUntilTaken(ctx)
	}
	if err == nil {
		err = c.Devices().WaitUntilFollowed(ctx)
	}
	if err != nil {
		a.Say("this device does not have everything yet: the rest comes whenever both are connected")
	}
	return nil
}

func (a *app) showDigits(who account.Address, digits string) {
	if a.JSON {
		a.PrintJSON(jsonlines.Linking{State: "digits", Address: who.String(), Digits: digits})
		return
	}
	_, _ = fmt.Fprintf(a.Stdout, "\nThis device becomes one of %s. If that is not your address, press Ctrl-C.\nType these digits in at the other device:\n\n    %s\n\n", who, digits)
}

func (a *app) printLinked(who account.Address, device account.DeviceID) {
	if a.JSON {
		a.PrintJSON(jsonlines.Linking{State: "linked", Address: who.String(), Device: hex.EncodeToString(device[:])})
		return
	}
	_, _ = fmt.Fprintf(a.Stdout, "this is a device of %s now\n", who)
}

type recoverCmd struct {
	Address      string `arg:"" help:"The account's address."`
	RecoveryFile string `help:"Read the recovery key from the first line of FILE." type:"path" placeholder:"FILE"`
	newProfile
}

// Run makes this device one of an account's by its recovery key.
func (cmd *recoverCmd) Run(a *app) error {
	who, err := parseAddress(cmd.Address)
	if err != nil {
		return err
	}
	secret, err := newKeyReader(a).recoveryKey(cmd.RecoveryFile, "Recovery key: ")
	if err != nil {
		return err
	}
	defer secret.Erase()
	return cmd.make(a, func(cfg client.Config) error {
		ctx, cancel := context.WithTimeout(a.Ctx, 2*answerTimeout)
		defer cancel()
		if err := client.Recover(ctx, cfg, who, secret); err != nil {
			return linkFailed(err)
		}
		c, err := client.Open(cfg)
		if err != nil {
			return err
		}
		defer c.Close()
		all, err := c.Devices().List()
		for _, d := range all {
			if d.This {
				a.printLinked(who, d.ID)
			}
		}
		return err
	})
}
