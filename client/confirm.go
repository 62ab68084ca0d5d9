// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"errors"
	"fmt"
	"slices"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/protocol"
)

// confirm looks up members whom no server vouched for yet.
func (c *conversation) confirm() {
	if c.lookingUp || !c.following() || c.phase == phaseOffline || !c.lookups.ready(c.now()) {
		return
	}
	if all := c.doubtful(); len(all) > 0 {
		c.lookingUp = true
		c.out.do(doLookup{all})
	}
}

func (in inputChains) step(c *conversation, tx *sealedTx) error {
	c.lookingUp = false
	confirmed := map[string]bool{}
	for _, address := range c.doubtful() {
		found, ok := in.found[address]
		if !ok {
			continue
		}
		if found.err != nil && !final(found.err) {
			c.lookups.failed(c.now(), found.err)
			continue
		}
		if err := c.vouch(tx, address, found); err != nil {
			if errors.Is(err, errStore) || tx.failed != nil {
				return err
			}
			return c.stop(tx, StatusStopped, fmt.Errorf("%w: %s (%w)", ErrImpostor, address, err))
		}
		confirmed[address] = true
	}
	if len(confirmed) == 0 {
		return nil
	}
	c.lookups.wait = 0 // there is progress
	c.rec.Unconfirmed = slices.DeleteFunc(c.rec.Unconfirmed, func(a string) bool { return confirmed[a] })
	c.rec.Departed = slices.DeleteFunc(c.rec.Departed, func(d claimRecord) bool { return confirmed[d.Address] })
	c.touch()
	if confirmed[c.rec.Peer] && !c.state.Group {
		if err := c.prefer(tx); err != nil {
			return err
		}
	}
	return c.release(tx, confirmed)
}

// prefer makes this the conversation that is meant by the peer's address: it
// is the newest, and the peer is who it claims to be.
func (c *conversation) prefer(tx *sealedTx) error {
	if c.rec.Inviter != c.rec.Peer {
		return nil // this account began it, and then it stands there
	}
	return tx.put(key(tableDirect, tx.index([]byte(c.rec.Peer))), c.id[:])
}

// vouch compares what members of that address claim with the chain that their
// server shows.
func (c *conversation) vouch(tx *sealedTx, address string, found lookup) error {
	if found.err != nil {
		return found.err
	}
	if err := pinChain(tx, found.chain); err != nil {
		return err
	}
	for _, i := range c.leavesOf(address) {
		leaf := c.group.Member(i)
		cred, err := leafCredential(leaf)
		if err == nil {
			_, err = found.chain.Leaf(cred, leaf.SignatureKey())
		}
		if err != nil {
			return err
		}
	}
	for _, claim := range c.rec.Departed {
		if claim.Address != address {
			continue
		}
		cred := account.Credential{Address: found.chain.Address(), Device: claim.Device}
		if _, err := found.chain.Leaf(cred, claim.Key); err != nil {
			return err
		}
	}
	return nil
}

// final reports whether a lookup led to an answer, even if it is a bad one.
func final(err error) bool {
	for _, verdict := range []error{
		account.ErrSignature, account.ErrBroken, account.ErrWrongAddress, account.ErrNotInChain, account.ErrMalformed,
		account.ErrAddress, &protocol.Error{Code: protocol.CodeNotFound},
	} {
		if errors.Is(err, verdict) {
			return true
		}
	}
	return false
}
