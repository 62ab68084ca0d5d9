// SPDX-License-Identifier: AGPL-3.0-or-later

package records

import (
	"cmp"
	"slices"
	"time"

	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/names"
	"github.com/securecrypt/securecrypt/content"
)

// A Views converts stored records to API types.
type Views struct {
	Tx   *Tx
	Self string
	Now  time.Time
	// contacts are those by address, nil to look up each when it is needed.
	contacts map[string]Contact
}

// NewViews returns Views within a transaction, for the account with that address.
func NewViews(tx *Tx, self string, now time.Time) *Views {
	return &Views{Tx: tx, Self: self, Now: now}
}

// LoadContacts reads all contacts at once, for who shows many conversations.
func (s *Views) LoadContacts() error {
	s.contacts = map[string]Contact{}
	return s.Tx.Scan([]byte(TableContact), false, func(_, v []byte) (bool, error) {
		var rec Contact
		if err := Decode(v, &rec); err != nil {
			return false, err
		}
		s.contacts[rec.Address] = rec
		return true, nil
	})
}

// FetchContacts prepares for showing some conversations: who is in them, and
// who wrote last.
func (s *Views) FetchContacts(some []Stored) error {
	people := map[string]bool{}
	for i := range some {
		rec := &some[i].Rec
		people[rec.Peer] = true
		if rec.Last != nil {
			people[rec.Last.Message.From] = true
		}
	}
	delete(people, "") // groups have no peer
	var keys [][]byte
	for who := range people {
		keys = append(keys, contactKey(s.Tx, who))
	}
	return s.Tx.Fetch(keys)
}

func (s *Views) contact(address string) (Contact, error) {
	if s.contacts != nil {
		return s.contacts[address], nil
	}
	return LoadContact(s.Tx, address)
}

// Conversation is a record as interfaces see it, except for what waits to be
// sent.
func (s *Views) Conversation(r *Conversation) (chat.Conversation, error) {
	id := chat.IDOf(r.Channel)
	c := chat.Conversation{
		ID: id, Group: r.Group, Own: r.Own, Title: r.Title, Name: cmp.Or(names.ShownTitle(r.Title), id.Short()),
		Peer: Address(r.Peer), Host: r.Host, Status: r.Status, Reason: r.Cause.reason(r.Reason), Inviter: Address(r.Inviter), Confirmed: !slices.Contains(r.Unconfirmed, r.Inviter),
		Unread: int(r.Unread), Activity: time.UnixMilli(r.Activity),
		Timer: time.Duration(r.Timer) * time.Second,
		Last:  r.Last.View(id, s.Self, s.Now), Members: int(r.Members),
		Mentioned:  r.Unread > 0 && r.MentionedAt > r.ReadUpTo(),
		Unanswered: !r.Group && !r.Own && r.Status == chat.StatusActive && r.Inviter == "" && !r.Answered,
		Empty:      r.NextOrder == 0 || r.NextOrder == HistoryRoom && r.Last == nil,
		Pinned:     r.Pinned, Archived: r.Archived, Draft: r.Draft,
	}
	if r.MutedUntil > Millis(s.Now) {
		c.MutedUntil = time.UnixMilli(r.MutedUntil)
	}
	if len(r.DraftReply) == content.MessageIDSize {
		c.DraftReply = content.MessageID(r.DraftReply)
	}
	if r.Group || r.Peer == "" {
		return c, nil
	}
	if r.Status == chat.StatusRequest && !c.Confirmed { // anybody can claim to be a contact
		c.Name = r.Peer
		return c, nil
	}
	peer, err := s.contact(r.Peer)
	if err != nil {
		return c, err
	}
	c.Verified, c.Name = peer.isVerified(s.Tx), peer.DisplayName()
	return c, nil
}

// Message is a record as interfaces see it.
func (s *Views) Message(id CID, conv chat.ConversationID, order uint64, r *Message) (chat.Message, error) {
	m := r.View(conv, s.Self)
	m.Order = order
	if m.ReplyTo.IsZero() {
		return m, nil
	}
	at, rec, err := LoadMessage(s.Tx, id, m.ReplyTo)
	if err != nil || rec == nil || rec.Held || rec.Expired(s.Now) {
		return m, err
	}
	q := NewPreview(at, rec).View(conv, s.Self, s.Now)
	m.Quote = &chat.Quote{
		Message: q.ID, Order: at, From: q.From, Own: q.Own, Text: q.Text, Attachments: q.Attachments, Deleted: q.Deleted,
	}
	return m, nil
}

// Describe is conversation with what waits to be sent.
func (s *Views) Describe(id CID, rec *Conversation) (chat.Conversation, error) {
	conv, err := s.Conversation(rec)
	if err != nil {
		return conv, err
	}
	err = s.Tx.Scan(Key(TableOutbox, id[:]), false, func(_, v []byte) (bool, error) {
		var item OutboxItem
		if err := Decode(v, &item); err != nil {
			return false, err
		}
		if item.Order != 0 {
			conv.Waiting++
		}
		return true, nil
	})
	return conv, err
}
