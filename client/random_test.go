// SPDX-License-Identifier: AGPL-3.0-or-later

package client_test

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/backend"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/fakeserver"
	"github.com/securecrypt/securecrypt/content"
	"github.com/securecrypt/securecrypt/protocol"
)

var (
	worlds = flag.Int("worlds", 25, "how many random worlds are lived through; two in short mode")
	seed   = flag.Uint64("world", 0, "the only world to live through, if not 0")
)

// TestRandomWorlds lets people talk, change their group, restart and lose
// connections, answers and disks at random, while a hostile host, member and
// stranger trouble two of them. When all is well again, all agree; and these two
// heard each other as fast as their own server lets them.
func TestRandomWorlds(t *testing.T) {
	inWorlds(t, func(t *testing.T, n uint64) {
		w := newWorld(t, n)
		h := newHostility(t, n, w.net)
		for range 60 {
			h.step()
			w.step()
		}
		w.heal()
		w.check()
		h.check()
	})
}

// inWorlds runs a test in each world, named by its number.
func inWorlds(t *testing.T, fn func(t *testing.T, n uint64)) {
	first, last := uint64(1), uint64(*worlds)
	if testing.Short() { // with the race detector, which makes each take ten times as long
		last = min(last, 2)
	}
	if *seed != 0 {
		first, last = *seed, *seed
	}
	for n := first; n <= last; n++ {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			inBubble(t, func(t *testing.T) { fn(t, n) })
		})
	}
}

type world struct {
	t      *testing.T
	r      *rand.Rand
	net    *fakeserver.Net
	people []*person
	id     chat.ConversationID
	// channel is that of id.
	channel protocol.ChannelID
	// steady are those who were members all the time.
	steady map[*person]bool
	taken  map[content.MessageID]string // messages that a client accepted
	writer map[content.MessageID]*person
	edited map[content.MessageID]bool
	n      int
	// devices: people have devices that come and go, each a person of its own here.
	devices bool
}

func newWorld(t *testing.T, n uint64) *world {
	w := &world{
		t: t, r: rand.New(rand.NewPCG(n, 0)), net: fakeserver.NewNet(), steady: map[*person]bool{},
		taken: map[content.MessageID]string{}, writer: map[content.MessageID]*person{}, edited: map[content.MessageID]bool{},
	}
	for i, h := range []string{host, host, "there.example", host, "there.example"} {
		w.people = append(w.people, join(t, w.net, fmt.Sprintf("p%d", i), h))
	}
	w.id = group(t, w.people[:4]...)
	w.channel = w.net.Server(host).Channels()[0]
	for _, p := range w.people[:4] {
		w.steady[p] = true
	}
	for _, h := range []string{host, "there.example"} {
		w.trouble(h)
	}
	return w
}

// trouble makes a server and the ways to it bad.
func (w *world) trouble(h string) {
	r := rand.New(rand.NewPCG(w.r.Uint64(), 1))
	refusals := []protocol.ErrorCode{protocol.CodeRateLimited, protocol.CodeUnavailable, protocol.CodeInternal}
	w.net.Server(h).SetFaults(fakeserver.Faults{
		Request: func(string, protocol.Op, protocol.Body) fakeserver.Verdict {
			switch r.IntN(60) {
			case 0:
				return fakeserver.Verdict{DropBefore: true}
			case 1:
				return fakeserver.Verdict{DropAfter: true}
			case 2:
				return fakeserver.Verdict{Refuse: &protocol.Error{Code: refusals[r.IntN(3)], RetryAfter: time.Duration(r.IntN(3)) * time.Second}}
			}
			return fakeserver.Verdict{}
		},
		Event: func(_ string, body protocol.Body) ([]protocol.Body, bool) {
			return []protocol.Body{body}, r.IntN(80) == 0
		},
		Blob: func(string, string) error {
			if r.IntN(5) == 0 {
				return backend.ErrOffline
			}
			return nil
		},
		Forget: r.IntN(2) == 0,
	})
}

func (w *world) pick() *person { return w.people[w.r.IntN(len(w.people))] }

// step lets somebody do something. It may be refused; the rules say when.
func (w *world) step() {
	p := w.pick()
	ctx := w.t.Context()
	conv, err := p.Conversation(w.id)
	here := err == nil && conv.Status == chat.StatusActive
	other := w.pick()
	if w.devices && w.r.IntN(6) == 0 {
		w.changeDevices(p)
		return
	}
	switch n := w.r.IntN(20); {
	case n == 0:
		p.restart()
	case n == 1:
		p.way.Partition([]string{"", host, "there.example"}[w.r.IntN(3)], w.r.IntN(2) == 0)
	case n == 2:
		p.store.FailAt(1 + w.r.IntN(30))
	case n == 3:
		p.store.Lie()
	case n == 4:
		p.way.Cut("")
	case n == 5:
		for _, one := range w.people {
			p.store.Fill(one == p && w.r.IntN(2) == 0)
		}
	case !here:
		w.acceptIfAsked(p)
	case n == 6:
		w.note(p.Groups().Rename(ctx, w.id, fmt.Sprintf("Title %d", w.r.IntN(1000))))
	case n == 7:
		w.note(p.Groups().Add(ctx, w.id, []account.Address{other.Address()}))
	case n == 8 && w.r.IntN(2) == 0 && p == w.people[0] && other.Address() != p.Address():
		w.note(p.Groups().Remove(ctx, w.id, []account.Address{other.Address()}))
	case n == 9 && w.r.IntN(3) == 0 && p.Address() != w.people[0].Address():
		w.note(p.Leave(ctx, w.id))
	case n == 10:
		role := chat.Role(w.r.IntN(2))
		if other.Address() != w.people[0].Address() {
			w.note(p.Groups().SetRole(ctx, w.id, other.Address(), role))
		}
	case n <= 13:
		w.change(p)
	case n == 14:
		w.note(p.MarkRead(ctx, w.id))
	default:
		w.say(p)
	}
	pass(time.Duration(w.r.IntN(3000)) * time.Millisecond)
}

// note accepts the failures that there may be.
func (w *world) note(err error) {
	for _, allowed := range []error{nil, chat.ErrNotAllowed, chat.ErrClosed, chat.ErrRequest, chat.ErrNoMessage} {
		if errors.Is(err, allowed) {
			return
		}
	}
	for _, allowed := range []string{"disk failed", "is not in the group", "leave the group", "did not react"} {
		if strings.Contains(err.Error(), allowed) {
			return
		}
	}
	w.t.Error(err)
}

func (w *world) acceptIfAsked(p *person) {
	all, err := p.Conversations()
	must(w.t, err)
	for _, c := range all {
		if c.Status == chat.StatusRequest {
			_ = p.Accept(w.t.Context(), c.ID) // perhaps the inviter cannot be confirmed yet
		}
	}
}

func (w *world) say(p *person) {
	w.n++
	text := fmt.Sprintf("%s says %d", p.Address().Name, w.n)
	m, err := p.Send(w.t.Context(), w.id, chat.Draft{Text: text})
	w.note(err)
	if err == nil {
		w.taken[m.ID], w.writer[m.ID] = text, p
	}
}

func (w *world) change(p *person) {
	all := p.history(w.id)
	if len(all) == 0 {
		return
	}
	m := all[w.r.IntN(len(all))]
	switch {
	case m.Own && w.r.IntN(3) == 0 && !m.Deleted:
		w.note(p.Messages().Delete(w.t.Context(), w.id, m.ID))
		w.edited[m.ID] = true
	case m.Own && !m.Deleted:
		w.n++
		w.note(p.Messages().Edit(w.t.Context(), w.id, m.ID, fmt.Sprintf("edit %d", w.n)))
		w.edited[m.ID] = true
	default:
		w.note(p.Messages().React(w.t.Context(), w.id, m.ID, []string{"a", "b"}[w.r.IntN(2)], w.r.IntN(3) == 0))
	}
}

// heal repairs everything and gives it time.
func (w *world) heal() {
	for _, h := range []string{host, "there.example"} {
		w.net.Server(h).SetFaults(fakeserver.Faults{})
	}
	for _, p := range w.people {
		p.store.Fill(false)
		p.store.FailAt(0)
		for _, h := range []string{"", host, "there.example"} {
			p.way.Partition(h, false)
		}
		if w.r.IntN(2) == 0 {
			p.restart()
		}
	}
	pass(time.Hour)
	for _, p := range w.people {
		w.acceptIfAsked(p)
	}
	pass(time.Hour)
}

// unsettle finds out who went, even if they came back. The owner stays.
func (w *world) unsettle() {
	must(w.t, w.people[0].Messages().History(w.id, func(m chat.Message) bool {
		for _, p := range w.people {
			n := m.Notice
			if n != nil && (n.Kind == chat.NoticeRemoved && n.Whom == p.Address() || n.Kind == chat.NoticeLeft && m.From == p.Address()) {
				w.steady[p] = false
			}
		}
		return true
	}))
}

// check compares what everybody has.
func (w *world) check() {
	w.unsettle()
	epoch := w.net.Server(host).Epoch(w.channel)
	var title string
	var members []chat.Member
	for i, p := range w.people {
		conv, err := p.Conversation(w.id)
		if err != nil || conv.Status != chat.StatusActive {
			if conv.Status == chat.StatusStopped || conv.Status == chat.StatusLost {
				w.t.Errorf("%v: %v, %s", p.Address(), conv.Status, conv.Reason)
			}
			if conv.Waiting > 0 {
				w.t.Errorf("%v: %v with %d messages waiting", p.Address(), conv.Status, conv.Waiting)
			}
			continue
		}
		if err := p.Idle(w.id); err != nil {
			w.t.Errorf("%v is not done: %v", p.Address(), err)
		}
		if e, err := p.Epoch(w.id); err != nil || e != epoch {
			w.t.Errorf("%v is in epoch %d, the channel in %d (%v)", p.Address(), e, epoch, err)
		}
		got, err := p.Groups().Members(w.id)
		must(w.t, err)
		if members == nil {
			title, members = conv.Title, got
		}
		if conv.Title != title {
			w.t.Errorf("%v: title %q, want %q", p.Address(), conv.Title, title)
		}
		want(w.t, fmt.Sprintf("members for person %d", i), got, members)
	}
	w.compare()
}

// shown is what a message has become, apart from whose it is.
func shown(m chat.Message) string {
	var reactions []string
	for _, r := range m.Reactions {
		reactions = append(reactions, r.From.Name+r.Emoji)
	}
	slices.Sort(reactions)
	return fmt.Sprintf("%s: %q edited %v deleted %v reactions %v", m.From, m.Text, m.Edited, m.Deleted, reactions)
}

// compare compares histories: of those who were there all the time they are
// equal, others have a part of them. Everybody's messages are in their order,
// each is there once.
func (w *world) compare() {
	all := map[content.MessageID]string{}
	order := map[*person][]content.MessageID{}
	var witness *person
	for _, p := range w.people {
		if !w.steady[p] {
			continue
		}
		got, bySender := w.read(p)
		if witness == nil {
			witness, all, order = p, got, bySender
			continue
		}
		if !maps.Equal(got, all) {
			w.t.Errorf("%v and %v differ:\n%s", p.Address(), witness.Address(), difference(got, all))
		}
		for from := range order {
			want(w.t, fmt.Sprintf("%v: messages of %s", p.Address(), from.Address()), bySender[from], order[from])
		}
	}
	if witness == nil {
		return
	}
	for _, p := range w.people {
		if _, err := p.Conversation(w.id); err != nil {
			continue // never added
		}
		for _, m := range p.history(w.id) {
			sent := m.State == chat.StateSent || m.State == chat.StateDelivered || m.State == chat.StateRead
			if sent && all[m.ID] == "" {
				w.t.Errorf("%v sent %q, and %v has not got it", p.Address(), m.Text, witness.Address())
			}
			if m.State == chat.StateWaiting {
				w.t.Errorf("%v: %q still waits", p.Address(), m.Text)
			}
			if m.State == chat.StateFailed && w.steady[p] {
				w.t.Errorf("%v: %q failed: %s", p.Address(), m.Text, m.Reason)
			}
			if sent && w.steady[p] && m.Delivered < w.others() {
				w.t.Errorf("%v: %q arrived at %d, but %d were there all the time", p.Address(), m.Text, m.Delivered, w.others())
			}
			if text := w.taken[m.ID]; text != "" && !w.edited[m.ID] && m.Text != text {
				w.t.Errorf("%v: %q, want %q", p.Address(), m.Text, text)
			}
		}
	}
}

// others counts those who were there all the time, apart from one.
func (w *world) others() (n int) {
	for _, p := range w.people {
		if w.steady[p] {
			n++
		}
	}
	return n - 1
}

// read returns what p has, and the order in which the messages of each device came.
func (w *world) read(p *person) (all map[content.MessageID]string, bySender map[*person][]content.MessageID) {
	all, bySender = map[content.MessageID]string{}, map[*person][]content.MessageID{}
	for _, m := range p.history(w.id) {
		if m.State == chat.StateFailed {
			continue
		}
		if all[m.ID] != "" {
			w.t.Errorf("%v has %q twice", p.Address(), m.Text)
		}
		all[m.ID] = shown(m)
		if from := w.writer[m.ID]; from != nil { // or else one of those who do harm
			bySender[from] = append(bySender[from], m.ID)
		}
	}
	return all, bySender
}

func difference(a, b map[content.MessageID]string) string {
	var out []string
	for id, text := range a {
		if b[id] != text {
			out = append(out, fmt.Sprintf("%s\n   and %s", text, b[id]))
		}
	}
	for id, text := range b {
		if a[id] == "" {
			out = append(out, "none\n   and "+text)
		}
	}
	return strings.Join(out, "\n")
}
