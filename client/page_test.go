// SPDX-License-Identifier: AGPL-3.0-or-later

package client_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/content"
)

// Whoever comes back finds the first message that they did not read.
func TestFirstUnread(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		x := newTrio(t, false)
		x.alice.say(x.id, "one")
		pass(time.Second)
		must(t, x.bob.MarkRead(t.Context(), x.id))
		x.bob.say(x.id, "mine")
		pass(time.Second)
		two := x.alice.say(x.id, "two")
		three := x.alice.say(x.id, "three")
		pass(time.Second)
		x.bob.restart()
		page, err := x.bob.Messages().Page(x.id, chat.Position{}, 1)
		must(t, err)
		if page.FirstUnread != two.ID {
			t.Errorf("the first unread one is %v, not %v", page.FirstUnread, two.ID)
		}
		for limit, texts := range map[int][]string{1: {"two"}, 2: {"two", "three"}} {
			page, err := x.bob.Messages().Page(x.id, chat.Position{Unread: true}, limit)
			must(t, err)
			var got []string
			for _, m := range page.Messages {
				got = append(got, m.Text)
			}
			want(t, fmt.Sprintf("a page of %d", limit), got, texts)
		}
		must(t, x.bob.Messages().MarkReadUpTo(t.Context(), x.id, two.ID))
		if page, err = x.bob.Messages().Page(x.id, chat.Position{}, 1); err != nil || page.FirstUnread != three.ID {
			t.Errorf("after two was read: %v, %v", page.FirstUnread, err)
		}
		must(t, x.bob.MarkRead(t.Context(), x.id))
		if page, err = x.bob.Messages().Page(x.id, chat.Position{}, 1); err != nil || !page.FirstUnread.IsZero() {
			t.Errorf("after all was read: %v, %v", page.FirstUnread, err)
		}
	})
}

// A reply comes with what it replies to, as it is now.
func TestQuotes(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		x := newTrio(t, false)
		m := x.alice.say(x.id, "question")
		pass(time.Second)
		reply, err := x.bob.Send(t.Context(), x.id, chat.Draft{Text: "answer", ReplyTo: m.ID})
		must(t, err)
		pass(time.Second)
		check := func(text string, deleted bool) {
			t.Helper()
			for _, p := range []*person{x.alice, x.bob, x.mallory} {
				one, err := p.Messages().Message(x.id, reply.ID)
				must(t, err)
				page, err := p.Messages().Page(x.id, chat.Position{Message: reply.ID}, 1)
				must(t, err)
				for _, q := range []*chat.Quote{one.Quote, page.Messages[0].Quote} {
					if q == nil || q.Text != text || q.From != x.alice.Address() || q.Own != (p == x.alice) || q.Message != m.ID || q.Deleted != deleted {
						t.Errorf("%v sees %+v", p.Address(), q)
					}
				}
			}
		}
		check("question", false)
		must(t, x.alice.Messages().Edit(t.Context(), x.id, m.ID, "better question"))
		pass(time.Second)
		check("better question", false)
		must(t, x.alice.Messages().Delete(t.Context(), x.id, m.ID))
		pass(time.Second)
		check("", true)
		lost, err := x.bob.Send(t.Context(), x.id, chat.Draft{Text: "to nobody", ReplyTo: content.MessageID{1}})
		must(t, err)
		if got, err := x.bob.Messages().Message(x.id, lost.ID); err != nil || got.Quote != nil || got.ReplyTo.IsZero() {
			t.Errorf("a reply to nothing: %+v, %v", got, err)
		}
	})
}

// BenchmarkPage reads 50 messages out of a history: its length must not
// matter.
func BenchmarkPage(b *testing.B) {
	for _, n := range []int{500, 50_000} {
		b.Run(fmt.Sprintf("of %d", n), func(b *testing.B) {
			c, id := onDisk(b)
			must(b, c.Flood(id, n, func(i int) string { return fmt.Sprint("message ", i) }))
			end, err := c.Messages().Page(id, chat.Position{}, 1)
			must(b, err)
			middle := end.Messages[0].Order - uint64(n)/2
			for name, at := range map[string]chat.Position{
				"end": {}, "before": {Order: middle, Before: true}, "after": {Order: middle, After: true}, "around": {Order: middle},
			} {
				b.Run(name, func(b *testing.B) {
					for b.Loop() {
						page, err := c.Messages().Page(id, at, 50)
						must(b, err)
						if len(page.Messages) != 50 {
							b.Fatal(len(page.Messages))
						}
					}
				})
			}
		})
	}
}
