// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/securecrypt/securecrypt/client/envelope"
	"github.com/securecrypt/securecrypt/mls"
	"github.com/securecrypt/securecrypt/protocol"
)

// ownEntry returns the outbox item that an entry is the echo of.
func (c *conversation) ownEntry(e protocol.Entry) *outItem {
	digest := sha256.Sum256(e.Ciphertext)
	i := slices.IndexFunc(c.outbox, func(o *outItem) bool { return len(o.Ciphertext) > 0 && o.digest == digest })
	if i < 0 {
		return nil
	}
	return c.outbox[i]
}

// open takes an entry out of its envelope and processes it, or has its
// message fetched first. What cannot be read is passed over: the server or a
// member put it there, and the next entry may be fine.
func (c *conversation) open(tx *sealedTx, e protocol.Entry) error {
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
		c.waiting = &e
		c.out.do(doFetch{e.Seq, *payload.Stash})
		return nil
	}
	return c.process(tx, e, payload.Message)
}

func (in inputFetched) step(c *conversation, tx *sealedTx) error {
	if c.waiting == nil || c.waiting.Seq != in.seq {
		return nil // asked for before the connection ended, or a write failed
	}
	e, deferred := *c.waiting, c.deferred
	c.waiting, c.deferred = nil, nil
	var refused *protocol.Error
	switch {
	case in.err == nil:
		c.channel.reset()
		if err := c.process(tx, e, in.message); err != nil {
			return err
		}
	case errors.Is(in.err, ErrOffline), errors.As(in.err, &refused):
		c.phase = min(c.phase, phaseClosed) // to have the entry delivered again
		c.channel.failed(c.now(), in.err)
		return nil
	default:
		if err := c.unreadable(tx, e, in.err); err != nil {
			return err
		}
	}
	for _, later := range deferred {
		if err := (inputEntry{later}).step(c, tx); err != nil {
			return err
		}
	}
	return nil
}

// unreadable passes over an entry, unless it is the commit that all that
// follows depends on.
func (c *conversation) unreadable(tx *sealedTx, e protocol.Entry, why error) error {
	if e.Kind == protocol.KindCommit && e.Epoch == c.group.Epoch() {
		return c.stop(tx, StatusStopped, fmt.Errorf("a change of the conversation cannot be read (%w): ask a member to start a new one", why))
	}
	c.out.unread = append(c.out.unread, why)
	c.passed(e)
	return nil
}

// process hands an MLS message to the group.
func (c *conversation) process(tx *sealedTx, e protocol.Entry, message []byte) error {
	received, delta, err := c.group.Process(message, c.now())
	if err != nil {
		return c.unreadable(tx, e, err)
	}
	commit, isCommit := received.(*mls.StagedCommit)
	if isCommit != (e.Kind == protocol.KindCommit) {
		return c.unreadable(tx, e, errRule)
	}
	if isCommit {
		return c.follow(tx, e, commit)
	}
	if err := c.apply(tx, delta); err != nil {
		return err
	}
	c.passed(e)
	switch r := received.(type) {
	case *mls.ApplicationMessage:
		return c.receive(tx, r)
	case *mls.ReceivedProposal:
		c.proposed(r)
	}
	return nil
}

// proposed plans to commit what somebody else proposed: a departure.
func (c *conversation) proposed(r *mls.ReceivedProposal) {
	if r.Proposal.Type == mls.ProposalSelfRemove && c.commitAt.IsZero() {
		c.commitAt = c.turn()
	}
}

// turn is when this member commits the pending proposals: members take turns
// in the order of their leaves, so that not all do it at once.
func (c *conversation) turn() time.Time {
	leaving := map[mls.LeafIndex]bool{}
	for _, p := range c.group.PendingProposals() {
		if p.Type == mls.ProposalSelfRemove {
			leaving[p.Sender] = true
		}
	}
	rank := 0
	for i := range c.group.Members() {
		if i < c.group.OwnLeaf() && !leaving[i] {
			rank++
		}
	}
	return c.now().Add(leaveStep * time.Duration(min(rank, 30)))
}

// follow judges somebody else's commit and enters the epoch that it begins.
func (c *conversation) follow(tx *sealedTx, e protocol.Entry, commit *mls.StagedCommit) error {
	next, err := judge(c.state, commit)
	if err == nil {
		err = c.noGhost(commit)
	}
	if err != nil {
		return c.stop(tx, StatusStopped, err)
	}
	if err := c.discardPending(tx); err != nil {
		return err
	}
	if err := c.applied(tx, commit); err != nil {
		return err
	}
	c.passed(e)
	if len(commit.Added()) > 0 {
		c.rec.Newcomers = true
	}
	return c.entered(tx, commit, next)
}

// noGhost refuses a member that speaks in the name of this very account.
func (c *conversation) noGhost(commit *mls.StagedCommit) error {
	for _, m := range commit.Added() {
		if err := c.self.notSelf(m.Leaf); err != nil {
			return err
		}
	}
	return nil
}

// notSelf refuses a leaf with this account's address that is not this device:
// the account has no other.
func (s identity) notSelf(leaf *mls.LeafNode) error {
	cred, err := leafCredential(leaf)
	if err == nil && cred.Address == s.address && string(leaf.SignatureKey()) != string(s.signing.Public()) {
		err = fmt.Errorf("%w: somebody was added in your name", ErrImpostor)
	}
	return err
}

// discardPending gives up an own commit that another one overtook. The outbox
// item that it came from makes a new one if that is still needed.
func (c *conversation) discardPending(tx *sealedTx) error {
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

// entered does what every new epoch needs, whoever committed.
func (c *conversation) entered(tx *sealedTx, commit *mls.StagedCommit, next groupState) error {
	if err := c.describe(tx, commit, next); err != nil {
		return err
	}
	c.state, c.commitAt = next, time.Time{}
	c.phase, c.caughtUp = min(c.phase, phaseClosed), false
	c.rec.Epoch, c.rec.Signals = commit.Epoch(), 0
	c.rec.Members = uint64(len(c.index()))
	c.touch()
	if err := c.membership(tx, len(commit.Added()) > 0, len(commit.Removed()) > 0); err != nil {
		return err
	}
	if commit.RemovesSelf() {
		c.rec.Gone = true
		if c.rec.Status != StatusLeft {
			return c.stop(tx, StatusRemoved, nil)
		}
		return c.abandon(tx)
	}
	if !c.state.Group && c.rec.Members == 1 && len(commit.Removed()) > 0 {
		c.rec.Gone = true
		return c.stop(tx, StatusRemoved, nil) // nobody would read what is written here
	}
	if err := enterEpoch(tx, c.id, c.group, c.rec.Channel); err != nil {
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
	for _, m := range commit.Added() {
		if cred, err := leafCredential(m.Leaf); err == nil {
			c.unconfirmed(cred.Address.String())
		}
	}
	return nil
}

// departed remembers what members claimed who go before anybody vouched for
// them: what they did and said stands or falls with that.
func (c *conversation) departed(commit *mls.StagedCommit) {
	for _, m := range commit.Removed() {
		cred, err := leafCredential(m.Leaf)
		if err == nil && slices.Contains(c.rec.Unconfirmed, cred.Address.String()) {
			c.rec.Departed = append(c.rec.Departed, claimRecord{cred.Address.String(), cred.Device, m.Leaf.SignatureKey()})
		}
	}
	gone := func(a string) bool { return len(c.leavesOf(a)) == 0 }
	c.rec.Unconfirmed = slices.DeleteFunc(c.rec.Unconfirmed, gone)
}

// doubtful returns the addresses of those nobody vouched for yet, present
// members or not.
func (c *conversation) doubtful() []string {
	all := slices.Clone(c.rec.Unconfirmed)
	for _, claim := range c.rec.Departed {
		if !slices.Contains(all, claim.Address) {
			all = append(all, claim.Address)
		}
	}
	return all
}

func (c *conversation) unconfirmed(address string) {
	if address != c.self.address.String() && !slices.Contains(c.rec.Unconfirmed, address) {
		c.rec.Unconfirmed = append(c.rec.Unconfirmed, address)
		c.touch()
	}
}
