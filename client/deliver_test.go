// SPDX-License-Identifier: AGPL-3.0-or-later

package client_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/fakeserver"
	"github.com/securecrypt/securecrypt/protocol"
)

// A server that takes no letters, or no trees, holds up the invitations to no
// other.
func TestInvitationsWaitForNoOtherServer(t *testing.T) {
	for _, members := range []int{0, 40} { // 40: the tree does not fit into a letter
		t.Run(fmt.Sprint(members), func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				net := fakeserver.NewNet()
				alice, bob, eve, dan := join(t, net, "alice", host), join(t, net, "bob", host), join(t, net, "eve", "there.example"), join(t, net, "dan", "away.example")
				first := []account.Address{dan.Address(), bob.Address()}
				for i := range members {
					p := join(t, net, fmt.Sprintf("other%d", i), host)
					first = append(first, p.Address())
					p.Close()
				}
				busy := &protocol.Error{Code: protocol.CodeUnavailable}
				net.Server("away.example").SetFaults(fakeserver.Faults{
					Request: func(_ string, op protocol.Op, _ protocol.Body) (v fakeserver.Verdict) {
						if op == protocol.OpLetterSend {
							v.Refuse = busy
						}
						return v
					},
					Blob: func(string, string) error { return busy },
				})
				id, err := alice.CreateGroup(t.Context(), "Group", first)
				must(t, err)
				must(t, alice.ConnectConversation(id))
				pass(2 * time.Second)
				if bob.has(id) == nil {
					t.Error("bob waits")
				}
				pass(time.Hour) // until the other server is asked seldom
				must(t, alice.Groups().Add(t.Context(), id, []account.Address{eve.Address()}))
				pass(2 * time.Second)
				if eve.has(id) == nil || dan.has(id) != nil {
					t.Errorf("eve has %v, dan %v", eve.has(id), dan.has(id))
				}
				net.Server("away.example").SetFaults(fakeserver.Faults{})
				pass(10 * time.Minute)
				if c := dan.has(id); c == nil || c.Status != chat.StatusRequest {
					t.Errorf("dan has %v", c)
				}
			})
		})
	}
}
