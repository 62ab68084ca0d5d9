// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"slices"
	"time"

	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/records"
	"github.com/securecrypt/securecrypt/protocol"
)

// How much of what this device sent is remembered, to be sent again if the
// server loses it: the newest maxSentLog messages of a conversation, for
// sentLogTime.
const (
	maxSentLog  = 512
	sentLogTime = 14 * 24 * time.Hour
)

// markSize is the length of a mark in bytes.
const markSize = 16

// A mark tells an entry of a channel from others: the beginning of the SHA-256
// hash of its ciphertext.
type mark [markSize]byte

func markOf(ciphertext []byte) mark {
	return mark(protocol.EntryMark(ciphertext))
}

// A sentRecord is something that this device put into the channel. Its key has
// the number of the outbox item that it was.
type sentRecord struct {
	Version uint8  `cbor:"1,keyasint"`
	Epoch   uint64 `cbor:"2,keyasint"` // in which it was posted
	Mark    mark   `cbor:"3,keyasint"`
	At      int64  `cbor:"4,keyasint"` // Unix seconds
	// Order is the message's place in the history, where its content is; what
	// has no place there (an edit, a reaction) is in Message.
	Order   uint64 `cbor:"5,keyasint,omitempty"`
	Target  uint64 `cbor:"6,keyasint,omitempty"` // as in OutboxItem
	Message []byte `cbor:"7,keyasint,omitempty"`
	Expire  uint64 `cbor:"8,keyasint,omitempty"` // seconds from At
	// Uploads are the message's files, which a server may have lost, too.
	Uploads []records.Upload `cbor:"9,keyasint,omitempty"`
	// Letter is an invitation instead of an entry.
	Letter *records.Letter `cbor:"10,keyasint,omitempty"`
}

func (c *conversation) sentKey(n uint64) []byte {
	return records.Key(records.TableSent, c.id[:], records.Number(n))
}

// logSent remembers an item whose entry stands in the channel.
func (c *conversation) logSent(tx *records.Tx, item *outItem) error {
	if !item.plain() || item.Report {
		return nil
	}
	rec := sentRecord{
		Version: records.Version, Epoch: c.group.Epoch(), Mark: markOf(item.Ciphertext), At: c.now().Unix(),
		Order: item.Order, Target: item.Target, Expire: item.Expire, Uploads: item.Uploads,
	}
	if item.Order == 0 {
		rec.Message = item.Message
	}
	return c.saveSent(tx, item.n, &rec)
}

// logLetter remembers an invitation that was delivered.
func (c *conversation) logLetter(tx *records.Tx, d *delivery) error {
	return c.saveSent(tx, d.n, &sentRecord{Version: records.Version, Epoch: c.group.Epoch(), At: c.now().Unix(), Letter: d.Letter})
}

func (c *conversation) saveSent(tx *records.Tx, n uint64, rec *sentRecord) error {
	if n%(maxSentLog/8) == 0 {
		if err := c.pruneSent(tx); err != nil {
			return err
		}
	}
	return tx.Save(c.sentKey(n), rec)
}

// scanSent calls fn for what was sent, in its order, until it returns false.
func scanSent(tx *records.Tx, id records.CID, fn func(n uint64, rec *sentRecord) bool) error {
	return tx.Scan(records.Key(records.TableSent, id[:]), false, func(k, v []byte) (bool, error) {
		var rec sentRecord
		err := records.Decode(v, &rec)
		return err == nil && fn(records.LastNumber(k), &rec), err
	})
}

// pruneSent forgets what is too old or too much.
func (c *conversation) pruneSent(tx *records.Tx) error {
	oldest := c.now().Add(-sentLogTime).Unix()
	var all, gone []uint64
	err := scanSent(tx, c.id, func(n uint64, rec *sentRecord) bool {
		if rec.At < oldest {
			gone = append(gone, n)
		} else {
			all = append(all, n)
		}
		return true
	})
	if len(all) > maxSentLog {
		gone = append(gone, all[:len(all)-maxSentLog]...)
	}
	return c.dropSent(tx, gone, err)
}

func (c *conversation) dropSent(tx *records.Tx, numbers []uint64, err error) error {
	for _, n := range numbers {
		if err == nil {
			err = tx.Delete(c.sentKey(n))
		}
	}
	return err
}

// forgetSent forgets what was sent of a message that is erased: the keys of its
// files, and the texts of its edits.
func forgetSent(tx *records.Tx, id records.CID, order uint64, msg *records.Message) error {
	if msg.SentAs != 0 {
		if err := tx.Delete(records.Key(records.TableSent, id[:], records.Number(msg.SentAs))); err != nil {
			return err
		}
	}
	if !msg.Edited {
		return nil
	}
	var gone []uint64
	err := scanSent(tx, id, func(n uint64, rec *sentRecord) bool {
		if rec.Target == order {
			gone = append(gone, n)
		}
		return true
	})
	for _, n := range gone {
		if err == nil {
			err = tx.Delete(records.Key(records.TableSent, id[:], records.Number(n)))
		}
	}
	return err
}

// resend puts back into the outbox what the server lost: what was sent in an
// epoch or later, and is not among the entries that it still has, and all
// invitations. Who has a message or an invitation already knows it again. It
// returns how many messages that are.
func (c *conversation) resend(tx *records.Tx, since uint64, there map[mark]bool) (lost int, err error) {
	again := map[uint64]sentRecord{}
	var numbers []uint64
	err = scanSent(tx, c.id, func(n uint64, rec *sentRecord) bool {
		if rec.Letter != nil || rec.Epoch >= since && !there[rec.Mark] {
			again[n] = *rec
			numbers = append(numbers, n)
		}
		return true
	})
	if err != nil {
		return 0, err
	}
	for _, n := range numbers {
		if again[n].Letter != nil {
			if err := c.addDelivery(tx, records.Delivery{Letter: again[n].Letter}); err != nil {
				return lost, err
			}
			continue
		}
		ok, err := c.requeue(tx, n, again[n])
		if err != nil {
			return lost, err
		}
		if ok {
			lost++
		}
	}
	// What was sent first goes first, and before what was not sent yet.
	slices.SortStableFunc(c.outbox, func(a, b *outItem) int { return b.urgency() - a.urgency() })
	return lost, c.dropSent(tx, numbers, nil)
}

// requeue puts one item back into the outbox, unless nobody needs it any more.
func (c *conversation) requeue(tx *records.Tx, n uint64, sent sentRecord) (bool, error) {
	rec := records.OutboxItem{Version: records.Version, Message: sent.Message, Order: sent.Order, Target: sent.Target, Expire: sent.Expire}
	if past := c.now().Unix() - sent.At; sent.Expire != 0 {
		if past >= int64(sent.Expire) {
			return false, nil
		}
		rec.Expire -= uint64(max(0, past))
	}
	if sent.Order != 0 {
		msg, err := c.messageToResend(tx, sent.Order)
		if err != nil || msg == nil {
			return false, err
		}
		rec.Message = msg.Content
	}
	for _, u := range sent.Uploads {
		u.Done = false // the server says if it has it
		rec.Uploads = append(rec.Uploads, u)
	}
	item := &outItem{OutboxItem: rec, n: n}
	i := slices.IndexFunc(c.outbox, func(o *outItem) bool { return o.plain() && o.n > n })
	if i < 0 {
		i = len(c.outbox)
	}
	c.outbox = slices.Insert(c.outbox, i, item)
	c.touch()
	return sent.Order != 0, c.saveItem(tx, item)
}

// messageToResend returns an own message as it is in the history, marked as
// waiting, or nil if it was deleted, has disappeared, or reached everybody.
func (c *conversation) messageToResend(tx *records.Tx, order uint64) (*records.Message, error) {
	var rec records.Message
	ok, err := tx.Load(records.Key(records.TableMessage, c.id[:], records.Number(order)), &rec)
	if err != nil || !ok || rec.Deleted || len(rec.Content) == 0 || rec.Expired(c.now()) || rec.IsDeliveredToAll() {
		return nil, err
	}
	rec.State, rec.Reason, rec.Cause = chat.StateWaiting, "", 0
	return &rec, c.saveMessage(tx, order, &rec, false)
}
