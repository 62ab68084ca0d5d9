// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"slices"
	"time"
	"unicode/utf8"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/names"
	"github.com/securecrypt/securecrypt/content"
)

// How much of a message is kept to be shown outside of its place: bytes of
// text, and attachments.
const (
	previewText        = 300
	previewAttachments = 4
)

// A listRecord is the part of a convRecord that lists of conversations need
// and the conversation itself does not: what is copied here, to be found
// without searching, and what this account chose for itself.
type listRecord struct {
	// Last is the newest message that may be seen.
	Last *previewRecord `cbor:"40,keyasint,omitempty"`
	// Members counts the accounts in it, this one included.
	Members uint64 `cbor:"41,keyasint,omitempty"`
	// MentionedAt is the order of the newest message that mentions this
	// account.
	MentionedAt uint64 `cbor:"43,keyasint,omitempty"`
	Pinned      bool   `cbor:"44,keyasint,omitempty"`
	Archived    bool   `cbor:"45,keyasint,omitempty"`
	MutedUntil  int64  `cbor:"46,keyasint,omitempty"` // Unix milliseconds
	Draft       string `cbor:"47,keyasint,omitempty"`
	DraftReply  []byte `cbor:"48,keyasint,omitempty"` // content.MessageID
	// Hidden: it was deleted, and is followed only until it can go.
	Hidden bool `cbor:"49,keyasint,omitempty"`
	// HiddenAt is when it was deleted, in Unix seconds.
	HiddenAt int64 `cbor:"50,keyasint,omitempty"`
}

// readUpTo returns the order of the newest message that counts as read.
func (r *convRecord) readUpTo() uint64 {
	if r.Reported == nil {
		return 0
	}
	return r.Reported.Read
}

// A previewRecord is a message without what is long.
type previewRecord struct {
	Order       uint64             `cbor:"1,keyasint"`
	Message     messageRecord      `cbor:"2,keyasint"`
	Attachments []attachmentRecord `cbor:"3,keyasint,omitempty"`
}

type attachmentRecord struct {
	Index int    `cbor:"1,keyasint"`
	Name  string `cbor:"2,keyasint"`
	Type  string `cbor:"3,keyasint"`
	Size  int64  `cbor:"4,keyasint"`
}

// beginning returns the first bytes of a text, in whole letters.
func beginning(text string) string {
	if len(text) <= previewText {
		return text
	}
	n := previewText
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n] + "…"
}

func preview(order uint64, rec *messageRecord) *previewRecord {
	p := &previewRecord{Order: order, Message: *rec}
	m := &p.Message
	m.Text, m.Content, m.Reactions, m.Paths, m.Uploads, m.Undo = beginning(rec.Text), nil, nil, nil, nil, nil
	m.Recipients = nil // how many there are is enough
	for _, r := range rec.Recipients {
		m.Recipients = append(m.Recipients, recipientRecord{Status: r.Status})
	}
	if len(rec.Content) == 0 {
		return p
	}
	msg, err := content.Decode(rec.Content)
	if err != nil {
		return p
	}
	for _, a := range msg.View().Attachments {
		if len(p.Attachments) == previewAttachments {
			break
		}
		x := rec.attachment(a)
		p.Attachments = append(p.Attachments, attachmentRecord{x.Index, beginning(x.Name), beginning(x.Type), x.Size})
	}
	return p
}

// message returns what is kept of the message, nil if it may be seen no more.
func (p *previewRecord) message(conv chat.ConversationID, self string, now time.Time) *chat.Message {
	if p == nil || p.Message.expired(now) {
		return nil
	}
	m := p.Message.message(conv, self)
	m.Order = p.Order
	for _, a := range p.Attachments {
		m.Attachments = append(m.Attachments, chat.Attachment{Index: a.Index, Name: a.Name, Type: a.Type, Size: a.Size})
	}
	return &m
}

// noteLast keeps the preview of a conversation in step with a message that was
// saved.
func (c *conversation) noteLast(order uint64, rec *messageRecord) {
	if rec.Held || c.rec.Last != nil && order < c.rec.Last.Order {
		return
	}
	c.rec.Last = preview(order, rec)
	c.touch()
}

// dropLast is told that a message is gone, and finds the one before it if it
// was the newest.
func (c *conversation) dropLast(tx *sealedTx, order uint64) error {
	if c.rec.Last == nil || c.rec.Last.Order != order {
		return nil
	}
	c.touch()
	return findLast(tx, c.id, &c.rec, c.now())
}

// forgetLast is dropLast for a conversation without a machine.
func forgetLast(tx *sealedTx, id cid, order uint64, now time.Time) error {
	var conv convRecord
	ok, err := tx.load(key(tableConversation, id[:]), &conv)
	if err != nil || !ok || conv.Last == nil || conv.Last.Order != order {
		return err
	}
	if err := findLast(tx, id, &conv, now); err != nil {
		return err
	}
	return tx.save(key(tableConversation, id[:]), &conv)
}

func findLast(tx *sealedTx, id cid, conv *convRecord, now time.Time) error {
	conv.Last = nil
	return tx.scan(key(tableMessage, id[:]), true, func(k, v []byte) (bool, error) {
		var rec messageRecord
		if err := decodeRecord(v, &rec); err != nil {
			return false, err
		}
		if rec.Held || rec.expired(now) {
			return true, nil
		}
		conv.Last = preview(lastNumber(k), &rec)
		return false, nil
	})
}

// arrived does what a new message from somebody else means for the list.
func (c *conversation) arrived(order uint64, rec *messageRecord) {
	c.rec.Unread++
	if rec.mentions(c.self.address) {
		c.rec.MentionedAt = max(c.rec.MentionedAt, order)
	}
	if c.rec.MutedUntil <= millis(c.now()) {
		c.rec.Archived = false
	}
	c.touch()
}

func (r *messageRecord) mentions(who account.Address) bool {
	return !r.Notice && slices.Contains(names.Mentioned(r.Text), who)
}
