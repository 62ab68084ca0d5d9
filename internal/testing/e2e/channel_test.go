// SPDX-License-Identifier: AGPL-3.0-or-later

package e2e_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/protocol"
	"github.com/securecrypt/securecrypt/server/servertest"
)

// requests returns the bodies of the requests of an operation that were sent.
func (c *recorder) requests(op protocol.Op) (all []protocol.Body) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, b := range c.sent {
		for len(b) > 0 {
			f, rest, err := protocol.ParseFrame(b)
			if err != nil {
				break
			}
			b = rest
			body, err := protocol.NewRequest(op)
			if f.Kind == protocol.KindRequest && protocol.Op(f.Code) == op && err == nil && protocol.DecodeBody(f.Body, body) == nil {
				all = append(all, body)
			}
		}
	}
	return all
}

// pair returns two people who talk, and what the first one sends.
func pair(t *testing.T, s *servertest.Instance) (a, b *person, id chat.ConversationID, wire *recorder) {
	wire = &recorder{Transport: newTransport(t)}
	a, b = newPerson(t, s.Host, "alice", wire), newPerson(t, s.Host, "bob", newTransport(t))
	id, err := a.Direct(soon(t), b.Address())
	must(t, err)
	must(t, a.ConnectAll())
	a.say(id, "hello")
	b.accept()
	eventually(t, func() error {
		if got := b.texts(id); !slices.Equal(got, []string{"hello"}) {
			return fmt.Errorf("bob has %q", got)
		}
		return nil
	})
	return a, b, id, wire
}

// The relay deletes the channel of a conversation that is over, and the one who
// left lets go of it.
func TestRelayDeletesChannelsThatAreOver(t *testing.T) {
	s := servertest.Start(t, servertest.Options{})
	a, b, id, wire := pair(t, s)
	created := wire.requests(protocol.OpChannelCreate)
	if len(created) != 1 {
		t.Fatalf("%d channels were created", len(created))
	}
	channel := created[0].(*protocol.ChannelCreate).Channel
	stranger := servertest.Dial(t, s)
	again := &protocol.ChannelCreate{Channel: channel, Key: servertest.Public(channel, 0)}
	stranger.Refused(protocol.CodeExists, protocol.OpChannelCreate, again)
	must(t, a.Leave(soon(t), id))
	must(t, a.List().Delete(soon(t), id))
	eventually(t, func() error {
		err := stranger.Do(protocol.OpChannelCreate, again, &protocol.Empty{})
		if err != nil && !errors.Is(err, &protocol.Error{Code: protocol.CodeExists}) {
			t.Fatal(err)
		}
		return err
	})
	if conv, err := b.Conversation(id); err != nil || conv.Status != chat.StatusRemoved {
		t.Errorf("bob's is %v, %v", conv.Status, err)
	}
	eventually(t, func() error {
		if err := a.WaitUntilSent(soon(t), id); !errors.Is(err, chat.ErrNoConversation) {
			return fmt.Errorf("alice's is still there: %w", err)
		}
		return nil
	})
}

// The relay delivers what there is credit for, and as it is given: messages long
// and short arrive, in their order, although many were missed.
func TestRelayKeepsToCredit(t *testing.T) {
	s := servertest.Start(t, servertest.Options{})
	b, a, id, wire := pair(t, s) // the first one is away
	b.Close()
	all := []string{"hello"}
	for i := range 600 {
		text := fmt.Sprint(i)
		if i%10 == 0 {
			text += strings.Repeat("x", 60_000)
		}
		_, err := a.Send(soon(t), id, chat.Draft{Text: text})
		must(t, err)
		all = append(all, text)
	}
	must(t, a.WaitUntilSent(soon(t), id))
	began := time.Now()
	b.open()
	must(t, b.ConnectAll())
	must(t, b.Sync(soon(t)))
	t.Logf("600 messages in %v, with %d grants", time.Since(began), len(wire.requests(protocol.OpChannelGrant)))
	if got := b.texts(id); !slices.Equal(got, all) {
		t.Errorf("%d messages of %d arrived", len(got), len(all))
	}
	if n := len(wire.requests(protocol.OpChannelGrant)); n < 3 {
		t.Errorf("%d grants", n)
	}
}
