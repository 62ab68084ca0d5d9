// SPDX-License-Identifier: AGPL-3.0-or-later

package client_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/fakeserver"
	"github.com/securecrypt/securecrypt/protocol"
)

// newest returns the text of the newest message that somebody has. It reads no
// other: a long history takes long to decrypt, too long for each look.
func (p *person) newest(id chat.ConversationID) (text string) {
	p.t.Helper()
	must(p.t, p.Messages().History(id, func(m chat.Message) bool {
		text = m.Text
		return m.Notice != nil
	}))
	return text
}

// within returns how long it takes until a text is the newest that somebody has.
func within(t *testing.T, p *person, id chat.ConversationID, text string, most time.Duration) time.Duration {
	t.Helper()
	began := time.Now()
	for p.newest(id) != text {
		if time.Since(began) > most {
			t.Errorf("%v has not got %q after %v", p.Address(), text, most)
			return most
		}
		pass(50 * time.Millisecond)
	}
	return time.Since(began)
}

// missed has bob away while alice says so many things, after one that he heard.
func (x *trio) missed(t *testing.T, n int, text func(int) string) (all []string) {
	t.Helper()
	x.alice.say(x.id, "hello")
	pass(time.Minute)
	all = []string{"hello"}
	x.bob.way.Partition("", true)
	for i := range n {
		all = append(all, text(i))
		x.alice.say(x.id, all[i+1])
		if i%50 == 49 {
			pass(time.Second)
		}
	}
	pass(time.Minute)
	return all
}

func numbered(i int) string { return fmt.Sprint(i) }

// Servers that know nothing of credit, or do not keep to it, lose nothing.
func TestCatchingUpWithAnyServer(t *testing.T) {
	unsupported := func(_ string, op protocol.Op, _ protocol.Body) (v fakeserver.Verdict) {
		if op == protocol.OpChannelGrant {
			v.Refuse = &protocol.Error{Code: protocol.CodeUnsupported}
		}
		return v
	}
	for name, faults := range map[string]fakeserver.Faults{
		"one that keeps to credit":         {},
		"an older one":                     {IgnoreCredit: true, Request: unsupported},
		"one that ignores its bound":       {IgnoreCredit: true},
		"one that bounds and never grants": {Request: unsupported},
	} {
		inBubble(t, func(t *testing.T) {
			x := newTrio(t, false)
			all := x.missed(t, 600, numbered)
			x.net.Server(host).SetFaults(faults)
			x.bob.way.Partition("", false)
			x.bob.restart()
			took := within(t, x.bob, x.id, "599", time.Hour)
			t.Logf("%s: 600 messages took %v", name, took)
			if took > 30*time.Second {
				t.Errorf("%s: 600 messages took %v", name, took)
			}
			want(t, name, x.bob.texts(x.id), all)
			x.talks(t)
		})
	}
}

// Messages of the greatest length arrive, however many.
func TestCatchingUpOnLongMessages(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		x := newTrio(t, false)
		all := x.missed(t, 150, func(i int) string { return fmt.Sprint(i) + strings.Repeat("x", chat.MaxText-10) })
		x.bob.way.Partition("", false)
		within(t, x.bob, x.id, all[150], time.Minute)
		if got := x.bob.texts(x.id); !slices.Equal(got, all) {
			t.Errorf("%d messages arrived of %d", len(got), len(all))
		}
	})
}

// Numbers that nothing is left of hold up nothing for long.
func TestCatchingUpBehindExpiredEntries(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		x := newTrio(t, false)
		s := x.net.Server(host)
		first := len(s.Entries(x.channel))
		x.bob.way.Partition("", true)
		for range 5_000 {
			s.InjectRaw(x.channel, protocol.Entry{Epoch: s.Epoch(x.channel), Ciphertext: make([]byte, 600)})
		}
		pass(time.Minute)
		for i := range 5_000 {
			s.Expire(x.channel, uint64(first+i+1))
		}
		x.alice.say(x.id, "at last")
		pass(time.Minute)
		x.bob.way.Partition("", false)
		x.bob.restart()
		took := within(t, x.bob, x.id, "at last", time.Hour)
		t.Logf("behind 5,000 numbers that nothing is left of: %v", took)
		if took > time.Minute {
			t.Errorf("it took %v", took)
		}
	})
}

// One lie about a number does not deafen anybody: neither a number beyond what
// the server announced, nor one that it announced.
func TestNumbersBeyondTheChannelAreRefused(t *testing.T) {
	for name, announced := range map[string]bool{"an entry": false, "an opening and an entry": true} {
		inBubble(t, func(t *testing.T) {
			x := newTrio(t, false)
			s := x.net.Server(host)
			junk := &protocol.Entry{Channel: x.channel, Seq: 1 << 62, Epoch: s.Epoch(x.channel), Ciphertext: make([]byte, 600)}
			lies := 0
			faults := fakeserver.Faults{Event: func(who string, body protocol.Body) ([]protocol.Body, bool) {
				if _, ok := body.(*protocol.Entry); ok && who == "bob" && lies == 0 {
					lies++
					return []protocol.Body{junk}, false
				}
				return []protocol.Body{body}, false
			}}
			if announced {
				faults.Opened = func(state *protocol.ChannelState) { state.Last = math.MaxInt64 }
			}
			s.SetFaults(faults)
			if announced {
				x.bob.restart()
				pass(time.Second)
			}
			x.alice.say(x.id, "0")
			pass(time.Minute)
			s.SetFaults(fakeserver.Faults{})
			if announced {
				x.bob.restart()
			}
			all := []string{"0"}
			for i := range 5 {
				all = append(all, fmt.Sprint(i+1))
				x.alice.say(x.id, all[i+1])
				pass(time.Minute)
			}
			if lies != 1 {
				t.Fatalf("%d lies", lies)
			}
			want(t, name+": bob", x.bob.texts(x.id), all)
			must(t, x.bob.Idle(x.id))
			m := x.bob.say(x.id, "mine")
			pass(time.Minute)
			if got, err := x.bob.Messages().Message(x.id, m.ID); err != nil || got.State < chat.StateDelivered {
				t.Errorf("%s: bob's own message is %v, %v", name, got.State, err)
			}
		})
	}
}
