// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/backend"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/archive"
	"github.com/securecrypt/securecrypt/client/internal/attachments"
	"github.com/securecrypt/securecrypt/client/internal/link"
	"github.com/securecrypt/securecrypt/client/internal/machine"
	"github.com/securecrypt/securecrypt/client/internal/queries"
	"github.com/securecrypt/securecrypt/client/internal/records"
	"github.com/securecrypt/securecrypt/internal/codec/dcbor"
	"github.com/securecrypt/securecrypt/protocol"
)

const (
	maxPartsAhead = 8                   // that the other device has not taken in yet
	transferLife  = 30 * 24 * time.Hour // a device that comes later asks again
	takenAtOnce   = 200                 // messages of one transaction
)

// transfers are the histories on their way between this device and the account's others.
type transfers struct {
	mu      sync.Mutex // guards what follows
	giving  map[account.DeviceID]chan struct{}
	taking  bool
	another bool // something came while taking
	whole   bool // the whole history has come to this device since it was opened
}

// pollEvery is how often a wait looks whether it is over.
const pollEvery = 100 * time.Millisecond

// waitFor waits until done returns true.
func (c *Client) waitFor(ctx context.Context, done func() (bool, error)) error {
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	for {
		ok, err := done()
		if ok || err != nil {
			return err
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-c.ctx.Done():
			return context.Cause(c.ctx)
		}
	}
}

// WaitUntilGiven waits until a device that this one let in has the history, as far as it
// follows the conversations.
func (d Devices) WaitUntilGiven(ctx context.Context, id account.DeviceID) error {
	return d.c.waitFor(ctx, func() (done bool, err error) {
		err = d.c.store.View(func(tx *records.Tx) error {
			t, ok, err := records.LoadTransfer(tx, id)
			if err != nil {
				return err
			}
			joined, _, err := records.Joined(tx, id, 1)
			done = !ok || t.Ready && t.Whole == uint64(len(t.Chats)) && t.Taken == t.Number && len(joined) == 0
			return err
		})
		return done, err
	})
}

// WaitUntilTaken waits until this device, which was let in, has the history.
func (d Devices) WaitUntilTaken(ctx context.Context) error {
	return d.c.waitFor(ctx, func() (bool, error) {
		d.c.transfer.mu.Lock()
		defer d.c.transfer.mu.Unlock()
		return d.c.transfer.whole, nil
	})
}

// WaitUntilFollowed waits until the conversations have the devices that the accounts'
// chains have, as far as their servers have key packages for them, and no others.
func (d Devices) WaitUntilFollowed(ctx context.Context) error {
	if err := d.c.ConnectAll(); err != nil {
		return err
	}
	d.c.mu.Lock()
	actors := slices.Collect(maps.Values(d.c.actors))
	d.c.mu.Unlock()
	for _, a := range actors {
		if err := a.wait(ctx, func(s snapshot) bool {
			return s.known && (!s.Following || s.Devices == 0 && s.Outbox == 0 && s.Deliver == 0)
		}); err != nil {
			return err
		}
	}
	return nil
}

// giveHistory gives the history of all conversations to another device of the account,
// in the background: the newest messages first. What the device has already it does not
// take in a second time.
func (c *Client) giveHistory(device account.DeviceID) error {
	err := c.store.Update(func(tx *records.Tx) error {
		if err := records.EndTransfer(tx, device); err != nil {
			return err
		}
		var id [16]byte
		if _, err := rand.Read(id[:]); err != nil {
			return err
		}
		t, err := archive.Begin(tx, id, device, c.now())
		if err != nil {
			return err
		}
		own, ok, err := records.OwnConversation(tx)
		if err != nil {
			return err
		}
		if ok {
			if t.Ready, err = machine.HasDevice(tx, own, account.Credential{Address: c.self.Address, Device: device}); err != nil {
				return err
			}
		}
		return records.SaveTransfer(tx, t)
	})
	if err == nil {
		c.resumeGiving(device)
	}
	return err
}

// resumeTransfers goes on with what an earlier run did not end.
func (c *Client) resumeTransfers() error {
	var all []records.Transfer
	err := c.store.View(func(tx *records.Tx) (err error) {
		all, err = records.Transfers(tx)
		return err
	})
	for _, t := range all {
		c.resumeGiving(t.Device)
	}
	c.takeOwnMessages()
	return err
}

// giveMore has all transfers looked at, since there may be something to be given.
func (c *Client) giveMore() {
	c.transfer.mu.Lock()
	defer c.transfer.mu.Unlock()
	for _, wake := range c.transfer.giving {
		poke(wake)
	}
}

func poke(wake chan struct{}) {
	select {
	case wake <- struct{}{}:
	default:
	}
}

// resumeGiving has a goroutine give the history to a device, unless one does.
func (c *Client) resumeGiving(device account.DeviceID) {
	c.transfer.mu.Lock()
	defer c.transfer.mu.Unlock()
	if wake := c.transfer.giving[device]; wake != nil {
		poke(wake)
		return
	}
	wake := make(chan struct{}, 1)
	if c.transfer.giving == nil {
		c.transfer.giving = map[account.DeviceID]chan struct{}{}
	}
	c.transfer.giving[device] = wake
	c.spawn(func() {
		c.give(device, wake)
		c.transfer.mu.Lock()
		defer c.transfer.mu.Unlock()
		delete(c.transfer.giving, device)
	})
}

// give gives the history to a device until that is over.
func (c *Client) give(device account.DeviceID, wake <-chan struct{}) {
	var tries link.Backoff
	for c.ctx.Err() == nil {
		part, over, err := c.nextPart(device)
		if over {
			return
		}
		if err == nil && part != nil {
			err = c.givePart(part)
		}
		var wait <-chan time.Time
		switch {
		case err != nil:
			c.log.Warn("a part of the history could not be given to another device", "error", err)
			tries.Failed(c.now(), err)
			wait = time.After(tries.Until.Sub(c.now()))
		case part != nil:
			tries.Reset()
			continue
		default:
			wait = time.After(time.Hour)
		}
		select {
		case <-wake:
		case <-wait:
		case <-c.ctx.Done():
		}
	}
}

// nextPart returns the next part for a device, nil if it has to take in others first or
// has all of them; over if the device is gone or nothing is left to do.
func (c *Client) nextPart(device account.DeviceID) (part *archive.Part, over bool, err error) {
	err = c.store.View(func(tx *records.Tx) error {
		t, ok, err := records.LoadTransfer(tx, device)
		if err != nil {
			return err
		}
		chain, err := records.OwnChain(tx, c.self.Address)
		if err != nil {
			return err
		}
		_, live := chain.Device(device)
		over = !ok || !live || c.now().Sub(time.Unix(t.Since, 0)) > transferLife
		if over || !t.Ready || t.Number-t.Taken >= maxPartsAhead {
			return nil
		}
		part, err = archive.Next(tx, t, c.now())
		return err
	})
	if over && err == nil {
		err = c.store.Update(func(tx *records.Tx) error { return records.EndTransfer(tx, device) })
	}
	return part, over, err
}

// givePart uploads a part and tells the device where it lies.
func (c *Client) givePart(part *archive.Part) error {
	stash, err := attachments.NewStash(part.Bytes)
	if err != nil {
		return err
	}
	host := c.self.Address.Host
	if err := c.transfers.UploadStash(c.ctx, host, stash.Token, stash.Box); err != nil {
		return err
	}
	t := part.After
	err = c.sayToOwn(machine.ControlHistory, records.HistoryPart{
		Version: records.Version, Device: t.Device, Transfer: t.ID, Number: t.Number, Host: host, Stash: stash.Ref,
	})
	if err != nil {
		return err
	}
	if err := c.store.Update(func(tx *records.Tx) error {
		now, ok, err := records.LoadTransfer(tx, t.Device)
		if err != nil || !ok || now.ID != t.ID {
			return err // another one has begun
		}
		part.After.Taken, part.After.Ready = now.Taken, now.Ready
		return part.Sent(tx)
	}); err != nil {
		return err
	}
	c.emit(chat.HistoryEvent{Device: t.Device, Given: true, Done: int(t.Whole), Total: len(t.Chats)})
	return nil
}

// sayToOwn says something to the other devices of the account.
func (c *Client) sayToOwn(name string, body any) error {
	b, err := dcbor.Marshal(body)
	if err != nil {
		return err
	}
	a, err := c.ownConversation()
	if err != nil {
		return err
	}
	if a == nil {
		return fmt.Errorf("client: %w of the own devices", chat.ErrNoConversation)
	}
	return a.ask(c.ctx, machine.CommandOwn{Name: name, Body: b})
}

// takeOwnMessages has the messages of other devices dealt with that the store keeps.
func (c *Client) takeOwnMessages() {
	c.transfer.mu.Lock()
	defer c.transfer.mu.Unlock()
	c.transfer.another = true
	if c.transfer.taking {
		return
	}
	c.transfer.taking = true
	c.spawn(func() {
		for c.takesAnother() {
			c.dealWithOwnMessages()
		}
	})
}

func (c *Client) takesAnother() bool {
	c.transfer.mu.Lock()
	defer c.transfer.mu.Unlock()
	c.transfer.taking = c.transfer.another && c.ctx.Err() == nil
	c.transfer.another = false
	return c.transfer.taking
}

func (c *Client) dealWithOwnMessages() {
	var tries link.Backoff
	for c.ctx.Err() == nil {
		var n uint64
		var rec records.OwnMessage
		there := false
		err := c.store.View(func(tx *records.Tx) (err error) {
			n, rec, there, err = records.NextOwnMessage(tx)
			return err
		})
		if err == nil && !there {
			return
		}
		if err == nil {
			err = c.dealWithOwnMessage(rec)
		}
		if err == nil {
			tries.Reset()
			err = c.store.Update(func(tx *records.Tx) error { return records.ForgetOwnMessage(tx, n) })
		}
		if err == nil {
			continue
		}
		c.log.Warn("what another device sent could not be dealt with", "error", err)
		tries.Failed(c.now(), err)
		select {
		case <-time.After(tries.Until.Sub(c.now())):
		case <-c.ctx.Done():
		}
	}
}

// dealWithOwnMessage carries out what another device of the account said. An error is one
// that may be gone at the next attempt.
func (c *Client) dealWithOwnMessage(rec records.OwnMessage) error {
	switch rec.Name {
	case machine.ControlHistory:
		var part records.HistoryPart
		if dcbor.Unmarshal(rec.Body, &part) != nil || part.Device != c.self.Device {
			return nil
		}
		return c.takePart(part)
	case machine.ControlHistoryTaken:
		var taken records.HistoryTaken
		if dcbor.Unmarshal(rec.Body, &taken) != nil {
			return nil
		}
		return c.partTaken(taken)
	case machine.ControlHistoryRequest:
		var device account.DeviceID
		if dcbor.Unmarshal(rec.Body, &device) != nil || device == c.self.Device {
			return nil
		}
		return c.answerHistoryRequest(device)
	}
	return nil
}

// answerHistoryRequest gives the history to a device that asked for it, if this device is
// the one that is the longest in the account besides.
func (c *Client) answerHistoryRequest(device account.DeviceID) error {
	first := false
	err := c.store.View(func(tx *records.Tx) error {
		chain, err := records.OwnChain(tx, c.self.Address)
		if err != nil {
			return err
		}
		for _, d := range chain.Devices() {
			if d.ID() != device {
				first = d.ID() == c.self.Device
				break
			}
		}
		return nil
	})
	if err != nil || !first {
		return err
	}
	return c.giveHistory(device)
}

// partTaken notes that a device has taken in a part, and goes on.
func (c *Client) partTaken(taken records.HistoryTaken) error {
	again := false
	err := c.store.Update(func(tx *records.Tx) error {
		t, ok, err := records.LoadTransfer(tx, taken.Device)
		if err != nil || !ok || t.ID != taken.Transfer {
			return err
		}
		again = taken.Lost
		t.Taken = max(t.Taken, taken.Number)
		return records.SaveTransfer(tx, t)
	})
	if err != nil {
		return err
	}
	if again {
		return c.giveHistory(taken.Device)
	}
	c.giveMore()
	return nil
}

// takePart fetches a part of an archive and takes it in.
func (c *Client) takePart(p records.HistoryPart) error {
	taken := records.HistoryTaken{Version: records.Version, Device: p.Device, Transfer: p.Transfer, Number: p.Number}
	b, err := c.transfers.FetchStash(c.ctx, p.Host, p.Stash)
	switch {
	case err == nil:
	case errors.Is(err, backend.ErrOffline), link.Retryable(err):
		return err
	case errors.Is(err, chat.ErrFileGone), errors.Is(err, &protocol.Error{Code: protocol.CodeNotFound}):
		taken.Lost = true
		return c.sayToOwn(machine.ControlHistoryTaken, taken)
	default:
		return err
	}
	part, err := archive.Parse(b)
	if err != nil {
		c.log.Warn("a part of the history cannot be read", "error", err)
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

// takePeople notes who is in the conversations of a part.
func (c *Client) takePeople(people []records.ArchivedPerson) error {
	for _, p := range people {
		a := records.Address(p.Address)
		if a.IsZero() {
			continue
		}
		chain, err := account.Verify(a, p.Statements, p.Published...)
		if err != nil {
			chain = nil // it is looked up
		}
		err = c.store.Update(func(tx *records.Tx) error {
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
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// takeChats takes in parts of the history of conversations: first what lists show of
// all.
func (c *Client) takeChats(all []records.ArchivedChat) error {
	for some := range slices.Chunk(all, queries.Batch) {
		there := make([]bool, len(some))
		err := c.store.Update(func(tx *records.Tx) (err error) {
			for i, one := range some {
				if there[i], err = c.ensureArchived(tx, one); err != nil {
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
			if err := c.takeChat(one); err != nil {
				return err
			}
		}
	}
	return nil
}

// takeChat takes in a part of the history of one conversation that this device has.
func (c *Client) takeChat(one records.ArchivedChat) error {
	id := records.CID(c.store.Index(one.Channel[:]))
	if len(one.Messages) == 0 && !one.Whole {
		return c.tellArchived(one)
	}
	rec, err := c.conversationRecord(id)
	if err != nil {
		return err
	}
	a := c.start(id, rec)
	anchor, whole := one.Anchor, one.Whole
	for some := range slices.Chunk(one.Messages, takenAtOnce) {
		piece := records.ArchivedChat{Channel: one.Channel, Host: one.Host, Anchor: anchor, Up: one.Up, Messages: some}
		if err := a.ask(c.ctx, machine.InputArchived{Chat: piece}); err != nil {
			return err
		}
		anchor = some[len(some)-1].ID
	}
	if whole {
		if err := a.ask(c.ctx, machine.InputArchived{Chat: records.ArchivedChat{Channel: one.Channel, Anchor: anchor, Whole: true}}); err != nil {
			return err
		}
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
