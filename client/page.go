// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"math"
	"slices"

	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/records"
	"github.com/securecrypt/securecrypt/content"
)

// Page returns at most limit messages, and at most MaxPage, of a conversation:
// those right before or after a position, or around it, the message included.
// The time that takes does not depend on how long the history is.
func (ms Messages) Page(id chat.ConversationID, at chat.Position, limit int) (page chat.Page, err error) {
	err = ms.c.viewConversation(id, func(tx *records.Tx, k records.CID, rec *records.Conversation) error {
		p := ms.c.pager(tx, k, id)
		limit := max(1, min(limit, chat.MaxPage))
		unread, err := p.firstUnread(rec)
		if err != nil {
			return err
		}
		if at.Unread && int(rec.Unread) > limit {
			at.Message = unread
		}
		place, err := p.place(at)
		if err != nil {
			return err
		}
		page, err = p.page(place, at, limit)
		page.FirstUnread = unread
		return err
	})
	return page, err
}

// A pager reads the history of one conversation in both directions.
type pager struct {
	*records.Views
	id   records.CID
	conv chat.ConversationID
}

func (c *Client) pager(tx *records.Tx, k records.CID, id chat.ConversationID) *pager {
	return &pager{Views: c.newViewBuilder(tx), id: k, conv: id}
}

// place returns the order of a position, that of no message yet for the end.
func (p *pager) place(at chat.Position) (uint64, error) {
	if at.Message.IsZero() {
		if at.Order == 0 {
			return math.MaxUint64, nil
		}
		return at.Order, nil
	}
	order, _, err := p.find(at.Message)
	return order, err
}

// find returns a message that may be seen.
func (p *pager) find(msg content.MessageID) (uint64, *records.Message, error) {
	order, rec, err := records.LoadMessage(p.Tx, p.id, msg)
	if err == nil && (rec == nil || !p.visible(rec)) {
		err = chat.ErrNoMessage
	}
	return order, rec, err
}

func (p *pager) page(place uint64, at chat.Position, limit int) (page chat.Page, err error) {
	switch {
	case at.Before || place == math.MaxUint64:
		if page.Messages, page.MoreBefore, err = p.collect(place-1, true, limit); err == nil {
			page.MoreAfter, err = p.any(place, false)
		}
		return page, err
	case at.After:
		if page.Messages, page.MoreAfter, err = p.collect(place+1, false, limit); err == nil {
			page.MoreBefore, err = p.any(place, true)
		}
		return page, err
	}
	after, moreAfter, err := p.collect(place, false, limit-limit/2)
	if err != nil {
		return page, err
	}
	before, moreBefore, err := []chat.Message(nil), false, nil
	if room := limit - len(after); room > 0 {
		before, moreBefore, err = p.collect(place-1, true, room)
	} else {
		moreBefore, err = p.any(place-1, true)
	}
	return chat.Page{Messages: append(before, after...), MoreBefore: moreBefore, MoreAfter: moreAfter}, err
}

func (p *pager) visible(rec *records.Message) bool { return !rec.Held && !rec.Expired(p.Now) }

// walk calls fn for the messages that may be seen, from an order on, which is
// included.
func (p *pager) walk(from uint64, reverse bool, fn func(order uint64, rec *records.Message) (bool, error)) error {
	start := records.Key(records.TableMessage, p.id[:], records.Number(from))
	return p.Tx.ScanFrom(records.Key(records.TableMessage, p.id[:]), start, reverse, func(k, v []byte) (bool, error) {
		var rec records.Message
		if err := records.Decode(v, &rec); err != nil {
			return false, err
		}
		if !p.visible(&rec) {
			return true, nil
		}
		return fn(records.LastNumber(k), &rec)
	})
}

// collect returns at most n messages from an order on, the oldest first, and
// whether there are more in that direction.
func (p *pager) collect(from uint64, reverse bool, n int) (all []chat.Message, more bool, err error) {
	err = p.walk(from, reverse, func(order uint64, rec *records.Message) (bool, error) {
		if more = len(all) == n; more {
			return false, nil
		}
		m, err := p.Message(p.id, p.conv, order, rec)
		all = append(all, m)
		return true, err
	})
	if reverse {
		slices.Reverse(all)
	}
	return all, more, err
}

// any reports whether there is a message from an order on.
func (p *pager) any(from uint64, reverse bool) (found bool, err error) {
	err = p.walk(from, reverse, func(uint64, *records.Message) (bool, error) {
		found = true
		return false, nil
	})
	return found, err
}

func (p *pager) firstUnread(conv *records.Conversation) (first content.MessageID, err error) {
	if conv.Unread == 0 {
		return first, nil
	}
	err = p.walk(conv.ReadUpTo()+1, false, func(_ uint64, rec *records.Message) (bool, error) {
		if rec.Notice || rec.From == p.Self {
			return true, nil
		}
		first = rec.ID
		return false, nil
	})
	return first, err
}
