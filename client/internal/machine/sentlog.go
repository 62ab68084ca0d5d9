// SPDX-License-Identifier: AGPL-3.0-or-later

package machine

import (
	"slices"
	"time"

	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/records"
	"github.com/securecrypt/securecrypt/internal/codec/order"
)

// How much of what this device sent is remembered, to be sent again if the
// server loses it: the newest maxSentLog messages of a conversation, for
// sentLogTime.
const (
	maxSentLog  = 512
	sentLogTime = 14 * 24 * time.Hour
)

func (c *Conversation) sentKey(n uint64) []byte {
	return records.Key(records.TableSent, c.id[:], records.Number(n))
}

// logSent remembers an item whose entry stands in the channel.
func (c *Conversation) logSent(tx *records.Tx, item *outItem) error {
	if !item.plain() || item.Report {
		return nil
	}
	rec := records.Sent{
		Version: records.Version, Epoch: c.group.Epoch(), Mark: records.MarkOf(item.Ciphertext), At: c.now().Unix(),
		Order: item.Order, Target: item.Target, Expire: item.Expire, Uploads: item.Uploads,
	}
	if item.Order == 0 {
		rec.Message = item.Message
	}
	return c.saveSent(tx, item.n, &rec)
}

// logLetter remembers an invitation that was delivered.
func (c *Conversation) logLetter(tx *records.Tx, d *delivery) error {
	return c.saveSent(tx, d.n, &records.Sent{Version: records.Version, Epoch: c.group.Epoch(), At: c.now().Unix(), Letter: d.Letter})
}

func (c *Conversation) saveSent(tx *records.Tx, n uint64, rec *records.Sent) error {
	if n%(maxSentLog/8) == 0 {
		if err := c.pruneSent(tx); err != nil {
			return err
		}
	}
	return tx.Save(c.sentKey(n), rec)
}

// pruneSent forgets what is too old or too much.
func (c *Conversation) pruneSent(tx *records.Tx) error {
	oldest := c.now().Add(-sentLogTime).Unix()
	var all, gone []uint64
	err := records.ScanSent(tx, c.id, func(n uint64, rec *records.Sent) bool {
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

func (c *Conversation) dropSent(tx *records.Tx, numbers []uint64, err error) error {
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
	err := records.ScanSent(tx, id, func(n uint64, rec *records.Sent) bool {
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
func (c *Conversation) resend(tx *records.Tx, since uint64, there map[records.Mark]bool) (lost int, err error) {
	again := map[uint64]records.Sent{}
	var numbers []uint64
	err = records.ScanSent(tx, c.id, func(n uint64, rec *records.Sent) bool {
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
	order.By(c.outbox, func(a, b *outItem) int { return b.urgency() - a.urgency() })
	return lost, c.dropSent(tx, numbers, nil)
}

// requeue puts one item back into the outbox, unless nobody needs it any more.
func (c *Conversation) requeue(tx *records.Tx, n uint64, sent records.Sent) (bool, error) {
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
func (c *Conversation) messageToResend(tx *records.Tx, order uint64) (*records.Message, error) {
	var rec records.Message
	ok, err := tx.Load(records.Key(records.TableMessage, c.id[:], records.Number(order)), &rec)
	if err != nil || !ok || rec.Deleted || len(rec.Content) == 0 || rec.Expired(c.now()) || rec.IsDeliveredToAll() {
		return nil, err
	}
	rec.State, rec.Reason, rec.Cause = chat.StateWaiting, "", 0
	return &rec, c.saveMessage(tx, order, &rec, false)
}
