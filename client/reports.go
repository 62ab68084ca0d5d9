// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"context"
	"crypto/rand"
	"slices"
	"time"

	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/content"
)

const (
	reportAfter          = time.Second // what happens meanwhile goes into the same report
	maxMessagesPerReport = 256         // messages in one report
)

// A reportedRecord says up to which order the messages of others were dealt
// with.
type reportedRecord struct {
	// Delivered: what arrived up to here was reported, or is not to be.
	Delivered uint64 `cbor:"1,keyasint"`
	// Read is what was read, ReadSent what of it was reported or is not to be.
	Read     uint64 `cbor:"2,keyasint"`
	ReadSent uint64 `cbor:"3,keyasint"`
}

// A recipientRecord is what became of an own message at one of those who were
// members when it was sent: content.StatusUnread, StatusDelivered or
// StatusRead.
type recipientRecord struct {
	Address string         `cbor:"1,keyasint"`
	Status  content.Status `cbor:"2,keyasint"`
}

// commandRead marks messages as read: up to one, or all.
type commandRead struct{ upTo content.MessageID }

// MarkRead marks all messages of a conversation as read and, unless read
// reports are switched off, tells those who sent them.
func (c *Client) MarkRead(ctx context.Context, id chat.ConversationID) error {
	return c.tell(ctx, id, commandRead{})
}

// MarkReadUpTo is MarkRead for a message and those before it. The error wraps
// ErrNoMessage if it is gone.
func (c *Client) MarkReadUpTo(ctx context.Context, id chat.ConversationID, msg content.MessageID) error {
	return c.tell(ctx, id, commandRead{msg})
}

func (in commandRead) step(c *conversation, tx *sealedTx) error {
	order := c.rec.NextOrder
	if !in.upTo.IsZero() {
		var err error
		if order, err = c.messageOrder(tx, in.upTo); err != nil {
			return err
		}
		if order == 0 {
			return refusal{chat.ErrNoMessage}
		}
	}
	r := c.rec.Reported
	if order <= r.Read && c.rec.Unread == 0 {
		return nil
	}
	r.Read = max(r.Read, order)
	unread, err := c.countUnread(tx)
	if err != nil {
		return err
	}
	c.rec.Unread = min(c.rec.Unread, unread)
	c.touch()
	settings, err := loadSettings(tx)
	if err == nil && !settings.ReadReports {
		r.ReadSent = r.Read // also if they are switched on before the next report
	}
	return err
}

// countUnread counts the messages after the last that was read.
func (c *conversation) countUnread(tx *sealedTx) (n uint64, err error) {
	if c.rec.Reported.Read == c.rec.NextOrder {
		return 0, nil
	}
	err = c.scanMessages(tx, c.rec.Reported.Read+1, func(_ uint64, rec *messageRecord) bool {
		if c.reportable(rec) {
			n++
		}
		return true
	})
	return n, err
}

// scanMessages calls fn for the messages from an order on, until it returns
// false.
func (c *conversation) scanMessages(tx *sealedTx, from uint64, fn func(uint64, *messageRecord) bool) error {
	all := key(tableMessage, c.id[:])
	return tx.scanFrom(all, key(tableMessage, c.id[:], number(from)), false, func(k, v []byte) (bool, error) {
		var rec messageRecord
		err := decodeRecord(v, &rec)
		return err == nil && fn(lastNumber(k), &rec), err
	})
}

// reportable reports whether a record is a message that somebody else sent and
// that is there to be read.
func (c *conversation) reportable(rec *messageRecord) bool {
	return !rec.Notice && !rec.Held && rec.From != c.self.address.String() && !rec.expired(c.now())
}

// isSmallGroup reports whether the members are few enough to send each other
// receipts.
func (c *conversation) isSmallGroup() bool {
	n := 0
	for range c.group.Members() {
		if n++; n > chat.MaxReporting {
			return false
		}
	}
	return true
}

// hasUnsentReceipts reports whether a message arrived or was read without a
// receipt to the other members.
func (c *conversation) hasUnsentReceipts() bool {
	r := c.rec.Reported
	return c.rec.Status == chat.StatusActive && (r.Delivered < c.rec.NextOrder || r.ReadSent < r.Read)
}

// reporting reports whether a report is on its way.
func (c *conversation) reporting() bool {
	return slices.ContainsFunc(c.outbox, func(o *outItem) bool { return o.Report && o.posted != 0 })
}

// report sees to it that the others hear of what arrived and was read.
func (c *conversation) report(tx *sealedTx) error {
	r := c.rec.Reported
	if !c.hasUnsentReceipts() {
		c.reportAt = time.Time{}
		return nil
	}
	if c.reportAt.IsZero() {
		c.reportAt = c.now().Add(reportAfter)
	}
	busy := slices.ContainsFunc(c.outbox, func(o *outItem) bool { return o.Report || o.Leave })
	if c.phase != phaseLive || busy || c.now().Before(c.reportAt) {
		return nil
	}
	c.touch()
	settings, err := loadSettings(tx)
	if err != nil {
		return err
	}
	if !c.isSmallGroup() {
		settings.ReadReports, settings.DeliveryReports = false, false
	}
	statuses, upTo, err := c.statuses(tx, settings)
	if err != nil {
		return err
	}
	r.Delivered, r.ReadSent = max(r.Delivered, upTo), max(r.ReadSent, min(r.Read, upTo))
	if upTo == c.rec.NextOrder {
		c.reportAt = time.Time{}
	}
	if len(statuses) == 0 {
		return nil
	}
	return c.queueReport(tx, statuses)
}

// statuses returns what the next report says, and up to which order it does.
func (c *conversation) statuses(tx *sealedTx, settings chat.Settings) (all []content.MessageStatus, upTo uint64, err error) {
	r, upTo := c.rec.Reported, c.rec.NextOrder
	if !settings.ReadReports && !settings.DeliveryReports {
		return nil, upTo, nil
	}
	err = c.scanMessages(tx, min(r.Delivered, r.ReadSent)+1, func(order uint64, rec *messageRecord) bool {
		if !c.reportable(rec) {
			return true
		}
		switch {
		case settings.ReadReports && order <= r.Read && order > r.ReadSent:
			all = append(all, content.MessageStatus{ID: rec.ID, Status: content.StatusRead})
		case settings.DeliveryReports && order > r.Delivered:
			all = append(all, content.MessageStatus{ID: rec.ID, Status: content.StatusDelivered})
		}
		if len(all) == maxMessagesPerReport {
			upTo = order
		}
		return len(all) < maxMessagesPerReport
	})
	return all, upTo, err
}

// queueReport puts a report into the outbox. It is no message: nobody waits
// for it, and nobody is told if it cannot be sent.
func (c *conversation) queueReport(tx *sealedTx, statuses []content.MessageStatus) error {
	m, err := content.StatusReport(statuses)
	if err != nil {
		return err
	}
	return c.queueQuietly(tx, m)
}

// queueQuietly puts something into the outbox that nobody asked for.
func (c *conversation) queueQuietly(tx *sealedTx, m content.Message) error {
	m, err := m.Salted(rand.Reader)
	if err != nil {
		return err
	}
	raw, err := m.Encode()
	if err != nil {
		return err
	}
	_, err = c.queue(tx, outboxRecord{Message: raw, Report: true})
	return err
}

// unreported has a message, held until now, counted as neither reported nor
// read.
func (c *conversation) unreported(order uint64) {
	r := c.rec.Reported
	r.Delivered, r.Read = min(r.Delivered, order-1), min(r.Read, order-1)
	r.ReadSent = min(r.ReadSent, r.Read)
}

// nothingToReport passes over what is added to the history and concerns
// nobody else.
func (c *conversation) nothingToReport(order uint64, rec *messageRecord) {
	if r := c.rec.Reported; r.Delivered == order-1 && !c.reportable(rec) {
		r.Delivered = order
	}
}

// sent notes that an own message stands in the channel, and for whom.
func (c *conversation) sent(tx *sealedTx, item *outItem) error {
	order := item.Order
	if order == 0 {
		return nil
	}
	var rec messageRecord
	ok, err := tx.load(key(tableMessage, c.id[:], number(order)), &rec)
	if err != nil || !ok {
		return err
	}
	rec.State, rec.Reason, rec.Cause, rec.Recipients, rec.SentAs = chat.StateSent, "", 0, nil, item.n
	if rec.Expires != 0 && rec.Behind == 0 && rec.Received <= millis(c.now()) { // it may have been written off line
		rec.Behind = c.lifeClock().secondsBehind()
	}
	if c.isSmallGroup() {
		for _, a := range c.members() {
			if a != c.self.address.String() {
				rec.Recipients = append(rec.Recipients, recipientRecord{Address: a})
			}
		}
	}
	return c.saveMessage(tx, order, &rec, false)
}

// reported takes in what somebody says became of own messages.
func (c *conversation) reported(tx *sealedTx, from string, statuses []content.MessageStatus) error {
	if from == c.self.address.String() {
		return nil
	}
	settings, err := loadSettings(tx)
	if err != nil {
		return err
	}
	for _, s := range statuses {
		level, ok := allowedReceipt(settings, s.Status)
		if !ok {
			continue
		}
		order, rec, err := c.loadMessage(tx, s.ID)
		if err != nil {
			return err
		}
		if rec == nil || !rec.advanceStatus(from, level) {
			continue
		}
		if err := c.saveMessage(tx, order, rec, false); err != nil {
			return err
		}
	}
	return nil
}

// allowedReceipt returns the strongest receipt up to status that the settings
// allow.
func allowedReceipt(s chat.Settings, status content.Status) (content.Status, bool) {
	switch {
	case status == content.StatusRead && s.ReadReports:
		return content.StatusRead, true
	case status == content.StatusRead || status == content.StatusDelivered:
		return content.StatusDelivered, s.DeliveryReports
	}
	return 0, false
}

// advanceStatus records the status of an own message at one recipient, and
// reports whether it changed.
func (r *messageRecord) advanceStatus(from string, level content.Status) bool {
	i := slices.IndexFunc(r.Recipients, func(p recipientRecord) bool { return p.Address == from })
	if i < 0 || r.Recipients[i].Status >= level {
		return false
	}
	r.Recipients[i].Status = level
	least := level
	for _, p := range r.Recipients {
		least = min(least, p.Status)
	}
	switch least {
	case content.StatusDelivered:
		r.State = chat.StateDelivered
	case content.StatusRead:
		r.State = chat.StateRead
	}
	return true
}

// countAtLeast returns the number of recipients whose status is level or later.
func (r *messageRecord) countAtLeast(level content.Status) (n int) {
	for _, p := range r.Recipients {
		if p.Status >= level {
			n++
		}
	}
	return n
}
