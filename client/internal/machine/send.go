// SPDX-License-Identifier: AGPL-3.0-or-later

package machine

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"

	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/envelope"
	"github.com/securecrypt/securecrypt/client/internal/link"
	"github.com/securecrypt/securecrypt/client/internal/records"
	"github.com/securecrypt/securecrypt/mls"
	"github.com/securecrypt/securecrypt/protocol"
)

// queue adds an item to the end of the outbox.
func (c *Conversation) queue(tx *records.Tx, rec records.OutboxItem) (*outItem, error) {
	c.rec.NextItem++
	rec.Version = records.Version
	item := &outItem{OutboxItem: rec, n: c.rec.NextItem}
	c.outbox = append(c.outbox, item)
	c.touch()
	return item, c.saveItem(tx, item)
}

func (c *Conversation) itemKey(n uint64) []byte {
	return records.Key(records.TableOutbox, c.id[:], records.Number(n))
}

func (c *Conversation) saveItem(tx *records.Tx, item *outItem) error {
	return tx.Save(c.itemKey(item.n), &item.OutboxItem)
}

func (c *Conversation) dropItem(tx *records.Tx, item *outItem) error {
	c.outbox = slices.DeleteFunc(c.outbox, func(o *outItem) bool { return o == item })
	c.touch()
	if err := c.releaseFiles(tx, item); err != nil {
		return err
	}
	return tx.Delete(c.itemKey(item.n))
}

// pendingItems counts what is still to be put into the channel.
func (c *Conversation) pendingItems() int {
	n := 0
	for _, item := range c.outbox {
		if !item.Seen {
			n++
		}
	}
	return n
}

// unstage forgets what was prepared for an epoch that never came.
func (o *outItem) unstage() {
	o.Epoch, o.Ciphertext, o.posted, o.packages = 0, nil, 0, nil
	if o.Change != nil {
		o.Change.NextKey, o.Change.Stash, o.Change.Tree, o.Change.Trees, o.Change.Letters = nil, nil, nil, nil, nil
	}
}

// pump does whatever can be done next.
func (c *Conversation) pump(tx *records.Tx) error {
	if err := c.resumeRewind(tx); err != nil {
		return err
	}
	if err := c.connect(); err != nil {
		return err
	}
	c.deleteChannel()
	c.confirm()
	c.sendInvitations()
	leaving := c.rec.Status == chat.StatusLeft && c.needsChannel()
	if c.phase != phaseLive || c.waiting != nil || c.rec.Status != chat.StatusActive && !leaving || !c.posts.Ready(c.now()) {
		return nil
	}
	if !leaving {
		c.checkAwaited()
	}
	if err := errors.Join(c.report(tx), c.tellToken(tx), c.tellMailToken(tx), c.planCommit(tx), c.planEjection(tx), c.changeDevices(tx), c.sendFields(tx)); err != nil {
		return err
	}
	inFlight := 0
	var behind filesAhead
	for _, item := range slices.Clone(c.outbox) {
		if item.Seen || c.canSkip(item) {
			continue
		}
		if c.waitsForFiles(item, &behind) {
			c.startUpload(item, behind)
			if c.now().Before(c.filesFirst) {
				return nil
			}
			continue
		}
		if item.posted != 0 {
			inFlight++
			if !item.plain() || inFlight >= maxInFlight || item.posted != c.opening {
				return nil // the epoch is about to change, enough is under way, or it may yet be refused
			}
			continue
		}
		on, err := c.advance(tx, item, inFlight)
		if err != nil || !on {
			return err
		}
		if item.posted != 0 {
			inFlight++
		}
	}
	return nil
}

// plain reports whether an item is a message, before and after which others
// may be under way.
func (o *outItem) plain() bool { return o.Change == nil && !o.Leave }

// canSkip reports whether later items may be sent before this one: it adds people
// to a group, or devices, whose servers cannot be reached.
func (c *Conversation) canSkip(item *outItem) bool {
	if item.Change == nil || len(item.Ciphertext) > 0 || item.packages != nil {
		return false
	}
	optional := c.state.Group && len(item.Change.Add) > 0 || len(item.Change.Add) == 0 && len(addedBy(item.Change)) > 0
	return optional && item.lookups.Wait > 0 && (item.working || !item.lookups.Ready(c.now()))
}

// planCommit puts a commit of what others proposed at the head of the outbox:
// before that, MLS lets nobody send.
func (c *Conversation) planCommit(tx *records.Tx) error {
	if len(c.group.PendingProposals()) == 0 || c.rec.Status == chat.StatusLeft {
		return nil
	}
	due := !c.commitAt.IsZero() && !c.now().Before(c.commitAt)
	asked := func(o *outItem) bool { return !o.Report }
	if !due && !slices.ContainsFunc(c.outbox, asked) {
		return nil
	}
	for _, o := range c.outbox {
		if o.posted != 0 || o.Change != nil && (o.Change.Pending || len(o.Ciphertext) > 0) {
			return nil // first that; any commit takes the proposals with it
		}
	}
	item, err := c.queue(tx, records.OutboxItem{Change: &records.Change{Pending: true}})
	if err != nil {
		return err
	}
	c.outbox = append([]*outItem{item}, c.outbox[:len(c.outbox)-1]...)
	return nil
}

// advance takes an item one step further. It reports whether the next one may
// go, too.
func (c *Conversation) advance(tx *records.Tx, item *outItem, inFlight int) (on bool, err error) {
	if item.working || !item.plain() && inFlight > 0 {
		return false, nil // let the messages before a change arrive in this epoch
	}
	if item.Change != nil {
		err := c.advanceChange(tx, item)
		gone := item.Change == nil || !slices.Contains(c.outbox, item) // nothing was left to change, or it failed
		return gone || c.canSkip(item), err
	}
	if item.Leave && len(c.members()) == 1 { // the others have left meanwhile, and nobody could grant it
		c.rec.Gone = true
		c.planChannelDeletion()
		return false, errors.Join(c.dropItem(tx, item), c.stop(tx, chat.StatusLeft, nil))
	}
	if item.Leave && c.isLastOwner(c.state) {
		return true, c.fail(tx, item, chat.ErrLastOwner) // the successor has left meanwhile
	}
	if (len(c.rec.Unconfirmed) > 0 || c.awaitsRevocation()) && !item.Leave {
		return false, nil // nothing is said to somebody nobody vouched for, nor to a revoked device
	}
	if !c.sealed(item) {
		if len(c.group.PendingProposals()) > 0 && !item.Leave {
			return false, nil // a commit comes first
		}
		if err := c.encrypt(tx, item); err != nil {
			return true, c.fail(tx, item, err)
		}
	}
	c.post(item)
	return !item.Leave, nil
}

// sealed reports whether an item has an envelope that the channel still takes.
func (c *Conversation) sealed(item *outItem) bool {
	reach := uint64(protocol.RecentEpochs)
	if item.Leave {
		reach = 0 // a proposal belongs to its epoch
	}
	return len(item.Ciphertext) > 0 && item.Epoch+reach >= c.group.Epoch()
}

// encrypt makes the envelope of a message. The error is one of the message
// alone, unless the transaction failed.
func (c *Conversation) encrypt(tx *records.Tx, item *outItem) error {
	var (
		message []byte
		delta   mls.Delta
		err     error
	)
	if item.Leave {
		message, delta, err = c.group.ProposeSelfRemove(mls.ProposalOptions{})
	} else {
		message, delta, err = c.group.Protect(item.Message, mls.ProtectOptions{})
	}
	if err != nil {
		return fmt.Errorf("client: encrypting: %w", err)
	}
	if err := c.apply(tx, delta); err != nil {
		return err
	}
	c.rec.Signals, c.typing = 0, c.typing && item.Report
	c.touch()
	return c.wrap(tx, item, protocol.KindMessage, envelope.Payload{Message: message})
}

// wrap puts a payload into an envelope of the present epoch and keeps it with
// the item.
func (c *Conversation) wrap(tx *records.Tx, item *outItem, kind protocol.EntryKind, payload envelope.Payload) error {
	epoch := c.group.Epoch()
	k, ok, err := c.envelopeKey(tx, epoch)
	if err != nil {
		return err
	}
	if !ok {
		return records.ErrDamaged
	}
	item.Ciphertext, err = envelope.Seal(k, envelope.Place{Channel: c.rec.Channel, Epoch: epoch, Kind: kind}, payload)
	if err != nil {
		return err
	}
	item.Epoch, item.digest = epoch, sha256.Sum256(item.Ciphertext)
	return c.saveItem(tx, item)
}

func (c *Conversation) post(item *outItem) {
	item.posted = c.opening
	n, opening := item.n, c.opening
	done := func(_ protocol.Body, err error) Input {
		if err == nil {
			return nil // the entry itself says that it is there
		}
		return inputPosted{n, opening, err}
	}
	if item.Change != nil {
		c.out.do(DoRequest{protocol.OpChannelCommit, &protocol.ChannelCommit{
			Channel: c.rec.Channel, Epoch: item.Epoch, Ciphertext: item.Ciphertext, NextKey: *item.Change.NextKey,
		}, done})
		return
	}
	c.out.do(DoRequest{protocol.OpChannelPost, &protocol.ChannelPost{
		Channel: c.rec.Channel, Epoch: item.Epoch, Ciphertext: item.Ciphertext, ExpireIn: item.Expire,
	}, done})
}

// confirmOwnEntry handles an own entry that came back from the channel.
func (c *Conversation) confirmOwnEntry(tx *records.Tx, item *outItem) error {
	c.posts.Reset()
	if item.Change != nil {
		return c.changed(tx, item)
	}
	if item.Leave {
		item.Seen = true
		if err := c.saveItem(tx, item); err != nil {
			return err
		}
		return c.stop(tx, chat.StatusLeft, nil)
	}
	if err := errors.Join(c.logSent(tx, item), c.dropItem(tx, item), c.resolvePending(tx, item, false)); err != nil {
		return err
	}
	if item.Order != 0 {
		if err := c.giveUpPlaces(tx, item.Order); err != nil {
			return err
		}
		c.nudge()
		c.awaitMembers()
	}
	return c.sent(tx, item)
}

// abandon drops what can no longer be sent.
func (c *Conversation) abandon(tx *records.Tx) error {
	for _, item := range slices.Clone(c.outbox) {
		if err := c.fail(tx, item, chat.ErrClosed); err != nil {
			return err
		}
	}
	return nil
}

// commits reports whether the group's pending commit, if there is one, is that
// of an item.
func (c *Conversation) commits(item *outItem) bool {
	return !slices.ContainsFunc(c.outbox, func(o *outItem) bool { return o != item && o.Change != nil && len(o.Ciphertext) > 0 })
}

// fail gives up on an item, takes back what it did to other messages, and says
// why.
func (c *Conversation) fail(tx *records.Tx, item *outItem, why error) error {
	if item.Change != nil && c.commits(item) {
		if err := c.discardPending(tx); err != nil {
			return err
		}
	}
	if item.Leave && c.rec.Status == chat.StatusActive {
		c.rec.Hidden = false // it goes on, and whoever is in it should know
	}
	if err := errors.Join(c.keepUploads(tx, item), c.dropItem(tx, item), c.resolvePending(tx, item, true)); err != nil {
		return err
	}
	asked := item.plain() && !item.Report || item.Leave && c.rec.Status != chat.StatusLeft || item.Change != nil && !item.Change.Pending && !item.Change.Eject && len(item.Change.Devices) == 0
	if asked { // by a person
		c.out.emit(chat.FailureEvent{Conversation: chat.IDOf(c.rec.Channel), Message: item.Order != 0, Err: why})
	}
	if item.Order == 0 {
		return nil
	}
	var rec records.Message
	ok, err := tx.Load(records.Key(records.TableMessage, c.id[:], records.Number(item.Order)), &rec)
	if err != nil || !ok {
		return err
	}
	rec.State, rec.Reason, rec.Cause = chat.StateFailed, why.Error(), records.CauseOf(why)
	return c.saveMessage(tx, item.Order, &rec, false)
}

func (in InputStashed) step(c *Conversation, tx *records.Tx) error {
	if !in.Outbox {
		return c.delivered(tx, in.N, in.Err)
	}
	item := c.item(in.N)
	if item == nil || item.Change == nil {
		return nil
	}
	item.working = false
	switch {
	case in.Err == nil:
		item.Change.Stash = nil // it is on the server now
		return c.saveItem(tx, item)
	case link.Retryable(in.Err):
		c.posts.Failed(c.now(), in.Err)
		return nil
	}
	return c.fail(tx, item, in.Err)
}
