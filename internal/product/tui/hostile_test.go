// SPDX-License-Identifier: AGPL-3.0-or-later

package tui

import (
	"errors"
	"testing"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/content"
	"github.com/securecrypt/securecrypt/internal/product/termtext/hostile"
)

// Every text of conversations, messages, contacts, events and errors may be
// hostile, whatever the state.
func TestEveryFieldIsHarmless(t *testing.T) {
	checked := []any{account.Address{}, content.MessageID{}, chat.ConversationID(""), chat.NoticeKind(0)}
	f := everyday()
	for i := range f.conversations {
		c := &f.conversations[i]
		kept := *c
		hostile.Fill(c, checked...)
		c.Group, c.Activity = kept.Group, kept.Activity
	}
	for i := range f.contacts {
		hostile.Fill(&f.contacts[i], checked...)
	}
	for id, all := range f.history {
		for i := range all {
			kept := all[i]
			hostile.Fill(&all[i], checked...)
			all[i].Own, all[i].Deleted, all[i].Notice = kept.Own, kept.Deleted, kept.Notice
		}
		for kind := range chat.NoticeKind(10) {
			notice := chat.Message{Conversation: id, From: addr("ana"), SentAt: noon, Notice: &chat.Notice{Kind: kind, Whom: addr("bo")}}
			hostile.Fill(&notice, checked...)
			f.history[id] = append(f.history[id], notice)
		}
	}
	sit(t, f, 100, 30, func(u *user) {
		events := []chat.Event{&chat.ConnectionEvent{Host: "chat.example"}, &chat.ProgressEvent{}, &chat.FailureEvent{}, &chat.DelayEvent{}}
		for range len(f.conversations) + 1 {
			u.fine()
			u.press("enter")
			u.fine()
			for _, e := range events {
				hostile.Fill(e, checked...)
			}
			u.tell(*events[0].(*chat.ConnectionEvent), *events[1].(*chat.ProgressEvent), *events[2].(*chat.FailureEvent), *events[3].(*chat.DelayEvent))
			u.fine()
			for range 12 {
				u.press("pgup")
				u.fine()
			}
			for _, keys := range [][]string{{"tab", "up", "s"}, {"esc", "ctrl+k", "x"}, {"esc", "ctrl+k", "safety", "enter"}, {"esc", "f1"}, {"esc", "ctrl+f", "PWNED"}} {
				u.fake.mu.Lock()
				u.fake.err = errors.New(hostile.Text)
				u.fake.mu.Unlock()
				u.press(keys...)
				u.fine()
			}
			u.press("esc", "esc", "alt+down")
		}
	})
}

// Names that somebody chose have nothing invisible, and no mark of the interface.
func TestNamesImitateNothing(t *testing.T) {
	f := everyday()
	f.contacts = []chat.Contact{{Address: addr("ana"), Profile: "Bob\u200b ✓ verified"}, {Address: addr("bo"), Profile: "~\u3164"}, {Address: addr("zed"), Profile: "\u200b"}}
	f.conversations[1].Title = "● 3 \u2060News"
	sit(t, f, 80, 24, func(u *user) {
		u.sees("~Bob verified", "3 News", addr("zed").String())
		u.seesNot("\u200b", "Bob ✓", "● 3", "\u2060")
	})
}
