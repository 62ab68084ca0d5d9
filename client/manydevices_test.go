// SPDX-License-Identifier: AGPL-3.0-or-later

package client_test

import (
	"maps"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/client"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/files/disk"
	"github.com/securecrypt/securecrypt/client/internal/fakeserver"
	"github.com/securecrypt/securecrypt/client/keyring"
	"github.com/securecrypt/securecrypt/client/store/memory"
	"github.com/securecrypt/securecrypt/client/store/storetest"
)

// anotherDevice returns another device of p, up to date.
func (p *person) anotherDevice(net *fakeserver.Net) *person {
	p.t.Helper()
	d := p.anotherDeviceAtOnce(net)
	must(p.t, d.Sync(soon(p.t)))
	return d
}

// blankDevice returns a device that has no profile yet.
func (p *person) blankDevice(net *fakeserver.Net) *person {
	d := &person{t: p.t, store: storetest.NewFaulty(memory.New()), way: net.Transport(p.Address().Name + " elsewhere"), key: p.key}
	d.cfg = client.Config{Store: d.store, Key: keyring.NewStoreKey(), Transport: d.way, Files: disk.Files{}, OnEvent: d.note}
	return d
}

// anotherDeviceAtOnce returns another device of p, which begins to connect.
func (p *person) anotherDeviceAtOnce(net *fakeserver.Net) *person {
	p.t.Helper()
	d := p.blankDevice(net)
	must(p.t, p.AddDevice(soon(p.t), d.cfg))
	d.open()
	must(p.t, d.ConnectAll())
	return d
}

// A new device is added to all conversations, reads what is said from then on, and what
// it says comes from the same person.
func TestDeviceJoinsConversations(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := fakeserver.NewNet()
		a, b, c := join(t, net, "alice", host), join(t, net, "bob", host), join(t, net, "carol", "there.example")
		direct, err := a.Direct(t.Context(), b.Address())
		must(t, err)
		a.say(direct, "before")
		id := group(t, b, a, c)
		pass(time.Second)
		b.accept()
		phone := a.anotherDevice(net)
		pass(10 * time.Second)
		for _, id := range []chat.ConversationID{direct, id} {
			got := phone.status(id)
			if got.Status != chat.StatusActive {
				t.Fatalf("on the new device: %+v", got)
			}
		}
		a.say(direct, "from the desk")
		pass(time.Second)
		phone.say(direct, "from the phone")
		pass(time.Second)
		b.say(direct, "to both")
		pass(time.Second)
		phone.say(id, "in the group")
		pass(5 * time.Second)
		want(t, "alice", a.texts(direct), []string{"before", "from the desk", "from the phone", "to both"})
		want(t, "alice's phone", phone.texts(direct), []string{"from the desk", "from the phone", "to both"})
		want(t, "bob", b.texts(direct), []string{"before", "from the desk", "from the phone", "to both"})
		for _, p := range []*person{a, b, c} {
			want(t, "in the group", p.texts(id), []string{"in the group"})
		}
		for _, p := range []*person{a, phone} {
			for _, m := range p.history(direct) {
				if own := m.From == a.Address(); own != m.Own || own && m.State != chat.StateDelivered {
					t.Errorf("%+v", m)
				}
			}
		}
		if n := len(b.status(id).Name); n == 0 || b.status(id).Members != 3 || b.status(direct).Members != 2 {
			t.Errorf("people: %d and %d", b.status(id).Members, b.status(direct).Members)
		}
		if got := a.status(direct).Unread; got != 1 {
			t.Errorf("%d unread, but one message came from somebody else", got)
		}
		for _, p := range []*person{a, b, c, phone} {
			for _, err := range p.failed() {
				t.Errorf("%v: %v", p.Address(), err)
			}
		}
	})
}

// leaves returns how many devices of everybody are in the group of a conversation, by
// name.
func (p *person) leaves(id chat.ConversationID) map[string]int {
	p.t.Helper()
	all, err := p.Leaves(id)
	must(p.t, err)
	return all
}

func wantLeaves(t testing.TB, what string, p *person, id chat.ConversationID, want map[string]int) {
	t.Helper()
	if got := p.leaves(id); !maps.Equal(got, want) {
		t.Errorf("%s: devices in the group: %v, want %v", what, got, want)
	}
}

// A revoked device is removed from all conversations by few commits, before anything
// else is said. What it said before still counts.
func TestRevokedDeviceGoes(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := fakeserver.NewNet()
		a, b, c := join(t, net, "alice", host), join(t, net, "bob", host), join(t, net, "carol", "there.example")
		id := group(t, b, a, c)
		phone, tablet := a.anotherDevice(net), a.anotherDevice(net)
		pass(20 * time.Second)
		wantLeaves(t, "before", c, id, map[string]int{"alice": 3, "bob": 1, "carol": 1})
		phone.say(id, "said before")
		pass(time.Second)
		before, err := b.Epoch(id)
		must(t, err)
		must(t, a.RevokeDevice(soon(t), phone.Device()))
		must(t, tablet.SyncOwnChain(soon(t)))
		a.say(id, "not for the thief")
		pass(time.Minute)
		wantLeaves(t, "after", c, id, map[string]int{"alice": 2, "bob": 1, "carol": 1})
		after, err := b.Epoch(id)
		must(t, err)
		if after-before > 2 {
			t.Errorf("%d commits for one device", after-before)
		}
		for _, p := range []*person{a, b, c, tablet} {
			want(t, p.Address().Name, p.texts(id), []string{"said before", "not for the thief"})
			for _, err := range p.failed() {
				t.Errorf("%v: %v", p.Address(), err)
			}
		}
		want(t, "the thief", phone.texts(id), []string{"said before"})
		if got := phone.status(id).Status; got != chat.StatusRemoved {
			t.Errorf("on the revoked device: %v", got)
		}
		if got := b.status(id).Members; got != 3 {
			t.Errorf("%d members", got)
		}
	})
}

// Who leaves on one device has left on all, by one commit and with one notice.
func TestLeavingTakesAllDevices(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := fakeserver.NewNet()
		a, b, c := join(t, net, "alice", host), join(t, net, "bob", host), join(t, net, "carol", host)
		id := group(t, b, a, c)
		phone := a.anotherDevice(net)
		pass(20 * time.Second)
		must(t, phone.Leave(t.Context(), id))
		pass(time.Minute)
		wantLeaves(t, "after", c, id, map[string]int{"bob": 1, "carol": 1})
		for _, p := range []*person{a, phone} {
			if got := p.status(id).Status; got != chat.StatusLeft {
				t.Errorf("status %v", got)
			}
			for _, err := range p.failed() {
				t.Error(err)
			}
		}
		left := 0
		must(t, c.Messages().History(id, func(m chat.Message) bool {
			if m.Notice != nil && (m.Notice.Kind == chat.NoticeLeft || m.Notice.Kind == chat.NoticeRemoved) {
				left++
			}
			return true
		}))
		if left != 1 {
			t.Errorf("%d notices say that somebody went", left)
		}
		b.say(id, "without alice")
		pass(time.Second)
		want(t, "carol", c.texts(id), []string{"without alice"})
	})
}

// Conversations that begin later have all devices of everybody from the start.
func TestConversationsBeginWithAllDevices(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := fakeserver.NewNet()
		a, b, c := join(t, net, "alice", host), join(t, net, "bob", "there.example"), join(t, net, "carol", host)
		phone, laptop := a.anotherDevice(net), b.anotherDevice(net)
		id := group(t, a, b, c)
		laptop.accept()
		pass(10 * time.Second)
		wantLeaves(t, "group", c, id, map[string]int{"alice": 2, "bob": 2, "carol": 1})
		direct, err := phone.Direct(t.Context(), b.Address())
		must(t, err)
		phone.say(direct, "hello")
		pass(10 * time.Second)
		laptop.accept()
		pass(10 * time.Second)
		laptop.say(direct, "hello from the laptop")
		pass(10 * time.Second)
		wantLeaves(t, "direct", laptop, direct, map[string]int{"alice": 2, "bob": 2})
		for _, p := range []*person{a, phone, b, laptop} {
			want(t, p.Address().Name, p.texts(direct), []string{"hello", "hello from the laptop"})
			for _, err := range p.failed() {
				t.Error(err)
			}
		}
		again, err := a.Direct(t.Context(), b.Address())
		must(t, err)
		if again != direct {
			t.Error("the other device begins another conversation")
		}
	})
}

// What is read on one device is read on the others, where receipts are sent.
func TestReadOnOneDeviceIsReadOnAll(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := fakeserver.NewNet()
		a, b := join(t, net, "alice", host), join(t, net, "bob", host)
		phone := a.anotherDevice(net)
		id, err := b.Direct(t.Context(), a.Address())
		must(t, err)
		b.say(id, "one")
		pass(5 * time.Second)
		a.accept()
		phone.accept()
		pass(5 * time.Second)
		b.say(id, "two")
		pass(5 * time.Second)
		if a.status(id).Unread == 0 || phone.status(id).Unread == 0 {
			t.Fatalf("unread: %d and %d", a.status(id).Unread, phone.status(id).Unread)
		}
		must(t, phone.MarkRead(t.Context(), id))
		pass(5 * time.Second)
		if a.status(id).Unread != 0 || phone.status(id).Unread != 0 {
			t.Errorf("unread: %d and %d", a.status(id).Unread, phone.status(id).Unread)
		}
	})
}
