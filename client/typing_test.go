// SPDX-License-Identifier: AGPL-3.0-or-later

package client_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/fakeserver"
	"github.com/securecrypt/securecrypt/content"
	"github.com/securecrypt/securecrypt/internal/codec/dcbor"
	"github.com/securecrypt/securecrypt/mls"
	"github.com/securecrypt/securecrypt/protocol"
)

// typed collects what somebody sees of others' typing.
type typed struct {
	mu   sync.Mutex // guards seen
	seen []string
}

// watch has the typing that somebody sees collected, from their next start on.
func (p *person) watch() *typed {
	w := &typed{}
	p.cfg.OnEvent = func(e chat.Event) {
		p.note(e)
		if t, ok := e.(chat.TypingEvent); ok {
			w.mu.Lock()
			w.seen = append(w.seen, fmt.Sprint(t.From.Name, " ", t.On))
			w.mu.Unlock()
		}
	}
	p.restart()
	return w
}

// take returns what was seen since it was last called, once all events are
// delivered.
func (w *typed) take() []string {
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	defer func() { w.seen = nil }()
	return w.seen
}

func TestTyping(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		x := newTrio(t, false)
		alice, bob := x.alice.watch(), x.bob.watch()
		pass(time.Minute)
		key := func(on bool) {
			t.Helper()
			must(t, x.alice.Typing(t.Context(), x.id, on))
		}
		entries := x.entries()
		for range 40 { // keys, for 20 seconds
			key(true)
			pass(500 * time.Millisecond)
		}
		want(t, "bob, while alice types", bob.take(), []string{"alice true"})
		if n := x.net.Server(host).Signals(); n != 5 {
			t.Errorf("%d signals in 20 seconds", n)
		}
		pass(chat.TypingDuration)
		want(t, "bob, a while later", bob.take(), []string{"alice false"})

		key(true)
		pass(4 * time.Second)
		key(false)
		key(false)
		pass(time.Second)
		want(t, "bob, when alice deletes it", bob.take(), []string{"alice true", "alice false"})

		pass(4 * time.Second)
		key(true)
		pass(time.Second)
		x.alice.say(x.id, "one")
		pass(time.Second)
		key(false)
		want(t, "bob, when alice sends it", bob.take(), []string{"alice true", "alice false"})
		pass(time.Minute)
		want(t, "bob, in the end", bob.take(), nil)
		want(t, "alice", alice.take(), nil)
		if n := x.entries() - entries; n != 1+2 {
			t.Errorf("%d entries for a message and two reports", n)
		}
		if n := x.net.Server(host).Signals(); n != 5+2+1 {
			t.Errorf("%d signals in all", n)
		}
		want(t, "bob", x.bob.texts(x.id), []string{"one"})
	})
}

func TestTypingIsSwitchedOff(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		x := newTrio(t, false)
		bob, mallory := x.bob.watch(), x.mallory.watch()
		x.bob.set(func(s *chat.Settings) { s.Typing = false })
		pass(time.Minute)
		must(t, x.alice.Typing(t.Context(), x.id, true))
		must(t, x.bob.Typing(t.Context(), x.id, true))
		pass(time.Second)
		want(t, "bob", bob.take(), nil)
		want(t, "mallory", mallory.take(), []string{"alice true"})
		if n := x.net.Server(host).Signals(); n != 1 {
			t.Errorf("%d signals", n)
		}
	})
}

// Who was away while others typed without end reads what they sent, however
// often they started anew.
func TestTypingOutpacesNobody(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		x := newTrio(t, false)
		x.alice.say(x.id, "one")
		pass(time.Minute)
		x.bob.way.Partition("", true)
		for n := range 1200 {
			must(t, x.alice.Typing(t.Context(), x.id, true))
			pass(time.Second) // what is on its way arrives before a restart
			if n%300 == 150 {
				x.alice.restart()
			}
			pass(4 * time.Second)
		}
		if n := x.net.Server(host).Signals(); n != 200 {
			t.Errorf("%d signals without a message", n)
		}
		x.alice.say(x.id, "two")
		pass(5 * time.Second)
		must(t, x.alice.Typing(t.Context(), x.id, true)) // again
		pass(time.Second)
		if n := x.net.Server(host).Signals(); n != 201 {
			t.Errorf("%d signals after a message", n)
		}
		x.bob.way.Partition("", false)
		pass(10 * time.Minute)
		want(t, "bob", x.bob.texts(x.id), []string{"one", "two"})
		x.talks(t)
	})
}

// Off line nobody types, nor to people whom nobody vouched for, and nothing of
// it comes later.
func TestTypingIsForThoseWhoAreThere(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		x := newTrio(t, false)
		bob := x.bob.watch()
		pass(time.Second)
		x.alice.way.Partition("", true)
		must(t, x.alice.Typing(t.Context(), x.id, true))
		x.alice.way.Partition("", false)
		pass(time.Minute)
		want(t, "bob, of alice off line", bob.take(), nil)
		x.bob.way.Partition("", true)
		must(t, x.alice.Typing(t.Context(), x.id, true))
		pass(time.Second)
		x.bob.way.Partition("", false)
		pass(time.Minute)
		want(t, "bob, off line", bob.take(), nil)

		carol := join(t, x.net, "carol", "there.example")
		x.bob.way.Partition("there.example", true)
		must(t, x.alice.Groups().Add(t.Context(), x.id, []account.Address{carol.Address()}))
		pass(time.Second)
		carol.accept()
		pass(time.Second)
		signals := x.net.Server(host).Signals()
		must(t, x.bob.Typing(t.Context(), x.id, true))
		if n := x.net.Server(host).Signals(); n != signals {
			t.Errorf("bob tells carol, whom he does not know, that he types")
		}
		must(t, carol.Typing(t.Context(), x.id, true))
		pass(time.Second)
		if n := x.net.Server(host).Signals(); n != signals+1 {
			t.Errorf("%d signals", n-signals)
		}
		want(t, "bob, of carol", bob.take(), nil)
		// A store that fails takes with it who was typing.
		must(t, x.alice.Typing(t.Context(), x.id, true))
		pass(time.Second)
		x.bob.store.FailAt(1)
		x.alice.say(x.id, "one")
		pass(2 * time.Second)
		want(t, "bob, after the store failed", bob.take(), []string{"alice true", "alice false"})
		pass(time.Minute)
		want(t, "bob", x.bob.texts(x.id), []string{"one"})
	})
}

// Whatever a member or the server shows does no harm: not what is no typing,
// not what changes the group, not what was shown before or is yet to be
// stored.
func TestForgedSignals(t *testing.T) {
	typing, err := dcbor.Marshal(map[int]any{1: 1, 2: true})
	must(t, err)
	protect := func(m content.Message, aad []byte) func(*mls.Group) ([]byte, *mls.StagedCommit, error) {
		return func(g *mls.Group) ([]byte, *mls.StagedCommit, error) {
			m, err := m.Salted(strings.NewReader(strings.Repeat("salt", 16)))
			if err != nil {
				return nil, nil, err
			}
			raw, err := m.Encode()
			if err != nil {
				return nil, nil, err
			}
			b, _, err := g.Protect(raw, mls.ProtectOptions{AAD: aad})
			return b, nil, err
		}
	}
	for name, c := range map[string]struct {
		act  func(*mls.Group) ([]byte, *mls.StagedCommit, error)
		seen []string
	}{
		"typing":         {protect(content.Control("typing", typing), client.SignalData), []string{"mallory true", "mallory false"}},
		"not a signal":   {protect(content.Control("typing", typing), nil), nil},
		"a message":      {protect(content.Text("for some"), client.SignalData), nil},
		"a profile":      {protect(content.Control("profile", []byte{0xa2, 1, 1, 2, 0x61, 'x'}), client.SignalData), nil},
		"junk":           {protect(content.Control("typing", []byte{0xff}), client.SignalData), nil},
		"a later format": {protect(content.Control("typing", []byte{0xa3, 1, 1, 2, 0xf5, 3, 0}), client.SignalData), nil},
		"a departure": {func(g *mls.Group) ([]byte, *mls.StagedCommit, error) {
			b, _, err := g.ProposeSelfRemove(mls.ProposalOptions{AAD: client.SignalData})
			return b, nil, err
		}, nil},
		"a commit": {func(g *mls.Group) ([]byte, *mls.StagedCommit, error) { return staged(g, mls.CommitOptions{}) }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				x := newTrio(t, true)
				bob := x.bob.watch()
				pass(time.Second)
				entry, _, err := x.mallory.Forge(x.id, c.act)
				must(t, err)
				signal, err := x.mallory.AsSignal(x.id, entry)
				must(t, err)
				x.mallory.Close()
				s := x.net.Server(host)
				for range 3 { // once, and replays
					s.InjectSignal(signal)
					pass(time.Minute)
				}
				signal.Ciphertext = slices.Concat(signal.Ciphertext[:20], make([]byte, 600))
				s.InjectSignal(signal)
				s.InjectRaw(x.channel, protocol.Entry{Epoch: signal.Epoch, Ciphertext: signal.Ciphertext})
				pass(time.Minute)
				want(t, "bob", bob.take(), c.seen)
				want(t, "bob", x.bob.texts(x.id), nil)
				if k, err := x.bob.People().Contact(x.mallory.Address()); err != nil || k.Profile != "" {
					t.Errorf("%+v, %v", k, err)
				}
				x.talks(t)
				x.bob.say(x.id, "here, too")
				pass(time.Minute)
				want(t, "alice", x.alice.texts(x.id), []string{"still here", "here, too"})
				members, err := x.bob.Groups().Members(x.id)
				must(t, err)
				if len(members) != 3 {
					t.Errorf("%d members", len(members))
				}
			})
		})
	}
}

// A message cannot be kept from others by showing it to them first.
func TestMessagesAreNotSpentBySignals(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		x := newTrio(t, false)
		var kept protocol.Body
		x.net.Server(host).SetFaults(fakeserver.Faults{Event: func(who string, body protocol.Body) ([]protocol.Body, bool) {
			if e, ok := body.(*protocol.Entry); ok && who == "bob" && kept == nil {
				kept = e
				return nil, false
			}
			return []protocol.Body{body}, false
		}})
		x.alice.say(x.id, "one")
		pass(100 * time.Millisecond)
		entry := *kept.(*protocol.Entry)
		signal, err := x.mallory.AsSignal(x.id, entry)
		must(t, err)
		x.net.Server(host).InjectSignal(signal)
		pass(100 * time.Millisecond)
		x.bob.way.Cut("") // to have the entry delivered again
		pass(time.Minute)
		want(t, "bob", x.bob.texts(x.id), []string{"one"})
	})
}

// In large groups devices keep quiet.
func TestLargeGroupsNeitherReportNorType(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := fakeserver.NewNet()
		a, b := join(t, net, "alice", host), join(t, net, "bob", host)
		others := []account.Address{b.Address()}
		for n := len(others) + 1; n < chat.MaxReporting; n++ {
			p := join(t, net, fmt.Sprintf("p%d", n), host)
			p.Close()
			others = append(others, p.Address())
		}
		one := join(t, net, "one-more", host)
		id, err := a.CreateGroup(t.Context(), "Group", others)
		must(t, err)
		must(t, a.ConnectConversation(id))
		pass(time.Minute)
		b.accept()
		bob := b.watch()
		pass(time.Minute)
		m := a.say(id, "one")
		must(t, a.Typing(t.Context(), id, true))
		pass(time.Minute)
		if m, err := a.Messages().Message(id, m.ID); err != nil || m.Delivered != 1 {
			t.Errorf("with %d members: %+v, %v", chat.MaxReporting, m, err)
		}
		if len(bob.take()) == 0 {
			t.Error("bob does not see alice type")
		}
		must(t, a.Groups().Add(t.Context(), id, []account.Address{one.Address()}))
		pass(time.Minute)
		entries := len(net.Server(host).Entries(net.Server(host).Channels()[0]))
		m = a.say(id, "two")
		must(t, a.Typing(t.Context(), id, true))
		pass(time.Minute)
		must(t, b.MarkRead(t.Context(), id))
		pass(time.Minute)
		if m, err := a.Messages().Message(id, m.ID); err != nil || m.Delivered != 0 || m.State != chat.StateSent {
			t.Errorf("with one more: %+v, %v", m, err)
		}
		want(t, "bob, with one more", bob.take(), nil)
		if n := len(net.Server(host).Entries(net.Server(host).Channels()[0])); n != entries+1 {
			t.Errorf("%d entries", n-entries)
		}
	})
}
