// SPDX-License-Identifier: AGPL-3.0-or-later

package account

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"
	"time"
)

var (
	// ErrNotSupported reports a statement whose meaning this version does not
	// implement yet.
	ErrNotSupported = errors.New("account: statement not supported yet")
	// ErrSignature reports a missing, superfluous or wrong signature.
	ErrSignature = errors.New("account: a signature is missing or wrong")
	// ErrBroken reports statements that do not follow one from the other.
	ErrBroken = errors.New("account: statements do not form a chain")
	// ErrWrongAddress reports a chain of another address than the one asked for.
	ErrWrongAddress = errors.New("account: the chain belongs to another address")
	// ErrNotInChain reports a device or key that the chain does not vouch for.
	ErrNotInChain = errors.New("account: the device is not in the account's chain")
)

// CreateParams is what an account begins with.
type CreateParams struct {
	Address    Address
	Time       time.Time // truncated to whole seconds
	DeviceKey  ed25519.PrivateKey
	MailboxKey MailboxKey
	Recovery   RecoverySecret
}

// Create returns the signed statement that begins an account.
func Create(p CreateParams) (statement []byte, err error) {
	if err := p.Address.Validate(); err != nil {
		return nil, err
	}
	if _, err := p.MailboxKey.HPKE(); err != nil {
		return nil, err
	}
	if len(p.DeviceKey) != ed25519.PrivateKeySize {
		return nil, fmt.Errorf("%w: the device's private key", ErrKey)
	}
	recovery, err := p.Recovery.PrivateKey()
	if err != nil {
		return nil, err
	}
	c := CreateContent{
		Address:     p.Address,
		RecoveryKey: RecoveryKey(recovery.Public().(ed25519.PublicKey)),
		Device: Device{
			SignatureKey: SignatureKey(p.DeviceKey.Public().(ed25519.PublicKey)),
			MailboxKey:   p.MailboxKey,
		},
	}
	return encodeStatement(0, Head{}, p.Time, c, signer{RoleDevice, p.DeviceKey}, signer{RoleRecovery, recovery})
}

// Chain is an account's verified chain. It never changes.
type Chain struct {
	address    Address
	recovery   RecoveryKey
	devices    []Device
	statements [][]byte
	heads      []Head // heads[i] is the head after statements[i]
	created    time.Time
}

// Verify checks the statements of addr from the first on and returns the chain
// that they form. It copies them. The error is one of the package's sentinels.
func Verify(addr Address, statements [][]byte) (*Chain, error) {
	if len(statements) == 0 { // AC-1
		return nil, fmt.Errorf("%w: no statement", ErrBroken)
	}
	if len(statements) > MaxStatements {
		return nil, fmt.Errorf("%w: more than %d statements", ErrBroken, MaxStatements)
	}
	c := new(Chain)
	for i, b := range statements {
		if err := c.append(b); err != nil {
			return nil, fmt.Errorf("statement %d: %w", i, err)
		}
	}
	if c.address != addr { // AC-9
		return nil, ErrWrongAddress
	}
	return c, nil
}

// append verifies the next statement. c is not to be used after an error.
func (c *Chain) append(b []byte) error {
	s, err := ParseStatement(b)
	if err != nil {
		return err
	}
	if s.Sequence != uint64(len(c.statements)) { // AC-2
		return fmt.Errorf("%w: sequence number", ErrBroken)
	}
	if s.Previous != c.Head() { // AC-3
		return fmt.Errorf("%w: hash of the previous statement", ErrBroken)
	}
	if err := c.apply(s); err != nil {
		return err
	}
	c.statements = append(c.statements, s.raw)
	c.heads = append(c.heads, s.Head())
	return nil
}

func (c *Chain) apply(s *UnverifiedStatement) error {
	create, ok := s.Content.(CreateContent)
	first := len(c.statements) == 0
	switch {
	case first && !ok: // AC-4
		return fmt.Errorf("%w: the first statement is a %v", ErrBroken, s.Type)
	case !first && ok:
		return fmt.Errorf("%w: a second create", ErrBroken)
	case !ok: // AC-5
		return fmt.Errorf("%w: %v", ErrNotSupported, s.Type)
	}
	if create.RecoveryKey == RecoveryKey(create.Device.SignatureKey) { // AC-6
		return fmt.Errorf("%w: the recovery key is the device's key", ErrMalformed)
	}
	if err := s.signedBy(
		Signature{Role: RoleDevice, Key: create.Device.SignatureKey},
		Signature{Role: RoleRecovery, Key: create.RecoveryKey},
	); err != nil {
		return err
	}
	c.address, c.recovery, c.created = create.Address, create.RecoveryKey, s.Time
	c.devices = []Device{create.Device}
	return nil
}

// signedBy checks that exactly the wanted signers, in that order, signed s. The
// Signature field of want is not used.
func (s *UnverifiedStatement) signedBy(want ...Signature) error {
	if len(s.Signatures) != len(want) { // AC-7
		return fmt.Errorf("%w: %d instead of %d", ErrSignature, len(s.Signatures), len(want))
	}
	for i, got := range s.Signatures {
		if got.Role != want[i].Role || got.Key != want[i].Key {
			return fmt.Errorf("%w: by another key", ErrSignature)
		}
		if !got.verify(s.body) { // AC-8
			return ErrSignature
		}
	}
	return nil
}

// Address returns the account's address.
func (c *Chain) Address() Address { return c.address }

// Created returns the time that the create statement claims.
func (c *Chain) Created() time.Time { return c.created }

// RecoveryKey returns the account's recovery key.
func (c *Chain) RecoveryKey() RecoveryKey { return c.recovery }

// Devices returns the devices that may speak for the account.
func (c *Chain) Devices() []Device { return slices.Clone(c.devices) }

// Device returns the device named id, if it may speak for the account.
func (c *Chain) Device(id DeviceID) (Device, bool) {
	for _, d := range c.devices {
		if d.ID() == id {
			return d, true
		}
	}
	return Device{}, false
}

// Leaf checks an MLS leaf: that its credential is of this account and that key
// is the signature key of the device it names. It returns that device, else
// ErrWrongAddress or ErrNotInChain.
func (c *Chain) Leaf(cred Credential, key []byte) (Device, error) {
	if cred.Address != c.address {
		return Device{}, ErrWrongAddress
	}
	d, ok := c.Device(cred.Device)
	if !ok || string(key) != string(d.SignatureKey[:]) {
		return Device{}, ErrNotInChain
	}
	return d, nil
}

// Len returns the number of statements.
func (c *Chain) Len() int { return len(c.statements) }

// Head returns the head of the chain.
func (c *Chain) Head() Head {
	if len(c.heads) == 0 {
		return Head{}
	}
	return c.heads[len(c.heads)-1]
}

// Extends reports whether head is that of c or of an earlier state of c. A
// client that has seen head refuses a chain for which this is false.
func (c *Chain) Extends(head Head) bool { return slices.Contains(c.heads, head) }

// Statements returns copies of the statements, as Verify takes them.
func (c *Chain) Statements() [][]byte {
	out := make([][]byte, len(c.statements))
	for i, s := range c.statements {
		out[i] = slices.Clone(s)
	}
	return out
}
