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
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/internal/product/addressbook"
	"github.com/securecrypt/securecrypt/internal/product/cli/jsonlines"
	"github.com/securecrypt/securecrypt/internal/product/console"
	"github.com/securecrypt/securecrypt/internal/product/termtext"
	"github.com/securecrypt/securecrypt/internal/product/tui"
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
			if err := s.People().SetName(who, *cmd.Name); err != nil {
				return err
			}
		}
		contact, err := s.People().Contact(who)
		if err == nil {
			a.printContact(contact)
		}
		return err
	})
}

func (s *session) listContacts() error {
	all, err := s.People().Contacts()
	if err != nil {
		return err
	}
	if len(all) == 0 && !s.JSON {
		_, _ = fmt.Fprintln(s.Stderr, "No contacts yet. Who you write to or accept becomes one.")
	}
	for _, c := range all {
		s.printContact(c)
	}
	return nil
}

func (a *app) printContact(c chat.Contact) {
	if a.JSON {
		a.PrintJSON(jsonlines.ContactOf(c))
		return
	}
	line := c.Address.String()
	if c.Name != "" {
		line += "  " + termtext.Name(c.Name)
	}
	if c.Profile != "" {
		line += "  " + termtext.Quote(c.Profile)
	}
	if c.Verified {
		line += "  verified"
	}
	if c.Blocked {
		line += "  blocked"
	}
	_, _ = fmt.Fprintln(a.Stdout, line)
}

// requests returns what waits to be accepted.
func (s *session) requests() ([]chat.Conversation, error) {
	all, err := s.Conversations()
	return slices.DeleteFunc(all, func(c chat.Conversation) bool { return c.Status != chat.StatusRequest }), err
}

type requestsCmd struct {
	Timeout time.Duration `help:"How long to wait for the server." default:"10s"`
}

// Run fetches and lists requests.
func (cmd *requestsCmd) Run(a *app) error {
	return a.with(func(s *session) error {
		if err := s.fetch(cmd.Timeout); err != nil {
			a.Say("%s; showing what is here already", err)
		}
		all, err := s.requests()
		if err != nil {
			return err
		}
		if len(all) == 0 && !a.JSON {
			_, _ = fmt.Fprintln(a.Stderr, "No requests.")
		}
		for _, c := range all {
			if a.JSON {
				a.PrintJSON(jsonlines.ConversationOf(c))
				continue
			}
			a.printRequest(c)
		}
		return nil
	})
}

// printRequest prints a request for people.
func (a *app) printRequest(c chat.Conversation) {
	what := "wants to talk"
	if c.Group {
		what = "invites you to the group " + termtext.Quote(c.Title)
	}
	if !c.Confirmed {
		what += " (nobody has confirmed this address yet; that happens when you accept)"
	}
	_, _ = fmt.Fprintf(a.Stdout, "%s  %s %s\n", termtext.Line(string(c.ID)), c.Inviter, what)
}

// fetch receives what the servers have.
func (s *session) fetch(timeout time.Duration) error {
	if err := s.ConnectAll(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(s.Ctx, timeout)
	defer cancel()
	return s.Sync(ctx)
}

// request finds requests: one by its identifier or title, or all that somebody
// sent. A title that is an address or a private name finds nothing: that is
// somebody.
func (s *session) request(target string) ([]chat.Conversation, error) {
	all, err := s.requests()
	if err != nil {
		return nil, err
	}
	who, perr := s.People().Find(addressbook.Target(target))
	byTitle := errors.Is(perr, chat.ErrNoPerson)
	found := slices.DeleteFunc(all, func(c chat.Conversation) bool {
		switch {
		case string(c.ID) == target:
			return false
		case byTitle:
			return !c.Group || c.Title != target
		}
		return perr != nil || c.Inviter != who
	})
	switch {
	case len(found) == 0:
		return nil, console.WithCode(fmt.Errorf("%q: no such request; securecrypt requests lists them", target), console.ExitNotFound)
	case byTitle && len(found) > 1:
		return nil, fmt.Errorf("%q: %w; securecrypt requests prints it", target, chat.ErrAmbiguous)
	}
	return found, nil
}

type acceptCmd struct {
	Target  string        `arg:"" help:"Address or private name of the sender, or title or identifier of the request."`
	Timeout time.Duration `help:"How long to wait for the server." default:"10s"`
}

// Run accepts requests. If some cannot be accepted, the others are all the same.
func (cmd *acceptCmd) Run(a *app) error {
	return a.with(func(s *session) error {
		fetched := s.fetch(cmd.Timeout)
		found, err := s.request(cmd.Target)
		if err != nil {
			return errors.Join(err, fetched)
		}
		var failed refusals
		for _, c := range found {
			failed.add(string(c.ID), s.accept(c.ID))
		}
		return failed.err()
	})
}

func (s *session) accept(id chat.ConversationID) error {
	if err := s.Accept(s.Ctx, id); err != nil {
		return err
	}
	if err := s.settle(id); err != nil && codeOf(err) != console.ExitWaiting {
		return err
	}
	return s.printConversation(id)
}

type blockCmd struct {
	Target string `arg:"" help:"Address or private name, or identifier of a request."`
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
			err = s.People().Unblock(who)
		} else {
			err = s.People().Block(a.Ctx, who)
		}
		if err != nil {
			return err
		}
		contact, err := s.People().Contact(who)
		if err == nil {
			a.printContact(contact)
		}
		return err
	})
}

// whom finds out which person is meant: by an address, a private name, or the
// identifier of their request or conversation. Titles are nobody's.
func (s *session) whom(target string) (account.Address, error) {
	who, err := s.People().Find(addressbook.Target(target))
	if err == nil || errors.Is(err, chat.ErrAmbiguous) {
		return who, err
	}
	if id, err := s.Find(target); err == nil {
		switch c, err := s.Conversation(id); {
		case err != nil:
			return account.Address{}, err
		case c.Status == chat.StatusRequest:
			return c.Inviter, nil
		case !c.Group:
			return c.Peer, nil
		}
	}
	return account.Address{}, console.WithCode(fmt.Errorf("%q is nobody's address or private name; securecrypt contacts lists both", target), console.ExitUsage)
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
		safety, verified, err := s.People().Safety(a.Ctx, who)
		if err != nil {
			return err
		}
		if cmd.Code != "" {
			if err := safety.MatchCode(cmd.Code); err != nil {
				return console.WithCode(err, console.ExitRefused)
			}
		}
		if cmd.Confirm || cmd.Code != "" {
			if err := s.People().MarkVerified(who); err != nil {
				return err
			}
			verified = true
		}
		return a.printSafety(who, safety, verified)
	})
}

func (a *app) printSafety(who account.Address, safety account.Safety, verified bool) error {
	if a.JSON {
		a.PrintJSON(jsonlines.SafetyOf(who, safety, verified))
		return nil
	}
	picture, err := drawQR(safety.Code())
	if err != nil {
		return err
	}
	if a.coloured() {
		_, _ = fmt.Fprintln(a.Stdout.Raw(), picture)
	} else {
		_, _ = fmt.Fprintf(a.Stdout, "Code: %s\n\n", safety.Code())
	}
	_, _ = fmt.Fprintf(a.Stdout, "%s\n\n", strings.TrimSpace(safety.Digits()))
	if verified {
		_, _ = fmt.Fprintf(a.Stdout, "%s is verified.\n", who)
		return nil
	}
	_, _ = fmt.Fprintf(a.Stdout, "Compare this number with the one that %s sees, in person or on a call.\nIf they are the same: securecrypt verify --confirm %s\n", who, who)
	return nil
}

// coloured reports whether standard output shows colours: whether it is a
// terminal, and none that is called dumb.
func (a *app) coloured() bool {
	out, ok := a.Stdout.Raw().(*os.File)
	return ok && term.IsTerminal(int(out.Fd())) && os.Getenv("TERM") != "dumb"
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
	out, ok := a.Stdout.Raw().(*os.File)
	if !ok || !term.IsTerminal(int(out.Fd())) {
		return console.WithCode(errors.New("chat needs a terminal; see send and receive"), console.ExitUsage)
	}
	if os.Getenv("TERM") == "dumb" {
		return console.WithCode(errors.New("this terminal shows lines alone (TERM=dumb); use send and receive --follow, or another terminal"), console.ExitUsage)
	}
	here, err := os.Getwd()
	if err != nil {
		return err
	}
	return a.staying(func(s *session) error {
		options := tui.Options{Client: s.Client, Events: s.events.take, SaveDir: here, Input: a.Stdin, Output: out}
		if cmd.Target != "" {
			id, err := s.find(cmd.Target, false)
			options.Start = id
			if errors.Is(err, chat.ErrNoConversation) {
				peer, perr := s.People().Find(addressbook.Target(cmd.Target))
				if perr != nil {
					return err
				}
				options.Peer, err = peer, nil
			}
			if err != nil {
				return err
			}
		}
		if err := s.ConnectAll(); err != nil {
			return err
		}
		return tui.Run(a.Ctx, options)
	})
}
