// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"context"
	"errors"
	"slices"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/backend"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/archive"
	"github.com/securecrypt/securecrypt/client/internal/link"
	"github.com/securecrypt/securecrypt/client/internal/machine"
	"github.com/securecrypt/securecrypt/client/internal/queries"
	"github.com/securecrypt/securecrypt/client/internal/records"
)

// takePart fetches a part of an archive and takes it in.
func (c *Client) takePart(p records.HistoryPart) error {
	taken := records.HistoryTaken{Version: records.Version, Device: p.Device, Transfer: p.Transfer, Number: p.Number}
	part, err := c.fetchPart(p)
	switch {
	case err == nil:
	case errors.Is(err, backend.ErrOffline), link.Retryable(err), c.ctx.Err() != nil:
		return err
	default: // another attempt would end alike
		c.log.Warn("a part of the history is lost", "error", err)
		taken.Lost = true
		return c.sayToOwn(machine.ControlHistoryTaken, taken)
	}
	if err := c.takePeople(part.People); err != nil {
		return err
	}
	if err := c.takeChats(part.Chats); err != nil {
		return err
	}
	if part.Done == part.Total {
		c.transfer.mu.Lock()
		c.transfer.whole = true
		c.transfer.mu.Unlock()
	}
	c.emit(chat.HistoryEvent{Device: c.self.Device, Done: int(part.Done), Total: int(part.Total)})
	return c.sayToOwn(machine.ControlHistoryTaken, taken)
}

// fetchPart fetches a part of an archive.
func (c *Client) fetchPart(p records.HistoryPart) (part records.ArchivePart, err error) {
	b, err := c.transfers.FetchStash(c.ctx, p.Host, p.Stash)
	if err != nil {
		return part, err
	}
	return archive.Parse(b)
}

// takePeople notes who is in the conversations of a part.
func (c *Client) takePeople(people []records.ArchivedPerson) error {
	for some := range slices.Chunk(people, queries.Batch) {
		chains := make([]*account.Chain, len(some))
		for i, p := range some {
			if chain, err := account.Verify(records.Address(p.Address), p.Statements, p.Published...); err == nil {
				chains[i] = chain // or else it is looked up
			}
		}
		err := c.store.Update(func(tx *records.Tx) error {
			for i, p := range some {
				if err := takePerson(tx, p, chains[i]); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// takePerson notes somebody, and their account's chain if it was verified.
func takePerson(tx *records.Tx, p records.ArchivedPerson, chain *account.Chain) error {
	a := records.Address(p.Address)
	if a.IsZero() {
		return nil
	}
	rec, err := records.LoadContact(tx, p.Address)
	if err != nil {
		return err
	}
	rec.Known = true
	if rec.Profile == "" && len(p.Profile) <= chat.MaxTitle {
		rec.Profile = p.Profile
	}
	if err := records.SaveContact(tx, rec); err != nil || chain == nil {
		return err
	}
	pinned, err := records.PinnedChain(tx, a)
	if err != nil || pinned != nil && !chain.Extends(pinned.Head()) {
		return err
	}
	return records.PinChain(tx, chain)
}

// takeChats takes in parts of the history of conversations: first what lists show of
// all.
func (c *Client) takeChats(all []records.ArchivedChat) error {
	for some := range slices.Chunk(all, queries.Batch) {
		there, chosen := make([]bool, len(some)), make([]bool, len(some))
		err := c.store.Update(func(tx *records.Tx) (err error) {
			for i, one := range some {
				if there[i], err = c.ensureArchived(tx, one); err != nil {
					return err
				}
				if chosen[i], err = records.HasUnapplied(tx, tx.Index(one.Channel[:])); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		for i, one := range some {
			if !there[i] {
				continue
			}
			c.mu.Lock()
			err := c.registerID(chat.IDOf(one.Channel), records.CID(c.store.Index(one.Channel[:])))
			c.mu.Unlock()
			if err != nil {
				c.log.Error("a conversation cannot be named", "error", err)
				there[i] = false
			}
		}
		for i, one := range some {
			if !there[i] {
				continue
			}
			if err := c.takeChat(one, chosen[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// takeChat takes in a part of the history of one conversation that this device has.
// chosen: other devices chose something about it before it was here.
func (c *Client) takeChat(one records.ArchivedChat, chosen bool) error {
	id := records.CID(c.store.Index(one.Channel[:]))
	if len(one.Messages) == 0 && !one.Whole && !chosen {
		return c.tellArchived(one)
	}
	rec, err := c.conversationRecord(id)
	if err != nil {
		return err
	}
	a := c.start(id, rec)
	if len(one.Messages) > 0 || one.Whole {
		if err := a.ask(c.ctx, machine.InputArchived{Chat: one}); err != nil {
			return err
		}
	}
	if chosen {
		a.tell(machine.InputUnapplied{}, nil)
	}
	return c.tellArchived(one)
}

// tellArchived lets interfaces see a conversation of which the history has come.
func (c *Client) tellArchived(one records.ArchivedChat) error {
	if one.Meta == nil || c.config.OnEvent == nil {
		return nil
	}
	if conv, err := c.Conversation(chat.IDOf(one.Channel)); err == nil {
		c.emit(chat.ConversationEvent{Conversation: conv})
	}
	return nil
}

// ensureArchived makes the record of a conversation of which this device gets the
// history, if there is none. It returns false if this device is not to have it.
func (c *Client) ensureArchived(tx *records.Tx, one records.ArchivedChat) (there bool, err error) {
	id := records.CID(c.store.Index(one.Channel[:]))
	var rec records.Conversation
	there, err = tx.Load(records.Key(records.TableConversation, id[:]), &rec)
	if err != nil || there || one.Meta == nil {
		return there && !rec.Hidden, err
	}
	var deleted bool
	if _, err := records.LoadField(tx, records.Field{Kind: records.FieldDeleted, Main: one.Channel[:]}, &deleted); err != nil || deleted {
		return false, err
	}
	if gone, err := records.GoneIn(tx, id); err != nil || gone > 0 {
		return false, err
	}
	if c.net.CheckHost(one.Host) != nil {
		return false, nil
	}
	m := one.Meta
	rec = records.Conversation{
		Version: records.Version, Channel: one.Channel, Host: one.Host, Status: m.Status, Created: true, Answered: true, NoGroup: true, Partial: true,
		Group: m.Group, Title: m.Title, Timer: m.Timer, Peer: m.Peer, Activity: m.Activity, Unread: m.Unread, NextOrder: records.HistoryRoom,
		Reported: &records.Reported{Delivered: records.HistoryRoom, Read: records.HistoryRoom, ReadSent: records.HistoryRoom},
		Gone:     m.Status != chat.StatusActive, List: records.List{Members: m.Members},
	}
	if m.Status == chat.StatusActive {
		rec.Status = chat.StatusPending
	}
	if m.Peer != "" && !m.Group {
		open, err := records.OpenDirect(tx, m.Peer)
		if err != nil {
			return false, err
		}
		if open == nil {
			if err := tx.Put(records.Key(records.TableDirect, tx.Index([]byte(m.Peer))), id[:]); err != nil {
				return false, err
			}
		}
	}
	return true, errors.Join(tx.Save(records.Key(records.TableConversation, id[:]), &rec), records.NoteRecent(tx, id))
}

// requestHistory asks the other devices of the account for the history: one of them gives
// it.
func (c *Client) requestHistory(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return c.sayToOwn(machine.ControlHistoryRequest, c.self.Device)
}
