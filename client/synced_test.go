// SPDX-License-Identifier: AGPL-3.0-or-later

package client_test

import (
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/fakeserver"
	"github.com/securecrypt/securecrypt/content"
)

// pairOfDevices returns two devices of alice and one of bob, who talk to each other.
func pairOfDevices(t *testing.T) (net *fakeserver.Net, desk, phone, bob *person, id chat.ConversationID) {
	t.Helper()
	net = fakeserver.NewNet()
	desk, bob = join(t, net, "alice", host), join(t, net, "bob", host)
	id, err := desk.Direct(t.Context(), bob.Address())
	must(t, err)
	desk.say(id, "hello")
	pass(time.Second)
	bob.accept()
	phone = desk.anotherDevice(net)
	pass(10 * time.Second)
	return net, desk, phone, bob, id
}

// What is chosen on one device is chosen on the other.
func TestChoicesAreTheSameOnAllDevices(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net, desk, phone, bob, id := pairOfDevices(t)
		ctx := t.Context()
		until := time.Now().Add(time.Hour)
		must(t, desk.List().SetPinned(ctx, id, true))
		must(t, desk.List().SetMuted(ctx, id, until))
		must(t, phone.List().SetDraft(ctx, id, "a draft", content.MessageID{}))
		must(t, phone.People().SetName(bob.Address(), "Bobby"))
		settings, err := phone.Account().Settings()
		must(t, err)
		settings.Typing, settings.Interface = false, map[string]string{"language": "de"}
		must(t, phone.Account().SetSettings(ctx, settings))
		must(t, desk.Account().SetProfile(ctx, "Alice"))
		carol := join(t, net, "carol", host)
		must(t, desk.People().Block(ctx, carol.Address()))
		pass(5 * time.Second)
		for _, p := range []*person{desk, phone} {
			c := p.status(id)
			if !c.Pinned || c.MutedUntil.UnixMilli() != until.UnixMilli() || c.Draft != "a draft" || c.Name != "Bobby" {
				t.Errorf("%+v", c)
			}
			s, err := p.Account().Settings()
			must(t, err)
			if s.Typing || !s.ReadReports || s.Interface["language"] != "de" {
				t.Errorf("settings: %+v", s)
			}
			name, _, err := p.Account().Profile()
			must(t, err)
			if name != "Alice" {
				t.Errorf("profile: %q", name)
			}
			them, err := p.People().Contact(carol.Address())
			must(t, err)
			if !them.Blocked {
				t.Error("not blocked")
			}
		}
		must(t, phone.People().Unblock(carol.Address()))
		must(t, phone.List().SetPinned(ctx, id, false))
		must(t, desk.List().SetDraft(ctx, id, "", content.MessageID{}))
		pass(5 * time.Second)
		for _, p := range []*person{desk, phone} {
			them, err := p.People().Contact(carol.Address())
			must(t, err)
			if c := p.status(id); c.Pinned || c.Draft != "" || them.Blocked {
				t.Errorf("%+v %+v", c, them)
			}
		}
	})
}

// Of what two devices chose while neither heard of the other one counts, on both.
func TestConflictsAreSettled(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		_, desk, phone, _, id := pairOfDevices(t)
		for _, p := range []*person{desk, phone} {
			p.way.Partition("", true)
		}
		must(t, desk.List().SetDraft(t.Context(), id, "on the desk", content.MessageID{}))
		must(t, phone.List().SetDraft(t.Context(), id, "on the phone", content.MessageID{}))
		must(t, phone.List().SetDraft(t.Context(), id, "on the phone, later", content.MessageID{}))
		for _, p := range []*person{desk, phone} {
			p.way.Partition("", false)
		}
		pass(time.Minute)
		for _, p := range []*person{desk, phone} {
			if got := p.status(id).Draft; got != "on the phone, later" {
				t.Errorf("%q", got)
			}
		}
	})
}

// What was read on one device is read on nine others within five seconds, without
// receipts, too, and also on one that gets the message later.
func TestReadEverywhere(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net, desk, phone, bob, id := pairOfDevices(t)
		settings, err := desk.Account().Settings()
		must(t, err)
		settings.ReadReports = false
		must(t, desk.Account().SetSettings(t.Context(), settings))
		devices := []*person{desk, phone}
		for range 8 {
			devices = append(devices, desk.anotherDevice(net))
		}
		pass(time.Minute)
		late := devices[9]
		late.way.Partition("", true)
		bob.say(id, "one")
		bob.say(id, "two")
		pass(5 * time.Second)
		for i, d := range devices[:9] {
			if d.status(id).Unread != 2 {
				t.Fatalf("device %d: %d unread", i, d.status(id).Unread)
			}
		}
		must(t, phone.MarkRead(t.Context(), id))
		pass(5 * time.Second)
		for i, d := range devices[:9] {
			if n := d.status(id).Unread; n != 0 {
				t.Errorf("device %d: %d unread", i, n)
			}
		}
		late.way.Partition("", false)
		pass(time.Minute)
		want(t, "the late one", late.texts(id), []string{"one", "two"})
		if n := late.status(id).Unread; n != 0 {
			t.Errorf("the late one: %d unread", n)
		}
		if got := bob.history(id); got[len(got)-1].Read != 0 {
			t.Error("bob was told what was read")
		}
	})
}

// What was deleted stays deleted: on a device that was away, and before it came there.
func TestDeletedEverywhere(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		_, desk, phone, bob, id := pairOfDevices(t)
		m := bob.say(id, "for your eyes")
		pass(time.Second)
		want(t, "phone", phone.texts(id), []string{"for your eyes"})
		phone.way.Partition("", true)
		must(t, desk.Messages().Forget(id, m.ID))
		late := bob.say(id, "another one")
		pass(time.Second)
		must(t, desk.Messages().Forget(id, late.ID))
		pass(time.Second)
		phone.way.Partition("", false)
		pass(time.Minute)
		want(t, "phone", phone.texts(id), nil)
		must(t, desk.Leave(t.Context(), id))
		must(t, desk.List().Delete(t.Context(), id))
		pass(time.Minute)
		for _, p := range []*person{desk, phone} {
			if all, err := p.Conversations(); err != nil || len(all) != 0 {
				t.Errorf("%+v %v", all, err)
			}
		}
	})
}

// A request that is accepted on one device is accepted on all.
func TestAcceptedEverywhere(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net, desk, phone, _, _ := pairOfDevices(t)
		carol := join(t, net, "carol", "there.example")
		id, err := carol.Direct(t.Context(), desk.Address())
		must(t, err)
		carol.say(id, "may I?")
		pass(10 * time.Second)
		phone.accept()
		pass(time.Minute)
		carol.say(id, "thanks")
		pass(10 * time.Second)
		for _, p := range []*person{desk, phone} {
			if got := p.status(id).Status; got != chat.StatusActive {
				t.Errorf("%v", got)
			}
			want(t, "alice", p.texts(id), []string{"may I?", "thanks"})
		}
	})
}

// Notes to self are a conversation of their own, on all devices, also those that come
// later, and there is none in the list before the first note.
func TestNotesToSelf(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net, desk, phone, _, _ := pairOfDevices(t)
		all, err := desk.Conversations()
		must(t, err)
		if len(all) != 1 {
			t.Errorf("%d conversations before there is a note", len(all))
		}
		id, err := desk.Direct(t.Context(), desk.Address())
		must(t, err)
		desk.say(id, "milk")
		pass(5 * time.Second)
		other, err := phone.Direct(t.Context(), desk.Address())
		must(t, err)
		if other != id {
			t.Fatal("the phone has other notes")
		}
		phone.say(id, "bread")
		pass(5 * time.Second)
		tablet := phone.anotherDevice(net)
		pass(10 * time.Second)
		desk.say(id, "butter")
		pass(5 * time.Second)
		want(t, "desk", desk.texts(id), []string{"milk", "bread", "butter"})
		want(t, "phone", phone.texts(id), []string{"milk", "bread", "butter"})
		want(t, "tablet", tablet.texts(id), []string{"butter"})
		c := desk.status(id)
		if !c.Own || c.Group || c.Members != 1 || c.Peer != desk.Address() || c.Unread != 0 {
			t.Errorf("%+v", c)
		}
		if err := desk.Leave(t.Context(), id); err == nil {
			t.Error("the notes were left")
		}
		alone := join(t, net, "dora", host)
		id, err = alone.Direct(t.Context(), alone.Address())
		must(t, err)
		alone.say(id, "nobody else")
		pass(5 * time.Second)
		if got := alone.history(id)[0].State; got != chat.StateSent {
			t.Errorf("a note of somebody with one device: %v", got)
		}
	})
}

// Whom one device blocked does not reach another one that was off line meanwhile, and
// reaches it again once that is taken back.
func TestBlockedEverywhere(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		_, desk, phone, bob, id := pairOfDevices(t)
		phone.Close()
		must(t, desk.People().Block(t.Context(), bob.Address()))
		pass(time.Second)
		bob.say(id, "can you hear me?")
		pass(time.Minute)
		var shown []string
		phone.cfg.OnEvent = func(e chat.Event) {
			if m, ok := e.(chat.MessageEvent); ok && m.Message.From == bob.Address() {
				shown = append(shown, m.Message.Text)
			}
		}
		phone.open()
		must(t, phone.ConnectAll())
		pass(time.Minute)
		want(t, "shown", shown, nil)
		if got := phone.status(id).Status; got != chat.StatusBlocked {
			t.Errorf("%v", got)
		}
		must(t, phone.People().Unblock(bob.Address()))
		pass(time.Minute)
		them, err := desk.People().Contact(bob.Address())
		must(t, err)
		if them.Blocked {
			t.Error("still blocked on the other device")
		}
	})
}

// Whoever begins the conversation of the own devices when there is one already, begins
// none.
func TestOwnConversationIsBegunOnce(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		alice := join(t, fakeserver.NewNet(), "alice", host)
		must(t, alice.BeginOwn())
		must(t, alice.BeginOwn())
		if n := alice.Actors(); n != 1 {
			t.Errorf("%d conversations, want 1", n)
		}
	})
}

// An account has room for sixteen devices at a time.
func TestSixteenDevices(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net, desk, phone, bob, id := pairOfDevices(t)
		devices := []*person{desk, phone}
		for range 14 {
			devices = append(devices, desk.anotherDevice(net))
		}
		pass(5 * time.Minute)
		wantLeaves(t, "bob", bob, id, map[string]int{"alice": 16, "bob": 1})
		bob.say(id, "to all of you")
		pass(10 * time.Second)
		for i, d := range devices {
			if all := d.texts(id); len(all) == 0 || all[len(all)-1] != "to all of you" {
				t.Errorf("device %d has %q", i, all)
			}
		}
		if err := desk.AddDevice(soon(t), desk.blankDevice(net).cfg); err == nil {
			t.Error("a seventeenth device was added")
		}
	})
}
