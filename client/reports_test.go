// SPDX-License-Identifier: AGPL-3.0-or-later

package client_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/fakeserver"
	"github.com/securecrypt/securecrypt/content"
	"github.com/securecrypt/securecrypt/mls"
	"github.com/securecrypt/securecrypt/protocol"
)

// became says what somebody knows of their own messages.
func (p *person) became(id chat.ConversationID) (all []string) {
	p.t.Helper()
	for _, m := range p.history(id) {
		if m.Own {
			all = append(all, fmt.Sprintf("%s %v %d %d", m.Text, m.State, m.Delivered, m.Read))
		}
	}
	return all
}

// set changes the settings of somebody.
func (p *person) set(change func(*chat.Settings)) {
	p.t.Helper()
	s, err := p.Account().Settings()
	must(p.t, err)
	change(&s)
	must(p.t, p.Account().SetSettings(p.t.Context(), s))
}

// entries counts what is in the channel.
func (x *trio) entries() int { return len(x.net.Server(host).Entries(x.channel)) }

// What arrived and what was read is said to those who sent it, in few words.
func TestReports(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		x := newTrio(t, false)
		before := x.entries()
		for _, text := range []string{"one", "two", "three"} {
			x.alice.say(x.id, text)
		}
		pass(500 * time.Millisecond)
		want(t, "at first", x.alice.became(x.id), []string{"one sent 0 0", "two sent 0 0", "three sent 0 0"})
		pass(time.Minute)
		want(t, "delivered", x.alice.became(x.id), []string{"one delivered 2 0", "two delivered 2 0", "three delivered 2 0"})
		if n := x.entries() - before; n != 3+2 {
			t.Errorf("three messages and the reports of two are %d entries", n)
		}
		two := x.bob.history(x.id)[1].ID
		must(t, x.bob.Messages().MarkReadUpTo(t.Context(), x.id, two))
		if n := x.bob.status(x.id).Unread; n != 1 {
			t.Errorf("bob has %d unread", n)
		}
		must(t, x.bob.Messages().MarkReadUpTo(t.Context(), x.id, x.bob.history(x.id)[0].ID)) // takes nothing back
		pass(time.Minute)
		want(t, "some read", x.alice.became(x.id), []string{"one delivered 2 1", "two delivered 2 1", "three delivered 2 0"})
		must(t, x.bob.MarkRead(t.Context(), x.id))
		must(t, x.mallory.MarkRead(t.Context(), x.id))
		pass(time.Minute)
		want(t, "all read", x.alice.became(x.id), []string{"one read 2 2", "two read 2 2", "three read 2 2"})
		if n := x.entries() - before; n != 3+2+3 {
			t.Errorf("%d entries in the end", n)
		}
		pass(24 * time.Hour)
		if n := x.entries() - before; n != 3+2+3 {
			t.Errorf("reports are answered: %d entries", n)
		}
		for _, p := range []*person{x.alice, x.bob, x.mallory} {
			if c := p.status(x.id); c.Unread != 0 {
				t.Errorf("%v has %d unread", p.Address(), c.Unread)
			}
			must(t, p.Idle(x.id))
		}
		must(t, x.alice.TakeInbox(func(r chat.Received) error { return fmt.Errorf("alice is to read %+v", r) }))
		if err := x.bob.Messages().MarkReadUpTo(t.Context(), x.id, content.MessageID{1}); !errors.Is(err, chat.ErrNoMessage) {
			t.Errorf("reading what is not there: %v", err)
		}
	})
}

// What is read at once is not first reported as delivered.
func TestReadingSparesTheDeliveryReport(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		x := newTrio(t, false)
		x.mallory.set(func(s *chat.Settings) { s.DeliveryReports = false })
		before := x.entries()
		x.alice.say(x.id, "one")
		pass(100 * time.Millisecond)
		must(t, x.bob.MarkRead(t.Context(), x.id))
		pass(time.Minute)
		want(t, "alice", x.alice.became(x.id), []string{"one sent 1 1"})
		if n := x.entries() - before; n != 2 {
			t.Errorf("%d entries", n)
		}
	})
}

// Who does not say what they read does not see it either, also when they
// change their mind.
func TestReportsAreSwitchedOff(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		x := newTrio(t, false)
		x.mallory.Close()
		x.bob.set(func(s *chat.Settings) { s.ReadReports = false })
		x.alice.say(x.id, "one")
		pass(time.Second)
		x.bob.way.Partition("", true)
		must(t, x.bob.MarkRead(t.Context(), x.id))
		x.bob.set(func(s *chat.Settings) { s.ReadReports = true })
		x.bob.way.Partition("", false)
		pass(time.Minute)
		want(t, "alice", x.alice.became(x.id), []string{"one sent 1 0"})

		x.bob.set(func(s *chat.Settings) { s.ReadReports = false })
		x.bob.say(x.id, "two")
		pass(time.Second)
		must(t, x.alice.MarkRead(t.Context(), x.id))
		pass(time.Minute)
		want(t, "bob", x.bob.became(x.id), []string{"two sent 1 0"})

		x.bob.set(func(s *chat.Settings) { s.DeliveryReports = false })
		before := x.entries()
		x.alice.say(x.id, "three")
		pass(time.Minute)
		must(t, x.bob.MarkRead(t.Context(), x.id))
		pass(time.Minute)
		if n := x.entries() - before; n != 1 {
			t.Errorf("%d entries, though bob reports nothing", n)
		}
		want(t, "alice", x.alice.became(x.id), []string{"one sent 1 0", "three sent 0 0"})
	})
}

// Nobody who was not accepted learns what arrived; once they are, they do.
func TestRequestsAreNotReported(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := fakeserver.NewNet()
		a, b := join(t, net, "alice", host), join(t, net, "bob", host)
		id := a.begins(b)
		a.say(id, "one")
		pass(time.Hour)
		want(t, "before", a.became(id), []string{"one sent 0 0"})
		b.accept()
		pass(time.Minute)
		want(t, "after", a.became(id), []string{"one delivered 1 0"})
	})
}

// Reports come however often programs stop and networks fail, and once.
func TestReportsSurvive(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		x := newTrio(t, false)
		x.mallory.Close()
		before := x.entries()
		var all []string
		for i := range 600 { // more than fit into one report
			all = append(all, fmt.Sprintf("%d sent 1 1", i))
			x.alice.say(x.id, fmt.Sprint(i))
		}
		pass(500 * time.Millisecond)
		x.bob.restart() // before it reported
		pass(200 * time.Millisecond)
		x.bob.way.Partition("", true)
		pass(time.Minute)
		x.bob.restart()
		must(t, x.bob.MarkRead(t.Context(), x.id))
		x.bob.restart()
		x.alice.restart()
		x.bob.way.Partition("", false)
		pass(10 * time.Minute)
		want(t, "alice", x.alice.became(x.id), all)
		if n := x.entries() - before; n > 600+3+3 {
			t.Errorf("%d entries", n)
		}
		must(t, x.bob.Idle(x.id))
	})
}

// What an unconfirmed member said counts as neither delivered nor read until
// somebody vouches for them.
func TestWhatIsHeldIsNotReported(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := fakeserver.NewNet()
		a, b, c := join(t, net, "alice", host), join(t, net, "bob", host), join(t, net, "carol", "there.example")
		id := group(t, a, b)
		b.way.Partition("there.example", true)
		must(t, a.Groups().Add(t.Context(), id, []account.Address{c.Address()}))
		pass(time.Second)
		c.accept()
		c.say(id, "one")
		pass(time.Second)
		a.say(id, "two")
		pass(time.Minute)
		must(t, b.MarkRead(t.Context(), id))
		pass(time.Minute)
		want(t, "carol", c.became(id), []string{"one sent 1 0"})
		b.way.Partition("there.example", false)
		pass(10 * time.Minute)
		want(t, "carol", c.became(id), []string{"one delivered 2 0"})
		if n := b.status(id).Unread; n != 1 {
			t.Errorf("bob has %d unread", n)
		}
		must(t, b.MarkRead(t.Context(), id))
		pass(time.Minute)
		want(t, "carol", c.became(id), []string{"one delivered 2 1"})
		want(t, "alice", a.became(id), []string{"two delivered 2 1"})
	})
}

// A departure is committed by whose turn it is, however much there is to
// report.
func TestReportsHastenNoCommit(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		x := newTrio(t, false)
		var mu sync.Mutex // guards commits
		commits := map[string]int{}
		made := func() map[string]int {
			mu.Lock()
			defer mu.Unlock()
			return maps.Clone(commits)
		}
		x.net.Server(host).SetFaults(fakeserver.Faults{Request: func(who string, op protocol.Op, _ protocol.Body) fakeserver.Verdict {
			if op == protocol.OpChannelCommit {
				mu.Lock()
				commits[who]++
				mu.Unlock()
			}
			return fakeserver.Verdict{}
		}})
		x.alice.way.Partition("", true) // whose turn is first
		x.mallory.say(x.id, "bye")
		must(t, x.mallory.Leave(t.Context(), x.id))
		pass(1500 * time.Millisecond) // bob has a report to make; his turn is later
		if early := made(); len(early) > 0 {
			t.Errorf("commits before anybody's turn: %v", early)
		}
		pass(time.Minute)
		x.alice.way.Partition("", false)
		pass(time.Minute)
		if all := made(); !maps.Equal(all, map[string]int{"bob": 1}) {
			t.Errorf("commits: %v", all)
		}
		x.talks(t)
	})
}

// Reports can be made up, about one's own reading alone: what they say of
// other messages, and of other people's, means nothing.
func TestForgedReports(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		x := newTrio(t, true)
		x.bob.Close()
		one := x.alice.say(x.id, "one")
		x.mallory.set(func(s *chat.Settings) { s.ReadReports, s.DeliveryReports = false, false })
		pass(time.Second)
		var forged []content.MessageStatus
		for _, s := range []content.Status{content.StatusUnread, content.StatusDelivered, content.StatusError, 200} {
			forged = append(forged, content.MessageStatus{ID: one.ID, Status: s}, content.MessageStatus{ID: content.MessageID{1, byte(s)}, Status: s})
		}
		read := content.MessageStatus{ID: one.ID, Status: content.StatusRead}
		back := content.MessageStatus{ID: one.ID, Status: content.StatusDelivered}
		forged = append(forged, slices.Repeat([]content.MessageStatus{read}, content.MaxStatuses-len(forged)-1)...)
		x.report(t, append(forged, back))
		pass(time.Minute)
		want(t, "alice", x.alice.became(x.id), []string{"one sent 1 1"})
		if f := x.alice.failed(); len(f) > 0 {
			t.Errorf("alice was told %v", f)
		}
		x.bob.open()
		must(t, x.bob.ConnectAll())
		x.talks(t)
	})
}

// report has mallory report something.
func (x *trio) report(t *testing.T, statuses []content.MessageStatus) {
	t.Helper()
	m, err := content.StatusReport(statuses)
	must(t, err)
	m, err = m.Salted(strings.NewReader(strings.Repeat("salt", 16)))
	must(t, err)
	raw, err := m.Encode()
	must(t, err)
	x.forge(t, func(g *mls.Group) ([]byte, *mls.StagedCommit, error) {
		b, _, err := g.Protect(raw, mls.ProtectOptions{})
		return b, nil, err
	})
}
