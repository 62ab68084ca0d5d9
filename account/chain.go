// SPDX-License-Identifier: AGPL-3.0-or-later

package account

import (
	"fmt"
	"slices"
	"time"
)

// Chain is an account's verified chain: its statements and the State that they
// come to. It never changes; Append returns another.
type Chain struct {
	state      *State
	statements [][]byte
	heads      []Head      // heads[i] is the head after statements[i]
	published  []time.Time // the proven time of each; zero if not proven
}

// Verify checks the statements of addr from the first on and returns the chain
// that they form. It copies them. Published has the time at which each statement
// became public, as somebody proved it; for those that are missing or zero see
// State.Append. BrokenRule tells which rule an error is about.
func Verify(addr Address, statements [][]byte, published ...time.Time) (*Chain, error) {
	if len(statements) == 0 {
		return nil, broken("chain-empty", ErrBroken, "no statement at all")
	}
	c := &Chain{state: new(State)}
	for i, b := range statements {
		var at time.Time
		if i < len(published) {
			at = published[i]
		}
		if err := c.append(b, at); err != nil {
			return nil, fmt.Errorf("statement %d: %w", i, err)
		}
	}
	if c.state.f.Address != addr {
		return nil, broken("chain-address", ErrWrongAddress, "the chain of another address")
	}
	return c, nil
}

// Append verifies the next statement and returns the chain that ends with it. See
// State.Append for published.
func (c *Chain) Append(statement []byte, published time.Time) (*Chain, error) {
	next := &Chain{
		state: c.state.clone(), statements: slices.Clip(c.statements), heads: slices.Clip(c.heads), published: slices.Clip(c.published),
	}
	if err := next.append(statement, published); err != nil {
		return nil, err
	}
	return next, nil
}

// append verifies the next statement. c is not to be used after an error.
func (c *Chain) append(b []byte, published time.Time) error {
	u, err := c.state.apply(b, published)
	if err != nil {
		return err
	}
	c.statements = append(c.statements, u.raw)
	c.heads = append(c.heads, c.state.f.Head)
	c.published = append(c.published, published.UTC().Truncate(time.Second))
	return nil
}

// State returns what the statements come to.
func (c *Chain) State() *State { return c.state }

// Address returns the account's address.
func (c *Chain) Address() Address { return c.state.f.Address }

// Created returns the time that the create statement claims.
func (c *Chain) Created() time.Time { return c.state.f.Created }

// RecoveryKey returns the account's recovery key.
func (c *Chain) RecoveryKey() RecoveryKey { return c.state.RecoveryKey() }

// Devices returns the devices that may speak for the account.
func (c *Chain) Devices() []Device { return c.state.Devices() }

// Device returns the device named id, if it may speak for the account.
func (c *Chain) Device(id DeviceID) (Device, bool) { return c.state.Device(id) }

// Leaf checks an MLS leaf: see State.Leaf.
func (c *Chain) Leaf(cred Credential, key []byte) (Device, error) { return c.state.Leaf(cred, key) }

// Len returns the number of statements.
func (c *Chain) Len() int { return len(c.statements) }

// Head returns the head of the chain.
func (c *Chain) Head() Head { return c.state.f.Head }

// Identity returns the head of the statement that a safety number binds: the
// create statement, or the last reset-commit. Somebody who verified the account
// while it had another identity has not verified this one.
func (c *Chain) Identity() Head { return c.heads[c.state.f.Identity] }

// Extends reports whether head is that of c or of an earlier state of c. A
// client that has seen head refuses a chain for which this is false.
func (c *Chain) Extends(head Head) bool { return slices.Contains(c.heads, head) }

// WasLive reports whether the device could speak for the account when its chain
// had the given head; false for a head that c does not extend.
func (c *Chain) WasLive(id DeviceID, head Head) bool {
	at := slices.Index(c.heads, head)
	return at >= 0 && slices.ContainsFunc(c.state.f.History, func(r DeviceRecord) bool {
		return r.ID == id && r.Added <= uint64(at) && (r.Revoked == 0 || uint64(at) < r.Revoked)
	})
}

// Statements returns copies of the statements, as Verify takes them.
func (c *Chain) Statements() [][]byte { return clone(c.statements) }

// Published returns the proven times of the statements, as Verify takes them.
func (c *Chain) Published() []time.Time { return slices.Clone(c.published) }

// Since returns copies of the statements after those that lead to head: what
// somebody who has the chain up to head lacks. It reports false for a head that c
// does not extend.
func (c *Chain) Since(head Head) ([][]byte, bool) {
	i := slices.Index(c.heads, head)
	if i < 0 {
		return nil, false
	}
	return clone(c.statements[i+1:]), true
}

func clone(in [][]byte) [][]byte {
	out := make([][]byte, len(in))
	for i, b := range in {
		out[i] = slices.Clone(b)
	}
	return out
}

// ContinuedBy returns nil if next is the account to which c was moved. The host of
// the new address alone cannot make such an account: it has the recovery key of c,
// and begins with a device that could speak for c.
func (c *Chain) ContinuedBy(next *Chain) error {
	first := next.state.f.History[0].ID
	u, err := ParseStatement(next.statements[0])
	if err != nil {
		return err
	}
	create := u.Content.(CreateContent)
	switch to, moved := c.state.Moved(); {
	case !moved || to != next.state.f.Address:
		return broken("move-address", ErrWrongAddress, "an account at an address to which the other one was not moved")
	case create.RecoveryKey != c.RecoveryKey():
		return broken("move-recovery", ErrNotInChain, "a moved account that does not begin with the recovery key of the one before")
	}
	if old, live := c.Device(first); !live || old.SignatureKey != create.Device.SignatureKey {
		return broken("move-device", ErrNotInChain, "a moved account that does not begin with a device of the one before")
	}
	return nil
}
