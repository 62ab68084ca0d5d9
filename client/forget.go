// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"context"
	"errors"
	"slices"

	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/attachments"
	"github.com/securecrypt/securecrypt/client/internal/records"
	"github.com/securecrypt/securecrypt/content"
	"github.com/securecrypt/securecrypt/protocol"
)

type (
	commandForget struct{ id content.MessageID }
	commandDelete struct{}
)

// Forget removes a message from this device alone. One that is still being
// sent is to be cancelled instead.
func (ms Messages) Forget(conv chat.ConversationID, msg content.MessageID) error {
	return ms.c.tell(ms.c.ctx, conv, commandForget{msg})
}

// Delete removes a conversation and all that was said in it from
// this device. A request is thereby declined, which nobody else learns; a
// conversation that goes on is refused with ErrStillIn. The keys of one that was
// left remain, out of sight, until the others have let this account go, or were
// given the time to.
func (ls List) Delete(ctx context.Context, conv chat.ConversationID) error {
	return ls.c.tell(ctx, conv, commandDelete{})
}

func (in commandForget) step(c *conversation, tx *records.Tx) error {
	order, rec, err := records.LoadMessage(tx, c.id, in.id)
	if err != nil {
		return err
	}
	if rec == nil || rec.Held || rec.Expired(c.now()) {
		return refusal{chat.ErrNoMessage}
	}
	if slices.ContainsFunc(c.outbox, func(o *outItem) bool { return o.Order == order }) {
		return refusal{errors.New("this message is still being sent; cancel it instead")}
	}
	return c.forget(tx, order, rec)
}

// forget removes a message. Its identifier stays known, so that the message
// does not come back.
func (c *conversation) forget(tx *records.Tx, order uint64, rec *records.Message) error {
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
	foreign := !rec.Notice && rec.From != c.self.address.String()
	if foreign && order > c.rec.ReadUpTo() && c.rec.Unread > 0 {
		c.rec.Unread--
		c.touch()
	}
	c.out.emit(chat.GoneEvent{Conversation: chat.IDOf(c.rec.Channel), Message: rec.ID, Order: order})
	return c.dropLast(tx, order)
}

func (commandDelete) step(c *conversation, tx *records.Tx) error {
	leaving := slices.ContainsFunc(c.outbox, func(o *outItem) bool { return o.Leave })
	switch {
	case c.rec.Status == chat.StatusRequest:
		if err := c.decline(tx); err != nil {
			return err
		}
	case c.rec.Status == chat.StatusActive && !leaving:
		return refusal{chat.ErrStillIn}
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
func (c *conversation) eraseHistory(tx *records.Tx) error {
	for _, item := range slices.Clone(c.outbox) {
		if item.plain() {
			if item.working {
				c.out.do(doAbort{item.n})
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
	for _, table := range []string{records.TableMessage, records.TableMessageID, records.TableExpiry, records.TableHeld, records.TableSent} {
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
func (c *conversation) forgetAllFiles(tx *records.Tx) error {
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
func (c *conversation) canBeDeleted() bool {
	if !c.rec.Hidden {
		return false
	}
	return c.hiddenFor() >= protocol.DefaultExpiry || !c.needsChannel() && !c.rec.Ending && c.pendingItems() == 0 && len(c.deliver) == 0
}

// vanish removes the conversation from the store. All that stays is the epoch
// that it was in: an invitation that somebody kept must not bring it back.
func (c *conversation) vanish(tx *records.Tx) error {
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
		records.TableSent, records.TableReplay,
	} {
		if err := tx.DeleteAll(records.Key(table, c.id[:])); err != nil {
			return err
		}
	}
	c.vanished = true
	return tx.Put(records.Key(records.TableGone, c.id[:]), records.Number(c.rec.Epoch))
}

// retire lets go of the actor of a conversation that has vanished. If somebody
// invited this account again meanwhile, a new one takes its place.
func (c *Client) retire(a *actor) {
	id := chat.IDOf(a.channel)
	back := false
	c.mu.Lock() // joined takes it after it has saved a conversation
	delete(c.actors, a.id)
	err := c.store.View(func(tx *records.Tx) error {
		b, err := tx.Get(records.Key(records.TableConversation, a.id[:]))
		back = b != nil
		return err
	})
	if err == nil && !back && c.ids[id] == a.id {
		delete(c.ids, id)
	}
	c.mu.Unlock()
	if back {
		if _, err := c.actor(id); err != nil {
			c.log.Error("a conversation could not be started again", "error", err)
		}
	}
}
