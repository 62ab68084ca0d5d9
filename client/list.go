// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"cmp"
	"slices"
	"time"

	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/names"
	"github.com/securecrypt/securecrypt/content"
)

// A viewBuilder converts stored records to API types.
type viewBuilder struct {
	tx   *sealedTx
	self string
	now  time.Time
	// contacts are those by address, nil to look up each when it is needed.
	contacts map[string]contactRecord
}

// loadContacts reads all contacts at once, for who shows many conversations.
func (s *viewBuilder) loadContacts() error {
	s.contacts = map[string]contactRecord{}
	return s.tx.scan([]byte(tableContact), false, func(_, v []byte) (bool, error) {
		var rec contactRecord
		if err := decodeRecord(v, &rec); err != nil {
			return false, err
		}
		s.contacts[rec.Address] = rec
		return true, nil
	})
}

// fetchContacts prepares for showing some conversations: who is in them, and
// who wrote last.
func (s *viewBuilder) fetchContacts(some []stored) error {
	people := map[string]bool{}
	for i := range some {
		rec := &some[i].rec
		people[rec.Peer] = true
		if rec.Last != nil {
			people[rec.Last.Message.From] = true
		}
	}
	delete(people, "") // groups have no peer
	var keys [][]byte
	for who := range people {
		keys = append(keys, contactKey(s.tx, who))
	}
	return s.tx.fetch(keys)
}

func (s *viewBuilder) contact(address string) (contactRecord, error) {
	if s.contacts != nil {
		return s.contacts[address], nil
	}
	return loadContact(s.tx, address)
}

// conversation is a record as interfaces see it, except for what waits to be
// sent.
func (s *viewBuilder) conversation(r *convRecord) (chat.Conversation, error) {
	id := chat.IDOf(r.Channel)
	c := chat.Conversation{
		ID: id, Group: r.Group, Title: r.Title, Name: cmp.Or(names.ShownTitle(r.Title), id.Short()),
		Peer: address(r.Peer), Host: r.Host, Status: r.Status, Reason: r.Cause.reason(r.Reason), Inviter: address(r.Inviter), Confirmed: !slices.Contains(r.Unconfirmed, r.Inviter),
		Unread: int(r.Unread), Activity: time.UnixMilli(r.Activity),
		Timer: time.Duration(r.Timer) * time.Second,
		Last:  r.Last.message(id, s.self, s.now), Members: int(r.Members),
		Mentioned:  r.Unread > 0 && r.MentionedAt > r.readUpTo(),
		Unanswered: !r.Group && r.Status == chat.StatusActive && r.Inviter == "" && !r.Answered, Empty: r.NextOrder == 0,
		Pinned: r.Pinned, Archived: r.Archived, Draft: r.Draft,
	}
	if r.MutedUntil > millis(s.now) {
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
	c.Verified, c.Name = peer.verified(s.tx), peer.shown()
	return c, nil
}

// verified reports whether the account is still the one whose safety number
// was compared. Few are, so the chain is read only for those.
func (r *contactRecord) verified(tx *sealedTx) bool {
	if len(r.Verified) == 0 {
		return false
	}
	chain, err := pinnedChain(tx, address(r.Address))
	if err != nil || chain == nil {
		return false
	}
	head := chain.Head()
	return string(r.Verified) == string(head[:])
}

// waiting counts the messages that are still to be sent, by conversation: the
// outbox as a whole is short, where the conversations may be many.
func waiting(tx *sealedTx) (map[cid]int, error) {
	n := map[cid]int{}
	err := tx.scan([]byte(tableOutbox), false, func(k, v []byte) (bool, error) {
		var item outboxRecord
		if err := decodeRecord(v, &item); err != nil {
			return false, err
		}
		if item.Order != 0 {
			n[cid(k[1:1+len(cid{})])]++
		}
		return true, nil
	})
	return n, err
}
