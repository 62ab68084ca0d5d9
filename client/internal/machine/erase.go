// SPDX-License-Identifier: AGPL-3.0-or-later

package machine

import (
	"encoding/binary"
	"errors"
	"slices"
	"time"

	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/attachments"
	"github.com/securecrypt/securecrypt/client/internal/records"
	"github.com/securecrypt/securecrypt/content"
	"github.com/securecrypt/securecrypt/protocol"
)

// expiryTime returns the time in a key of TableExpiry.
func expiryTime(k []byte) time.Time {
	return time.Unix(int64(binary.BigEndian.Uint64(k[len(k)-16:])), 0)
}

// minMessageLifetime is the shortest time for which an incoming message stays
// visible, even if its timer ran out before it was sent.
const minMessageLifetime = time.Minute

// lasts returns for how long a message stays that arrives now, 0 for ever. That
// is what the sender gave it, by the sender's clock alone: this device's may
// differ, and then a message would be gone before anybody saw it, or stay. So
// it begins anew when it arrives, however late; the server, which has one clock
// for all, keeps it no longer than it lasts, and thereby at most doubles that.
func lasts(m *content.Message, now time.Time) time.Duration {
	if m.Expires == nil {
		return 0
	}
	sent := now
	if ms := sentAt(m); ms != 0 && !m.Expires.Relative {
		sent = time.UnixMilli(ms)
	}
	life := m.Expires.Deadline(sent).Sub(sent)
	if life <= 0 {
		return minMessageLifetime
	}
	return life
}

// Lasting is how long a message lasts in a conversation with a timer, 0 for
// ever, if it is asked to last for a time of its own.
func Lasting(own, timer time.Duration) time.Duration {
	if own == 0 || timer > 0 && timer < own {
		return timer
	}
	return own
}

// A LifeClock is what is known of the time when messages are to be erased.
type LifeClock struct {
	Erase time.Time // up to which time they may be erased
	// Ahead is how far this device's clock is ahead of its server's, if known.
	Ahead time.Duration
	Known bool
}

// secondsBehind is by how much this device's clock is behind its server's, 0 if it
// is not, or if that is not known.
func (l LifeClock) secondsBehind() int64 { return int64(max(0, -l.Ahead) / time.Second) }

// lifeClock returns the clock of a conversation's messages.
func (c *Conversation) lifeClock() LifeClock {
	if c.life == nil {
		return LifeClock{Erase: c.now(), Known: true}
	}
	return c.life()
}

// postpone looks at a message whose time has come by a key of TableExpiry. One
// that came while the clock was behind, which was set right since, would have had
// no time at all: its time is moved by as much. postpone returns when to look at it
// again, zero if the message is to be erased.
func postpone(tx *records.Tx, id records.CID, at []byte, life LifeClock) (again time.Time, err error) {
	order := records.LastNumber(at)
	k := records.Key(records.TableMessage, id[:], records.Number(order))
	var rec records.Message
	if ok, err := tx.Load(k, &rec); err != nil || !ok || rec.Behind == 0 {
		return again, err
	}
	moved := rec.Behind - life.secondsBehind()
	switch {
	case !life.Known:
		return life.Erase.Add(chat.ClockTolerance), nil
	case time.Duration(moved)*time.Second <= chat.ClockTolerance:
		return again, nil
	}
	rec.Expires += moved
	rec.Behind -= moved
	if err := tx.Delete(at); err != nil {
		return again, err
	}
	if err := tx.Put(records.Key(records.TableExpiry, id[:], records.Number(uint64(rec.Expires)), records.Number(order)), nil); err != nil {
		return again, err
	}
	return time.Unix(rec.Expires, 0), tx.Save(k, &rec)
}

// sweep erases the messages whose time has come.
func (c *Conversation) sweep(tx *records.Tx) error {
	life := c.lifeClock()
	now := life.Erase
	var due [][]byte
	err := tx.Scan(records.Key(records.TableExpiry, c.id[:]), false, func(k, _ []byte) (bool, error) {
		if at := expiryTime(k); at.After(now) {
			c.out.do(DoWake{c.now().Add(at.Sub(now))})
			return false, nil
		}
		due = append(due, slices.Clone(k))
		return true, nil
	})
	if err != nil {
		return err
	}
	for _, k := range due {
		order := records.LastNumber(k)
		again, err := postpone(tx, c.id, k, life)
		if err != nil {
			return err
		}
		if !again.IsZero() {
			c.out.do(DoWake{c.now().Add(again.Sub(now))})
			continue
		}
		rec, err := expire(tx, c.id, k)
		if err != nil {
			return err
		}
		if err := c.dropLast(tx, order); err != nil {
			return err
		}
		if i := slices.IndexFunc(c.outbox, func(o *outItem) bool { return o.Order == order }); i >= 0 {
			if err := c.dropItem(tx, c.outbox[i]); err != nil { // too late to be sent
				return err
			}
		}
		if rec == nil {
			continue
		}
		if rec.Held {
			continue
		}
		rec.Erase()
		id := rec.ID
		c.out.emit(chat.MessageEvent{Message: rec.View(chat.IDOf(c.rec.Channel), c.self.Address.String()), New: false})
		c.out.emit(chat.GoneEvent{Conversation: chat.IDOf(c.rec.Channel), Message: id, Order: order})
	}
	return nil
}

// expire erases the message that a key of TableExpiry stands for, and returns
// what it was, nil if it is gone already.
func expire(tx *records.Tx, id records.CID, at []byte) (*records.Message, error) {
	if err := tx.Delete(at); err != nil {
		return nil, err
	}
	k := records.Key(records.TableMessage, id[:], records.Number(records.LastNumber(at)))
	var rec records.Message
	ok, err := tx.Load(k, &rec)
	if err != nil || !ok {
		return nil, err
	}
	if err := attachments.ForgetFiles(tx, records.Use{CID: id, Order: records.LastNumber(at)}, &rec); err != nil {
		return nil, err
	}
	if err := forgetSent(tx, id, records.LastNumber(at), &rec); err != nil {
		return nil, err
	}
	return &rec, tx.Delete(k)
}

// unqueue takes a message out of the outbox of a conversation without a
// machine.
func unqueue(tx *records.Tx, id records.CID, order uint64) error {
	var at []byte
	err := tx.Scan(records.Key(records.TableOutbox, id[:]), false, func(k, v []byte) (bool, error) {
		var item records.OutboxItem
		if err := records.Decode(v, &item); err != nil {
			return false, err
		}
		if item.Order == order {
			at = slices.Clone(k)
		}
		return at == nil, nil
	})
	if err != nil || at == nil {
		return err
	}
	return tx.Delete(at)
}

// DueMessages returns the keys of TableExpiry whose time has come.
func DueMessages(tx *records.Tx, life LifeClock) (due [][]byte, err error) {
	err = tx.ScanKeys([]byte(records.TableExpiry), false, func(k []byte) (bool, error) {
		if !expiryTime(k).After(life.Erase) {
			due = append(due, slices.Clone(k))
		}
		return true, nil
	})
	return due, err
}

// EraseDue erases the messages that keys of TableExpiry stand for, in
// conversations without a machine.
func EraseDue(tx *records.Tx, due [][]byte, life LifeClock, now time.Time) error {
	for _, k := range due {
		id := records.CID(k[1 : 1+len(records.CID{})])
		again, err := postpone(tx, id, k, life)
		if err != nil {
			return err
		}
		if !again.IsZero() {
			continue
		}
		if _, err := expire(tx, id, k); err != nil {
			return err
		}
		if err := records.ForgetLast(tx, id, records.LastNumber(k), now); err != nil {
			return err
		}
		if err := unqueue(tx, id, records.LastNumber(k)); err != nil {
			return err
		}
	}
	return nil
}

type (
	CommandForget struct{ Id content.MessageID }
	CommandDelete struct{}
)

func (in CommandForget) step(c *Conversation, tx *records.Tx) error {
	order, rec, err := records.LoadMessage(tx, c.id, in.Id)
	if err != nil {
		return err
	}
	if rec == nil || rec.Held || rec.Expired(c.now()) {
		return Refusal{chat.ErrNoMessage}
	}
	if slices.ContainsFunc(c.outbox, func(o *outItem) bool { return o.Order == order }) {
		return Refusal{errors.New("this message is still being sent; cancel it instead")}
	}
	id := rec.ID
	if err := c.forget(tx, order, rec); err != nil || id.IsZero() {
		return err
	}
	return c.setField(tx, records.FieldForgotten, id[:], true)
}

// forget removes a message. Its identifier stays known, so that the message
// does not come back.
func (c *Conversation) forget(tx *records.Tx, order uint64, rec *records.Message) error {
	if err := attachments.ForgetFiles(tx, records.Use{CID: c.id, Order: order}, rec); err != nil {
		return err
	}
	if rec.Expires != 0 {
		if err := tx.Delete(records.Key(records.TableExpiry, c.id[:], records.Number(uint64(rec.Expires)), records.Number(order))); err != nil {
			return err
		}
	}
	if err := forgetSent(tx, c.id, order, rec); err != nil {
		return err
	}
	if err := tx.Delete(records.Key(records.TableMessage, c.id[:], records.Number(order))); err != nil {
		return err
	}
	foreign := !rec.Notice && rec.From != c.self.Address.String()
	if foreign && order > c.rec.ReadUpTo() && c.rec.Unread > 0 {
		c.rec.Unread--
		c.touch()
	}
	c.out.emit(chat.GoneEvent{Conversation: chat.IDOf(c.rec.Channel), Message: rec.ID, Order: order})
	return c.dropLast(tx, order)
}

func (CommandDelete) step(c *Conversation, tx *records.Tx) error {
	leaving := slices.ContainsFunc(c.outbox, func(o *outItem) bool { return o.Leave })
	if c.rec.Status == chat.StatusActive && !leaving {
		return Refusal{chat.ErrStillIn}
	}
	return errors.Join(c.setField(tx, records.FieldDeleted, nil, true), c.deleteAll(tx))
}

// deleteAll removes the conversation with its history from this device.
func (c *Conversation) deleteAll(tx *records.Tx) error {
	if c.rec.Status == chat.StatusRequest {
		if err := c.decline(tx); err != nil {
			return err
		}
	}
	if err := c.eraseHistory(tx); err != nil {
		return err
	}
	c.rec.Hidden, c.rec.HiddenAt = true, c.now().Unix()
	if !c.needsChannel() {
		c.planChannelDeletion()
	}
	c.touch()
	c.out.emit(chat.GoneEvent{Conversation: chat.IDOf(c.rec.Channel)})
	return nil
}

// eraseHistory removes what was said, and what this account chose.
func (c *Conversation) eraseHistory(tx *records.Tx) error {
	for _, item := range slices.Clone(c.outbox) {
		if item.plain() {
			if item.working {
				c.out.do(DoAbort{item.n})
			}
			if err := c.dropItem(tx, item); err != nil {
				return err
			}
		}
	}
	err := c.forgetAllFiles(tx)
	if err != nil {
		return err
	}
	for _, table := range []string{records.TableMessage, records.TableMessageID, records.TableExpiry, records.TableHeld, records.TableSent, records.TableLate} {
		if err := tx.DeleteAll(records.Key(table, c.id[:])); err != nil {
			return err
		}
	}
	members := c.rec.Members
	c.rec.List = records.List{Members: members}
	c.rec.Unread, c.rec.Held = 0, false
	return records.EraseInbox(tx, c.id)
}

// forgetAllFiles lets go of the files of all messages.
func (c *Conversation) forgetAllFiles(tx *records.Tx) error {
	all := map[uint64]*records.Message{} // files are let go of after the scan, which does not bear writes
	err := c.scanMessages(tx, 0, func(order uint64, rec *records.Message) bool {
		if len(rec.Whole().Content) > 0 {
			all[order] = rec
		}
		return true
	})
	for order, rec := range all {
		if err == nil {
			err = attachments.ForgetFiles(tx, records.Use{CID: c.id, Order: order}, rec)
		}
	}
	return err
}

// canBeDeleted reports whether a deleted conversation has no work left, or
// whether the time for it is over.
func (c *Conversation) canBeDeleted() bool {
	if !c.rec.Hidden {
		return false
	}
	return c.hiddenFor() >= protocol.DefaultExpiry || !c.needsChannel() && !c.rec.Ending && c.pendingItems() == 0 && len(c.deliver) == 0
}

// vanish removes the conversation from the store. All that stays is the epoch
// that it was in: an invitation that somebody kept must not bring it back.
func (c *Conversation) vanish(tx *records.Tx) error {
	direct := records.Key(records.TableDirect, tx.Index([]byte(c.rec.Peer)))
	at, err := tx.Get(direct)
	if err == nil && string(at) == string(c.id[:]) {
		err = tx.Delete(direct)
	}
	if err != nil {
		return err
	}
	for _, table := range []string{
		records.TableConversation, records.TableGroup, records.TableEnvelope, records.TableMessage, records.TableMessageID, records.TableOutbox, records.TableDelivery, records.TableHeld, records.TableExpiry,
		records.TableSent, records.TableReplay, records.TableLate,
	} {
		if err := tx.DeleteAll(records.Key(table, c.id[:])); err != nil {
			return err
		}
	}
	c.vanished = true
	return tx.Put(records.Key(records.TableGone, c.id[:]), records.Number(c.rec.Epoch))
}
