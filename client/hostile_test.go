// SPDX-License-Identifier: AGPL-3.0-or-later

package client_test

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client"
	"github.com/securecrypt/securecrypt/client/attach"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/fakeserver"
	"github.com/securecrypt/securecrypt/content"
	"github.com/securecrypt/securecrypt/mls"
	"github.com/securecrypt/securecrypt/protocol"
)

// A trio is a group of three: alice owns it, mallory is an administrator if
// admin, and about to do harm.
type trio struct {
	net                 *fakeserver.Net
	alice, bob, mallory *person
	id                  chat.ConversationID
	channel             protocol.ChannelID
}

func newTrio(t *testing.T, admin bool) *trio {
	x := &trio{net: fakeserver.NewNet()}
	x.alice, x.bob, x.mallory = join(t, x.net, "alice", host), join(t, x.net, "bob", host), join(t, x.net, "mallory", host)
	x.id = group(t, x.alice, x.bob, x.mallory)
	if admin {
		must(t, x.alice.Groups().SetRole(t.Context(), x.id, x.mallory.Address(), chat.RoleAdmin))
		pass(time.Second)
	}
	x.channel = x.net.Server(host).Channels()[0]
	return x
}

// forge has mallory put something into the channel.
func (x *trio) forge(t *testing.T, act func(*mls.Group) ([]byte, *mls.StagedCommit, error)) {
	t.Helper()
	entry, next, err := x.mallory.Forge(x.id, act)
	must(t, err)
	x.mallory.Close()
	x.net.Server(host).Inject(x.channel, entry, next)
	pass(time.Minute)
}

// forgeAs has a member commit what their client would not, and follow it.
func (x *trio) forgeAs(t *testing.T, p *person, o mls.CommitOptions) {
	t.Helper()
	p.Close()
	p.open()
	o.Now = time.Now()
	entry, next, err := p.ForgeAll(x.id, o)
	must(t, err)
	must(t, x.net.Server(host).Commit(x.channel, entry, next))
	pass(time.Minute)
}

// claim has mallory send a message that her client would not make.
func (x *trio) claim(t *testing.T, m content.Message) {
	t.Helper()
	must(t, x.mallory.SendContent(t.Context(), x.id, m))
	pass(time.Second)
}

func staged(g *mls.Group, o mls.CommitOptions) ([]byte, *mls.StagedCommit, error) {
	o.Now = time.Now()
	s, _, err := g.Stage(o)
	return nil, s, err
}

// stopped checks that somebody noticed, said why, and sends nothing any more.
func (x *trio) stopped(t *testing.T, p *person, why error) {
	t.Helper()
	c := p.status(x.id)
	if c.Status != chat.StatusStopped || c.Reason.Text == "" || c.Waiting != 0 {
		t.Errorf("%v: %v because of %q, %d waiting", p.Address(), c.Status, c.Reason, c.Waiting)
	}
	if why != nil && !strings.Contains(c.Reason.Text, why.Error()) {
		t.Errorf("%v: the reason is %q, want %q", p.Address(), c.Reason, why)
	}
	before := len(x.net.Server(host).Entries(x.channel))
	if _, err := p.Send(t.Context(), x.id, chat.Draft{Text: "secret"}); !errors.Is(err, chat.ErrClosed) {
		t.Errorf("%v still sends: %v", p.Address(), err)
	}
	pass(time.Minute)
	if after := len(x.net.Server(host).Entries(x.channel)); after != before {
		t.Errorf("%v put something into the channel", p.Address())
	}
}

// talks checks that alice and bob still do.
func (x *trio) talks(t *testing.T) {
	t.Helper()
	x.alice.say(x.id, "still here")
	pass(time.Minute)
	all := x.bob.texts(x.id)
	if len(all) == 0 || all[len(all)-1] != "still here" {
		t.Errorf("bob has %q (%+v)", all, x.bob.status(x.id))
	}
	members, err := x.bob.Groups().Members(x.id)
	must(t, err)
	if len(members) < 2 || members[0].Address != x.alice.Address() || members[1].Address != x.bob.Address() {
		t.Errorf("members: %v", members)
	}
}

func TestCommitsBeyondARoleStopTheConversation(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		x := newTrio(t, false)
		x.bob.way.Partition("", true)
		x.bob.say(x.id, "waiting")
		x.forge(t, func(g *mls.Group) ([]byte, *mls.StagedCommit, error) {
			e, err := client.Retitled(g, "Mine")
			must(t, err)
			return staged(g, mls.CommitOptions{Extensions: e})
		})
		x.stopped(t, x.alice, nil)
		x.bob.way.Partition("", false)
		pass(time.Minute)
		x.stopped(t, x.bob, nil)
		if m := x.bob.history(x.id)[0]; m.State != chat.StateFailed || !errors.Is(m.Reason.Cause, chat.ErrClosed) {
			t.Errorf("the waiting message is %v, %q", m.State, m.Reason.Text)
		}
		if x.alice.status(x.id).Title != "Group" {
			t.Error("the title changed")
		}
	})
}

// A member's unlawful proposal is neither carried out nor a way to end the
// conversation for all, and a departure at the same time succeeds later.
func TestUnlawfulProposalsLapse(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		x := newTrio(t, false)
		carol := join(t, x.net, "carol", host)
		must(t, x.alice.Groups().Add(t.Context(), x.id, []account.Address{carol.Address()}))
		pass(time.Second)
		carol.accept()
		pass(time.Second)
		x.alice.way.Partition("", true)
		x.bob.way.Partition("", true)
		must(t, carol.Leave(t.Context(), x.id))
		pass(time.Second)
		carol.way.Partition("", true)
		x.forge(t, func(g *mls.Group) ([]byte, *mls.StagedCommit, error) {
			b, _, err := g.ProposeRemove(0, mls.ProposalOptions{})
			return b, nil, err
		})
		for _, p := range []*person{x.alice, x.bob, carol} {
			p.restart()
			p.way.Partition("", false)
		}
		pass(5 * time.Minute)
		x.talks(t)
		if c := carol.status(x.id); c.Status != chat.StatusLeft {
			t.Errorf("carol: %v", c.Status)
		}
		members, err := x.bob.Groups().Members(x.id)
		must(t, err)
		if len(members) != 3 {
			t.Errorf("carol did not get away: %v", members)
		}
	})
}

// A member that is added in the name of somebody with other keys is found
// out: by that person at once, by the others when they ask the server.
func TestGhostsAreFoundOut(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		x := newTrio(t, true)
		x.forge(t, func(g *mls.Group) ([]byte, *mls.StagedCommit, error) {
			kp, err := client.Ghost(x.alice.Address(), time.Now())
			must(t, err)
			return staged(g, mls.CommitOptions{Add: []*mls.KeyPackage{kp}})
		})
		x.stopped(t, x.alice, chat.ErrImpostor)
		x.stopped(t, x.bob, chat.ErrImpostor)
	})
}

// A ghost is found out even if it has gone before anybody could ask.
func TestGhostsThatLeftAreFoundOut(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		x := newTrio(t, true)
		carol := join(t, x.net, "carol", host)
		x.bob.way.Partition("", true)
		x.alice.Close()
		ghost, err := client.Ghost(carol.Address(), time.Now())
		must(t, err)
		x.mallory.Close()
		x.mallory.open()
		first, next, err := x.mallory.ForgeAll(x.id, mls.CommitOptions{Now: time.Now(), Add: []*mls.KeyPackage{ghost}})
		must(t, err)
		x.net.Server(host).Inject(x.channel, first, next)
		last := mls.LeafIndex(3)
		second, next, err := x.mallory.ForgeAll(x.id, mls.CommitOptions{Now: time.Now(), Remove: []mls.LeafIndex{last}})
		must(t, err)
		x.net.Server(host).Inject(x.channel, second, next)
		x.bob.way.Partition("", false)
		pass(time.Minute)
		x.stopped(t, x.bob, chat.ErrImpostor)
	})
}

// A server that shows another account for somebody's name stops what is said
// to them before anything is sent.
func TestImpostorsHearNothing(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		elsewhere := fakeserver.NewNet()
		join(t, elsewhere, "bob", host)
		other := elsewhere.Server(host).Statements("bob")
		net := fakeserver.NewNet()
		a, b, c := join(t, net, "alice", host), join(t, net, "bob", host), join(t, net, "carol", host)
		lie := fakeserver.Faults{Account: func(name string, statements [][]byte) [][]byte {
			if name == "bob" {
				return other
			}
			return statements
		}}
		// Before there is any conversation: his key packages do not fit.
		net.Server(host).SetFaults(lie)
		id := a.begins(b)
		a.say(id, "secret")
		pass(time.Minute)
		if conv := a.status(id); conv.Status != chat.StatusLost || conv.Waiting != 0 {
			t.Errorf("%v, %d waiting", conv.Status, conv.Waiting)
		}
		// When bob was added by carol, whom the server told the truth.
		net.Server(host).SetFaults(fakeserver.Faults{})
		id = group(t, c, a)
		must(t, c.Groups().Add(t.Context(), id, []account.Address{b.Address()}))
		net.Server(host).SetFaults(fakeserver.Faults{Request: func(who string, op protocol.Op, _ protocol.Body) fakeserver.Verdict {
			if who == "alice" && op == protocol.OpAccountGet {
				return fakeserver.Verdict{Refuse: &protocol.Error{Code: protocol.CodeUnavailable}}
			}
			return fakeserver.Verdict{}
		}})
		pass(time.Minute)
		a.say(id, "secret")
		pass(time.Minute)
		if conv := a.status(id); conv.Status != chat.StatusActive || conv.Waiting != 1 {
			t.Errorf("while nobody vouches: %v, %d waiting", conv.Status, conv.Waiting)
		}
		net.Server(host).SetFaults(lie)
		pass(10 * time.Minute)
		if conv := a.status(id); conv.Status != chat.StatusStopped || conv.Waiting != 0 || !strings.Contains(conv.Reason.Text, chat.ErrImpostor.Error()) {
			t.Errorf("%v because of %q, %d waiting", conv.Status, conv.Reason, conv.Waiting)
		}
	})
}

// Junk, replays, entries out of order and of the wrong kind do no harm.
func TestBadEntriesArePassedOver(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		x := newTrio(t, false)
		s := x.net.Server(host)
		x.alice.say(x.id, "one")
		pass(time.Second)
		epoch := s.Epoch(x.channel)
		old := s.Entries(x.channel)
		for _, e := range old { // replays, as new entries and under another kind
			e.Kind = protocol.KindMessage
			s.Inject(x.channel, e, nil)
			if e.Epoch < epoch {
				e.Kind = protocol.KindCommit
				s.InjectRaw(x.channel, e)
			}
		}
		for _, junk := range [][]byte{{0}, make([]byte, 600), make([]byte, protocol.MaxCiphertext)} {
			for _, at := range []uint64{0, epoch, epoch + 1, 1 << 63} {
				s.Inject(x.channel, protocol.Entry{Epoch: at, Kind: protocol.KindMessage, Ciphertext: junk}, nil)
			}
		}
		s.SetFaults(fakeserver.Faults{Event: func(_ string, body protocol.Body) ([]protocol.Body, bool) {
			if _, ok := body.(*protocol.Entry); ok {
				return []protocol.Body{body, body}, false
			}
			return []protocol.Body{body}, false
		}, Forget: true})
		x.talks(t)
		x.bob.restart()
		pass(time.Minute)
		want(t, "bob", x.bob.texts(x.id), []string{"one", "still here"})
		for _, p := range []*person{x.alice, x.bob, x.mallory} {
			must(t, p.Idle(x.id))
		}
	})
}

// An entry that arrives before an earlier one is not what the server promised:
// the channel is opened again, and nothing is lost.
func TestReorderedEntries(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		x := newTrio(t, false)
		var kept protocol.Body
		swapped := false
		x.net.Server(host).SetFaults(fakeserver.Faults{Event: func(who string, body protocol.Body) ([]protocol.Body, bool) {
			if _, ok := body.(*protocol.Entry); !ok || who != "bob" || swapped {
				return []protocol.Body{body}, false
			}
			if kept == nil {
				kept = body
				return nil, false
			}
			both := []protocol.Body{body, kept}
			swapped = true
			return both, false
		}})
		x.alice.say(x.id, "one")
		pass(100 * time.Millisecond) // before anybody reports anything
		x.alice.say(x.id, "two")
		pass(100 * time.Millisecond)
		x.net.Server(host).SetFaults(fakeserver.Faults{})
		x.talks(t)
		want(t, "bob", x.bob.texts(x.id), []string{"one", "two", "still here"})
	})
}

// A commit that nobody can read is noticed, and the reason told.
func TestUnreadableCommitsStopTheConversation(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		x := newTrio(t, false)
		s := x.net.Server(host)
		s.InjectRaw(x.channel, protocol.Entry{Epoch: s.Epoch(x.channel), Kind: protocol.KindCommit, Ciphertext: make([]byte, 600)})
		pass(time.Minute)
		x.stopped(t, x.alice, nil)
		x.stopped(t, x.bob, nil)
	})
}

// A server that refuses every message for a commit that it never shows is not
// asked without end.
func TestServerThatAlwaysRefusesIsNotStormed(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		x := newTrio(t, false)
		n := 0
		x.net.Server(host).SetFaults(fakeserver.Faults{Request: func(_ string, op protocol.Op, _ protocol.Body) fakeserver.Verdict {
			if op == protocol.OpChannelPost {
				n++
				return fakeserver.Verdict{Refuse: &protocol.Error{Code: protocol.CodeStaleEpoch}}
			}
			return fakeserver.Verdict{}
		}})
		x.alice.say(x.id, "one")
		pass(time.Hour)
		if n > 40 {
			t.Errorf("%d posts in an hour", n)
		}
		x.net.Server(host).SetFaults(fakeserver.Faults{})
		pass(10 * time.Minute)
		x.talks(t)
	})
}

// Whatever size somebody claims, interfaces get one that there can be.
func TestClaimedSizesAreBounded(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		x := newTrio(t, false)
		_, _, ext := x.photographed(t, photo('a'))
		for i, size := range []uint64{attach.MaxSize + 1, math.MaxInt64, math.MaxInt64 + 1, math.MaxUint64} {
			ext.Size = size
			x.claim(t, content.Attach("", ext))
			m := x.bob.history(x.id)[1+i]
			for _, got := range []int64{m.Attachments[0].Size, x.bob.status(x.id).Last.Attachments[0].Size} {
				if got != attach.MaxSize {
					t.Errorf("%d is shown as %d", size, got)
				}
			}
			if _, err := x.bob.opened(m); !errors.Is(err, protocol.ErrMalformed) {
				t.Errorf("opening a file of %d bytes: %v", size, err)
			}
		}
	})
}

// A member has so many reactions to a message, and no more.
func TestReactionsAreBounded(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		x := newTrio(t, false)
		m := x.alice.say(x.id, "hi")
		pass(time.Minute)
		must(t, x.bob.Messages().React(t.Context(), x.id, m.ID, "👍", false))
		for i := range 3 * chat.MaxReactions {
			x.claim(t, content.Reaction(m.ID, fmt.Sprint(i)))
		}
		for _, p := range []*person{x.alice, x.bob, x.mallory} {
			if n := len(p.history(x.id)[0].Reactions); n != chat.MaxReactions+1 {
				t.Errorf("%v sees %d reactions", p.Address(), n)
			}
		}
		if err := x.mallory.Messages().React(t.Context(), x.id, m.ID, "one more", false); err == nil {
			t.Error("there was room for one more")
		}
		must(t, x.mallory.Messages().React(t.Context(), x.id, m.ID, "0", false)) // in place of itself
		must(t, x.mallory.Messages().React(t.Context(), x.id, m.ID, "0", true))
		must(t, x.mallory.Messages().React(t.Context(), x.id, m.ID, "one more", false))
		pass(time.Minute)
		all := x.bob.history(x.id)[0].Reactions
		if last := all[len(all)-1]; len(all) != chat.MaxReactions+1 || last.Emoji != "one more" {
			t.Errorf("bob sees %v", all)
		}
	})
}
