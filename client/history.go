// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"encoding/binary"
	"slices"
	"time"

	"github.com/securecrypt/securecrypt/client/attach"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/names"
	"github.com/securecrypt/securecrypt/content"
	"github.com/securecrypt/securecrypt/internal/codec/dcbor"
	"github.com/securecrypt/securecrypt/mls"
)

func decodeRecord(b []byte, v any) error { return dcbor.Unmarshal(b, v) }

// lastNumber returns the number that a key ends in.
func lastNumber(k []byte) uint64 { return binary.BigEndian.Uint64(k[len(k)-8:]) }

// keySentAt is the extension that carries the sender's clock, in Unix
// milliseconds.
var keySentAt = content.ExtensionKey{Int: -1}

// sentAt returns what the sender's clock said, 0 if the sender did not say.
func sentAt(m *content.Message) int64 {
	var ms int64
	if raw, ok := m.Extensions[keySentAt]; !ok || dcbor.Unmarshal(raw, &ms) != nil {
		return 0
	}
	return ms
}

// maxAhead is how far a sender's clock may be ahead of this device's.
const maxAhead = 24 * time.Hour

// sent returns when the message was sent, in Unix milliseconds: by the sender's
// clock, unless what it said cannot be. It may be any number, and interfaces
// have only so many dates.
func (r *messageRecord) sent() int64 {
	if r.Sent <= 0 || r.Sent > r.Received+maxAhead.Milliseconds() {
		return r.Received
	}
	return r.Sent
}

// receive takes in a message that somebody sent.
func (c *conversation) receive(tx *sealedTx, m *mls.ApplicationMessage) error {
	cred, err := leafCredential(m.Leaf)
	if err != nil {
		return nil
	}
	from := cred.Address.String()
	contact, err := loadContact(tx, from)
	if err != nil || contact.Blocked || c.rec.Status == chat.StatusLeft || c.rec.Hidden {
		return err
	}
	c.markActive(from)
	c.heardFrom(from)
	if c.rec.Unreadable {
		c.rec.Unreadable = false
		c.touch()
	}
	if !c.rec.Answered && !c.state.Group {
		c.rec.Answered = true
		c.touch()
	}
	msg, err := content.Decode(m.Data)
	if err != nil {
		return nil // nothing that this version understands
	}
	id, err := content.ID(cred.Address.URI(), c.roomURI(), m.Data)
	if err != nil {
		return nil
	}
	known, err := c.messageOrder(tx, id)
	if err != nil || known != 0 {
		return err
	}
	if msg.View().Kind == content.KindMessage {
		c.typists.end(c, cred.Address)
	} else if slices.Contains(c.unconfirmedMembers(), from) {
		return c.holdUntilConfirmed(tx, heldRecord{recordVersion, from, id, m.Data})
	}
	return c.take(tx, from, id, m.Data, msg, chat.StateReceived)
}

// take enters a message, of this account or another, into the history.
func (c *conversation) take(tx *sealedTx, from string, id content.MessageID, raw []byte, msg *content.Message, state chat.State) error {
	view := msg.View()
	switch view.Kind {
	case content.KindEdit:
		return c.edited(tx, from, view)
	case content.KindDelete:
		return c.deleted(tx, from, view)
	case content.KindReaction, content.KindUnreaction:
		return c.reacted(tx, from, id, view)
	case content.KindControl:
		return c.control(tx, from, view)
	case content.KindStatus:
		return c.reported(tx, from, view.Statuses)
	case content.KindMessage:
		_, err := c.record(tx, from, id, raw, msg, state)
		return err
	}
	return nil
}

// record adds a message to the history and returns its order.
func (c *conversation) record(tx *sealedTx, from string, id content.MessageID, raw []byte, msg *content.Message, state chat.State) (uint64, error) {
	now := c.now()
	rec := &messageRecord{
		Version: recordVersion, ID: id, From: from, Sent: sentAt(msg), Received: millis(now), State: state,
		Content: raw, Text: msg.View().Text, Held: state == chat.StateReceived && slices.Contains(c.unconfirmedMembers(), from),
	}
	c.rec.Held = c.rec.Held || rec.Held
	if life := lasts(msg, now); life > 0 {
		life = min(lasting(life, time.Duration(c.state.Timer)*time.Second), chat.MaxExpiry)
		rec.Expires = time.UnixMilli(rec.Received).Add(life + time.Second - 1).Unix() // rather late than early
		rec.Behind = c.lifeClock().secondsBehind()
	}
	order, err := c.add(tx, rec)
	if err != nil || state != chat.StateReceived || rec.Held {
		return order, err
	}
	c.arrived(order, rec)
	return order, c.enqueue(tx, inboxRecord{Order: order, Kind: chat.InboxMessage, From: from})
}

// add stores a new message record at the end of the history.
func (c *conversation) add(tx *sealedTx, rec *messageRecord) (uint64, error) {
	c.rec.NextOrder++
	return c.rec.NextOrder, c.addAt(tx, c.rec.NextOrder, rec)
}

// addAt stores a new message record at a place of the history where nothing is.
func (c *conversation) addAt(tx *sealedTx, order uint64, rec *messageRecord) error {
	c.rec.Activity, c.stirs = rec.Received, true
	c.nothingToReport(order, rec)
	c.touch()
	if !rec.ID.IsZero() {
		if err := tx.put(key(tableMessageID, c.id[:], tx.index(rec.ID[:])), number(order)); err != nil {
			return err
		}
	}
	if rec.Expires != 0 {
		if err := tx.put(key(tableExpiry, c.id[:], number(uint64(rec.Expires)), number(order)), nil); err != nil {
			return err
		}
		c.out.do(doWake{time.Unix(rec.Expires, 0)})
	}
	return c.saveMessage(tx, order, rec, true)
}

func (c *conversation) saveMessage(tx *sealedTx, order uint64, rec *messageRecord, isNew bool) error {
	c.noteLast(order, rec)
	if !rec.Held {
		m, err := c.show(tx).message(c.id, chat.IDOf(c.rec.Channel), order, rec)
		if err != nil {
			return err
		}
		c.out.emit(chat.MessageEvent{Message: m, New: isNew})
	}
	return tx.save(key(tableMessage, c.id[:], number(order)), rec)
}

// messageOrder returns the position of a message in the history, 0 if it has
// none.
func (c *conversation) messageOrder(tx *sealedTx, id content.MessageID) (uint64, error) {
	b, err := tx.get(key(tableMessageID, c.id[:], tx.index(id[:])))
	if err != nil || len(b) != 8 {
		return 0, err
	}
	return binary.BigEndian.Uint64(b), nil
}

func (c *conversation) loadMessage(tx *sealedTx, id content.MessageID) (uint64, *messageRecord, error) {
	order, err := c.messageOrder(tx, id)
	if err != nil || order == 0 {
		return 0, nil, err
	}
	var rec messageRecord
	ok, err := tx.load(key(tableMessage, c.id[:], number(order)), &rec)
	if err != nil || !ok {
		return 0, nil, err
	}
	return order, &rec, nil
}

func (c *conversation) edited(tx *sealedTx, from string, view content.View) error {
	order, rec, err := c.loadMessage(tx, view.Replaces)
	if err != nil || rec == nil || rec.From != from || rec.Deleted {
		return err
	}
	rec.Text, rec.Edited = view.Text, true
	if err := c.saveMessage(tx, order, rec, false); err != nil {
		return err
	}
	return c.enqueueIfForeign(tx, inboxRecord{Order: order, Kind: chat.InboxEdit, From: from, Text: view.Text}, rec.Held)
}

func (c *conversation) deleted(tx *sealedTx, from string, view content.View) error {
	order, rec, err := c.loadMessage(tx, view.Replaces)
	if err != nil || rec == nil || rec.From != from || rec.Deleted {
		return err
	}
	if from != c.self.address.String() { // others have an own one until they get this
		if err := forgetFiles(tx, useRecord{c.id, order}, rec); err != nil {
			return err
		}
	} else if err := forgetSent(tx, c.id, order, rec); err != nil {
		return err
	}
	rec.erase()
	if err := c.saveMessage(tx, order, rec, false); err != nil {
		return err
	}
	return c.enqueueIfForeign(tx, inboxRecord{Order: order, Kind: chat.InboxDelete, From: from}, rec.Held)
}

// erase leaves of a message only that it was there.
func (r *messageRecord) erase() {
	r.Deleted, r.Content, r.Text, r.Reactions, r.Paths = true, nil, "", nil, nil
	r.Uploads, r.Undo = nil, nil
}

// maxReactions bounds those of all, so that the message's record stays
// readable.
const maxReactions = 1 << 14

func (r *messageRecord) reactionsOf(from string) (n int) {
	for _, x := range r.Reactions {
		if x.From == from {
			n++
		}
	}
	return n
}

func (c *conversation) reacted(tx *sealedTx, from string, id content.MessageID, view content.View) error {
	order, rec, err := c.loadMessage(tx, view.InReplyTo)
	if err != nil || rec == nil || rec.Deleted {
		return err
	}
	rec.Reactions = slices.DeleteFunc(rec.Reactions, func(r reactionRecord) bool {
		return r.From == from && (r.ID == view.Replaces || slices.Contains(view.Reactions, r.Emoji))
	})
	emoji := ""
	if view.Kind == content.KindReaction && len(view.Reactions) > 0 {
		if len(rec.Reactions) >= maxReactions || rec.reactionsOf(from) >= chat.MaxReactions {
			return nil
		}
		emoji = view.Reactions[0]
		rec.Reactions = append(rec.Reactions, reactionRecord{id, from, emoji})
	}
	if err := c.saveMessage(tx, order, rec, false); err != nil {
		return err
	}
	return c.enqueueIfForeign(tx, inboxRecord{Order: order, Kind: chat.InboxReaction, From: from, Text: emoji}, rec.Held)
}

// The control messages between clients.
const controlProfile = "profile"

type profileControl struct {
	Version uint8  `cbor:"1,keyasint"`
	Name    string `cbor:"2,keyasint"`
}

func (c *conversation) control(tx *sealedTx, from string, view content.View) error {
	if from == c.self.address.String() {
		return nil
	}
	switch view.Control.Name {
	case controlWake:
		return c.peerToken(from, view.Control.Body)
	case controlMail:
		return c.storePeerToken(tx, from, view.Control.Body)
	case controlGeneration:
		return c.takeGeneration(from, view.Control.Body)
	case controlProfile:
		return c.profile(tx, from, view.Control.Body)
	}
	return nil // of a later version
}

func (c *conversation) profile(tx *sealedTx, from string, body []byte) error {
	var p profileControl
	if dcbor.Unmarshal(body, &p) != nil || len(p.Name) > chat.MaxTitle {
		return nil
	}
	contact, err := loadContact(tx, from)
	if err != nil {
		return err
	}
	renamed := contact.Profile != p.Name
	tells, err := c.tellsOfName(tx, &contact, p.Name, renamed)
	if err != nil || !renamed && !tells {
		return err
	}
	contact.Profile = p.Name
	c.touch() // it may be the conversation's name
	if tells {
		contact.ToldProfile = p.Name
		if err := c.notice(tx, from, noticeRecord{Kind: chat.NoticeProfile, Title: p.Name}); err != nil {
			return err
		}
	}
	c.out.emit(chat.NameEvent{Address: address(from), Name: contact.shown()})
	return saveContact(tx, contact)
}

// tellsOfName reports whether the history gets a notice that a verified person
// goes by another name: in the conversation with them, or else where they said so.
func (c *conversation) tellsOfName(tx *sealedTx, contact *contactRecord, name string, renamed bool) (bool, error) {
	if len(contact.Verified) == 0 || name == contact.ToldProfile {
		return false, nil
	}
	if c.rec.Peer == contact.Address && !c.state.Group {
		return true, nil
	}
	with, err := openDirect(tx, contact.Address)
	return renamed && with == nil, err
}

func (c *conversation) enqueueIfForeign(tx *sealedTx, in inboxRecord, held bool) error {
	if held || in.From == c.self.address.String() {
		return nil
	}
	return c.enqueue(tx, in)
}

// enqueue puts something into the inbox.
func (c *conversation) enqueue(tx *sealedTx, in inboxRecord) error {
	in.Version, in.CID = recordVersion, c.id
	return appendInbox(tx, in)
}

// message is the record as others see it.
func (r *messageRecord) message(conv chat.ConversationID, self string) chat.Message {
	m := chat.Message{
		ID: r.ID, Conversation: conv, From: address(r.From), Own: r.From == self, Text: r.Text,
		SentAt: time.UnixMilli(r.sent()), ReceivedAt: time.UnixMilli(r.Received),
		Edited: r.Edited, Deleted: r.Deleted, State: r.State, Reason: r.Cause.reason(r.Reason), Notice: r.notice(),
		Delivered: r.countAtLeast(content.StatusDelivered), Read: r.countAtLeast(content.StatusRead),
	}
	if !r.Notice {
		m.Mentions = names.Mentioned(r.Text)
		m.MentionsMe = len(m.Mentions) > 0 && slices.Contains(m.Mentions, address(self))
	}
	if r.Expires != 0 {
		m.ExpiresAt = time.Unix(r.Expires, 0)
	}
	for _, x := range r.Reactions {
		m.Reactions = append(m.Reactions, chat.Reaction{From: address(x.From), Emoji: x.Emoji})
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

func (r *messageRecord) attachment(a content.Attachment) chat.Attachment {
	out := chat.Attachment{Index: a.Index, Name: a.Name, Type: a.ContentType, Size: int64(min(a.Size(), attach.MaxSize))}
	for _, p := range r.Paths {
		if p.Index == a.Index {
			out.Path = p.Path
		}
	}
	if a.External != nil {
		if _, blob, err := blobOf(a.External); err == nil {
			out.File = chat.FileIDOf(blob)
		}
	}
	if out.Name == "" {
		out.Name = "attachment"
	}
	return out
}
