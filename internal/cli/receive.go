// SPDX-License-Identifier: AGPL-3.0-or-later

package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/securecrypt/securecrypt/client"
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
	return a.staying(func(s *session) error {
		if err := s.GoAll(); err != nil {
			return err
		}
		ctx := a.ctx
		if cmd.Timeout == 0 && !cmd.Follow {
			cmd.Timeout = receiveTimeout
		}
		if cmd.Timeout > 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeoutCause(ctx, cmd.Timeout, errTimeout)
			defer cancel()
		}
		r := &receiver{session: s, dir: cmd.Save}
		if cmd.Follow {
			return r.follow(ctx)
		}
		return r.once(ctx)
	})
}

// receiver prints the inbox.
type receiver struct {
	*session
	dir     string
	printed int
	offline error
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
	if r.ctx.Err() != nil || err == nil {
		return err
	}
	late := errors.Is(err, errTimeout) || errors.Is(err, context.DeadlineExceeded)
	switch {
	case late && r.offline == nil:
		return nil // there was nothing
	case r.printed > 0:
		_, _ = fmt.Fprintf(r.stderr, "securecrypt: there may be more: %s\n", r.offline)
		return nil
	case late:
		return coded{r.offline, exitWaiting}
	}
	return err
}

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

func (r *receiver) note(e client.Event) {
	switch e := e.(type) {
	case client.ConnectionEvent:
		r.offline = e.Err
		if r.Verbose {
			_, _ = fmt.Fprintf(r.stderr, "%s: online %v %v\n", e.Host, e.Online, e.Err)
		}
	case client.FailureEvent:
		_, _ = fmt.Fprintf(r.stderr, "securecrypt: %s\n", e.Err)
	case client.ConversationEvent:
		if c := e.Conversation; c.Status == client.StatusStopped && c.Reason.Text != "" {
			_, _ = fmt.Fprintf(r.stderr, "securecrypt: conversation %s: %s\n", c.ID, c.Reason.Text)
		}
	}
}

// print prints the inbox as it is.
func (r *receiver) print() error {
	var n names
	err := r.TakeInbox(func(item client.Received) (err error) {
		if n.people == nil {
			if n, err = r.names(); err != nil {
				return err
			}
		}
		if item.Kind == client.InboxMessage && r.dir != "" && !item.Message.Deleted {
			if err := r.saveAll(&item.Message, r.dir, false); err != nil {
				return err
			}
		}
		r.printed++
		r.show(n, item)
		return nil
	})
	if errors.Is(err, context.Canceled) && r.ctx.Err() != nil {
		return r.ctx.Err()
	}
	return err
}

func (r *receiver) show(n names, item client.Received) {
	if r.JSON {
		r.printJSON(receivedJSON(item))
		return
	}
	who := n.person(item.From.String())
	switch {
	case item.Kind == client.InboxReaction && item.Text == "":
		_, _ = fmt.Fprintf(r.stdout, "%s took back a reaction to [%s]\n", who, shortID(item.Message.ID))
	case item.Kind == client.InboxReaction:
		_, _ = fmt.Fprintf(r.stdout, "%s reacted %s to [%s]\n", who, item.Text, shortID(item.Message.ID))
	case item.Kind == client.InboxDelete:
		_, _ = fmt.Fprintf(r.stdout, "%s deleted [%s]\n", who, shortID(item.Message.ID))
	default:
		r.printMessage(r.stdout, n, item.Message, true)
	}
}

// hint tells of requests, which are not printed with messages.
func (r *receiver) hint() {
	all, err := r.requests()
	if err == nil && len(all) > 0 && !r.JSON {
		_, _ = fmt.Fprintf(r.stderr, "%d waiting to be accepted: securecrypt requests\n", len(all))
	}
}

// saveAll saves the attachments of a message and notes their paths in it.
// Unless strict, one that the server no longer has is reported and passed
// over.
func (s *session) saveAll(m *client.Message, dir string, strict bool) error {
	for i := range m.Attachments {
		x := &m.Attachments[i]
		path, err := s.Save(s.ctx, m.Conversation, m.ID, x.Index, dir)
		if err != nil {
			err = fmt.Errorf("saving %s: %w", x.Name, err)
			if strict || errors.Is(err, client.ErrOffline) {
				return err
			}
			_, _ = fmt.Fprintf(s.stderr, "securecrypt: %s\n", err)
			continue
		}
		x.Path = path
		if strict && !s.JSON {
			_, _ = fmt.Fprintln(s.stdout, path)
		}
	}
	if strict && s.JSON {
		s.printJSON(messageJSON(*m))
	}
	return nil
}
