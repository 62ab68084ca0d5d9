// SPDX-License-Identifier: AGPL-3.0-or-later

package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/term"
	"rsc.io/qr"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client"
	"github.com/securecrypt/securecrypt/internal/termtext"
	"github.com/securecrypt/securecrypt/internal/tui"
)

type contactsCmd struct {
	Address string  `arg:"" optional:"" help:"Whom to name."`
	Name    *string `arg:"" optional:"" help:"The name; only you see it. Empty for none."`
}

// Run lists contacts or names one.
func (cmd *contactsCmd) Run(a *app) error {
	return a.with(func(s *session) error {
		if cmd.Address == "" {
			return s.listContacts()
		}
		who, err := parseAddress(cmd.Address)
		if err != nil {
			return err
		}
		if cmd.Name != nil {
			if err := s.SetContactName(who, *cmd.Name); err != nil {
				return err
			}
		}
		contact, err := s.Contact(who)
		if err == nil {
			a.printContact(contact)
		}
		return err
	})
}

func (s *session) listContacts() error {
	all, err := s.Contacts()
	if err != nil {
		return err
	}
	if len(all) == 0 && !s.JSON {
		_, _ = fmt.Fprintln(s.stderr, "No contacts yet. Who you write to or accept becomes one.")
	}
	for _, c := range all {
		s.printContact(c)
	}
	return nil
}

func (a *app) printContact(c client.Contact) {
	if a.JSON {
		a.printJSON(map[string]any{
			"address": c.Address.String(), "name": c.Name, "profile": c.Profile, "verified": c.Verified, "blocked": c.Blocked,
		})
		return
	}
	line := c.Address.String()
	for _, s := range []string{c.Name, c.Profile} {
		if s != "" {
			line += "  " + termtext.Line(s)
		}
	}
	if c.Verified {
		line += "  verified"
	}
	if c.Blocked {
		line += "  blocked"
	}
	_, _ = fmt.Fprintln(a.stdout, line)
}

// requests returns what waits to be accepted, as far as the inviter's server
// has confirmed who they are.
func (s *session) requests() ([]client.Conversation, error) {
	all, err := s.Conversations()
	return slices.DeleteFunc(all, func(c client.Conversation) bool { return c.Status != client.StatusRequest }), err
}

type requestsCmd struct {
	Timeout time.Duration `help:"How long to wait for the server." default:"10s"`
}

// Run fetches and lists requests.
func (cmd *requestsCmd) Run(a *app) error {
	return a.with(func(s *session) error {
		if err := s.fetch(cmd.Timeout); err != nil {
			_, _ = fmt.Fprintf(a.stderr, "securecrypt: %s; showing what is here already\n", err)
		}
		all, err := s.requests()
		if err != nil {
			return err
		}
		if len(all) == 0 && !a.JSON {
			_, _ = fmt.Fprintln(a.stderr, "No requests.")
		}
		for _, c := range all {
			if a.JSON {
				a.printJSON(conversationJSON(c))
				continue
			}
			what := "wants to talk"
			if c.Group {
				what = fmt.Sprintf("invites you to the group %q", termtext.Line(c.Title))
			}
			_, _ = fmt.Fprintf(a.stdout, "%s  %s %s\n", c.ID, c.Inviter, what)
		}
		return nil
	})
}

// fetch receives what the servers have.
func (s *session) fetch(timeout time.Duration) error {
	if err := s.GoAll(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(s.ctx, timeout)
	defer cancel()
	return s.Sync(ctx)
}

// request finds a request by its identifier, title or inviter.
func (s *session) request(target string) ([]client.Conversation, error) {
	all, err := s.requests()
	if err != nil {
		return nil, err
	}
	found := slices.DeleteFunc(all, func(c client.Conversation) bool {
		return string(c.ID) != target && c.Inviter.String() != strings.ToLower(target) && (!c.Group || c.Title != target)
	})
	if len(found) == 0 {
		return nil, coded{fmt.Errorf("%q: no such request; securecrypt requests lists them", target), exitNotFound}
	}
	return found, nil
}

type acceptCmd struct {
	Target  string        `arg:"" help:"Address of the sender, or title or identifier of the request."`
	Timeout time.Duration `help:"How long to wait for the server." default:"10s"`
}

// Run accepts requests.
func (cmd *acceptCmd) Run(a *app) error {
	return a.with(func(s *session) error {
		fetched := s.fetch(cmd.Timeout)
		found, err := s.request(cmd.Target)
		if err != nil {
			return errors.Join(err, fetched)
		}
		for _, c := range found {
			if err := s.Accept(a.ctx, c.ID); err != nil {
				return err
			}
			if err := s.settle(c.ID); err != nil && codeOf(err) != exitWaiting {
				return err
			}
			if err := s.printConversation(c.ID); err != nil {
				return err
			}
		}
		return nil
	})
}

type blockCmd struct {
	Target string `arg:"" help:"Address, or identifier of a request."`
	Undo   bool   `help:"Unblock."`
}

// Run blocks somebody.
func (cmd *blockCmd) Run(a *app) error {
	return a.with(func(s *session) error {
		who, err := s.whom(cmd.Target)
		if err != nil {
			return err
		}
		if cmd.Undo {
			err = s.Unblock(who)
		} else {
			err = s.Block(a.ctx, who)
		}
		if err != nil {
			return err
		}
		contact, err := s.Contact(who)
		if err == nil {
			a.printContact(contact)
		}
		return err
	})
}

// whom finds out which person is meant.
func (s *session) whom(target string) (account.Address, error) {
	if who, err := account.ParseAddress(target); err == nil {
		return who, nil
	}
	if found, err := s.request(target); err == nil {
		return found[0].Inviter, nil
	}
	id, err := s.Find(target)
	if err == nil {
		var c client.Conversation
		if c, err = s.Conversation(id); err == nil && !c.Group {
			return c.Peer, nil
		}
	}
	return parseAddress(target)
}

type verifyCmd struct {
	Address string `arg:"" help:"Whom to verify."`
	Confirm bool   `help:"Note that the numbers are the same on both sides."`
	Code    string `help:"Compare with the text of the code that the other person's device shows." placeholder:"TEXT"`
}

// Run shows the safety number.
func (cmd *verifyCmd) Run(a *app) error {
	return a.with(func(s *session) error {
		who, err := s.whom(cmd.Address)
		if err != nil {
			return err
		}
		safety, verified, err := s.Safety(a.ctx, who)
		if err != nil {
			return err
		}
		if cmd.Code != "" {
			if err := safety.MatchCode(cmd.Code); err != nil {
				return coded{err, exitRefused}
			}
		}
		if cmd.Confirm || cmd.Code != "" {
			if err := s.MarkVerified(who); err != nil {
				return err
			}
			verified = true
		}
		return a.printSafety(who, safety, verified)
	})
}

func (a *app) printSafety(who account.Address, safety account.Safety, verified bool) error {
	if a.JSON {
		a.printJSON(map[string]any{
			"address": who.String(), "safety_number": safety.Digits(), "code": safety.Code(), "verified": verified,
		})
		return nil
	}
	picture, err := drawQR(safety.Code())
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(a.stdout, "%s\n%s\n\n", picture, strings.TrimSpace(safety.Digits()))
	if verified {
		_, _ = fmt.Fprintf(a.stdout, "%s is verified.\n", who)
		return nil
	}
	_, _ = fmt.Fprintf(a.stdout, "Compare this number with the one that %s sees, in person or on a call.\nIf they are the same: securecrypt verify --confirm %s\n", who, who)
	return nil
}

// drawQR draws a QR code with half blocks, dark on light whatever the
// terminal's colours are.
func drawQR(text string) (string, error) {
	code, err := qr.Encode(text, qr.L)
	if err != nil {
		return "", err
	}
	const quiet = 2
	var b strings.Builder
	for y := -quiet; y < code.Size+quiet; y += 2 {
		b.WriteString("\x1b[30;47m")
		for x := -quiet; x < code.Size+quiet; x++ {
			b.WriteString(halfBlock(code.Black(x, y), code.Black(x, y+1)))
		}
		b.WriteString("\x1b[0m\n")
	}
	return b.String(), nil
}

func halfBlock(top, bottom bool) string {
	switch {
	case top && bottom:
		return "█"
	case top:
		return "▀"
	case bottom:
		return "▄"
	}
	return " "
}

type chatCmd struct {
	Target string `arg:"" optional:"" help:"Address, group title or conversation identifier to begin with."`
}

// Run starts the terminal interface.
func (cmd *chatCmd) Run(a *app) error {
	out, ok := a.stdout.(*os.File)
	if !ok || !term.IsTerminal(int(out.Fd())) {
		return coded{errors.New("chat needs a terminal; see send and receive"), exitUsage}
	}
	here, err := os.Getwd()
	if err != nil {
		return err
	}
	return a.staying(func(s *session) error {
		options := tui.Options{Client: s.Client, Events: s.events.take, SaveDir: here, Input: a.stdin, Output: out}
		if cmd.Target != "" {
			id, err := s.find(cmd.Target, false)
			options.Start = id
			if errors.Is(err, client.ErrNoConversation) {
				peer, perr := account.ParseAddress(cmd.Target)
				if perr != nil {
					return err
				}
				options.Peer, err = peer, nil
			}
			if err != nil {
				return err
			}
		}
		if err := s.GoAll(); err != nil {
			return err
		}
		return tui.Run(a.ctx, options)
	})
}
