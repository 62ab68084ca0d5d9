// SPDX-License-Identifier: AGPL-3.0-or-later

package client_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/fakeserver"
	"github.com/securecrypt/securecrypt/client/internal/records"
	"github.com/securecrypt/securecrypt/client/internal/rules"
	"github.com/securecrypt/securecrypt/mls"
	"github.com/securecrypt/securecrypt/protocol"
)

// A device that is added to the group in somebody's name, by a member without a role,
// is found out: it is not in the chain that it claims.
func TestGhostDevicesAreFoundOut(t *testing.T) {
	for name, claims := range map[string][]records.ChainHead{
		"no claim": nil, "another chain": {{Length: 1, Head: account.Head{1}}},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				x := newTrio(t, false)
				x.forge(t, func(g *mls.Group) ([]byte, *mls.StagedCommit, error) {
					kp, err := client.Ghost(x.alice.Address(), time.Now(), claims...)
					must(t, err)
					return staged(g, mls.CommitOptions{Add: []*mls.KeyPackage{kp}})
				})
				x.stopped(t, x.alice, chat.ErrImpostor)
				x.stopped(t, x.bob, chat.ErrImpostor)
			})
		})
	}
}

// A device that claims a state of the chain that nobody has seen hears nothing: what is
// said waits.
func TestNobodySpeaksToDevicesOfTheFuture(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		x := newTrio(t, false)
		x.forge(t, func(g *mls.Group) ([]byte, *mls.StagedCommit, error) {
			kp, err := client.Ghost(x.alice.Address(), time.Now(), records.ChainHead{Length: 9, Head: account.Head{1}})
			must(t, err)
			return staged(g, mls.CommitOptions{Add: []*mls.KeyPackage{kp}})
		})
		before := len(x.net.Server(host).Entries(x.channel))
		for _, p := range []*person{x.alice, x.bob} {
			p.say(x.id, "secret")
		}
		pass(time.Hour)
		if after := len(x.net.Server(host).Entries(x.channel)); after != before {
			t.Errorf("%d entries went into the channel", after-before)
		}
		for _, p := range []*person{x.alice, x.bob} {
			if c := p.status(x.id); c.Status != chat.StatusActive || c.Waiting != 1 {
				t.Errorf("%v: %v, %d waiting", p.Address(), c.Status, c.Waiting)
			}
		}
	})
}

// A member who says that somebody's device was revoked, which it was not, is found out.
func TestFalseRevocationsAreFoundOut(t *testing.T) {
	for name, one := range map[string]struct {
		claim func(*account.Chain) []records.NamedChain
		why   error
	}{
		"nothing said": {func(*account.Chain) []records.NamedChain { return nil }, rules.ErrRule},
		"the present one": {func(c *account.Chain) []records.NamedChain {
			return []records.NamedChain{{Address: c.Address().String(), Chain: rules.HeadOf(c)}}
		}, nil},
		"another chain": {func(c *account.Chain) []records.NamedChain {
			return []records.NamedChain{{Address: c.Address().String(), Chain: records.ChainHead{Length: 1}}}
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				x := newTrio(t, false)
				chain, err := x.bob.People().Resolve(soon(t), x.alice.Address())
				must(t, err)
				aad, err := rules.EncodeClaims(one.claim(chain))
				must(t, err)
				x.forge(t, func(g *mls.Group) ([]byte, *mls.StagedCommit, error) {
					return staged(g, mls.CommitOptions{Remove: []mls.LeafIndex{0}, AAD: aad})
				})
				x.stopped(t, x.bob, one.why)
			})
		})
	}
}

// A server that hides the newest statements of a chain keeps a new device from being
// confirmed, and makes nobody stop.
func TestHiddenStatementsAreNoContradiction(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := fakeserver.NewNet()
		a, b, c := join(t, net, "alice", host), join(t, net, "bob", host), join(t, net, "carol", "there.example")
		id := group(t, b, a, c)
		hide := func(who string) fakeserver.Faults {
			return fakeserver.Faults{Account: func(name string, statements [][]byte) [][]byte {
				if name == who {
					return statements[:1]
				}
				return statements
			}}
		}
		phone := a.anotherDevice(net)
		net.Server(host).SetFaults(hide("alice"))
		pass(time.Minute)
		wantLeaves(t, "carol", c, id, map[string]int{"alice": 2, "bob": 1, "carol": 1})
		c.say(id, "waits")
		pass(time.Hour)
		if got := c.status(id); got.Status != chat.StatusActive || got.Waiting != 1 {
			t.Fatalf("carol: %v, %d waiting", got.Status, got.Waiting)
		}
		net.Server(host).SetFaults(fakeserver.Faults{})
		pass(2 * time.Hour)
		for _, p := range []*person{a, phone, b, c} {
			want(t, p.Address().Name, p.texts(id), []string{"waits"})
		}
	})
}

// Where the server has no key package for a new device, the conversations go on without
// it, and it comes later.
func TestWithheldDevicesComeLater(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := fakeserver.NewNet()
		a, b := join(t, net, "alice", host), join(t, net, "bob", host)
		id := group(t, b, a)
		var withhold atomic.Bool
		withhold.Store(true)
		net.Server(host).SetFaults(fakeserver.Faults{Request: func(_ string, op protocol.Op, body protocol.Body) fakeserver.Verdict {
			if _, ok := body.(*protocol.KeyPackagesPublish); ok && withhold.Load() {
				return fakeserver.Verdict{Refuse: &protocol.Error{Code: protocol.CodeUnavailable}}
			}
			return fakeserver.Verdict{}
		}})
		phone := a.anotherDeviceAtOnce(net)
		pass(time.Minute)
		a.say(id, "meanwhile")
		pass(time.Minute)
		want(t, "bob", b.texts(id), []string{"meanwhile"})
		withhold.Store(false)
		pass(2 * time.Hour)
		wantLeaves(t, "bob", b, id, map[string]int{"alice": 2, "bob": 1})
		a.say(id, "to all")
		pass(time.Minute)
		want(t, "the phone", phone.texts(id), []string{"to all"})
	})
}
