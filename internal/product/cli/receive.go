// SPDX-License-Identifier: AGPL-3.0-or-later

package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/content"
	"github.com/securecrypt/securecrypt/internal/product/cli/jsonlines"
	"github.com/securecrypt/securecrypt/internal/product/console"
	"github.com/securecrypt/securecrypt/internal/product/termtext"
)

type receiveCmd struct {
	Follow  bool          `help:"Go on printing what arrives until interrupted, or for --timeout."`
	Timeout time.Duration `help:"Without --follow: how long to wait for the first message, 10s by default. With it: when to stop." placeholder:"10s"`
	Save    string        `help:"Save attachments to DIR." type:"path" placeholder:"DIR"`
}

const receiveTimeout = 10 * time.Second

var errTimeout = errors.New("the time is over")

// Run prints what was received.
func (cmd *receiveCmd) Run(a *app) error {
	if a.NoStdout {
		return console.Unwritten(errors.New("standard output is closed, and messages are printed once: nothing was received. " +
			"Give receive somewhere to print to; with > /dev/null what comes is thrown away"))
	}
	return a.staying(func(s *session) error {
		if err := s.ConnectAll(); err != nil {
			return err
		}
		ctx := a.Ctx
		if cmd.Timeout == 0 && !cmd.Follow {
			cmd.Timeout = receiveTimeout
		}
		if cmd.Timeout > 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeoutCause(ctx, cmd.Timeout, errTimeout)
			defer cancel()
		}
		r := &receiver{session: s, saver: saver{session: s, dir: cmd.Save, away: map[string]bool{}, later: map[content.MessageID]bool{}}, own: s.Address().Host}
		if cmd.Follow {
			return r.ended(r.follow(ctx))
		}
		return r.ended(r.once(ctx))
	})
}

// receiver prints the inbox.
type receiver struct {
	*session
	saver
	printed int
	own     string // the account's server
	offline error  // why that cannot be reached
}

// once prints what there is, after waiting for the first message or request if
// there is nothing.
func (r *receiver) once(ctx context.Context) error {
	if err := r.print(); err != nil {
		return err
	}
	before, err := r.requests()
	if err != nil {
		return err
	}
	asked := func() bool {
		now, err := r.requests()
		return err != nil || len(now) > len(before)
	}
	err = r.Sync(ctx)
	if perr := r.print(); perr != nil {
		return perr
	}
	if err == nil {
		err = r.until(ctx, func() bool { return r.printed > 0 || asked() })
	}
	r.hint()
	r.drain()
	for _, why := range r.Unreached() {
		r.mayBeMore(why)
	}
	if r.Ctx.Err() != nil || err == nil {
		return err
	}
	late := errors.Is(err, errTimeout) || errors.Is(err, context.DeadlineExceeded)
	switch {
	case late && r.offline == nil:
		return nil // there was nothing
	case r.printed > 0:
		r.mayBeMore(r.offline)
		return nil
	case late:
		return console.WithCode(r.offline, console.ExitWaiting)
	}
	return err
}

// mayBeMore says why not everything came. A server has a say in that: it names
// itself in its certificate.
func (a *app) mayBeMore(why error) { a.Say("there may be more: %s", why) }

func (r *receiver) follow(ctx context.Context) error {
	if err := r.print(); err != nil {
		return err
	}
	err := r.until(ctx, func() bool { return false })
	if errors.Is(err, errTimeout) {
		return nil
	}
	return err
}

// until prints what arrives until done.
func (r *receiver) until(ctx context.Context, done func() bool) error {
	for !done() {
		events, err := r.events.take(ctx)
		if err != nil {
			return err
		}
		for _, e := range events {
			r.note(e)
		}
		if err := r.print(); err != nil {
			return err
		}
	}
	return nil
}

// drain takes note of events that have come without waiting for more.
func (r *receiver) drain() {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	events, _ := r.events.take(ctx)
	for _, e := range events {
		r.note(e)
	}
}

func (r *receiver) note(e chat.Event) {
	switch e := e.(type) {
	case chat.ConnectionEvent:
		if e.Host == r.own {
			r.offline = e.Err
		}
		if r.Verbose {
			r.Say("%s: online %v %v", e.Host, e.Online, e.Err)
		}
	case chat.FailureEvent:
		r.Say("%s", e.Err)
	case chat.ConversationEvent:
		if c := e.Conversation; c.Status == chat.StatusStopped && c.Reason.Text != "" {
			r.Say("conversation %s: %s", c.ID, c.Reason.Text)
		}
	}
}

// print prints the inbox as it is. What cannot be printed stays in it.
func (r *receiver) print() error {
	var n names
	err := r.TakeInbox(func(item chat.Received) (err error) {
		if n.book == nil {
			if n, err = r.names(); err != nil {
				return err
			}
		}
		if item.Kind == chat.InboxFiles {
			return r.saveAgain(item)
		}
		later := false
		if item.Kind == chat.InboxMessage && r.dir != "" && !item.Message.Deleted {
			if later, err = r.saver.save(&item.Message, true); err != nil {
				return err
			}
		}
		r.printed++
		r.show(n, item)
		if err := r.Stdout.Err(); err != nil {
			return console.Unwritten(fmt.Errorf("the output cannot be written (%w); what is not printed yet comes with the next securecrypt receive", err))
		}
		if later {
			return r.Files().SaveLater(item.Message.Conversation, item.Message.ID)
		}
		return nil
	})
	if errors.Is(err, context.Canceled) && r.Ctx.Err() != nil {
		return r.Ctx.Err()
	}
	return err
}

func (r *receiver) show(n names, item chat.Received) {
	if r.JSON {
		r.PrintJSON(jsonlines.ReceivedOf(item))
		return
	}
	who := n.person(item.From)
	switch {
	case item.Kind == chat.InboxReaction && item.Text == "":
		_, _ = fmt.Fprintf(r.Stdout, "%s took back a reaction to [%s]\n", who, shortID(item.Message.ID))
	case item.Kind == chat.InboxReaction:
		_, _ = fmt.Fprintf(r.Stdout, "%s reacted %s to [%s]\n", who, termtext.Quote(item.Text), shortID(item.Message.ID))
	case item.Kind == chat.InboxDelete:
		_, _ = fmt.Fprintf(r.Stdout, "%s deleted [%s]\n", who, shortID(item.Message.ID))
	default:
		r.printMessage(r.Stdout, n, item.Message, true)
	}
}

// hint tells of requests, which are not printed with messages.
func (r *receiver) hint() {
	all, err := r.requests()
	if err == nil && len(all) > 0 && !r.JSON {
		_, _ = fmt.Fprintf(r.Stderr, "%d waiting to be accepted: securecrypt requests\n", len(all))
	}
}
