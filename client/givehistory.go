// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"crypto/rand"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/archive"
	"github.com/securecrypt/securecrypt/client/internal/attachments"
	"github.com/securecrypt/securecrypt/client/internal/link"
	"github.com/securecrypt/securecrypt/client/internal/machine"
	"github.com/securecrypt/securecrypt/client/internal/records"
)

// giveHistory gives the history of all conversations to another device of the account,
// in the background: the newest messages first. What the device has already it does not
// take in a second time.
func (c *Client) giveHistory(device account.DeviceID) error {
	err := c.store.Update(func(tx *records.Tx) error { return c.beginGiving(tx, device, nil) })
	if err == nil {
		c.resumeGiving(device)
	}
	return err
}

// How long giving rests after a part was lost: twice as long each time.
const (
	firstRest   = time.Minute
	lastRest    = 24 * time.Hour
	maxRestarts = 16 // up to which they are counted
)

// beginGiving begins a transfer; lost is the one that it takes the place of because
// parts were lost, nil for none.
func (c *Client) beginGiving(tx *records.Tx, device account.DeviceID, lost *records.Transfer) error {
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
	if lost != nil {
		t.Since, t.Restarts = lost.Since, min(lost.Restarts+1, maxRestarts)
		t.NotBefore = c.now().Add(min(firstRest<<lost.Restarts, lastRest)).Unix()
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
		part, rest, over, err := c.nextPart(device)
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
			wait = time.After(rest)
		}
		select {
		case <-wake:
		case <-wait:
		case <-c.ctx.Done():
		}
	}
}

// nextPart returns the next part for a device, nil if there is none for a while because
// it has to take in others first or has all of them; over if the device is gone or
// nothing is left to do.
func (c *Client) nextPart(device account.DeviceID) (part *archive.Part, rest time.Duration, over bool, err error) {
	rest = time.Hour
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
		if left := time.Unix(t.NotBefore, 0).Sub(c.now()); left > 0 {
			rest = min(rest, left)
			return nil
		}
		if over || !t.Ready || t.Number >= t.Taken+maxPartsAhead {
			return nil
		}
		part, err = archive.Next(tx, t, c.now())
		return err
	})
	if over && err == nil {
		err = c.store.Update(func(tx *records.Tx) error { return records.EndTransfer(tx, device) })
	}
	return part, rest, over, err
}

// givePart uploads a part and tells the device where it lies.
func (c *Client) givePart(part *archive.Part) error {
	if part.Bytes == nil {
		return c.partSent(part)
	}
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
	if err := c.partSent(part); err != nil {
		return err
	}
	c.emit(chat.HistoryEvent{Device: t.Device, Given: true, Done: int(t.Whole), Total: len(t.Chats)})
	return nil
}

// partSent notes that a part was sent, unless another transfer has begun.
func (c *Client) partSent(part *archive.Part) error {
	return c.store.Update(func(tx *records.Tx) error {
		now, ok, err := records.LoadTransfer(tx, part.After.Device)
		if err != nil || !ok || now.ID != part.After.ID {
			return err
		}
		part.After.Taken, part.After.Ready = now.Taken, now.Ready
		return part.Sent(tx)
	})
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
	err := c.store.Update(func(tx *records.Tx) error {
		t, ok, err := records.LoadTransfer(tx, taken.Device)
		if err != nil || !ok || t.ID != taken.Transfer {
			return err
		}
		if taken.Lost {
			return c.beginGiving(tx, t.Device, &t)
		}
		// The answer may come before it is noted that the part was sent.
		t.Taken = max(t.Taken, min(taken.Number, t.Number+1))
		return records.SaveTransfer(tx, t)
	})
	if err == nil {
		c.giveMore()
	}
	return err
}
