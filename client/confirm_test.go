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

// A server that denies an account for a while, or says what cannot be verified,
// holds what that member says. Afterwards the group goes on everywhere.
func TestBadAnswersHoldTheirMemberAlone(t *testing.T) {
	lies := map[string]fakeserver.Faults{
		"no such account": {Account: func(string, [][]byte) [][]byte { return nil }},
		"no statement":    {Account: func(string, [][]byte) [][]byte { return [][]byte{} }},
		"a broken statement": {Account: func(_ string, s [][]byte) [][]byte {
			bad := append([]byte(nil), s[0]...)
			bad[len(bad)-1] ^= 1
			return [][]byte{bad}
		}},
		"junk": {Account: func(string, [][]byte) [][]byte { return [][]byte{{1, 2, 3}} }},
	}
	for _, code := range []protocol.ErrorCode{
		protocol.CodeNotFound, protocol.CodeForbidden, protocol.CodeInvalid, protocol.CodeUnsupported, protocol.CodeUnauthenticated,
		protocol.CodeIdentified, protocol.CodeTooLarge, protocol.CodeQuotaExceeded, protocol.CodeInternal,
	} {
		lies[fmt.Sprint("refused: ", code)] = fakeserver.Faults{Request: func(_ string, op protocol.Op, _ protocol.Body) (v fakeserver.Verdict) {
			if op == protocol.OpAccountGet {
				v.Refuse = &protocol.Error{Code: code}
			}
			return v
		}}
	}
	for name, lie := range lies {
		inBubble(t, func(t *testing.T) {
			net := fakeserver.NewNet()
			a, b, c := join(t, net, "alice", host), join(t, net, "bob", host), join(t, net, "carol", "there.example")
			id := group(t, a, b)
			b.way.Partition("", true)
			must(t, a.Groups().Add(t.Context(), id, []account.Address{c.Address()}))
			pass(time.Minute)
			c.accept()
			asked := 0
			truth := lie
			lie.Request = func(who string, op protocol.Op, body protocol.Body) (v fakeserver.Verdict) {
				if op == protocol.OpAccountGet && who == "bob" {
					asked++
				}
				if truth.Request != nil {
					v = truth.Request(who, op, body)
				}
				return v
			}
			net.Server("there.example").SetFaults(lie)
			b.restart()
			b.way.Partition("", false)
			c.say(id, "from carol")
			pass(time.Minute)
			if conv := b.status(id); conv.Status != chat.StatusActive || len(b.texts(id)) != 0 {
				t.Errorf("%s: meanwhile bob's side is %v (%q) and shows %q", name, conv.Status, conv.Reason.Text, b.texts(id))
			}
			if asked < 2 || asked > 10 {
				t.Errorf("%s: bob asked %d times", name, asked)
			}
			net.Server("there.example").SetFaults(fakeserver.Faults{})
			pass(10 * time.Minute)
			b.say(id, "from bob")
			a.say(id, "from alice")
			pass(time.Minute)
			for _, p := range []*person{a, b, c} {
				if conv := p.status(id); conv.Status != chat.StatusActive || len(p.texts(id)) != 3 {
					t.Errorf("%s: %v is %v (%q) and has %q", name, p.Address(), conv.Status, conv.Reason.Text, p.texts(id))
				}
				must(t, p.Idle(id))
			}
		})
	}
}

// A server that refuses to open a channel for a while loses nobody the conversation;
// after one that goes on, another member lets the device in again.
func TestOneRefusalLosesNoConversation(t *testing.T) {
	refuse := fakeserver.Faults{Request: func(who string, op protocol.Op, _ protocol.Body) (v fakeserver.Verdict) {
		if who == "bob" && op == protocol.OpChannelOpen {
			v.Refuse = &protocol.Error{Code: protocol.CodeForbidden}
		}
		return v
	}}
	for _, lasts := range []time.Duration{time.Minute, 4 * time.Minute, 20 * time.Minute} {
		inBubble(t, func(t *testing.T) {
			x := newTrio(t, false)
			x.net.Server(host).SetFaults(refuse)
			x.bob.restart()
			pass(lasts)
			x.net.Server(host).SetFaults(fakeserver.Faults{})
			pass(3 * time.Hour)
			x.alice.say(x.id, "hello")
			pass(time.Minute)
			conv := x.bob.status(x.id)
			if conv.Status != chat.StatusActive || len(x.bob.texts(x.id)) != 1 {
				t.Errorf("after %v of refusals: %v (%q), %q", lasts, conv.Status, conv.Reason.Text, x.bob.texts(x.id))
			}
		})
	}
}
