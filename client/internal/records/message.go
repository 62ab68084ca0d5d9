// SPDX-License-Identifier: AGPL-3.0-or-later

package records

import (
	"encoding/binary"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/attach"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/names"
	"github.com/securecrypt/securecrypt/content"
	"github.com/securecrypt/securecrypt/protocol"
)

// Expired reports whether a message is to be shown no more. One that came while
// this device's clock was behind is shown until it is erased, or for as much longer.
func (r *Message) Expired(now time.Time) bool {
	return r.Expires != 0 && r.Expires+r.Behind <= now.Unix()
}

// maxAhead is how far a sender's clock may be ahead of this device's.
const maxAhead = 24 * time.Hour

// SentMillis returns when the message was sent, in Unix milliseconds: by the sender's
// clock, unless what it said cannot be. It may be any number, and interfaces
// have only so many dates.
func (r *Message) SentMillis() int64 {
	if r.Sent <= 0 || r.Sent > r.Received+maxAhead.Milliseconds() {
		return r.Received
	}
	return r.Sent
}

// MessageOrder returns the position of a message in the history of a
// conversation, 0 if it has none.
func MessageOrder(tx *Tx, in CID, id content.MessageID) (uint64, error) {
	b, err := tx.Get(Key(TableMessageID, in[:], tx.Index(id[:])))
	if err != nil || len(b) != 8 {
		return 0, err
	}
	return binary.BigEndian.Uint64(b), nil
}

// LoadMessage returns a message of a conversation and its position, nil if there
// is none.
func LoadMessage(tx *Tx, in CID, id content.MessageID) (uint64, *Message, error) {
	order, err := MessageOrder(tx, in, id)
	if err != nil || order == 0 {
		return 0, nil, err
	}
	var rec Message
	ok, err := tx.Load(Key(TableMessage, in[:], Number(order)), &rec)
	if err != nil || !ok {
		return 0, nil, err
	}
	return order, &rec, nil
}

// Erase leaves of a message only that it was there.
func (r *Message) Erase() {
	r.Deleted, r.Content, r.Text, r.Reactions, r.Paths = true, nil, "", nil, nil
	r.Uploads, r.Undo = nil, nil
}

// ReactionsOf counts the reactions of one member.
func (r *Message) ReactionsOf(from string) (n int) {
	for _, x := range r.Reactions {
		if x.From == from {
			n++
		}
	}
	return n
}

// View is the record as others see it.
func (r *Message) View(conv chat.ConversationID, self string) chat.Message {
	m := chat.Message{
		ID: r.ID, Conversation: conv, From: Address(r.From), Own: r.From == self, Text: r.Text,
		SentAt: time.UnixMilli(r.SentMillis()), ReceivedAt: time.UnixMilli(r.Received),
		Edited: r.Edited, Deleted: r.Deleted, State: r.State, Reason: r.Cause.reason(r.Reason), Notice: r.notice(),
		Delivered: r.countAtLeast(content.StatusDelivered), Read: r.countAtLeast(content.StatusRead),
	}
	if !r.Notice {
		m.Mentions = names.Mentioned(r.Text)
		m.MentionsMe = len(m.Mentions) > 0 && slices.Contains(m.Mentions, Address(self))
	}
	if r.Expires != 0 {
		m.ExpiresAt = time.Unix(r.Expires, 0)
	}
	for _, x := range r.Reactions {
		m.Reactions = append(m.Reactions, chat.Reaction{From: Address(x.From), Emoji: x.Emoji})
	}
	if len(r.Content) == 0 {
		return m
	}
	msg, err := content.Decode(r.Content)
	if err != nil {
		return m
	}
	m.ReplyTo = msg.InReplyTo
	for _, a := range msg.View().Attachments {
		m.Attachments = append(m.Attachments, r.attachment(a))
	}
	return m
}

func (r *Message) attachment(a content.Attachment) chat.Attachment {
	out := chat.Attachment{Index: a.Index, Name: a.Name, Type: a.ContentType, Size: int64(min(a.Size(), attach.MaxSize))}
	for _, p := range r.Paths {
		if p.Index == a.Index {
			out.Path = p.Path
		}
	}
	if a.External != nil {
		if _, blob, err := BlobOf(a.External); err == nil {
			out.File = chat.FileIDOf(blob)
		}
	}
	if out.Name == "" {
		out.Name = "attachment"
	}
	return out
}

// A Notice is what a Message has in place of a text.
type Notice struct {
	Kind   chat.NoticeKind `cbor:"1,keyasint"`
	Whom   string          `cbor:"2,keyasint,omitempty"`
	Title  string          `cbor:"3,keyasint,omitempty"`
	Timer  uint32          `cbor:"4,keyasint,omitempty"` // seconds
	Role   chat.Role       `cbor:"5,keyasint,omitempty"`
	Reason string          `cbor:"6,keyasint,omitempty"`
	Count  uint64          `cbor:"7,keyasint,omitempty"`
}

// notice returns what the record tells, nil of a message.
func (r *Message) notice() *chat.Notice {
	switch {
	case !r.Notice:
		return nil
	case r.What == nil:
		return &chat.Notice{Kind: chat.NoticeOther}
	}
	n := r.What
	return &chat.Notice{Kind: n.Kind, Whom: Address(n.Whom), Title: n.Title, Timer: time.Duration(n.Timer) * time.Second, Role: n.Role, Reason: n.Reason, Count: n.Count}
}

// Mentions reports whether a message mentions somebody.
func (r *Message) Mentions(who account.Address) bool {
	return !r.Notice && slices.Contains(names.Mentioned(r.Text), who)
}

type Message struct {
	Version  uint8             `cbor:"1,keyasint"`
	ID       content.MessageID `cbor:"2,keyasint"`
	From     string            `cbor:"3,keyasint"`
	Sent     int64             `cbor:"4,keyasint"` // Unix milliseconds, as the sender claims
	Received int64             `cbor:"5,keyasint"`
	State    chat.State        `cbor:"6,keyasint"`
	Reason   string            `cbor:"7,keyasint,omitempty"`
	// Content is the first version as it was sent; empty for notices and once
	// deleted.
	Content   []byte     `cbor:"8,keyasint,omitempty"`
	Text      string     `cbor:"9,keyasint,omitempty"` // the newest version's
	Edited    bool       `cbor:"10,keyasint"`
	Deleted   bool       `cbor:"11,keyasint"`
	Notice    bool       `cbor:"12,keyasint"`
	Expires   int64      `cbor:"13,keyasint,omitempty"` // Unix seconds, by this device's clock
	Reactions []Reaction `cbor:"14,keyasint,omitempty"`
	// Paths are where attachments were saved or came from.
	Paths []Path `cbor:"15,keyasint,omitempty"`
	// Held: the sender is not confirmed, so nobody gets to see it yet.
	Held bool `cbor:"16,keyasint"`
	// Recipients are those an own message was sent to, if they are few.
	Recipients []Recipient `cbor:"30,keyasint,omitempty"`
	// Uploads are the files of a message that failed, to send it again.
	Uploads []Upload `cbor:"40,keyasint,omitempty"`
	// What a notice tells; nil if it is as old as to say it in Text.
	What  *Notice `cbor:"50,keyasint,omitempty"`
	Cause Cause   `cbor:"51,keyasint,omitempty"` // of Reason
	// SentAs is the number of the sentRecord of an own message, 0 if there is none.
	SentAs uint64 `cbor:"61,keyasint,omitempty"`
	// Behind is by how many seconds that clock was behind the server's when Expires
	// was set. If it was set right since, the message stays for as much longer.
	Behind int64 `cbor:"62,keyasint,omitempty"`
	// Undo takes back what was done to the message and is not sent yet.
	Undo []Undo `cbor:"60,keyasint,omitempty"`
}

// An Undo is how a message was before an item of the outbox.
type Undo struct {
	Item uint64 `cbor:"1,keyasint"`
	// Whole is all of a message that was deleted.
	Whole *Message `cbor:"2,keyasint,omitempty"`
	// Text and Edited are those of a message that was edited.
	Text   *string `cbor:"3,keyasint,omitempty"`
	Edited bool    `cbor:"4,keyasint,omitempty"`
	// Reaction is the identifier of what was added to the reactions or took
	// some away, Gone are those that it took away.
	Reaction content.MessageID `cbor:"5,keyasint"`
	Gone     []Reaction        `cbor:"6,keyasint,omitempty"`
}

type Reaction struct {
	ID    content.MessageID `cbor:"1,keyasint"`
	From  string            `cbor:"2,keyasint"`
	Emoji string            `cbor:"3,keyasint"`
}

type Path struct {
	Index int    `cbor:"1,keyasint"`
	Path  string `cbor:"2,keyasint"`
}

// BlobOf checks an external part and returns where it is.
func BlobOf(ext *content.External) (host string, id protocol.BlobID, err error) {
	u, err := url.Parse(ext.URL)
	if err != nil || u.Scheme != "https" || u.Host == "" {
		return "", id, fmt.Errorf("%w: attachment", protocol.ErrMalformed)
	}
	id, err = protocol.ParseBlobID(strings.TrimPrefix(u.Path, protocol.BlobPath+"/"))
	if err == nil && (len(ext.Key) != attach.KeySize || len(ext.Nonce) != attach.NonceSize || ext.Size > attach.MaxSize) {
		err = fmt.Errorf("%w: attachment", protocol.ErrMalformed)
	}
	return u.Host, id, err
}

// NewestMessage returns the identifier of the newest message up to a place of the
// history, zero if there is none.
func NewestMessage(tx *Tx, id CID, order uint64) (newest content.MessageID, err error) {
	err = tx.ScanFrom(Key(TableMessage, id[:]), Key(TableMessage, id[:], Number(order)), true, func(_, v []byte) (bool, error) {
		var rec Message
		if err := Decode(v, &rec); err != nil {
			return false, err
		}
		newest = rec.ID
		return rec.ID.IsZero(), nil
	})
	return newest, err
}
