// SPDX-License-Identifier: AGPL-3.0-or-later

package client_test

import (
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/chat"
)

// Whoever is mentioned is told so until the conversation is read; nobody else
// is.
func TestMentions(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		x := newTrio(t, false)
		must(t, x.alice.People().SetName(x.bob.Address(), "the spy"))
		for _, c := range []struct{ draft, sent string }{
			{"@bob, look", "[@bob](mimi://here.example/u/bob), look"},
			{"look, @bob@here.example!", "look, [@bob](mimi://here.example/u/bob)!"},
			{"ask @bob. Or @bobby", "ask [@bob](mimi://here.example/u/bob). Or @bobby"},
			{"mail x@bob or @bob@elsewhere.example", "mail x@bob or @bob@elsewhere.example [@bob](mimi://here.example/u/bob)"},
			{"[@bob](mimi://here.example/u/bob)", "[@bob](mimi://here.example/u/bob)"},
			{"", "[@bob](mimi://here.example/u/bob)"},
		} {
			m, err := x.alice.Send(t.Context(), x.id, chat.Draft{Text: c.draft, Mentions: []account.Address{x.bob.Address()}})
			must(t, err)
			pass(time.Second)
			for _, p := range []*person{x.alice, x.bob, x.mallory} {
				got, err := p.Messages().Message(x.id, m.ID)
				must(t, err)
				if got.Text != c.sent {
					t.Errorf("%q became %q, want %q", c.draft, got.Text, c.sent)
				}
				want(t, "mentions", got.Mentions, []account.Address{x.bob.Address()})
				if got.MentionsMe != (p == x.bob) || p.status(x.id).Mentioned != (p == x.bob) {
					t.Errorf("%v: the message mentions them: %v, the conversation: %v", p.Address(), got.MentionsMe, p.status(x.id).Mentioned)
				}
			}
		}
		x.bob.restart()
		if !x.bob.status(x.id).Mentioned {
			t.Error("the mention was forgotten")
		}
		must(t, x.bob.MarkRead(t.Context(), x.id))
		x.alice.say(x.id, "@bob without a link")
		pass(time.Second)
		if c := x.bob.status(x.id); c.Mentioned || c.Unread != 1 {
			t.Errorf("mentioned: %v, %d unread", c.Mentioned, c.Unread)
		}
	})
}
