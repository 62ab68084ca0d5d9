// SPDX-License-Identifier: AGPL-3.0-or-later

package client_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/client/backend"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/fakeserver"
	"github.com/securecrypt/securecrypt/content"
	"github.com/securecrypt/securecrypt/protocol"
)

// withHistory returns alice, who has talked to bob, in a group, and to herself.
func withHistory(t *testing.T, net *fakeserver.Net, n int) (a, b *person, ids []chat.ConversationID, said [][]string) {
	t.Helper()
	a, b = join(t, net, "alice", host), join(t, net, "bob", "there.example")
	direct, err := a.Direct(t.Context(), b.Address())
	must(t, err)
	a.say(direct, "0 in 0")
	pass(time.Second)
	b.accept()
	id := group(t, a, b)
	notes, err := a.Direct(t.Context(), a.Address())
	must(t, err)
	ids = []chat.ConversationID{direct, id, notes}
	for i := range n {
		for j, id := range ids {
			text := fmt.Sprintf("%d in %d", i+1, j)
			if i%2 == 0 || j == 2 {
				a.say(id, text)
			} else {
				b.say(id, text)
			}
			pass(100 * time.Millisecond)
		}
	}
	pass(10 * time.Second)
	for _, id := range ids {
		said = append(said, a.texts(id))
	}
	return a, b, ids, said
}

// withHistory links another device, which is given the history.
func (p *person) withHistory(net *fakeserver.Net) *person {
	p.t.Helper()
	d := p.blankDevice(net)
	must(p.t, p.AddDevice(soon(p.t), d.cfg))
	must(p.t, p.GiveHistory(p.t.Context(), d.cfg))
	d.open()
	must(p.t, d.ConnectAll())
	return d
}

// wantTexts checks the histories of conversations.
func (p *person) wantTexts(ids []chat.ConversationID, said [][]string) {
	p.t.Helper()
	for i, id := range ids {
		want(p.t, "the device", p.texts(id), said[i])
	}
}

// A new device gets everything that was said, in its order, and goes on from there.
func TestHistoryMovesToANewDevice(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := fakeserver.NewNet()
		a, b, ids, said := withHistory(t, net, 70)
		m := a.history(ids[0])[3]
		must(t, b.Messages().React(t.Context(), ids[0], m.ID, "x", false))
		must(t, a.Messages().Delete(t.Context(), ids[0], a.history(ids[0])[5].ID))
		must(t, a.Messages().Edit(t.Context(), ids[0], a.history(ids[0])[7].ID, "edited"))
		pass(10 * time.Second)
		said[0] = a.texts(ids[0])
		phone := a.withHistory(net)
		pass(10 * time.Second)
		b.say(ids[0], "afterwards")
		pass(time.Minute)
		for i, id := range ids {
			if i == 0 {
				said[i] = append(said[i], "afterwards")
			}
			want(t, "phone", phone.texts(id), said[i])
			if got := phone.status(id).Status; got != chat.StatusActive {
				t.Errorf("%v", got)
			}
		}
		was, is := a.history(ids[0]), phone.history(ids[0])
		for i := range was {
			w, g := was[i], is[i]
			if w.ID != g.ID || w.From != g.From || w.State != g.State || w.Deleted != g.Deleted || w.Edited != g.Edited || len(w.Reactions) != len(g.Reactions) || !w.SentAt.Equal(g.SentAt) {
				t.Errorf("%+v\nbecame %+v", w, g)
			}
		}
		for _, p := range []*person{a, b, phone} {
			for _, err := range p.failed() {
				t.Errorf("%v: %v", p.Address(), err)
			}
		}
	})
}

// What is said while the device joins is there once, wherever it came by.
func TestHistoryHasNoGap(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := fakeserver.NewNet()
		a, b, ids, _ := withHistory(t, net, 5)
		phone := a.withHistory(net)
		for i := range 200 {
			b.say(ids[i%2], fmt.Sprintf("while joining %d", i))
			pass(50 * time.Millisecond)
		}
		pass(time.Minute)
		for _, id := range ids {
			want(t, "phone", phone.texts(id), a.texts(id))
		}
	})
}

// What is deleted while the history is on its way is deleted there.
func TestHistoryBringsNothingBack(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := fakeserver.NewNet()
		a, b, ids, _ := withHistory(t, net, 60)
		phone := a.blankDevice(net)
		must(t, a.AddDevice(soon(t), phone.cfg))
		phone.open()
		must(t, phone.ConnectAll())
		pass(time.Minute)
		all := a.history(ids[0])
		phone.way.Partition("", true)
		must(t, a.GiveHistory(t.Context(), phone.cfg))
		pass(time.Minute)
		must(t, a.Messages().Delete(t.Context(), ids[0], all[len(all)-2].ID))
		must(t, a.Messages().Forget(ids[0], all[2].ID))
		b.say(ids[0], "later")
		pass(time.Minute)
		phone.way.Partition("", false)
		pass(time.Minute)
		want(t, "phone", phone.texts(ids[0]), a.texts(ids[0]))
		if got := phone.history(ids[0]); !slices.ContainsFunc(got, func(m chat.Message) bool { return m.Deleted }) {
			t.Error("nothing is deleted")
		}
	})
}

// Whichever device is killed while the history is on its way, and however often, it
// arrives whole and once.
func TestHistorySurvivesKills(t *testing.T) {
	kills := 100
	if testing.Short() {
		kills = 10
	}
	inBubble(t, func(t *testing.T) {
		net := fakeserver.NewNet()
		a, b, ids, _ := withHistory(t, net, 150)
		phone := a.withHistory(net)
		r := rand.New(rand.NewPCG(1, 2))
		for i := range kills {
			p := []*person{a, phone}[r.IntN(2)]
			switch r.IntN(3) {
			case 0:
				p.store.FailAt(1 + r.IntN(40))
			case 1:
				p.way.Cut("")
			}
			p.restart()
			if i%10 == 0 {
				a.store.Heal()
				must(t, a.GiveHistory(t.Context(), phone.cfg)) // it is offered again, from the beginning
			}
			b.say(ids[r.IntN(2)], fmt.Sprintf("meanwhile %d", i))
			pass(time.Duration(r.IntN(400)) * time.Millisecond)
		}
		a.store.Heal()
		phone.store.Heal()
		pass(2 * time.Hour)
		for _, id := range ids {
			want(t, "phone", phone.texts(id), a.texts(id))
		}
	})
}

// Before another device has brought a conversation here, its history can be read, and
// what is to be said is refused with the reason.
func TestHistoryComesBeforeTheConversation(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := fakeserver.NewNet()
		a, b, ids, said := withHistory(t, net, 5)
		phone := a.anotherDevice(net)
		pass(time.Minute)
		// Another one, whose conversations are kept from it.
		kept := slices.DeleteFunc(net.Server(host).Channels(), func(id protocol.ChannelID) bool { return !slices.Contains(ids[:2], chat.IDOf(id)) })
		tablet := a.blankDevice(net)
		must(t, a.AddDevice(soon(t), tablet.cfg))
		must(t, a.GiveHistory(t.Context(), tablet.cfg))
		net.Server(host).SetFaults(fakeserver.Faults{Request: func(_ string, _ protocol.Op, body protocol.Body) fakeserver.Verdict {
			if commit, ok := body.(*protocol.ChannelCommit); ok && slices.Contains(kept, commit.Channel) {
				return fakeserver.Verdict{Refuse: &protocol.Error{Code: protocol.CodeUnavailable, RetryAfter: time.Hour}}
			}
			return fakeserver.Verdict{}
		}})
		tablet.open()
		must(t, tablet.ConnectAll())
		pass(30 * time.Second)
		want(t, "tablet", tablet.texts(ids[0]), said[0])
		if got := tablet.status(ids[0]); got.Status != chat.StatusPending || got.Last == nil || got.Peer != b.Address() {
			t.Errorf("%+v", got)
		}
		if _, err := tablet.Send(t.Context(), ids[0], chat.Draft{Text: "too early"}); !errors.Is(err, chat.ErrClosed) {
			t.Errorf("sent: %v", err)
		}
		must(t, tablet.MarkRead(t.Context(), ids[0]))
		must(t, tablet.List().SetDraft(t.Context(), ids[0], "a draft", content.MessageID{}))
		tablet.restart()
		pass(time.Second)
		net.Server(host).SetFaults(fakeserver.Faults{})
		pass(3 * time.Hour)
		tablet.say(ids[0], "now")
		pass(time.Minute)
		for _, p := range []*person{a, b, phone, tablet} {
			if all := p.texts(ids[0]); all[len(all)-1] != "now" {
				t.Errorf("%v: %q", p.Address(), all)
			}
		}
		if got := a.status(ids[0]).Draft; got != "a draft" {
			t.Errorf("the draft: %q", got)
		}
	})
}

// What disappears keeps the time that it has left, and what has disappeared does not
// come.
func TestHistoryKeepsWhatDisappearsFromStaying(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := fakeserver.NewNet()
		a, b, ids, _ := withHistory(t, net, 3)
		must(t, a.Groups().SetTimer(t.Context(), ids[0], time.Hour))
		pass(time.Second)
		b.say(ids[0], "gone before")
		pass(50 * time.Minute)
		b.say(ids[0], "ten minutes older")
		pass(11 * time.Minute)
		phone := a.withHistory(net)
		pass(time.Minute)
		if all := phone.texts(ids[0]); slices.Contains(all, "gone before") || all[len(all)-1] != "ten minutes older" {
			t.Errorf("%q", all)
		}
		pass(47 * time.Minute)
		if all := phone.texts(ids[0]); !slices.Contains(all, "ten minutes older") {
			t.Errorf("%q", all)
		}
		pass(3 * time.Minute)
		if all := phone.texts(ids[0]); slices.Contains(all, "ten minutes older") {
			t.Errorf("%q", all)
		}
	})
}

// What happened in a group is between the same messages on a new device, also where a
// piece of the history would end with it.
func TestHistoryKeepsNoticesInOrder(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := fakeserver.NewNet()
		a, b := join(t, net, "alice", host), join(t, net, "bob", host)
		id := group(t, a, b)
		for i := range 150 { // two of three are notices; pieces have 200
			a.say(id, fmt.Sprintf("message %d", i))
			must(t, a.Groups().Rename(t.Context(), id, fmt.Sprintf("title %d", i)))
			must(t, a.Groups().Rename(t.Context(), id, fmt.Sprintf("other %d", i)))
			pass(2 * time.Second)
		}
		phone := a.withHistory(net)
		pass(time.Minute)
		order := func(p *person) (all []string) {
			must(t, p.Messages().History(id, func(m chat.Message) bool {
				if m.Notice == nil {
					all = append(all, m.Text)
				} else if m.Notice.Kind == chat.NoticeRenamed {
					all = append(all, "renamed to "+m.Notice.Title)
				}
				return true
			}))
			return all
		}
		was := order(a)
		if len(was) < 3*150 {
			t.Fatalf("%d", len(was))
		}
		want(t, "phone", order(phone), was)
	})
}

// A part that the server has lost is given again.
func TestLostPartsAreGivenAgain(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := fakeserver.NewNet()
		a, _, ids, said := withHistory(t, net, 30)
		net.Server(host).SetFaults(fakeserver.Faults{Blob: func(_, method string) error {
			if method == "fetch" {
				return backend.ErrOffline
			}
			return nil
		}})
		phone := a.withHistory(net)
		pass(time.Minute)
		if net.Server(host).Blobs() == 0 {
			t.Fatal("no part was uploaded")
		}
		net.Server(host).LoseBlobs()
		net.Server(host).SetFaults(fakeserver.Faults{})
		pass(10 * time.Minute)
		phone.wantTexts(ids, said)
	})
}

// Where a server loses every part, giving rests longer each time, and ends after thirty
// days.
func TestLostPartsCostFewUploads(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := fakeserver.NewNet()
		a, _, _, _ := withHistory(t, net, 5)
		var uploads atomic.Int64
		net.Server(host).SetFaults(fakeserver.Faults{Blob: func(_, method string) error {
			switch method {
			case "create":
				uploads.Add(1)
			case "fetch":
				return &protocol.Error{Code: protocol.CodeNotFound}
			}
			return nil
		}})
		a.withHistory(net)
		pass(10 * 24 * time.Hour)
		if n := uploads.Load(); n < 10 || n > 50 {
			t.Errorf("%d uploads in ten days", n)
		}
		pass(30 * 24 * time.Hour)
		before := uploads.Load()
		pass(30 * 24 * time.Hour)
		if n := uploads.Load() - before; n != 0 {
			t.Errorf("%d uploads after forty days", n)
		}
	})
}

// A part with which nothing can be done does not hold up those behind it.
func TestUselessPartsHoldNothingUp(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := fakeserver.NewNet()
		a, _, ids, said := withHistory(t, net, 5)
		phone := a.anotherDevice(net)
		pass(time.Minute)
		must(t, a.AnnounceUselessPart(phone.device()))
		pass(time.Second)
		must(t, a.GiveHistory(t.Context(), phone.cfg))
		pass(time.Minute)
		phone.wantTexts(ids, said)
	})
}

// What was chosen about a conversation that has ended holds on a new device, which hears
// of the choice before it has the conversation.
func TestChoicesOfEndedConversationsCome(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := fakeserver.NewNet()
		a, b, ids, _ := withHistory(t, net, 3)
		must(t, a.Groups().SetRole(t.Context(), ids[1], b.Address(), chat.RoleOwner))
		pass(time.Second)
		must(t, a.Leave(t.Context(), ids[1]))
		must(t, a.List().SetPinned(t.Context(), ids[1], true))
		pass(time.Minute)
		net.Server(host).SetFaults(fakeserver.Faults{BlobDelay: 10 * time.Second})
		phone := a.withHistory(net)
		pass(time.Minute)
		if got := phone.status(ids[1]); got.Status != chat.StatusLeft || !got.Pinned {
			t.Errorf("%+v", got)
		}
	})
}

// An answer that comes before the device has noted that it sent the part counts, and one
// about a part that it never made does not.
func TestEarlyAnswersCount(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := fakeserver.NewNet()
		a, _, _, _ := withHistory(t, net, 3)
		phone := a.anotherDevice(net)
		pass(time.Minute)
		net.Server(host).SetFaults(fakeserver.Faults{Blob: func(_, _ string) error { return backend.ErrOffline }})
		must(t, a.GiveHistory(t.Context(), phone.cfg))
		pass(time.Minute)
		for number, want := range []uint64{0, 1, 1} {
			if taken, err := a.AnswerPart(phone.device(), uint64(number)); taken != want || err != nil {
				t.Errorf("after an answer to part %d: %d taken, %v", number, taken, err)
			}
		}
		net.Server(host).SetFaults(fakeserver.Faults{})
		must(t, a.Devices().WaitUntilGiven(soon(t), phone.device()))
	})
}
