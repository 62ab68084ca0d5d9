// SPDX-License-Identifier: AGPL-3.0-or-later

package client_test

import (
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/client"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/fakeserver"
)

// recovered returns a new device of p that came back with the recovery key alone.
func (p *person) recovered(net *fakeserver.Net) *person {
	p.t.Helper()
	d := p.blankDevice(net)
	must(p.t, client.Recover(soon(p.t), d.cfg, p.Address(), p.key))
	d.open()
	must(p.t, d.ConnectAll())
	return d
}

// Whoever lost all devices has contacts, settings and conversations back with the
// recovery key, and goes on writing in them. What was said is gone.
func TestRecoveryBringsConversationsBack(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := fakeserver.NewNet()
		a, b, c := join(t, net, "alice", host), join(t, net, "bob", host), join(t, net, "carol", "there.example")
		direct, err := a.Direct(t.Context(), b.Address())
		must(t, err)
		a.say(direct, "hello")
		pass(time.Second)
		b.accept()
		id := group(t, c, a, b)
		must(t, a.People().SetName(b.Address(), "Bobby"))
		_, err = a.People().Resolve(soon(t), b.Address())
		must(t, err)
		must(t, a.People().MarkVerified(b.Address()))
		must(t, a.Account().SetProfile(t.Context(), "Alice"))
		settings, err := a.Account().Settings()
		must(t, err)
		settings.Typing = false
		must(t, a.Account().SetSettings(t.Context(), settings))
		must(t, a.List().SetPinned(t.Context(), id, true))
		pass(time.Hour)
		a.Close() // the device is gone
		again := a.recovered(net)
		pass(2 * time.Hour)
		for _, conv := range []chat.ConversationID{direct, id} {
			if got := again.status(conv); got.Status != chat.StatusActive {
				t.Fatalf("%+v", got)
			}
			again.say(conv, "I am back")
		}
		pass(time.Minute)
		b.say(direct, "welcome")
		c.say(id, "welcome back")
		pass(time.Minute)
		want(t, "bob", b.texts(direct), []string{"hello", "I am back", "welcome"})
		want(t, "alice", again.texts(direct), []string{"I am back", "welcome"})
		want(t, "carol", c.texts(id), []string{"I am back", "welcome back"})
		want(t, "alice", again.texts(id), []string{"I am back", "welcome back"})
		them, err := again.People().Contact(b.Address())
		must(t, err)
		now, err := again.Account().Settings()
		must(t, err)
		name, _, err := again.Account().Profile()
		must(t, err)
		if them.Name != "Bobby" || !them.Verified || now.Typing || name != "Alice" || !again.status(id).Pinned {
			t.Errorf("%+v %+v %q", them, now, name)
		}
		for _, p := range []*person{b, c, again} {
			for _, err := range p.failed() {
				t.Errorf("%v: %v", p.Address(), err)
			}
		}
		bob, err := b.People().Contact(a.Address())
		must(t, err)
		if bob.Blocked || b.status(direct).Members != 2 {
			t.Errorf("%+v", bob)
		}
	})
}

// A server that puts an older state in the place of a newer one is noticed by the
// devices that stored that, and has the newer one again.
func TestStateIsRolledBack(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := fakeserver.NewNet()
		a, b := join(t, net, "alice", host), join(t, net, "bob", host)
		pass(time.Hour)
		before := net.Server(host).Recovery("alice")
		if before.Counter == 0 {
			t.Fatal("nothing is kept")
		}
		must(t, a.People().SetName(b.Address(), "Bobby"))
		pass(time.Hour)
		after := net.Server(host).Recovery("alice")
		if after.Counter <= before.Counter {
			t.Fatalf("counter %d, then %d", before.Counter, after.Counter)
		}
		want(t, "failures", a.failed(), nil)
		net.Server(host).SetRecovery("alice", before)
		must(t, a.People().SetName(b.Address(), "Bob"))
		pass(time.Hour)
		if failed := a.failed(); len(failed) != 1 {
			t.Errorf("told: %v", failed)
		}
		if now := net.Server(host).Recovery("alice"); now.Counter <= after.Counter {
			t.Errorf("counter %d after %d", now.Counter, after.Counter)
		}
	})
}
