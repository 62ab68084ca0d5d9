// SPDX-License-Identifier: AGPL-3.0-or-later

package machine

import (
	"errors"
	"fmt"
	"slices"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/records"
	"github.com/securecrypt/securecrypt/client/internal/rules"
)

// confirm looks up members whom no server vouched for yet.
func (c *Conversation) confirm() {
	if c.lookingUp || !c.needsChannel() || c.phase == phaseOffline || !c.lookups.Ready(c.now()) {
		return
	}
	if all := c.toConfirm(); len(all) > 0 {
		c.lookingUp = true
		c.out.do(DoLookup{all})
	}
}

// toConfirm returns whom to look up. Before a request is accepted that is
// nobody but its inviter, and nobody at another server than the account's own
// and those of contacts.
func (c *Conversation) toConfirm() []string {
	all := c.unconfirmedMembers()
	if c.rec.Status != chat.StatusRequest {
		return all
	}
	return slices.DeleteFunc(all, func(a string) bool {
		return a != c.rec.Inviter || records.Address(a).Host != c.self.Address.Host && !c.rec.Expected
	})
}

func (in InputChains) step(c *Conversation, tx *records.Tx) error {
	c.lookingUp = in.More
	confirmed := map[string]bool{}
	for _, address := range c.unconfirmedMembers() {
		found, ok := in.Found[address]
		if !ok {
			continue
		}
		if found.Err != nil { // one answer of one server decides nothing
			c.lookups.FailedAtOne(c.now(), found.Err)
			continue
		}
		if err := c.vouch(tx, address, found.Chain); err != nil {
			if errors.Is(err, records.ErrStore) || tx.HasFailed() {
				return err
			}
			if errors.Is(err, rules.ErrChainOlder) { // its server may be behind, and comes to it
				c.lookups.FailedAtOne(c.now(), err)
				continue
			}
			return c.stop(tx, chat.StatusStopped, fmt.Errorf("%w: %s (%w)", chat.ErrImpostor, address, err))
		}
		confirmed[address] = true
		c.planDevices(found.Chain)
		c.changedGenerations(address, found) // notes those that are not known yet
	}
	if len(confirmed) == 0 {
		return nil
	}
	c.lookups.Wait = 0 // there is progress
	c.rec.Unconfirmed = slices.DeleteFunc(c.rec.Unconfirmed, func(a string) bool { return confirmed[a] })
	c.rec.Departed = slices.DeleteFunc(c.rec.Departed, func(d records.Claim) bool { return confirmed[d.Address] })
	if c.rec.Expected && confirmed[c.rec.Inviter] && c.rec.Status == chat.StatusRequest {
		c.rec.Status, c.rec.Expected = chat.StatusActive, false
		if err := c.sendProfile(tx); err != nil {
			return err
		}
	}
	c.touch()
	if confirmed[c.rec.Peer] && !c.state.Group {
		if err := c.makePreferred(tx); err != nil {
			return err
		}
	}
	return c.release(tx, confirmed)
}

// makePreferred makes this the conversation that the peer's address stands for:
// it is the newest, and the peer's account is confirmed.
func (c *Conversation) makePreferred(tx *records.Tx) error {
	if c.rec.Inviter != c.rec.Peer {
		return nil // this account began it, and then it stands there
	}
	return tx.Put(records.Key(records.TableDirect, tx.Index([]byte(c.rec.Peer))), c.id[:])
}

// vouch compares what members of that address claim with the verified chain
// that their server shows. The error is rules.ErrChainOlder if only a newer state of
// the chain can tell; any other is a contradiction: another chain than before, or a
// device that is not in it.
func (c *Conversation) vouch(tx *records.Tx, address string, chain *account.Chain) error {
	if err := records.PinChain(tx, chain); err != nil {
		return err
	}
	for _, i := range c.leavesOf(address) {
		if _, err := rules.VouchLeaf(chain, c.group.Member(i)); err != nil {
			return err
		}
	}
	for _, claim := range c.rec.Departed {
		if claim.Address != address {
			continue
		}
		if _, err := rules.Vouch(chain, claim); err != nil {
			return err
		}
	}
	return nil
}
