// SPDX-License-Identifier: AGPL-3.0-or-later

package client_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client"
	"github.com/securecrypt/securecrypt/client/backend"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/fakeserver"
	"github.com/securecrypt/securecrypt/mls"
)

// privateHosts are what addresses can name on this machine and in private
// networks.
var privateHosts = []string{
	"127.0.0.1:22", "localhost:6379", "10.0.0.1", "192.168.1.1:8443", "[::1]:80", "[fe80::1]", "169.254.169.254", "printer", "printer:631",
	"172.16.0.1", "100.64.0.1", "0.0.0.0:80", "224.0.0.1", "[::]:80", "[fd00::1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::1]", "app.localhost", "nas.local", "db.internal",
	"router.home.arpa", "127.0.0.0x1", "0x7f000001", "a.0x",
}

func TestPrivateHosts(t *testing.T) {
	for _, h := range privateHosts {
		if !backend.PrivateHost(h) {
			t.Errorf("%s counts as public", h)
		}
	}
	for _, h := range []string{"chat.example", "chat.example:8443", "142.250.74.106:443", "[2a00:1450:4001:82f::200a]:7480", "localhost.example.com", "0xcafe.org", "local.example"} {
		if backend.PrivateHost(h) {
			t.Errorf("%s counts as private", h)
		}
	}
}

// Who has a public server contacts no private one: not by writing there, not
// by a letter that leads there, not for a member who claims to be there.
func TestPrivateHostsAreNotContacted(t *testing.T) {
	for _, h := range privateHosts {
		t.Run(h, func(t *testing.T) {
			if _, err := account.ParseAddress("mallory@" + h); err != nil {
				t.Skip("no address can name this host")
			}
			inBubble(t, func(t *testing.T) {
				net := fakeserver.NewNet()
				bob, mallory := join(t, net, "bob", host), join(t, net, "mallory", h)
				m := bob.metered()
				_, err := bob.Direct(t.Context(), mallory.Address())
				if !errors.Is(err, backend.ErrPrivateHost) || !strings.Contains(err.Error(), h) {
					t.Errorf("writing there: %v", err)
				}
				id := mallory.begins(bob)
				mallory.say(id, "hello")
				pass(time.Hour)
				if c := bob.has(id); c != nil {
					t.Errorf("there is a request: %+v", c)
				}
				carol := join(t, net, "carol", "there.example")
				in := group(t, carol, bob)
				if err := carol.Groups().Add(t.Context(), in, []account.Address{mallory.Address()}); !errors.Is(err, backend.ErrPrivateHost) {
					t.Errorf("adding somebody there: %v", err)
				}
				ghost, err := client.Ghost(mallory.Address(), time.Now())
				must(t, err)
				entry, next, err := carol.Forge(in, func(g *mls.Group) ([]byte, *mls.StagedCommit, error) {
					return staged(g, mls.CommitOptions{Add: []*mls.KeyPackage{ghost}})
				})
				must(t, err)
				carol.Close()
				there := net.Server("there.example")
				there.Inject(there.Channels()[0], entry, next)
				pass(time.Hour)
				if c := bob.status(in); c.Members != 3 || c.Status != chat.StatusActive {
					t.Errorf("the group is %v with %d members", c.Status, c.Members)
				}
				m.mu.Lock()
				defer m.mu.Unlock()
				if n := m.dials[h] + m.blobs[h]; n != 0 {
					t.Errorf("%d contacts", n)
				}
			})
		})
	}
}

// In a private network people reach each other.
func TestPrivateServersReachEachOther(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := fakeserver.NewNet()
		bob, alice := join(t, net, "bob", "10.0.0.1:8443"), join(t, net, "alice", "chat.internal")
		id := group(t, alice, bob)
		alice.say(id, "hello")
		pass(time.Minute)
		want(t, "bob", bob.texts(id), []string{"hello"})
	})
}
