// SPDX-License-Identifier: AGPL-3.0-or-later

package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/internal/product/addressbook"
	"github.com/securecrypt/securecrypt/internal/product/console"
	"github.com/securecrypt/securecrypt/internal/product/termtext"
)

// How long a command that sends waits.
const (
	// offlineAfter is how long a server may be out of reach.
	offlineAfter = 4 * time.Second
	// idleAfter is how long nothing at all may happen.
	idleAfter = 60 * time.Second
)

// settle carries out what was asked of a conversation, shows the progress of
// files, and says so if it has to wait for the server. It does not wait for
// files of other messages that the server does not take at the moment.
func (s *session) settle(id chat.ConversationID) error {
	return s.settleBy(id, s.Messages().WaitUntilSentExceptFiles)
}

// settleFiles is settle for a message that has files.
func (s *session) settleFiles(id chat.ConversationID) error { return s.settleBy(id, s.WaitUntilSent) }

func (s *session) settleBy(id chat.ConversationID, settled func(context.Context, chat.ConversationID) error) error {
	ctx, cancel := context.WithCancelCause(s.Ctx)
	defer cancel(nil)
	w := &watch{session: s, conversation: id, give: cancel, concerned: s.concerned(id), offline: map[string]error{}}
	if c, err := s.Conversation(id); err == nil {
		w.ownHost = c.Host == s.Address().Host
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.run(ctx)
	}()
	err := settled(ctx, id)
	cancel(nil)
	<-done
	if err != nil && s.Ctx.Err() == nil && w.delay != nil && len(w.offline) == 0 {
		return console.WithCode(fmt.Errorf("saved, and sent with the next command once the server takes the file (%w)", w.delay), console.ExitWaiting)
	}
	if err != nil && w.needsPerson() {
		return fmt.Errorf("saved, and not sent: %w", w.why())
	}
	if err != nil && s.Ctx.Err() == nil {
		return console.WithCode(fmt.Errorf("saved, and sent with the next command once the server can be reached (%w)", w.why()), console.ExitWaiting)
	}
	if err != nil {
		return err
	}
	return w.failed.err()
}

// settleAll settles every conversation that has something to send, whatever
// comes of some.
func (s *session) settleAll() error {
	all, err := s.Conversations()
	if err != nil {
		return err
	}
	var failed refusals
	for _, c := range all {
		if c.Status == chat.StatusActive {
			failed.add("", s.settle(c.ID))
		}
	}
	return failed.err()
}

// watch follows the events while a command waits.
type watch struct {
	*session
	conversation chat.ConversationID
	give         context.CancelCauseFunc
	concerned    map[string]bool  // the servers that it depends on
	offline      map[string]error // why some of them cannot be reached
	delay        error            // of a file that is to be tried again
	ownHost      bool             // the conversation is at the account's own server
	account      error            // why the account cannot be used, if ownHost
	failed       refusals
	bar          *progressbar.ProgressBar
	barName      string
}

func (w *watch) run(ctx context.Context) {
	timer := time.AfterFunc(idleAfter, func() { w.give(errNoAnswer) })
	defer timer.Stop()
	for {
		events, err := w.events.take(ctx)
		if err != nil {
			return
		}
		for _, e := range events {
			if c, ok := e.(chat.ConnectionEvent); !ok || w.concerned[c.Host] {
				timer.Reset(w.see(e))
			}
		}
	}
}

var errNoAnswer = errors.New("the server does not answer")

// see takes note of an event and returns how long the next may take.
func (w *watch) see(e chat.Event) time.Duration {
	switch e := e.(type) {
	case chat.ConnectionEvent:
		if w.Verbose {
			w.Say("%s: online %v %v", e.Host, e.Online, e.Err)
		}
		delete(w.offline, e.Host)
		if !e.Online && e.Err != nil {
			w.offline[e.Host] = e.Err
		}
	case chat.AccountEvent:
		if w.ownHost { // other servers go on
			w.account = e.Err
		}
	case chat.FailureEvent:
		if e.Conversation == w.conversation || e.Conversation == "" {
			w.failed.add("", console.WithCode(e.Err, failureCode(e.Err)))
		}
	case chat.DelayEvent:
		w.delay = e.Err
		if wait := time.Until(e.Until); wait > idleAfter {
			return 0
		}
	case chat.ProgressEvent:
		w.delay = nil
		w.progress(e)
	}
	switch {
	case w.needsPerson():
		return 0
	case len(w.offline) > 0:
		return offlineAfter
	}
	return idleAfter
}

// needsPerson reports whether nothing is sent before a person has done something
// about the account.
func (w *watch) needsPerson() bool {
	return chat.NeedsPerson(w.why())
}

// why is what a command waited for in vain.
func (w *watch) why() error {
	var all []error
	if w.account != nil {
		all = append(all, w.account)
	}
	for _, host := range slices.Sorted(maps.Keys(w.offline)) {
		all = append(all, w.offline[host])
	}
	if len(all) == 0 {
		return errNoAnswer
	}
	return errors.Join(all...)
}

// concerned returns the servers that a conversation depends on: its own, and
// those of the people in it or to be added.
func (s *session) concerned(id chat.ConversationID) map[string]bool {
	all := map[string]bool{}
	if c, err := s.Conversation(id); err == nil {
		all[c.Host], all[c.Peer.Host] = true, true
	}
	if members, err := s.Groups().Members(id); err == nil {
		for _, m := range members {
			all[m.Address.Host] = true
		}
	}
	for _, a := range s.adding {
		all[a.Host] = true
	}
	return all
}

// failureCode is the exit code for something that the server or the others did
// not let happen.
func failureCode(err error) int {
	if code := codeOf(err); code != console.ExitError && code != console.ExitWaiting {
		return code
	}
	return console.ExitRefused
}

// progress draws a bar if somebody can see it.
func (w *watch) progress(e chat.ProgressEvent) {
	f, ok := w.Stderr.Raw().(*os.File)
	if !ok || w.JSON || !term.IsTerminal(int(f.Fd())) {
		return
	}
	if w.bar == nil || w.barName != e.Name {
		w.barName = e.Name
		w.bar = progressbar.NewOptions64(e.Total, progressbar.OptionSetWriter(f), progressbar.OptionSetDescription(termtext.Line(e.Name)),
			progressbar.OptionShowBytes(true), progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish())
	}
	_ = w.bar.Set64(e.Done) // a bar that cannot be drawn is no reason to stop
}

// isOver reports whether nothing can be said in a conversation any more: with a
// person, another one can begin.
func (s *session) isOver(id chat.ConversationID) bool {
	c, err := s.Conversation(id)
	return err == nil && c.Status != chat.StatusActive && c.Status != chat.StatusRequest && c.Status != chat.StatusBlocked
}

// find finds a conversation by what a person calls it; an address or a private
// name that there is no conversation with yet begins one if create.
func (s *session) find(target string, create bool) (chat.ConversationID, error) {
	form := addressbook.Target(target)
	id, err := s.Find(form)
	if create && (errors.Is(err, chat.ErrNoConversation) || err == nil && s.isOver(id)) {
		if who, perr := s.People().Find(form); perr == nil {
			return s.Direct(s.Ctx, who)
		}
	}
	switch {
	case err == nil:
		return id, nil
	case errors.Is(err, account.ErrAddress):
		return "", noAddress(target)
	case errors.Is(err, chat.ErrNoConversation), errors.Is(err, chat.ErrAmbiguous):
		return "", fmt.Errorf("%q: %w; securecrypt conversations lists all with their identifiers", target, err)
	}
	return "", fmt.Errorf("%q: %w", target, err)
}
