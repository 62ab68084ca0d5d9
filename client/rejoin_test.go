// SPDX-License-Identifier: AGPL-3.0-or-later

package client_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/fakeserver"
	"github.com/securecrypt/securecrypt/protocol"
)

// forgetEpochs has a server refuse channels in all epochs but the present ones, as one
// does whose entries have expired.
func forgetEpochs(net *fakeserver.Net, host, who string) {
	s := net.Server(host)
	now := map[protocol.ChannelID]uint64{}
	for _, id := range s.Channels() {
		now[id] = s.Epoch(id)
	}
	s.SetFaults(fakeserver.Faults{Request: func(by string, _ protocol.Op, body protocol.Body) (v fakeserver.Verdict) {
		if open, ok := body.(*protocol.ChannelOpen); ok && by == who && open.Epoch < now[open.Channel] {
			v.Refuse = &protocol.Error{Code: protocol.CodeForbidden}
		}
		return v
	}})
}

// A device that was away for so long that the server has forgotten how to follow gets
// back in by another device of its account, with what was said meanwhile.
func TestLongAbsence(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := fakeserver.NewNet()
		a, b, c := join(t, net, "alice", host), join(t, net, "bob", host), join(t, net, "carol", host)
		id := group(t, b, a)
		phone := a.anotherDevice(net)
		pass(20 * time.Second)
		b.say(id, "before")
		pass(time.Second)
		phone.Close()
		must(t, b.Groups().Add(t.Context(), id, []account.Address{c.Address()}))
		for range 5 {
			b.say(id, "meanwhile")
			pass(10 * 24 * time.Hour)
		}
		forgetEpochs(net, host, "alice elsewhere")
		phone.open()
		must(t, phone.ConnectAll())
		pass(time.Hour)
		b.say(id, "afterwards")
		pass(time.Hour)
		if got := phone.status(id).Status; got != chat.StatusActive {
			t.Fatalf("%v", got)
		}
		want(t, "phone", phone.texts(id), []string{"before", "meanwhile", "meanwhile", "meanwhile", "meanwhile", "meanwhile", "afterwards"})
	})
}

// What expired while a device was away comes from another device of the account, and
// else the history says that it is missing.
func TestExpiredWhileAway(t *testing.T) {
	for name, alone := range map[string]bool{"alone": true, "with another device": false} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				net := fakeserver.NewNet()
				a, b := join(t, net, "alice", host), join(t, net, "bob", host)
				id := group(t, b, a)
				phone := a
				if !alone {
					phone = a.anotherDevice(net)
					pass(20 * time.Second)
				}
				b.say(id, "before")
				pass(time.Second)
				phone.Close()
				channel := net.Server(host).Channels()[0]
				for i := range 6 {
					seq := len(net.Server(host).Entries(channel))
					b.say(id, fmt.Sprintf("meanwhile %d", i))
					pass(time.Second)
					for ; i < 3 && seq < len(net.Server(host).Entries(channel)); seq++ {
						net.Server(host).Expire(channel, uint64(seq+1))
					}
					pass(10 * 24 * time.Hour)
				}
				phone.open()
				must(t, phone.ConnectAll())
				pass(time.Hour)
				expected := []string{"before", "meanwhile 0", "meanwhile 1", "meanwhile 2", "meanwhile 3", "meanwhile 4", "meanwhile 5"}
				if alone {
					expected = append(expected[:1], expected[5:]...) // the server kept them for thirty days
				}
				want(t, "texts", phone.texts(id), expected)
				told := false
				must(t, phone.Messages().History(id, func(m chat.Message) bool {
					told = told || m.Notice != nil && m.Notice.Kind == chat.NoticeMissing
					return true
				}))
				if told != alone {
					t.Errorf("the history says that something is missing: %v", told)
				}
			})
		})
	}
}

// Without another device of the account an administrator lets it in again, and the
// history says that something is missing.
func TestLongAbsenceAlone(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := fakeserver.NewNet()
		a, b, c := join(t, net, "alice", host), join(t, net, "bob", host), join(t, net, "carol", host)
		id := group(t, b, a)
		b.say(id, "before")
		pass(time.Second)
		a.Close()
		must(t, b.Groups().Add(t.Context(), id, []account.Address{c.Address()}))
		for range 5 {
			b.say(id, "meanwhile")
			pass(10 * 24 * time.Hour)
		}
		forgetEpochs(net, host, "alice")
		a.open()
		must(t, a.ConnectAll())
		pass(time.Hour)
		b.say(id, "afterwards")
		pass(time.Hour)
		if got := a.status(id); got.Status != chat.StatusActive {
			t.Fatalf("%v %v", got.Status, got.Reason)
		}
		want(t, "alice", a.texts(id), []string{"before", "meanwhile", "meanwhile", "afterwards"}) // the newest were sent again
		told := false
		must(t, a.Messages().History(id, func(m chat.Message) bool {
			told = told || m.Notice != nil && m.Notice.Kind == chat.NoticeMissing
			return true
		}))
		if !told {
			t.Error("nothing says that something is missing")
		}
	})
}

// A stranger who asks to be added is not.
func TestStrangersDoNotRejoin(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := fakeserver.NewNet()
		a, b, eve := join(t, net, "alice", host), join(t, net, "bob", host), join(t, net, "eve", host)
		id := group(t, a, b)
		for range 3 {
			must(t, eve.AskToRejoin(soon(t), host, net.Server(host).Channels()[0], []account.Address{a.Address(), b.Address()}))
			pass(time.Hour)
		}
		members, err := a.Groups().Members(id)
		must(t, err)
		if slices.ContainsFunc(members, func(m chat.Member) bool { return m.Address == eve.Address() }) {
			t.Error("a stranger is in the group")
		}
	})
}
