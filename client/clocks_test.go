// SPDX-License-Identifier: AGPL-3.0-or-later

package client_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/fakeserver"
	"github.com/securecrypt/securecrypt/content"
)

// claimsToBeSent has a message say when it was sent.
func claimsToBeSent(t *testing.T, m content.Message, at int64) content.Message {
	t.Helper()
	must(t, m.Extensions.Set(content.ExtensionKey{Int: -1}, at))
	return m
}

// Whatever a sender's clock says, interfaces get a time that can be shown.
func TestImplausibleTimesAreNotShown(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		x := newTrio(t, false)
		now := time.Now().UnixMilli()
		dayAhead := now + (24 * time.Hour).Milliseconds()
		for _, claimed := range []int64{math.MinInt64, -1, 0, dayAhead + time.Minute.Milliseconds(), 9e15, math.MaxInt64} {
			x.claim(t, claimsToBeSent(t, content.Text("when"), claimed))
			all := x.bob.history(x.id)
			if m := all[len(all)-1]; !m.SentAt.Equal(m.ReceivedAt) {
				t.Errorf("%d is shown as %v", claimed, m.SentAt)
			}
		}
		for _, claimed := range []int64{1, now - 1, dayAhead} {
			x.claim(t, claimsToBeSent(t, content.Text("when"), claimed))
			all := x.bob.history(x.id)
			if got := all[len(all)-1].SentAt.UnixMilli(); got != claimed {
				t.Errorf("%d is shown as %d", claimed, got)
			}
		}
	})
}

// However far apart two clocks are, a message that disappears is seen by both
// sides, for as long as it was given.
func TestClocksMayDiffer(t *testing.T) {
	const years = 2 * 366 * 24 * time.Hour
	for _, skew := range []time.Duration{-years, -10 * time.Minute, 10 * time.Minute, years} {
		t.Run(fmt.Sprint(skew), func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				net := fakeserver.NewNet()
				a, b := join(t, net, "alice", host), join(t, net, "bob", host)
				id := group(t, a, b)
				must(t, a.Groups().SetTimer(t.Context(), id, 5*time.Minute))
				pass(time.Minute)
				a.Close()
				a.cfg.Now = func() time.Time { return time.Now().Add(skew) }
				a.open()
				must(t, a.ConnectAll())
				pass(time.Second)
				a.say(id, "from alice")
				b.say(id, "from bob")
				pass(4*time.Minute + 50*time.Second)
				for _, p := range []*person{a, b} {
					if got := len(p.texts(id)); got != 2 {
						t.Errorf("%v has %d messages before their time", p.Address(), got)
					}
				}
				pass(20 * time.Second)
				for _, p := range []*person{a, b} {
					if got := p.texts(id); len(got) != 0 {
						t.Errorf("%v has %q still", p.Address(), got)
					}
				}
			})
		})
	}
}

// What waited on the server, which keeps it no longer than it lasts, is there
// for its time when it arrives.
func TestLateMessagesLastAsLong(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		x := newTrio(t, false)
		x.bob.way.Partition("", true)
		for _, life := range []time.Duration{time.Hour, 3 * time.Hour} {
			_, err := x.alice.Send(t.Context(), x.id, chat.Draft{Text: life.String(), Expire: life})
			must(t, err)
		}
		pass(2 * time.Hour)
		x.bob.way.Partition("", false)
		pass(2 * time.Hour)
		want(t, "bob", x.bob.texts(x.id), []string{"3h0m0s"})
		pass(2 * time.Hour)
		want(t, "bob", x.bob.texts(x.id), nil)
	})
}

// A message that asks to disappear at a time that makes no sense is seen, and
// goes.
func TestImplausibleExpiries(t *testing.T) {
	for name, x := range map[string]struct {
		expires *content.Expiration
		sent    int64
		life    time.Duration
	}{
		"before it was sent":                   {&content.Expiration{Seconds: 1}, time.Now().UnixMilli(), time.Minute},
		"in 2106":                              {&content.Expiration{Seconds: math.MaxUint32}, 0, chat.MaxExpiry},
		"of a sender at the end of time":       {content.ExpireAt(time.Now()), math.MaxInt64, time.Minute},
		"of a sender at the beginning of time": {content.ExpireAt(time.Now()), math.MinInt64, chat.MaxExpiry},
		"at once":                              {&content.Expiration{Relative: true}, 1, time.Minute},
		"a second after now":                   {&content.Expiration{Relative: true, Seconds: 1}, 1, time.Second},
		"as late as can be":                    {&content.Expiration{Relative: true, Seconds: math.MaxUint32}, 1, chat.MaxExpiry},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				y := newTrio(t, false)
				m := claimsToBeSent(t, content.Text("see"), x.sent)
				m.Expires = x.expires
				must(t, y.mallory.SendContent(t.Context(), y.id, m))
				pass(x.life / 2)
				want(t, "before its time", y.bob.texts(y.id), []string{"see"})
				pass(x.life/2 + 2*time.Second)
				want(t, "after it", y.bob.texts(y.id), nil)
			})
		})
	}
}

// Nothing lasts longer than a conversation's timer.
func TestTimersBoundWhatIsAskedFor(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		x := newTrio(t, false)
		must(t, x.alice.Groups().SetTimer(t.Context(), x.id, time.Hour))
		pass(time.Second)
		for _, life := range []time.Duration{time.Minute, 24 * time.Hour} {
			_, err := x.alice.Send(t.Context(), x.id, chat.Draft{Text: life.String(), Expire: life})
			must(t, err)
		}
		pass(50 * time.Minute)
		for _, p := range []*person{x.alice, x.bob} {
			want(t, p.Address().String(), p.texts(x.id), []string{"24h0m0s"})
		}
		pass(time.Hour)
		for _, p := range []*person{x.alice, x.bob} {
			want(t, p.Address().String(), p.texts(x.id), nil)
		}
	})
}
