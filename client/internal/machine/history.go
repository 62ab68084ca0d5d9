// SPDX-License-Identifier: AGPL-3.0-or-later

package machine

import (
	"slices"
	"time"

	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/attachments"
	"github.com/securecrypt/securecrypt/client/internal/records"
	"github.com/securecrypt/securecrypt/client/internal/rules"
	"github.com/securecrypt/securecrypt/content"
	"github.com/securecrypt/securecrypt/internal/codec/dcbor"
	"github.com/securecrypt/securecrypt/mls"
)

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

// receive takes in a message that somebody sent.
func (c *Conversation) receive(tx *records.Tx, m *mls.ApplicationMessage) error {
	cred, err := rules.LeafCredential(m.Leaf)
	if err != nil {
		return nil
	}
	from := cred.Address.String()
	contact, err := records.LoadContact(tx, from)
	if err != nil || contact.Blocked || c.rec.Status == chat.StatusLeft || c.rec.Hidden {
		return err
	}
	elsewhere := cred.Address == c.self.Address // on another device of this account
	c.markActive(cred)
	c.heardFrom(from, cred.Device)
	if c.rec.Unreadable {
		c.rec.Unreadable = false
		c.touch()
	}
	if !c.rec.Answered && !c.state.Group && !elsewhere {
		c.rec.Answered = true
		c.touch()
	}
	msg, err := content.Decode(m.Data)
	if err != nil {
		return nil // nothing that this version understands
	}
	id, err := content.ID(cred.Address.URI(), c.RoomURI(), m.Data)
	if err != nil {
		return nil
	}
	known, err := records.MessageOrder(tx, c.id, id)
	if err != nil || known != 0 {
		return err
	}
	if gone, err := c.isForgotten(tx, id); gone || err != nil {
		return err
	}
	if msg.View().Kind == content.KindMessage {
		c.typists.end(c, cred.Address)
	} else if slices.Contains(c.unconfirmedMembers(), from) {
		return c.holdUntilConfirmed(tx, records.Held{Version: records.Version, From: from, ID: id, Content: m.Data})
	}
	state := chat.StateReceived
	if elsewhere {
		state = chat.StateSent
	}
	return c.Take(tx, from, id, m.Data, msg, state)
}

// Take enters a message into the history: one of somebody else, or one of this account
// that waits to be sent or that another device of it has sent.
func (c *Conversation) Take(tx *records.Tx, from string, id content.MessageID, raw []byte, msg *content.Message, state chat.State) error {
	view := msg.View()
	if late, err := c.keepLate(tx, from, id, raw, view, state); late || err != nil {
		return err
	}
	switch view.Kind {
	case content.KindEdit:
		return c.edited(tx, from, view)
	case content.KindDelete:
		return c.deleted(tx, from, view, state)
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
func (c *Conversation) record(tx *records.Tx, from string, id content.MessageID, raw []byte, msg *content.Message, state chat.State) (uint64, error) {
	now := c.now()
	rec := &records.Message{
		Version: records.Version, ID: id, From: from, Sent: sentAt(msg), Received: records.Millis(now), State: state,
		Content: raw, Text: msg.View().Text, Held: state != chat.StateWaiting && slices.Contains(c.unconfirmedMembers(), from),
	}
	c.rec.Held = c.rec.Held || rec.Held
	if state == chat.StateSent {
		rec.Recipients = c.recipients()
	}
	if life := lasts(msg, now); life > 0 {
		life = min(Lasting(life, time.Duration(c.state.Timer)*time.Second), chat.MaxExpiry)
		rec.Expires = time.UnixMilli(rec.Received).Add(life + time.Second - 1).Unix() // rather late than early
		rec.Behind = c.lifeClock().secondsBehind()
	}
	order, err := c.add(tx, rec)
	if err != nil || state != chat.StateReceived || rec.Held {
		return order, err
	}
	c.arrived(order, rec)
	return order, c.enqueue(tx, records.InboxItem{Order: order, Kind: chat.InboxMessage, From: from})
}

// add stores a new message record at the end of the history.
func (c *Conversation) add(tx *records.Tx, rec *records.Message) (uint64, error) {
	c.rec.NextOrder++
	return c.rec.NextOrder, c.addAt(tx, c.rec.NextOrder, rec)
}

// addAt stores a new message record at a place of the history where nothing is.
func (c *Conversation) addAt(tx *records.Tx, order uint64, rec *records.Message) error {
	c.rec.Activity, c.stirs = rec.Received, true
	c.nothingToReport(order, rec)
	c.touch()
	if !rec.ID.IsZero() {
		if err := tx.Put(records.Key(records.TableMessageID, c.id[:], tx.Index(rec.ID[:])), records.Number(order)); err != nil {
			return err
		}
	}
	if rec.Expires != 0 {
		if err := tx.Put(records.Key(records.TableExpiry, c.id[:], records.Number(uint64(rec.Expires)), records.Number(order)), nil); err != nil {
			return err
		}
		c.out.do(DoWake{time.Unix(rec.Expires, 0)})
	}
	return c.saveMessage(tx, order, rec, true)
}

func (c *Conversation) saveMessage(tx *records.Tx, order uint64, rec *records.Message, isNew bool) error {
	c.noteLast(order, rec)
	if !rec.Held {
		m, err := c.show(tx).Message(c.id, chat.IDOf(c.rec.Channel), order, rec)
		if err != nil {
			return err
		}
		c.out.emit(chat.MessageEvent{Message: m, New: isNew})
	}
	return tx.Save(records.Key(records.TableMessage, c.id[:], records.Number(order)), rec)
}

func (c *Conversation) edited(tx *records.Tx, from string, view content.View) error {
	order, rec, err := records.LoadMessage(tx, c.id, view.Replaces)
	if err != nil || rec == nil || rec.From != from || rec.Deleted {
		return err
	}
	rec.Text, rec.Edited = view.Text, true
	if err := c.saveMessage(tx, order, rec, false); err != nil {
		return err
	}
	return c.enqueueIfForeign(tx, records.InboxItem{Order: order, Kind: chat.InboxEdit, From: from, Text: view.Text}, rec.Held)
}

func (c *Conversation) deleted(tx *records.Tx, from string, view content.View, state chat.State) error {
	order, rec, err := records.LoadMessage(tx, c.id, view.Replaces)
	if err != nil || rec == nil || rec.From != from || rec.Deleted {
		return err
	}
	if state != chat.StateWaiting { // the others have the files until they get this
		if err := attachments.ForgetFiles(tx, records.Use{CID: c.id, Order: order}, rec); err != nil {
			return err
		}
	}
	if from == c.self.Address.String() {
		if err := forgetSent(tx, c.id, order, rec); err != nil {
			return err
		}
	}
	rec.Erase()
	if err := c.saveMessage(tx, order, rec, false); err != nil {
		return err
	}
	return c.enqueueIfForeign(tx, records.InboxItem{Order: order, Kind: chat.InboxDelete, From: from}, rec.Held)
}

// maxReactions bounds those of all, so that the message's record stays
// readable.
const maxReactions = 1 << 14

func (c *Conversation) reacted(tx *records.Tx, from string, id content.MessageID, view content.View) error {
	order, rec, err := records.LoadMessage(tx, c.id, view.InReplyTo)
	if err != nil || rec == nil || rec.Deleted {
		return err
	}
	rec.Reactions = slices.DeleteFunc(rec.Reactions, func(r records.Reaction) bool {
		return r.From == from && (r.ID == view.Replaces || slices.Contains(view.Reactions, r.Emoji))
	})
	emoji := ""
	if view.Kind == content.KindReaction && len(view.Reactions) > 0 {
		if len(rec.Reactions) >= maxReactions || rec.ReactionsOf(from) >= chat.MaxReactions {
			return nil
		}
		emoji = view.Reactions[0]
		rec.Reactions = append(rec.Reactions, records.Reaction{ID: id, From: from, Emoji: emoji})
	}
	if err := c.saveMessage(tx, order, rec, false); err != nil {
		return err
	}
	return c.enqueueIfForeign(tx, records.InboxItem{Order: order, Kind: chat.InboxReaction, From: from, Text: emoji}, rec.Held)
}

// The control messages between clients.
const controlProfile = "profile"

type profileControl struct {
	Version uint8  `cbor:"1,keyasint"`
	Name    string `cbor:"2,keyasint"`
}

func (c *Conversation) control(tx *records.Tx, from string, view content.View) error {
	if from == c.self.Address.String() {
		return c.ownControl(tx, view)
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

func (c *Conversation) profile(tx *records.Tx, from string, body []byte) error {
	var p profileControl
	if dcbor.Unmarshal(body, &p) != nil || len(p.Name) > chat.MaxTitle {
		return nil
	}
	contact, err := records.LoadContact(tx, from)
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
		if err := c.notice(tx, from, records.Notice{Kind: chat.NoticeProfile, Title: p.Name}); err != nil {
			return err
		}
	}
	c.out.emit(chat.NameEvent{Address: records.Address(from), Name: contact.DisplayName()})
	return records.SaveContact(tx, contact)
}

// tellsOfName reports whether the history gets a notice that a verified person
// goes by another name: in the conversation with them, or else where they said so.
func (c *Conversation) tellsOfName(tx *records.Tx, contact *records.Contact, name string, renamed bool) (bool, error) {
	if len(contact.Verified) == 0 || name == contact.ToldProfile {
		return false, nil
	}
	if c.rec.Peer == contact.Address && !c.state.Group {
		return true, nil
	}
	with, err := records.OpenDirect(tx, contact.Address)
	return renamed && with == nil, err
}

func (c *Conversation) enqueueIfForeign(tx *records.Tx, in records.InboxItem, held bool) error {
	if held || in.From == c.self.Address.String() {
		return nil
	}
	return c.enqueue(tx, in)
}

// enqueue puts something into the inbox.
func (c *Conversation) enqueue(tx *records.Tx, in records.InboxItem) error {
	in.Version, in.CID = records.Version, c.id
	return records.AppendInbox(tx, in)
}

// noteLast keeps the preview of a conversation in step with a message that was
// saved.
func (c *Conversation) noteLast(order uint64, rec *records.Message) {
	if rec.Held || c.rec.Last != nil && order < c.rec.Last.Order {
		return
	}
	c.rec.Last = records.NewPreview(order, rec)
	c.touch()
}

// dropLast is told that a message is gone, and finds the one before it if it
// was the newest.
func (c *Conversation) dropLast(tx *records.Tx, order uint64) error {
	if c.rec.Last == nil || c.rec.Last.Order != order {
		return nil
	}
	c.touch()
	return records.FindLast(tx, c.id, &c.rec, c.now())
}

// arrived does what a new message from somebody else means for the list.
func (c *Conversation) arrived(order uint64, rec *records.Message) {
	c.rec.Unread++
	if rec.Mentions(c.self.Address) {
		c.rec.MentionedAt = max(c.rec.MentionedAt, order)
	}
	if c.rec.Archived && c.rec.MutedUntil <= records.Millis(c.now()) {
		c.rec.Archived, c.unarchived = false, true
	}
	c.touch()
}
