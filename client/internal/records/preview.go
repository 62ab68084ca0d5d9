// SPDX-License-Identifier: AGPL-3.0-or-later

package records

import (
	"time"
	"unicode/utf8"

	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/content"
)

// How much of a message is kept to be shown outside of its place: bytes of
// text, and attachments.
const (
	previewText        = 300
	previewAttachments = 4
)

// A Preview is a message without what is long.
type Preview struct {
	Order       uint64       `cbor:"1,keyasint"`
	Message     Message      `cbor:"2,keyasint"`
	Attachments []Attachment `cbor:"3,keyasint,omitempty"`
}

type Attachment struct {
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

// NewPreview returns what is kept of a message to be shown elsewhere.
func NewPreview(order uint64, rec *Message) *Preview {
	p := &Preview{Order: order, Message: *rec}
	m := &p.Message
	m.Text, m.Content, m.Reactions, m.Paths, m.Uploads, m.Undo = beginning(rec.Text), nil, nil, nil, nil, nil
	m.Recipients = nil // how many there are is enough
	for _, r := range rec.Recipients {
		m.Recipients = append(m.Recipients, Recipient{Status: r.Status})
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
		p.Attachments = append(p.Attachments, Attachment{x.Index, beginning(x.Name), beginning(x.Type), x.Size})
	}
	return p
}

// View returns what is kept of the message, nil if it may be seen no more.
func (p *Preview) View(conv chat.ConversationID, self string, now time.Time) *chat.Message {
	if p == nil || p.Message.Expired(now) {
		return nil
	}
	m := p.Message.View(conv, self)
	m.Order = p.Order
	for _, a := range p.Attachments {
		m.Attachments = append(m.Attachments, chat.Attachment{Index: a.Index, Name: a.Name, Type: a.Type, Size: a.Size})
	}
	return &m
}

// ForgetLast is dropLast for a conversation without a machine.
func ForgetLast(tx *Tx, id CID, order uint64, now time.Time) error {
	var conv Conversation
	ok, err := tx.Load(Key(TableConversation, id[:]), &conv)
	if err != nil || !ok || conv.Last == nil || conv.Last.Order != order {
		return err
	}
	if err := FindLast(tx, id, &conv, now); err != nil {
		return err
	}
	return tx.Save(Key(TableConversation, id[:]), &conv)
}

// FindLast makes the newest message that may be seen the last of a conversation.
func FindLast(tx *Tx, id CID, conv *Conversation, now time.Time) error {
	conv.Last = nil
	return tx.Scan(Key(TableMessage, id[:]), true, func(k, v []byte) (bool, error) {
		var rec Message
		if err := Decode(v, &rec); err != nil {
			return false, err
		}
		if rec.Held || rec.Expired(now) {
			return true, nil
		}
		conv.Last = NewPreview(LastNumber(k), &rec)
		return false, nil
	})
}
