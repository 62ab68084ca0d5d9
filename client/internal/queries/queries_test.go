// SPDX-License-Identifier: AGPL-3.0-or-later

package queries

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/records"
	"github.com/securecrypt/securecrypt/client/keyring"
	"github.com/securecrypt/securecrypt/client/store/memory"
	"github.com/securecrypt/securecrypt/content"
)

const (
	self = "alice@here.example"
	bob  = "bob@here.example"
)

// now is when the queries of these tests are made.
var now = time.UnixMilli(1_900_000_000_000)

// A profile is a store with conversations, and nothing else of a client.
type profile struct {
	t     *testing.T
	store *records.Store
	known map[chat.ConversationID]records.CID
}

func newProfile(t *testing.T) *profile {
	t.Helper()
	store, err := records.NewStore(memory.New(), keyring.NewStoreKey())
	must(t, err)
	return &profile{t: t, store: store, known: map[chat.ConversationID]records.CID{}}
}

// conversation stores a group with messages of these texts, of which bob wrote
// those that begin with "b", and the last of which are unread.
func (s *profile) conversation(title string, activity int64, unread int, texts ...string) (chat.ConversationID, []content.MessageID) {
	s.t.Helper()
	k := records.CID{byte(len(s.known) + 1)}
	rec := records.Conversation{
		Version: records.Version, Host: "here.example", Status: chat.StatusActive, Group: true, Title: title, Activity: activity,
		NextOrder: uint64(len(texts)), Unread: uint64(unread), Reported: &records.Reported{Read: uint64(len(texts) - unread)},
	}
	rec.Channel[0] = k[0]
	ids := make([]content.MessageID, len(texts))
	must(s.t, s.store.Update(func(tx *records.Tx) error {
		for i, text := range texts {
			order := uint64(i + 1)
			m := records.Message{Version: records.Version, From: self, Sent: 1, Received: 1, Text: text}
			m.ID[0], m.ID[1], m.ID[2] = k[0], byte(order>>8), byte(order)
			if strings.HasPrefix(text, "b") {
				m.From = bob
			}
			ids[i] = m.ID
			if err := tx.Save(records.Key(records.TableMessage, k[:], records.Number(order)), &m); err != nil {
				return err
			}
			if err := tx.Put(records.Key(records.TableMessageID, k[:], tx.Index(m.ID[:])), records.Number(order)); err != nil {
				return err
			}
		}
		return tx.Save(records.Key(records.TableConversation, k[:]), &rec)
	}))
	id := chat.IDOf(rec.Channel)
	s.known[id] = k
	return id, ids
}

// view opens the history of a conversation.
func (s *profile) view(id chat.ConversationID, fn func(*History) error) error {
	k, ok := s.known[id]
	if !ok {
		return chat.ErrNoConversation
	}
	return s.store.View(func(tx *records.Tx) error { return fn(NewHistory(records.NewViews(tx, self, now), k, id)) })
}

// page reads a page of a conversation, of which the last messages are unread.
func (s *profile) page(id chat.ConversationID, at chat.Position, limit int) (page chat.Page, err error) {
	err = s.view(id, func(h *History) error {
		var rec records.Conversation
		if _, err := h.Tx.Load(records.Key(records.TableConversation, h.id[:]), &rec); err != nil {
			return err
		}
		page, err = h.Page(&rec, at, limit)
		return err
	})
	return page, err
}

// list returns all conversations, read by so many at a time.
func (s *profile) list(n int) (all []chat.Conversation) {
	s.t.Helper()
	for after, first := []byte(nil), true; first || after != nil; first = false {
		must(s.t, s.store.View(func(tx *records.Tx) error {
			some, next, err := Part(tx, after, n)
			if err != nil {
				return err
			}
			shown, err := Show(records.NewViews(tx, self, now), some)
			all, after = append(all, shown...), next
			return err
		}))
	}
	Sort(all)
	return all
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// texts of a page, with marks where the history goes on.
func texts(p chat.Page) (all []string) {
	if p.MoreBefore {
		all = append(all, "<")
	}
	for _, m := range p.Messages {
		all = append(all, m.Text)
	}
	if p.MoreAfter {
		all = append(all, ">")
	}
	return all
}

func same(t *testing.T, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: %q, not %q", what, got, want)
	}
}

// Lists are read in parts of any size, the most recent conversation first, without
// those that were deleted.
func TestLists(t *testing.T) {
	s := newProfile(t)
	for i := range 7 {
		id, _ := s.conversation(fmt.Sprint(i), int64(10-i*i%5), 0)
		if i == 3 {
			k := s.known[id]
			must(t, s.store.Update(func(tx *records.Tx) error {
				at := records.Key(records.TableConversation, k[:])
				var rec records.Conversation
				if _, err := tx.Load(at, &rec); err != nil {
					return err
				}
				rec.Hidden = true
				return tx.Save(at, &rec)
			}))
		}
	}
	for _, n := range []int{1, 2, 6, 7, 8, Batch + 1} {
		var got []string
		for _, c := range s.list(n) {
			got = append(got, c.Title)
		}
		same(t, fmt.Sprintf("by %d", n), got, []string{"0", "5", "1", "4", "6", "2"})
	}
}

// Pages end where the history does, and go on where they say.
func TestPages(t *testing.T) {
	s := newProfile(t)
	id, ids := s.conversation("Group", 1, 3, "b0", "a1", "b2", "a3", "b4", "b5", "a6", "a7", "b8")
	empty, _ := s.conversation("Empty", 1, 0)
	at := func(i int) chat.Position { return chat.Position{Message: ids[i]} }
	before := func(i int) chat.Position { return chat.Position{Message: ids[i], Before: true} }
	after := func(i int) chat.Position { return chat.Position{Message: ids[i], After: true} }
	for _, c := range []struct {
		name  string
		at    chat.Position
		limit int
		want  []string
	}{
		{"the newest", chat.Position{}, 3, []string{"<", "a6", "a7", "b8"}},
		{"before", before(6), 3, []string{"<", "a3", "b4", "b5", ">"}},
		{"before the first", before(0), 3, []string{">"}},
		{"up to the first", before(3), 3, []string{"b0", "a1", "b2", ">"}},
		{"after", after(2), 3, []string{"<", "a3", "b4", "b5", ">"}},
		{"after the last", after(8), 3, []string{"<"}},
		{"up to the last", after(5), 3, []string{"<", "a6", "a7", "b8"}},
		{"around", at(4), 3, []string{"<", "a3", "b4", "b5", ">"}},
		{"around the first", at(0), 3, []string{"b0", "a1", ">"}},
		{"around the last", at(8), 4, []string{"<", "b5", "a6", "a7", "b8"}},
		{"all around", at(4), 100, []string{"b0", "a1", "b2", "a3", "b4", "b5", "a6", "a7", "b8"}},
		{"one", at(4), 1, []string{"<", "b4", ">"}},
		{"less than one", at(4), -1, []string{"<", "b4", ">"}},
		{"unread that fit", chat.Position{Unread: true}, 3, []string{"<", "a6", "a7", "b8"}},
		{"unread that do not", chat.Position{Unread: true}, 2, []string{"<", "a7", "b8"}},
	} {
		page, err := s.page(id, c.at, c.limit)
		must(t, err)
		same(t, c.name, texts(page), c.want)
		if page.FirstUnread != ids[8] { // own messages are never unread
			t.Errorf("%s: the first unread one is %v", c.name, page.FirstUnread)
		}
		if m := page.Messages; len(m) > 0 && (c.at.Before || c.at.After) {
			order := uint64(slices.Index(ids, c.at.Message) + 1)
			numbered, err := s.page(id, chat.Position{Order: order, Before: c.at.Before, After: c.at.After}, c.limit)
			must(t, err)
			same(t, c.name+" by number", texts(numbered), c.want)
		}
	}
	if page, err := s.page(empty, chat.Position{}, 10); err != nil || page.MoreAfter || page.MoreBefore || len(page.Messages) > 0 {
		t.Errorf("of an empty group: %+v, %v", page, err)
	}
	if _, err := s.page(id, chat.Position{Message: content.MessageID{99}}, 10); !errors.Is(err, chat.ErrNoMessage) {
		t.Errorf("around no message: %v", err)
	}
}

// A search that goes on page by page finds the same as one at once, also across
// conversations and the transactions that it takes.
func TestSearchGoesOn(t *testing.T) {
	s := newProfile(t)
	var long []string
	for i := range 2*searchStep + 176 {
		long = append(long, fmt.Sprint("message ", i))
	}
	s.conversation("Short", 1, 0, "a message 5", "Message 55")
	s.conversation("Long", 2, 0, long...)
	find := func(q chat.SearchQuery) (found []string, last content.MessageID) {
		must(t, Search(t.Context(), s.list(10), q, s.view, func(m chat.Message) bool {
			found, last = append(found, m.Text), m.ID
			return true
		}))
		return found, last
	}
	all, _ := find(chat.SearchQuery{Text: "5 MESSAGE"})
	if len(all) != 311 || all[0] != "message 1195" || all[310] != "a message 5" {
		t.Errorf("%d messages were found", len(all))
	}
	var paged []string
	for q := (chat.SearchQuery{Text: "5 message", Limit: 100}); ; {
		some, last := find(q)
		paged, q.Before = append(paged, some...), last
		if len(some) < q.Limit {
			break
		}
	}
	same(t, "page by page", paged, all)
	if err := Search(t.Context(), s.list(10), chat.SearchQuery{Before: content.MessageID{99}}, s.view, func(chat.Message) bool { return true }); !errors.Is(err, chat.ErrNoMessage) {
		t.Errorf("after no message: %v", err)
	}
}
