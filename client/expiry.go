// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"encoding/binary"
	"slices"
	"time"

	"github.com/securecrypt/securecrypt/content"
)

// expiryTime returns the time in a key of tableExpiry.
func expiryTime(k []byte) time.Time {
	return time.Unix(int64(binary.BigEndian.Uint64(k[len(k)-16:])), 0)
}

// leastLife is how long a message stays that is to be gone before it was sent:
// what arrives can be seen.
const leastLife = time.Minute

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
		return leastLife
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

// expired reports whether a message is to be shown no more.
func (r *messageRecord) expired(now time.Time) bool { return r.Expires != 0 && r.Expires <= now.Unix() }

// sweep erases the messages whose time has come.
func (c *conversation) sweep(tx *sealedTx) error {
	now := c.now()
	var due [][]byte
	err := tx.scan(key(tableExpiry, c.id[:]), false, func(k, _ []byte) (bool, error) {
		if at := expiryTime(k); at.After(now) {
			c.out.do(doWake{at})
			return false, nil
		}
		due = append(due, slices.Clone(k))
		return true, nil
	})
	if err != nil {
		return err
	}
	for _, k := range due {
		order := lastNumber(k)
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
		rec.erase()
		id := rec.ID
		c.out.emit(MessageEvent{rec.message(conversationID(c.rec.Channel), c.self.address.String()), false})
		c.out.emit(GoneEvent{conversationID(c.rec.Channel), id, order})
	}
	return nil
}

// expire erases the message that a key of tableExpiry stands for, and returns
// what it was, nil if it is gone already.
func expire(tx *sealedTx, id cid, at []byte) (*messageRecord, error) {
	if err := tx.delete(at); err != nil {
		return nil, err
	}
	k := key(tableMessage, id[:], number(lastNumber(at)))
	var rec messageRecord
	ok, err := tx.load(k, &rec)
	if err != nil || !ok {
		return nil, err
	}
	if err := forgetFiles(tx, useRecord{id, lastNumber(at)}, &rec); err != nil {
		return nil, err
	}
	return &rec, tx.delete(k)
}

// expireAll erases what expired while the program did not run, also in
// conversations that nobody opens any more.
func (c *Client) expireAll() error {
	var due [][]byte
	err := c.store.view(func(tx *sealedTx) error {
		return tx.tx.Scan([]byte(tableExpiry), nil, false, func(k, _ []byte) (bool, error) {
			if !expiryTime(k).After(c.now()) {
				due = append(due, slices.Clone(k))
			}
			return true, nil
		})
	})
	if err != nil || len(due) == 0 {
		return err
	}
	return c.store.update(func(tx *sealedTx) error {
		for _, k := range due {
			id := cid(k[1 : 1+len(cid{})])
			if _, err := expire(tx, id, k); err != nil {
				return err
			}
			if err := forgetLast(tx, id, lastNumber(k), c.now()); err != nil {
				return err
			}
			if err := unqueue(tx, id, lastNumber(k)); err != nil {
				return err
			}
		}
		return nil
	})
}

// unqueue takes a message out of the outbox of a conversation without a
// machine.
func unqueue(tx *sealedTx, id cid, order uint64) error {
	var at []byte
	err := tx.scan(key(tableOutbox, id[:]), false, func(k, v []byte) (bool, error) {
		var item outboxRecord
		if err := decodeRecord(v, &item); err != nil {
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
	return tx.delete(at)
}
