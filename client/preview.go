// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import "github.com/securecrypt/securecrypt/client/internal/records"

// noteLast keeps the preview of a conversation in step with a message that was
// saved.
func (c *conversation) noteLast(order uint64, rec *records.Message) {
	if rec.Held || c.rec.Last != nil && order < c.rec.Last.Order {
		return
	}
	c.rec.Last = records.NewPreview(order, rec)
	c.touch()
}

// dropLast is told that a message is gone, and finds the one before it if it
// was the newest.
func (c *conversation) dropLast(tx *records.Tx, order uint64) error {
	if c.rec.Last == nil || c.rec.Last.Order != order {
		return nil
	}
	c.touch()
	return records.FindLast(tx, c.id, &c.rec, c.now())
}

// arrived does what a new message from somebody else means for the list.
func (c *conversation) arrived(order uint64, rec *records.Message) {
	c.rec.Unread++
	if rec.Mentions(c.self.address) {
		c.rec.MentionedAt = max(c.rec.MentionedAt, order)
	}
	if c.rec.MutedUntil <= records.Millis(c.now()) {
		c.rec.Archived = false
	}
	c.touch()
}
