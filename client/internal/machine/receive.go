// SPDX-License-Identifier: AGPL-3.0-or-later

package machine

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/envelope"
	"github.com/securecrypt/securecrypt/client/internal/records"
	"github.com/securecrypt/securecrypt/client/internal/rules"
	"github.com/securecrypt/securecrypt/content"
	"github.com/securecrypt/securecrypt/mls"
	"github.com/securecrypt/securecrypt/protocol"
)

// ownEntry returns the outbox item that an entry is the echo of.
func (c *Conversation) ownEntry(e protocol.Entry) *outItem {
	digest := sha256.Sum256(e.Ciphertext)
	i := slices.IndexFunc(c.outbox, func(o *outItem) bool { return len(o.Ciphertext) > 0 && o.digest == digest })
	if i < 0 {
		return nil
	}
	return c.outbox[i]
}

// open takes an entry out of its envelope and processes it, or has its commit
// fetched first. What cannot be read is passed over: the server or a
// member put it there, and the next entry may be fine.
func (c *Conversation) open(tx *records.Tx, e protocol.Entry) error {
	k, ok, err := c.envelopeKey(tx, e.Epoch)
	if err != nil {
		return err
	}
	var payload envelope.Payload
	if ok {
		payload, err = envelope.Open(k, envelope.Place{Channel: c.rec.Channel, Epoch: e.Epoch, Kind: e.Kind}, e.Ciphertext)
	}
	if !ok || err != nil {
		return c.unreadable(tx, e, envelope.ErrOpen)
	}
	if payload.Stash != nil {
		return c.fetchCommit(tx, e, *payload.Stash)
	}
	return c.process(tx, e, payload.Message)
}

// commitAttempts is how many times the client fetches a commit that it cannot
// read before it stops the conversation.
const commitAttempts = 4

// errAgain is why a channel is opened again: the client could not read a commit.
var errAgain = errors.New("an entry cannot be read")

// unreadable passes over an entry and leaves a mark where it stood, unless it is
// the commit that all that follows depends on: the client fetches that again,
// because it may have been damaged on its way.
func (c *Conversation) unreadable(tx *records.Tx, e protocol.Entry, why error) error {
	if errors.Is(why, mls.ErrOwnMessage) && c.rec.Takeovers != c.takeovers && !c.readingAgain() {
		return c.stop(tx, chat.StatusLost, errCopyWrote)
	}
	if e.Kind == protocol.KindCommit && e.Epoch == c.group.Epoch() {
		if c.badCommits++; c.badCommits < commitAttempts {
			c.phase, c.caughtUp = min(c.phase, phaseClosed), false
			c.channel.Failed(c.now(), errAgain)
			return nil
		}
		return c.stop(tx, chat.StatusStopped, fmt.Errorf("a change of the conversation cannot be read (%w): ask a member to start a new one", why))
	}
	c.passed(e)
	if c.readingAgain() || errors.Is(why, mls.ErrOwnMessage) || errors.Is(why, mls.ErrKeyUsed) { // it was read before
		return nil
	}
	c.out.Unread = append(c.out.Unread, why)
	if e.Kind != protocol.KindMessage || c.rec.Unreadable {
		return nil
	}
	c.rec.Unreadable = true
	return c.notice(tx, c.self.Address.String(), records.Notice{Kind: chat.NoticeUnreadable})
}

// process hands an MLS message to the group.
func (c *Conversation) process(tx *records.Tx, e protocol.Entry, message []byte) error {
	received, delta, err := c.group.Process(message, c.now())
	if err != nil {
		return c.unreadable(tx, e, err)
	}
	commit, isCommit := received.(*mls.StagedCommit)
	if isCommit != (e.Kind == protocol.KindCommit) {
		return c.unreadable(tx, e, rules.ErrRule)
	}
	if isCommit {
		return c.follow(tx, e, message, commit)
	}
	if err := c.apply(tx, delta); err != nil {
		return err
	}
	c.passed(e)
	c.channel.Reset()
	switch r := received.(type) {
	case *mls.ApplicationMessage:
		return c.receive(tx, r)
	case *mls.ReceivedProposal:
		return c.proposed(tx, r)
	}
	return nil
}

// proposed plans to commit what somebody else proposed: a departure.
func (c *Conversation) proposed(tx *records.Tx, r *mls.ReceivedProposal) error {
	if r.Proposal.Type != mls.ProposalSelfRemove {
		return nil
	}
	if cred, err := rules.LeafCredential(c.group.Member(r.Proposal.Sender)); err == nil && cred.Address == c.self.Address {
		if c.rec.Status != chat.StatusActive {
			return nil
		}
		return c.stop(tx, chat.StatusLeft, nil) // on another device of this account
	}
	if c.commitAt.IsZero() {
		c.commitAt = c.turn()
	}
	return nil
}

// turn is when this member commits the pending proposals: members take turns
// in the order of their leaves, so that not all do it at once.
func (c *Conversation) turn() time.Time {
	leaving := map[mls.LeafIndex]bool{}
	for address := range c.leavers() {
		for _, i := range c.leavesOf(address) {
			leaving[i] = true
		}
	}
	rank := 0
	for i := range c.group.Members() {
		if i < c.group.OwnLeaf() && !leaving[i] {
			rank++
		}
	}
	return c.now().Add(ejectionStagger * time.Duration(min(rank, 30)))
}

// leavers returns the addresses of those who asked to be removed.
func (c *Conversation) leavers() map[string]bool {
	all := map[string]bool{}
	for _, p := range c.group.PendingProposals() {
		if p.Type != mls.ProposalSelfRemove {
			continue
		}
		if cred, err := rules.LeafCredential(c.group.Member(p.Sender)); err == nil {
			all[cred.Address.String()] = true
		}
	}
	return all
}

// follow judges somebody else's commit and enters the epoch that it begins.
func (c *Conversation) follow(tx *records.Tx, e protocol.Entry, message []byte, commit *mls.StagedCommit) error {
	next, err := c.rules().Judge(commit)
	if err == nil {
		err = c.checkDevices(tx, commit)
	}
	if errors.Is(err, records.ErrStore) || tx.HasFailed() {
		return err
	}
	if err != nil {
		return c.stop(tx, chat.StatusStopped, err)
	}
	if err := c.discardPending(tx); err != nil {
		return err
	}
	access, err := AccessKey(c.group, c.rec.Channel)
	if err != nil {
		return err
	}
	moves := rules.MovementsOf(commit, c.index())
	if err := c.applied(tx, commit); err != nil {
		return err
	}
	if !commit.RemovesSelf() {
		if err := c.keepCommit(tx, access, e.Ciphertext, message); err != nil {
			return err
		}
	}
	c.passed(e)
	c.channel.Reset()
	c.badCommits = 0
	if len(moves.Joined) > 0 {
		c.rec.Newcomers = true
	}
	return c.enterEpoch(tx, commit, moves, next, nil)
}

// discardPending gives up an own commit that another one overtook. The outbox
// item that it came from makes a new one if that is still needed.
func (c *Conversation) discardPending(tx *records.Tx) error {
	own := c.group.PendingCommit()
	if own == nil {
		return nil
	}
	delta, err := c.group.Discard(own)
	if err != nil {
		return fmt.Errorf("client: discarding a commit: %w", err)
	}
	if err := c.apply(tx, delta); err != nil {
		return err
	}
	for _, item := range c.outbox {
		if item.Change == nil || len(item.Ciphertext) == 0 {
			continue
		}
		item.unstage()
		if err := c.saveItem(tx, item); err != nil {
			return err
		}
	}
	return nil
}

// enterEpoch updates the state for a new epoch after an own or a foreign commit;
// places are where the history keeps room for the notices of an own one.
func (c *Conversation) enterEpoch(tx *records.Tx, commit *mls.StagedCommit, moves rules.Movements, next rules.State, places *records.Places) error {
	if err := c.recordNotices(tx, commit, moves, next, places); err != nil {
		return err
	}
	c.countIdleCommit(commit, next)
	c.state, c.commitAt = next, time.Time{}
	c.scheduleEjection()
	c.phase, c.caughtUp = min(c.phase, phaseClosed), false
	c.rec.Signals = 0
	if !commit.RemovesSelf() {
		c.rec.Epoch = commit.Epoch()
	}
	c.rec.Members = uint64(len(c.index()))
	if !commit.RemovesSelf() && len(moves.Joined)+len(moves.Left)+len(moves.Removed) > 0 {
		c.rec.Ask = c.toAsk()
	}
	c.touch()
	c.noteRemoval(moves)
	if len(commit.Added()) > 0 {
		c.scheduleMailToken()
	}
	if err := c.membership(tx, len(commit.Added()) > 0, len(commit.Removed()) > 0); err != nil {
		return err
	}
	if commit.RemovesSelf() {
		c.rec.Gone = true
		if slices.Contains(moves.Left, c.self.Address.String()) {
			c.rec.Status = chat.StatusLeft // on another device, it may be
		}
		own := account.Credential{Address: c.self.Address, Device: c.self.Device}
		switch {
		case c.rec.Status != chat.StatusLeft && slices.Contains(moves.LostDevices, own):
			return c.stop(tx, chat.StatusRemoved, errDeviceRemoved)
		case c.rec.Status != chat.StatusLeft:
			return c.stop(tx, chat.StatusRemoved, nil)
		}
		return c.abandon(tx)
	}
	if !c.state.Group && !c.state.Own && c.rec.Members == 1 && len(commit.Removed()) > 0 {
		c.rec.Gone = true
		c.planChannelDeletion()
		return c.stop(tx, chat.StatusRemoved, nil) // nobody would read what is written here
	}
	if err := EnterEpoch(tx, c.id, c.group, c.rec.Channel); err != nil {
		return err
	}
	for _, item := range c.outbox {
		item.posted = 0
		if item.Seen { // the wish to leave was not granted
			item.Seen = false
			if err := c.saveItem(tx, item); err != nil {
				return err
			}
		}
	}
	c.departed(commit)
	c.forgetDoneDevices()
	for _, m := range commit.Added() {
		if err := c.arrivedDevice(tx, m.Leaf, moves); err != nil {
			return err
		}
	}
	return nil
}

// arrivedDevice deals with a device that a commit brought in.
func (c *Conversation) arrivedDevice(tx *records.Tx, leaf *mls.LeafNode, moves rules.Movements) error {
	cred, err := rules.LeafCredential(leaf)
	if err != nil {
		return nil
	}
	who := cred.Address.String()
	c.heardFrom(who, cred.Device)
	c.forgetGeneration(who, cred.Device)
	if cred.Address == c.self.Address {
		if c.state.Own {
			c.out.do(DoAddDevice{cred.Device})
		}
		return errors.Join(c.noteJoined(tx, cred.Device), c.planOwnDevices(tx)) // see checkDevices
	}
	if slices.Contains(moves.NewDevices, cred) {
		if confirmed, err := c.confirmsAdded(tx, leaf, who); confirmed || err != nil {
			return err
		}
	}
	c.noteUnconfirmed(who)
	return nil
}

// departed remembers what members claimed who go before anybody vouched for
// them: what they did and said stands or falls with that.
func (c *Conversation) departed(commit *mls.StagedCommit) {
	for _, m := range commit.Removed() {
		cred, err := rules.LeafCredential(m.Leaf)
		if err == nil && slices.Contains(c.rec.Unconfirmed, cred.Address.String()) {
			claim := records.Claim{Address: cred.Address.String(), Device: cred.Device, Key: m.Leaf.SignatureKey()}
			if head, ok := rules.LeafHead(m.Leaf); ok {
				claim.Chain = &head
			}
			c.rec.Departed = append(c.rec.Departed, claim)
		}
	}
	gone := func(a string) bool { return len(c.leavesOf(a)) == 0 }
	c.rec.Unconfirmed = slices.DeleteFunc(c.rec.Unconfirmed, gone)
}

// unconfirmedMembers returns the addresses whose accounts no server has confirmed
// yet, including former members.
func (c *Conversation) unconfirmedMembers() []string {
	all := slices.Clone(c.rec.Unconfirmed)
	for _, claim := range c.rec.Departed {
		if !slices.Contains(all, claim.Address) {
			all = append(all, claim.Address)
		}
	}
	return all
}

func (c *Conversation) noteUnconfirmed(address string) {
	if !slices.Contains(c.rec.Unconfirmed, address) {
		c.rec.Unconfirmed = append(c.rec.Unconfirmed, address)
		c.lookups.Reset() // who came before may have a server that keeps everybody waiting
		c.touch()
	}
}

// errDeviceRemoved: this device is not in the conversation any more, and others of its
// account are.
var errDeviceRemoved = errors.New("another of your devices took this one out of the account: link it again to go on here")

// errCopyWrote: the other copy of a profile wrote here with keys that this one
// has, too.
var errCopyWrote = errors.New("another copy of this profile wrote here, and this one cannot go on from where that one is. Write to the person again to begin a new conversation; in a group, ask a member to remove you and to add you again")

// holdUntilConfirmed stores an action of an unconfirmed member, other than
// sending a message, until their account is confirmed.
func (c *Conversation) holdUntilConfirmed(tx *records.Tx, rec records.Held) error {
	c.rec.NextItem++
	c.rec.Held = true
	c.touch()
	return tx.Save(records.Key(records.TableHeld, c.id[:], records.Number(c.rec.NextItem)), &rec)
}

// release shows the messages of members who are now confirmed, and then does
// what else they did meanwhile.
func (c *Conversation) release(tx *records.Tx, from map[string]bool) error {
	if !c.rec.Held {
		return nil
	}
	c.rec.Held = len(c.unconfirmedMembers()) > 0
	if err := c.releaseMessages(tx, from); err != nil {
		return err
	}
	return c.takeHeld(tx, records.Key(records.TableHeld, c.id[:]), chat.StateReceived, func(rec *records.Held) bool { return from[rec.From] })
}

// takeHeld takes in what was held under keys with a prefix, as far as it is wanted.
func (c *Conversation) takeHeld(tx *records.Tx, prefix []byte, state chat.State, wanted func(*records.Held) bool) error {
	var keys [][]byte
	var held []records.Held
	err := tx.Scan(prefix, false, func(k, v []byte) (bool, error) {
		var rec records.Held
		if err := records.Decode(v, &rec); err != nil {
			return false, err
		}
		if wanted(&rec) {
			keys, held = append(keys, slices.Clone(k)), append(held, rec)
		}
		return true, nil
	})
	if err != nil {
		return err
	}
	for i, rec := range held {
		if err := tx.Delete(keys[i]); err != nil {
			return err
		}
		msg, err := content.Decode(rec.Content)
		if err != nil {
			continue
		}
		if err := c.Take(tx, rec.From, rec.ID, rec.Content, msg, state); err != nil {
			return err
		}
	}
	return nil
}

func (c *Conversation) releaseMessages(tx *records.Tx, from map[string]bool) error {
	held := map[uint64]*records.Message{}
	var orders []uint64
	err := tx.Scan(records.Key(records.TableMessage, c.id[:]), false, func(k, v []byte) (bool, error) {
		var rec records.Message
		if err := records.Decode(v, &rec); err != nil {
			return false, err
		}
		if rec.Held && from[rec.From] {
			held[records.LastNumber(k)] = &rec
			orders = append(orders, records.LastNumber(k))
		}
		return true, nil
	})
	if err != nil {
		return err
	}
	for _, order := range orders {
		rec := held[order]
		rec.Held = false
		c.arrived(order, rec)
		c.unreported(order)
		if err := c.saveMessage(tx, order, rec, true); err != nil {
			return err
		}
		if err := c.enqueue(tx, records.InboxItem{Order: order, Kind: chat.InboxMessage, From: rec.From}); err != nil {
			return err
		}
	}
	return nil
}
