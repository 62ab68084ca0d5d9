// SPDX-License-Identifier: AGPL-3.0-or-later

package client_test

import (
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/fakeserver"
	"github.com/securecrypt/securecrypt/mls"
)

// roles returns the roles in a group as somebody sees them.
func roles(t *testing.T, p *person, id chat.ConversationID) map[string]chat.Role {
	t.Helper()
	members, err := p.Groups().Members(id)
	must(t, err)
	all := map[string]chat.Role{}
	for _, m := range members {
		all[m.Address.Name] = m.Role
	}
	return all
}

// A role goes with its member: who left or was removed, and is added again by an
// administrator, comes back without it.
func TestRolesGoWithTheMember(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := fakeserver.NewNet()
		alice, bob, carol, mallory := join(t, net, "alice", host), join(t, net, "bob", host), join(t, net, "carol", host), join(t, net, "mallory", host)
		id := group(t, alice, bob, carol, mallory)
		for p, role := range map[*person]chat.Role{carol: chat.RoleOwner, bob: chat.RoleAdmin, mallory: chat.RoleAdmin} {
			must(t, alice.Groups().SetRole(t.Context(), id, p.Address(), role))
		}
		pass(time.Minute)
		must(t, alice.Groups().Remove(t.Context(), id, []account.Address{bob.Address()}))
		must(t, carol.Leave(t.Context(), id))
		pass(time.Minute)
		must(t, mallory.Groups().Add(t.Context(), id, []account.Address{bob.Address(), carol.Address()}))
		pass(time.Minute)
		bob.accept()
		carol.accept()
		pass(time.Minute)
		for _, p := range []*person{alice, bob, carol, mallory} {
			got := roles(t, p, id)
			if got["alice"] != chat.RoleOwner || got["mallory"] != chat.RoleAdmin || got["bob"] != chat.RoleMember || got["carol"] != chat.RoleMember || len(got) != 4 {
				t.Errorf("%v sees %v", p.Address(), got)
			}
			must(t, p.Messages().History(id, func(m chat.Message) bool {
				if n := m.Notice; n != nil && n.Kind == chat.NoticeRole && n.Role == chat.RoleMember {
					t.Errorf("%v is told that %v lost a role", p.Address(), n.Whom)
				}
				return true
			}))
		}
		if err := bob.Groups().Add(t.Context(), id, []account.Address{alice.Address()}); err == nil {
			t.Error("bob still administers")
		}
		if err := alice.Groups().SetRole(t.Context(), id, account.Address{Name: "nobody", Host: host}, chat.RoleOwner); err == nil {
			t.Error("a role was given to nobody")
		}
	})
}

// An administrator whose client adds somebody with the role that the state still
// has of earlier is refused.
func TestRolesThatComeBackAreRefused(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		x := newTrio(t, true)
		carol := join(t, x.net, "carol", host)
		must(t, x.alice.Groups().Add(t.Context(), x.id, []account.Address{carol.Address()}))
		pass(time.Minute)
		carol.accept()
		must(t, x.alice.Groups().SetRole(t.Context(), x.id, carol.Address(), chat.RoleAdmin))
		pass(time.Minute)
		// As clients did that left the role in the state.
		carol.Close()
		x.forgeAs(t, x.alice, mls.CommitOptions{Remove: []mls.LeafIndex{3}})
		for _, p := range []*person{x.bob, x.mallory} {
			if conv := p.status(x.id); conv.Status != chat.StatusActive || conv.Members != 3 {
				t.Fatalf("%v: %v, %d members", p.Address(), conv.Status, conv.Members)
			}
		}
		kp, err := mls.ParseKeyPackage(x.net.Server(host).TakeKeyPackage("carol"))
		must(t, err)
		x.forgeAs(t, x.mallory, mls.CommitOptions{Add: []*mls.KeyPackage{kp}})
		x.stopped(t, x.bob, nil)
	})
}
