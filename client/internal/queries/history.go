// SPDX-License-Identifier: AGPL-3.0-or-later

package queries

import (
	"math"
	"slices"

	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/records"
	"github.com/securecrypt/securecrypt/content"
)

// A History reads the messages of one conversation, in both directions.
type History struct {
	*records.Views
	id   records.CID
	conv chat.ConversationID
}

// NewHistory returns the history of a conversation, which interfaces call conv.
func NewHistory(views *records.Views, id records.CID, conv chat.ConversationID) *History {
	return &History{Views: views, id: id, conv: conv}
}

// Message returns one message.
func (h *History) Message(msg content.MessageID) (m chat.Message, err error) {
	order, rec, err := h.Find(msg)
	if err != nil {
		return m, err
	}
	return h.show(order, rec)
}

// All calls fn for the messages, the newest first, until it returns false.
func (h *History) All(fn func(chat.Message) bool) error {
	return h.walk(math.MaxUint64, true, func(order uint64, rec *records.Message) (bool, error) {
		m, err := h.show(order, rec)
		return err == nil && fn(m), err
	})
}

// Page returns at most limit messages, and at most MaxPage: those right before or
// after a position, or around it, the message included. The time that takes does
// not depend on how long the history is.
func (h *History) Page(rec *records.Conversation, at chat.Position, limit int) (page chat.Page, err error) {
	limit = max(1, min(limit, chat.MaxPage))
	unread, err := h.firstUnread(rec)
	if err != nil {
		return page, err
	}
	if at.Unread && int(rec.Unread) > limit {
		at.Message = unread
	}
	place, err := h.place(at)
	if err != nil {
		return page, err
	}
	page, err = h.page(place, at, limit)
	page.FirstUnread = unread
	return page, err
}

func (h *History) show(order uint64, rec *records.Message) (chat.Message, error) {
	return h.Views.Message(h.id, h.conv, order, rec)
}

// place returns the order of a position, that of no message yet for the end.
func (h *History) place(at chat.Position) (uint64, error) {
	if at.Message.IsZero() {
		if at.Order == 0 {
			return math.MaxUint64, nil
		}
		return at.Order, nil
	}
	order, _, err := h.Find(at.Message)
	return order, err
}

// Find returns a message that may be seen, and its position.
func (h *History) Find(msg content.MessageID) (uint64, *records.Message, error) {
	order, rec, err := records.LoadMessage(h.Tx, h.id, msg)
	if err == nil && (rec == nil || !h.visible(rec)) {
		err = chat.ErrNoMessage
	}
	return order, rec, err
}

func (h *History) page(place uint64, at chat.Position, limit int) (page chat.Page, err error) {
	switch {
	case at.Before || place == math.MaxUint64:
		if page.Messages, page.MoreBefore, err = h.collect(place-1, true, limit); err == nil {
			page.MoreAfter, err = h.any(place, false)
		}
		return page, err
	case at.After:
		if page.Messages, page.MoreAfter, err = h.collect(place+1, false, limit); err == nil {
			page.MoreBefore, err = h.any(place, true)
		}
		return page, err
	}
	after, moreAfter, err := h.collect(place, false, limit-limit/2)
	if err != nil {
		return page, err
	}
	before, moreBefore, err := []chat.Message(nil), false, nil
	if room := limit - len(after); room > 0 {
		before, moreBefore, err = h.collect(place-1, true, room)
	} else {
		moreBefore, err = h.any(place-1, true)
	}
	return chat.Page{Messages: append(before, after...), MoreBefore: moreBefore, MoreAfter: moreAfter}, err
}

func (h *History) visible(rec *records.Message) bool { return !rec.Held && !rec.Expired(h.Now) }

// walk calls fn for the messages that may be seen, from an order on, which is
// included.
func (h *History) walk(from uint64, reverse bool, fn func(order uint64, rec *records.Message) (bool, error)) error {
	start := records.Key(records.TableMessage, h.id[:], records.Number(from))
	return h.Tx.ScanFrom(records.Key(records.TableMessage, h.id[:]), start, reverse, func(k, v []byte) (bool, error) {
		var rec records.Message
		if err := records.Decode(v, &rec); err != nil {
			return false, err
		}
		if !h.visible(&rec) {
			return true, nil
		}
		return fn(records.LastNumber(k), &rec)
	})
}

// collect returns at most n messages from an order on, the oldest first, and
// whether there are more in that direction.
func (h *History) collect(from uint64, reverse bool, n int) (all []chat.Message, more bool, err error) {
	err = h.walk(from, reverse, func(order uint64, rec *records.Message) (bool, error) {
		if more = len(all) == n; more {
			return false, nil
		}
		m, err := h.show(order, rec)
		all = append(all, m)
		return true, err
	})
	if reverse {
		slices.Reverse(all)
	}
	return all, more, err
}

// any reports whether there is a message from an order on.
func (h *History) any(from uint64, reverse bool) (found bool, err error) {
	err = h.walk(from, reverse, func(uint64, *records.Message) (bool, error) {
		found = true
		return false, nil
	})
	return found, err
}

func (h *History) firstUnread(conv *records.Conversation) (first content.MessageID, err error) {
	if conv.Unread == 0 {
		return first, nil
	}
	err = h.walk(conv.ReadUpTo()+1, false, func(_ uint64, rec *records.Message) (bool, error) {
		if rec.Notice || rec.From == h.Self {
			return true, nil
		}
		first = rec.ID
		return false, nil
	})
	return first, err
}
