// SPDX-License-Identifier: AGPL-3.0-or-later

package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/securecrypt/securecrypt/client"
)

// How long a command that sends waits.
const (
	// offlineAfter is how long a server may be out of reach.
	offlineAfter = 4 * time.Second
	// idleAfter is how long nothing at all may happen.
	idleAfter = 60 * time.Second
)

// settle carries out what was asked of a conversation, shows the progress of
// files, and says so if it has to wait for the server.
func (s *session) settle(id client.ConversationID) error {
	ctx, cancel := context.WithCancelCause(s.ctx)
	defer cancel(nil)
	w := &watch{session: s, conversation: id, give: cancel}
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.run(ctx)
	}()
	err := s.Settled(ctx, id)
	cancel(nil)
	<-done
	if err != nil && s.ctx.Err() == nil && w.offline != nil {
		return coded{fmt.Errorf("saved, and sent with the next command once the server can be reached (%w)", w.offline), exitWaiting}
	}
	if err != nil {
		return err
	}
	return w.failure
}

// settleAll settles every conversation that has something to send.
func (s *session) settleAll() error {
	all, err := s.Conversations()
	if err != nil {
		return err
	}
	for _, c := range all {
		if c.Status == client.StatusActive {
			if err := s.settle(c.ID); err != nil {
				return err
			}
		}
	}
	return nil
}

// watch follows the events while a command waits.
type watch struct {
	*session
	conversation client.ConversationID
	give         context.CancelCauseFunc
	offline      error
	failure      error
	bar          *progressbar.ProgressBar
	barName      string
}

func (w *watch) run(ctx context.Context) {
	timer := time.AfterFunc(idleAfter, func() { w.give(errNoAnswer) })
	defer timer.Stop()
	for {
		events, err := w.events.take(ctx)
		if err != nil {
			if errors.Is(err, errNoAnswer) && w.offline == nil {
				w.offline = err
			}
			return
		}
		for _, e := range events {
			timer.Reset(w.see(e))
		}
	}
}

var errNoAnswer = errors.New("the server does not answer")

// see takes note of an event and returns how long the next may take.
func (w *watch) see(e client.Event) time.Duration {
	switch e := e.(type) {
	case client.ConnectionEvent:
		if w.Verbose {
			_, _ = fmt.Fprintf(w.stderr, "%s: online %v %v\n", e.Host, e.Online, e.Err)
		}
		if e.Online {
			w.offline = nil
			return idleAfter
		}
		w.offline = e.Err
		return offlineAfter
	case client.FailureEvent:
		if e.Conversation == w.conversation || e.Conversation == "" {
			w.failure = coded{e.Err, failureCode(e.Err)}
		}
	case client.ProgressEvent:
		w.progress(e)
	}
	if w.offline != nil {
		return offlineAfter
	}
	return idleAfter
}

// failureCode is the exit code for something that the server or the others did
// not let happen.
func failureCode(err error) int {
	if code := codeOf(err); code != exitError && code != exitWaiting {
		return code
	}
	return exitRefused
}

// progress draws a bar if somebody can see it.
func (w *watch) progress(e client.ProgressEvent) {
	f, ok := w.stderr.(*os.File)
	if !ok || w.JSON || !term.IsTerminal(int(f.Fd())) {
		return
	}
	if w.bar == nil || w.barName != e.Name {
		w.barName = e.Name
		w.bar = progressbar.NewOptions64(e.Total, progressbar.OptionSetWriter(f), progressbar.OptionSetDescription(e.Name),
			progressbar.OptionShowBytes(true), progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish())
	}
	_ = w.bar.Set64(e.Done) // a bar that cannot be drawn is no reason to stop
}

// find finds a conversation by what a person calls it; an address that there
// is no conversation with yet begins one if create.
func (s *session) find(target string, create bool) (client.ConversationID, error) {
	id, err := s.Find(target)
	if err == nil || !errors.Is(err, client.ErrNoConversation) {
		if err != nil {
			err = fmt.Errorf("%q: %w", target, err)
		}
		return id, err
	}
	peer, perr := parseAddress(target)
	if perr != nil || !create {
		return "", fmt.Errorf("%q: %w", target, err)
	}
	return s.Direct(s.ctx, peer)
}
