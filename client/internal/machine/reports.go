// SPDX-License-Identifier: AGPL-3.0-or-later

package machine

import (
	"crypto/rand"
	"errors"
	"slices"
	"time"

	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/records"
	"github.com/securecrypt/securecrypt/content"
)

const (
	reportAfter          = time.Second // what happens meanwhile goes into the same report
	maxMessagesPerReport = 256         // messages in one report
)

// CommandRead marks messages as read: up to one, or all.
type CommandRead struct{ UpTo content.MessageID }

func (in CommandRead) step(c *Conversation, tx *records.Tx) error {
	order := c.rec.NextOrder
	if !in.UpTo.IsZero() {
		var err error
		if order, err = records.MessageOrder(tx, c.id, in.UpTo); err != nil {
			return err
		}
		if order == 0 {
			return Refusal{chat.ErrNoMessage}
		}
	}
	r := c.rec.Reported
	if order <= r.Read && c.rec.Unread == 0 {
		return nil
	}
	if err := errors.Join(c.readUpTo(tx, order), c.noteReadUpTo(tx, order)); err != nil {
		return err
	}
	settings, err := records.LoadSettings(tx)
	if err == nil && !settings.ReadReports {
		r.ReadSent = r.Read // also if they are switched on before the next report
	}
	return err
}

// countUnread counts the messages after the last that was read.
func (c *Conversation) countUnread(tx *records.Tx) (n uint64, err error) {
	if c.rec.Reported.Read == c.rec.NextOrder {
		return 0, nil
	}
	err = c.scanMessages(tx, c.rec.Reported.Read+1, func(_ uint64, rec *records.Message) bool {
		if c.reportable(rec) {
			n++
		}
		return true
	})
	return n, err
}

// scanMessages calls fn for the messages from an order on, until it returns
// false.
func (c *Conversation) scanMessages(tx *records.Tx, from uint64, fn func(uint64, *records.Message) bool) error {
	all := records.Key(records.TableMessage, c.id[:])
	return tx.ScanFrom(all, records.Key(records.TableMessage, c.id[:], records.Number(from)), false, func(k, v []byte) (bool, error) {
		var rec records.Message
		err := records.Decode(v, &rec)
		return err == nil && fn(records.LastNumber(k), &rec), err
	})
}

// reportable reports whether a record is a message that somebody else sent and
// that is there to be read.
func (c *Conversation) reportable(rec *records.Message) bool {
	return !rec.Notice && !rec.Held && rec.From != c.self.Address.String() && !rec.Expired(c.now())
}

// isSmallGroup reports whether the members are few enough to send each other
// receipts.
func (c *Conversation) isSmallGroup() bool {
	return c.rec.Members <= chat.MaxReporting
}

// recipients returns the others, of whom receipts are expected; nobody in a large
// group.
func (c *Conversation) recipients() (all []records.Recipient) {
	if !c.isSmallGroup() {
		return nil
	}
	for _, a := range c.members() {
		if a != c.self.Address.String() {
			all = append(all, records.Recipient{Address: a})
		}
	}
	return all
}

// hasUnsentReceipts reports whether a message arrived or was read without a
// receipt to the other members.
func (c *Conversation) hasUnsentReceipts() bool {
	r := c.rec.Reported
	return c.rec.Status == chat.StatusActive && (r.Delivered < c.rec.NextOrder || r.ReadSent < r.Read)
}

// reporting reports whether a report is on its way.
func (c *Conversation) reporting() bool {
	return slices.ContainsFunc(c.outbox, func(o *outItem) bool { return o.Report && o.posted != 0 })
}

// report sees to it that the others hear of what arrived and was read.
func (c *Conversation) report(tx *records.Tx) error {
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
	settings, err := records.LoadSettings(tx)
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
func (c *Conversation) statuses(tx *records.Tx, settings chat.Settings) (all []content.MessageStatus, upTo uint64, err error) {
	r, upTo := c.rec.Reported, c.rec.NextOrder
	if !settings.ReadReports && !settings.DeliveryReports {
		return nil, upTo, nil
	}
	err = c.scanMessages(tx, min(r.Delivered, r.ReadSent)+1, func(order uint64, rec *records.Message) bool {
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
func (c *Conversation) queueReport(tx *records.Tx, statuses []content.MessageStatus) error {
	m, err := content.StatusReport(statuses)
	if err != nil {
		return err
	}
	return c.queueQuietly(tx, m)
}

// queueQuietly puts something into the outbox that nobody asked for.
func (c *Conversation) queueQuietly(tx *records.Tx, m content.Message) error {
	m, err := m.Salted(rand.Reader)
	if err != nil {
		return err
	}
	raw, err := m.Encode()
	if err != nil {
		return err
	}
	_, err = c.queue(tx, records.OutboxItem{Message: raw, Report: true})
	return err
}

// unreported has a message, held until now, counted as neither reported nor
// read.
func (c *Conversation) unreported(order uint64) {
	r := c.rec.Reported
	r.Delivered, r.Read = min(r.Delivered, order-1), min(r.Read, order-1)
	r.ReadSent = min(r.ReadSent, r.Read)
}

// nothingToReport passes over what is added to the history and concerns
// nobody else.
func (c *Conversation) nothingToReport(order uint64, rec *records.Message) {
	if r := c.rec.Reported; r.Delivered == order-1 && !c.reportable(rec) {
		r.Delivered = order
	}
}

// sent notes that an own message stands in the channel, and for whom.
func (c *Conversation) sent(tx *records.Tx, item *outItem) error {
	order := item.Order
	if order == 0 {
		return nil
	}
	var rec records.Message
	ok, err := tx.Load(records.Key(records.TableMessage, c.id[:], records.Number(order)), &rec)
	if err != nil || !ok {
		return err
	}
	rec.State, rec.Reason, rec.Cause, rec.Recipients, rec.SentAs = chat.StateSent, "", 0, c.recipients(), item.n
	if rec.Expires != 0 && rec.Behind == 0 && rec.Received <= records.Millis(c.now()) { // it may have been written off line
		rec.Behind = c.lifeClock().secondsBehind()
	}
	return c.saveMessage(tx, order, &rec, false)
}

// reported takes in what somebody says became of own messages.
func (c *Conversation) reported(tx *records.Tx, from string, statuses []content.MessageStatus) error {
	if from == c.self.Address.String() {
		return c.reportedElsewhere(tx, statuses)
	}
	settings, err := records.LoadSettings(tx)
	if err != nil {
		return err
	}
	for _, s := range statuses {
		level, ok := allowedReceipt(settings, s.Status)
		if !ok {
			continue
		}
		order, rec, err := records.LoadMessage(tx, c.id, s.ID)
		if err != nil {
			return err
		}
		if rec == nil || !rec.AdvanceStatus(from, level) {
			continue
		}
		if err := c.saveMessage(tx, order, rec, false); err != nil {
			return err
		}
	}
	return nil
}

// reportedElsewhere takes in what another device of this account told the others: that
// need not be said again, and what was read there counts as read here.
func (c *Conversation) reportedElsewhere(tx *records.Tx, statuses []content.MessageStatus) error {
	r, read := c.rec.Reported, c.rec.Reported.Read
	for _, s := range statuses {
		order, err := records.MessageOrder(tx, c.id, s.ID)
		if err != nil {
			return err
		}
		if order != 0 && s.Status == content.StatusRead {
			read = max(read, order)
		}
	}
	if read == r.Read {
		return nil
	}
	r.ReadSent, r.Delivered = max(r.ReadSent, read), max(r.Delivered, read)
	return c.readUpTo(tx, read)
}

// readUpTo marks all messages up to a place of the history as read.
func (c *Conversation) readUpTo(tx *records.Tx, order uint64) error {
	r := c.rec.Reported
	r.Read = max(r.Read, order)
	unread, err := c.countUnread(tx)
	c.rec.Unread = min(c.rec.Unread, unread)
	c.touch()
	return err
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
