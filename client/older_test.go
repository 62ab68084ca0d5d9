// SPDX-License-Identifier: AGPL-3.0-or-later

package client_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/fakeserver"
	"github.com/securecrypt/securecrypt/protocol"
)

// older has a server refuse what servers do that know neither credit nor
// delivery tokens: requests that they do not know, and fields, which end the
// connection.
func older(s *fakeserver.Server) {
	malformed := fakeserver.Verdict{Refuse: &protocol.Error{Code: protocol.CodeMalformed}, DropAfter: true}
	s.SetFaults(fakeserver.Faults{Request: func(_ string, op protocol.Op, b protocol.Body) fakeserver.Verdict {
		switch b := b.(type) {
		case *protocol.ChannelOpen:
			if b.UpTo != 0 {
				return malformed
			}
		case *protocol.LetterSend:
			if b.Token != nil {
				return malformed
			}
		}
		switch op {
		case protocol.OpMailboxToken, protocol.OpChannelGrant, protocol.OpChannelDelete:
			return fakeserver.Verdict{Refuse: &protocol.Error{Code: protocol.CodeUnsupported}}
		}
		return fakeserver.Verdict{}
	}})
}

// Servers that are older than this program carry conversations, after restarts,
// too, and letters of contacts.
func TestOlderServers(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := fakeserver.NewNet()
		older(net.Server(host))
		a, b := join(t, net, "alice", host), join(t, net, "bob", host)
		var all []chat.ConversationID
		for range 10 {
			all = append(all, group(t, a, b))
		}
		pass(time.Minute)
		b.restart()
		pass(time.Minute)
		for i, id := range all {
			a.say(id, "after a restart")
			pass(time.Second)
			want(t, fmt.Sprintf("bob in the conversation %d", i), b.texts(id), []string{"after a restart"})
		}
		id := group(t, a, b)
		if c := b.has(id); c == nil || c.Status != chat.StatusActive {
			t.Errorf("a contact's letter did not arrive: %v", c)
		}
	})
}
