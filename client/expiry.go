// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"encoding/binary"
	"slices"
	"time"

	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/attachments"
	"github.com/securecrypt/securecrypt/client/internal/records"
	"github.com/securecrypt/securecrypt/content"
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

// lasting is how long a message lasts in a conversation with a timer, 0 for
// ever, if it is asked to last for a time of its own.
func lasting(own, timer time.Duration) time.Duration {
	if own == 0 || timer > 0 && timer < own {
		return timer
	}
	return own
}

// A lifeClock is what is known of the time when messages are to be erased.
type lifeClock struct {
	erase time.Time // up to which time they may be erased
	// ahead is how far this device's clock is ahead of its server's, if known.
	ahead time.Duration
	known bool
}

// secondsBehind is by how much this device's clock is behind its server's, 0 if it
// is not, or if that is not known.
func (l lifeClock) secondsBehind() int64 { return int64(max(0, -l.ahead) / time.Second) }

// lifeClock returns the clock of a conversation's messages.
func (c *conversation) lifeClock() lifeClock {
	if c.life == nil {
		return lifeClock{erase: c.now(), known: true}
	}
	return c.life()
}

// postpone looks at a message whose time has come by a key of TableExpiry. One
// that came while the clock was behind, which was set right since, would have had
// no time at all: its time is moved by as much. postpone returns when to look at it
// again, zero if the message is to be erased.
func postpone(tx *records.Tx, id records.CID, at []byte, life lifeClock) (again time.Time, err error) {
	order := records.LastNumber(at)
	k := records.Key(records.TableMessage, id[:], records.Number(order))
	var rec records.Message
	if ok, err := tx.Load(k, &rec); err != nil || !ok || rec.Behind == 0 {
		return again, err
	}
	moved := rec.Behind - life.secondsBehind()
	switch {
	case !life.known:
		return life.erase.Add(chat.ClockTolerance), nil
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
func (c *conversation) sweep(tx *records.Tx) error {
	life := c.lifeClock()
	now := life.erase
	var due [][]byte
	err := tx.Scan(records.Key(records.TableExpiry, c.id[:]), false, func(k, _ []byte) (bool, error) {
		if at := expiryTime(k); at.After(now) {
			c.out.do(doWake{c.now().Add(at.Sub(now))})
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
			c.out.do(doWake{c.now().Add(again.Sub(now))})
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
		c.out.emit(chat.MessageEvent{Message: rec.View(chat.IDOf(c.rec.Channel), c.self.address.String()), New: false})
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

// expireAll erases what expired while the program did not run, also in
// conversations that nobody opens any more.
func (c *Client) expireAll() error {
	life := c.lifeClock()
	now := life.erase
	var due [][]byte
	err := c.store.View(func(tx *records.Tx) error {
		return tx.ScanKeys([]byte(records.TableExpiry), false, func(k []byte) (bool, error) {
			if !expiryTime(k).After(now) {
				due = append(due, slices.Clone(k))
			}
			return true, nil
		})
	})
	if err != nil || len(due) == 0 {
		return err
	}
	return c.store.Update(func(tx *records.Tx) error {
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
			if err := records.ForgetLast(tx, id, records.LastNumber(k), c.now()); err != nil {
				return err
			}
			if err := unqueue(tx, id, records.LastNumber(k)); err != nil {
				return err
			}
		}
		return nil
	})
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
