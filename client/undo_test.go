// SPDX-License-Identifier: AGPL-3.0-or-later

package client_test

import (
	"errors"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/fakeserver"
	"github.com/securecrypt/securecrypt/protocol"
)

// refusingAlice makes the server refuse those of alice's posts of which refuse
// says so, by their number.
func (x *trio) refusingAlice(refuse func(n int) bool) (stop func()) {
	n := 0
	x.net.Server(host).SetFaults(fakeserver.Faults{Request: func(who string, op protocol.Op, _ protocol.Body) (v fakeserver.Verdict) {
		if who == "alice" && op == protocol.OpChannelPost {
			if n++; refuse(n) {
				v.Refuse = &protocol.Error{Code: protocol.CodeTooLarge}
			}
		}
		return v
	}})
	return func() { x.net.Server(host).SetFaults(fakeserver.Faults{}) }
}

func always(int) bool { return true }

// wantTold checks that somebody was told of n failures.
func (p *person) wantTold(n int) {
	p.t.Helper()
	f := p.failed()
	if len(f) != n {
		p.t.Errorf("%v was told of %v, want %d failures", p.Address(), f, n)
	}
	for _, err := range f {
		if !errors.Is(err, &protocol.Error{Code: protocol.CodeTooLarge}) {
			p.t.Errorf("%v was told of %v", p.Address(), err)
		}
	}
}

// A message whose deletion is refused is there again, with all that belongs to
// it, and can be deleted.
func TestRefusedDeletions(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		x := newTrio(t, false)
		plain := photo('a')
		m, _, _ := x.photographed(t, plain)
		must(t, x.bob.Messages().React(t.Context(), x.id, m.ID, "👍", false))
		pass(time.Minute)
		x.alice.way.Partition("", true)
		must(t, x.alice.Messages().Delete(t.Context(), x.id, m.ID))
		x.alice.restart()
		if got := x.alice.history(x.id)[0]; !got.Deleted || got.Text != "" || len(got.Attachments) > 0 {
			t.Errorf("while it waits, alice sees %+v", got)
		}
		stop := x.refusingAlice(always)
		x.alice.way.Partition("", false)
		pass(10 * time.Minute)
		stop()
		x.alice.wantTold(1)
		got := x.alice.history(x.id)[0]
		if got.Deleted || got.Text != "see" || len(got.Reactions) != 1 || got.State != chat.StateDelivered {
			t.Errorf("alice sees %+v", got)
		}
		x.alice.wantOpened(got, plain)
		if last := x.alice.status(x.id).Last; last.Text != "see" {
			t.Errorf("the list shows %+v", last)
		}
		must(t, x.alice.Messages().Delete(t.Context(), x.id, m.ID))
		pass(time.Minute)
		for _, p := range []*person{x.alice, x.bob} {
			if !p.history(x.id)[0].Deleted || p.Kept(t) != 0 {
				t.Errorf("%v sees %+v and keeps %d files", p.Address(), p.history(x.id)[0], p.Kept(t))
			}
		}
		x.alice.wantTold(0)
	})
}

// What is deleted for everybody, and then goes from this device, does not come
// back.
func TestRefusedDeletionsOfWhatIsGone(t *testing.T) {
	for name, end := range map[string]func(*testing.T, *trio, chat.Message){
		"forgotten": func(t *testing.T, x *trio, m chat.Message) { must(t, x.alice.Messages().Forget(x.id, m.ID)) },
		"expired":   func(*testing.T, *trio, chat.Message) { pass(2 * time.Hour) },
		"expired while nobody ran": func(_ *testing.T, x *trio, _ chat.Message) {
			x.alice.Close()
			pass(2 * time.Hour)
			x.alice.open()
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				x := newTrio(t, false)
				draft := chat.Draft{Text: "gone", Attached: []chat.FileID{x.alice.attach("a", photo('a'))}, Expire: time.Hour}
				m, err := x.alice.Send(t.Context(), x.id, draft)
				must(t, err)
				pass(time.Minute)
				x.alice.way.Partition("", true)
				must(t, x.alice.Messages().Delete(t.Context(), x.id, m.ID))
				end(t, x, m)
				x.refusingAlice(always)
				x.alice.way.Partition("", false)
				x.alice.restart()
				pass(10 * time.Minute)
				if n, err := x.alice.Stored(x.id); err != nil || n != 0 || x.alice.Kept(t) != 0 {
					t.Errorf("alice stores %d messages and %d files, %v", n, x.alice.Kept(t), err)
				}
			})
		})
	}
}

// Of several edits, those hold that were taken.
func TestRefusedEdits(t *testing.T) {
	for name, c := range map[string]struct {
		refuse func(n int) bool
		want   string
		edited bool
		told   int
	}{
		"both":       {always, "one", false, 2},
		"the first":  {func(n int) bool { return n == 1 }, "three", true, 1},
		"the second": {func(n int) bool { return n == 2 }, "two", true, 1},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				x := newTrio(t, false)
				m := x.alice.say(x.id, "one")
				pass(time.Minute)
				x.refusingAlice(c.refuse)
				for _, text := range []string{"two", "three"} {
					must(t, x.alice.Messages().Edit(t.Context(), x.id, m.ID, text))
					pass(time.Millisecond)
				}
				pass(10 * time.Minute)
				x.alice.wantTold(c.told)
				for _, p := range []*person{x.alice, x.bob} {
					if got := p.history(x.id)[0]; got.Text != c.want || got.Edited != c.edited {
						t.Errorf("%v sees %q, edited %v", p.Address(), got.Text, got.Edited)
					}
				}
			})
		})
	}
}

// A reaction that is refused is not there, and one that could not be taken back
// is.
func TestRefusedReactions(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		x := newTrio(t, false)
		m := x.bob.say(x.id, "one")
		pass(time.Minute)
		emoji := func(p *person) (all []string) {
			for _, r := range p.history(x.id)[0].Reactions {
				all = append(all, r.Emoji)
			}
			return all
		}
		react := func(emoji string, remove bool) {
			must(t, x.alice.Messages().React(t.Context(), x.id, m.ID, emoji, remove))
			pass(time.Minute)
		}
		react("👍", false)
		stop := x.refusingAlice(always)
		react("🎉", false)
		want(t, "alice", emoji(x.alice), []string{"👍"})
		react("👍", true)
		want(t, "alice", emoji(x.alice), []string{"👍"})
		react("👍", false) // in place of itself
		want(t, "alice", emoji(x.alice), []string{"👍"})
		x.alice.wantTold(3)
		stop()
		react("👍", true)
		react("🎉", false)
		for _, p := range []*person{x.alice, x.bob} {
			want(t, p.Address().String(), emoji(p), []string{"🎉"})
		}
		x.alice.wantTold(0)
	})
}
