// SPDX-License-Identifier: AGPL-3.0-or-later

package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/internal/product/console"
)

// answerTimeout is how long a server may take for an account's affairs.
const answerTimeout = 30 * time.Second

type registerCmd struct {
	Invite string `help:"Invitation code, where the server wants one." placeholder:"CODE"`
}

// Run registers the account again.
func (cmd *registerCmd) Run(a *app) error {
	return a.with(func(s *session) error {
		ctx, cancel := context.WithTimeout(a.Ctx, answerTimeout)
		defer cancel()
		if err := s.Account().RegisterAgain(ctx, cmd.Invite); err != nil {
			return fmt.Errorf("the account was not created again: %w", err)
		}
		a.Say("%s is registered, with the keys of this profile; contacts see that it is the same account", s.Address())
		return nil
	})
}

type takeoverCmd struct{}

// Run has this copy of the profile go on.
func (cmd *takeoverCmd) Run(a *app) error {
	return a.with(func(s *session) error {
		ctx, cancel := context.WithTimeout(a.Ctx, answerTimeout)
		defer cancel()
		if err := s.Account().TakeOver(ctx); err != nil {
			return fmt.Errorf("this copy was not let in: %w", err)
		}
		a.Say("this copy of the profile goes on; remove the other one. Where the other one wrote meanwhile, ask to be added again")
		return nil
	})
}

type eraseCmd struct {
	Address string `arg:"" help:"The profile's own address, to show that it is meant."`
	Account bool   `help:"Delete the account on its server first. Nobody can take its name afterwards."`
}

// Run erases the profile, and the account if that is wanted.
func (cmd *eraseCmd) Run(a *app) error {
	if a.lender != nil {
		return console.WithCode(errors.New("another process receives for this profile: stop it first"), console.ExitBusy)
	}
	s, err := a.open()
	if err != nil {
		return err
	}
	err = cmd.deleteAccount(s)
	s.Client.Close()
	s.transport.Close()
	if err != nil {
		return errors.Join(err, s.folder.close())
	}
	return s.folder.erase()
}

// deleteAccount deletes the account on its server if that is wanted, after it has
// seen that the profile is the right one.
func (cmd *eraseCmd) deleteAccount(s *session) error {
	if own := s.Address().String(); cmd.Address != own {
		return console.WithCode(fmt.Errorf("this is the profile of %s, and nothing was erased: repeat that address to erase it", own), console.ExitUsage)
	}
	if !cmd.Account {
		return nil
	}
	ctx, cancel := context.WithTimeout(s.Ctx, answerTimeout)
	defer cancel()
	if err := s.Account().Delete(ctx); err != nil {
		return fmt.Errorf("the account was not deleted, and nothing was erased: %w. Try again later, or erase the profile alone, without --account", err)
	}
	s.Say("the account is deleted from its server; what others received stays with them")
	return nil
}

// nextStep adds to an error what a person can do about it.
func nextStep(err error) error {
	switch {
	case errors.Is(err, chat.ErrProfileCopied):
		return fmt.Errorf("%w. Stop the other copy; to go on with this one: securecrypt takeover", err)
	case errors.Is(err, chat.ErrNoAccount):
		return fmt.Errorf("%w: it lost its data, or the account was deleted. To create it again with the same keys: securecrypt register", err)
	}
	return err
}
