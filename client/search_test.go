// SPDX-License-Identifier: AGPL-3.0-or-later

package client_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/content"
)

func (p *person) search(q chat.SearchQuery) (found []string) {
	p.t.Helper()
	must(p.t, p.Messages().Search(p.t.Context(), q, func(m chat.Message) bool {
		found = append(found, m.Text)
		_, err := p.Messages().Message(m.Conversation, m.ID) // a search may load the messages that it finds
		must(p.t, err)
		return true
	}))
	return found
}

func TestSearch(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		x := newTrio(t, false)
		other, err := x.bob.CreateGroup(t.Context(), "Other", nil)
		must(t, err)
		x.bob.say(other, "a cafe elsewhere")
		pass(time.Second)
		first := x.alice.say(x.id, "Let us meet at the Café")
		pass(time.Hour)
		noon := time.Now()
		x.mallory.say(x.id, "which CAFÉ, at the Straße?")
		pass(time.Second)
		edited := x.alice.say(x.id, "no")
		gone := x.alice.say(x.id, "cafe, deleted")
		_, err = x.alice.Send(t.Context(), x.id, chat.Draft{Text: "cafe, expired", Expire: time.Minute})
		must(t, err)
		kept, err := x.alice.Files().Attach(t.Context(), "Menü.pdf", "application/pdf", bytes.NewReader([]byte("x")))
		must(t, err)
		_, err = x.alice.Send(t.Context(), x.id, chat.Draft{Text: "look", Attached: []chat.FileID{kept}})
		must(t, err)
		pass(time.Second)
		must(t, x.alice.Messages().Edit(t.Context(), x.id, edited.ID, "the other cafe"))
		must(t, x.alice.Messages().Delete(t.Context(), x.id, gone.ID))
		pass(time.Hour)
		all := []string{"the other cafe", "which CAFÉ, at the Straße?", "Let us meet at the Café", "a cafe elsewhere"}
		for _, c := range []struct {
			name string
			q    chat.SearchQuery
			want []string
		}{
			{"one word", chat.SearchQuery{Text: "CAFÉ"}, all},
			{"several words", chat.SearchQuery{Text: " the cafe "}, all[:3]},
			{"none", chat.SearchQuery{Text: "tea"}, nil},
			{"ligatures", chat.SearchQuery{Text: "strasse"}, all[1:2]},
			{"before it was edited", chat.SearchQuery{Text: "no"}, nil},
			{"in one conversation", chat.SearchQuery{Text: "cafe", In: other}, all[3:]},
			{"from somebody", chat.SearchQuery{Text: "cafe", From: x.mallory.Address()}, all[1:2]},
			{"since", chat.SearchQuery{Text: "cafe", Since: noon}, all[:2]},
			{"until", chat.SearchQuery{Text: "cafe", Until: noon}, all[2:]},
			{"limit", chat.SearchQuery{Text: "cafe", Limit: 2}, all[:2]},
			{"on", chat.SearchQuery{Text: "cafe", Before: first.ID}, all[3:]},
			{"files", chat.SearchQuery{Files: true}, []string{"look"}},
			{"names of files", chat.SearchQuery{Text: "menu"}, []string{"look"}},
			{"text and name", chat.SearchQuery{Text: "look menu"}, []string{"look"}},
			{"files of that name", chat.SearchQuery{Text: "cafe", Files: true}, nil},
		} {
			want(t, c.name, x.bob.search(c.q), c.want)
		}
		for _, bad := range []chat.SearchQuery{{In: "nowhere"}, {Before: content.MessageID{1}}} {
			if err := x.bob.Messages().Search(t.Context(), bad, func(chat.Message) bool { return true }); err == nil {
				t.Errorf("%+v found something", bad)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := x.bob.Messages().Search(ctx, chat.SearchQuery{}, func(chat.Message) bool { return true }); !errors.Is(err, context.Canceled) {
			t.Errorf("after the end: %v", err)
		}
	})
}

// BenchmarkSearch looks through 50,000 messages for a word that none has.
func BenchmarkSearch(b *testing.B) {
	c, id := onDisk(b)
	must(b, c.Flood(id, 50_000, func(i int) string {
		return fmt.Sprint("Message ", i, ": something of ordinary length, as people write it all day")
	}))
	for name, text := range map[string]string{"plain": "nowhere", "accents": "nïrgends"} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				must(b, c.Messages().Search(b.Context(), chat.SearchQuery{Text: text}, func(chat.Message) bool { return true }))
			}
		})
	}
}
