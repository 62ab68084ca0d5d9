// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/securecrypt/securecrypt/client/backend"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/records"
	"github.com/securecrypt/securecrypt/protocol"
)

// StorageGrant returns the device and its signature by which the holder of a storage
// key may use the vaults of the account on its server, for as long as the account has
// this device. Nobody is asked: it works off line.
func (acc Account) StorageGrant(key protocol.AccessKey) (protocol.DeviceID, protocol.Signature, error) {
	rec, err := acc.c.home.Profile()
	if err != nil {
		return protocol.DeviceID{}, protocol.Signature{}, err
	}
	self, device := acc.c.self.Address, protocol.DeviceID(acc.c.self.Device)
	signed := ed25519.Sign(ed25519.NewKeyFromSeed(rec.SigningKey), protocol.StorageGrant(self.Host, self.Name, device, key))
	return device, protocol.Signature(signed), nil
}

// TakeOver has this copy of the profile go on, and the other one stop. What the
// other one wrote with the same keys ends the conversations where it did, until the
// others' devices notice; then they go on.
func (acc Account) TakeOver(ctx context.Context) error {
	var generation protocol.Generation
	if _, err := rand.Read(generation[:]); err != nil {
		return err
	}
	err := acc.c.home.Update(func(p *records.Profile) {
		p.TakeOver, p.Takeovers, p.Generation = true, p.Takeovers+1, generation
		p.LastResort = 0 // the other copy may have published one
	})
	if err != nil {
		return err
	}
	return acc.c.signInAgain(ctx)
}

// RegisterAgain creates the account again, with the keys that it had, on a
// server that lost it.
func (acc Account) RegisterAgain(ctx context.Context, invite string) error {
	err := acc.c.home.Update(func(p *records.Profile) { p.Registered, p.Invite = false, invite })
	if err != nil {
		return err
	}
	return acc.c.signInAgain(ctx)
}

// signInAgain tries to sign in and waits for the outcome.
func (c *Client) signInAgain(ctx context.Context) error {
	c.Account().Connect()
	c.home.SignInAgain()
	return c.Account().Register(ctx)
}

// registerAttempts is how often a server may fail to answer before Register
// gives up.
const registerAttempts = 3

// Register waits until the account's server knows it. The error wraps ErrOffline
// if nobody answers, ErrUnanswered, too, if the account may be there already,
// and is the server's *protocol.Error if it refuses.
func (acc Account) Register(ctx context.Context) error {
	acc.c.Account().Connect()
	err := acc.c.home.WhileItAnswers(ctx, registerAttempts, acc.c.home.Sync)
	if err == nil {
		return nil
	}
	rec, lost := acc.c.home.Profile()
	if lost == nil && rec.Asked {
		return fmt.Errorf("%w (%w)", chat.ErrUnanswered, err)
	}
	return err
}

// Delete has the account's server delete everything that it stores about
// the account. Its name stays reserved for its first statement. Conversations
// are left before, if others are to know. The context bounds how long the
// server is waited for.
func (acc Account) Delete(ctx context.Context) error {
	acc.c.Account().Connect()
	for range disclosureAttempts {
		if err := acc.c.home.Sync(ctx); err != nil {
			return err // the connection is identified when letters have come
		}
		_, err := acc.c.home.Call(ctx, protocol.OpAccountDelete, &protocol.Empty{})
		switch {
		case errors.Is(err, &protocol.Error{Code: protocol.CodeNotFound}):
			return nil // an earlier attempt did it, and its answer was lost
		case err == nil || !errors.Is(err, backend.ErrOffline) && !errors.Is(err, &protocol.Error{Code: protocol.CodeUnauthenticated}) || ctx.Err() != nil:
			return err
		}
	}
	return backend.ErrOffline
}

// MaxDisclosure bounds a disclosure, in bytes.
const MaxDisclosure = 64 << 20

// disclosureAttempts is how often a disclosure is begun anew that changed, or
// whose connection ended, while it was fetched.
const disclosureAttempts = 5

var errChanging = errors.New("what the server has on this account changes all the time; try again later")

// Disclosure returns everything that this account's server has on it, as JSON:
// what its operator would hand over, by the server's own account. The context
// bounds how long the server is waited for.
func (acc Account) Disclosure(ctx context.Context) (json.RawMessage, error) {
	acc.c.Account().Connect()
	var err error
	for range disclosureAttempts {
		if err = acc.c.home.Sync(ctx); err != nil {
			return nil, err // the connection is identified when letters have come
		}
		var whole []byte
		whole, err = acc.c.disclosure(ctx)
		again := errors.Is(err, errChanging) || errors.Is(err, backend.ErrOffline) || errors.Is(err, &protocol.Error{Code: protocol.CodeUnauthenticated})
		if err == nil || !again || ctx.Err() != nil {
			return whole, err
		}
	}
	return nil, err
}

// disclosure fetches the parts of one disclosure.
func (c *Client) disclosure(ctx context.Context) ([]byte, error) {
	var whole []byte
	var first *protocol.Disclosure
	for first == nil || uint64(len(whole)) < first.Size {
		b, err := c.home.Call(ctx, protocol.OpAccountDisclose, &protocol.AccountDisclose{Offset: uint64(len(whole))})
		if errors.Is(err, &protocol.Error{Code: protocol.CodeInvalid}) && first != nil {
			return nil, errChanging // it has become shorter
		}
		if err != nil {
			return nil, err
		}
		part := b.(*protocol.Disclosure)
		if first == nil {
			first = part
		}
		switch {
		case part.Hash != first.Hash || part.Size != first.Size:
			return nil, errChanging
		case part.Size > MaxDisclosure:
			return nil, errors.New("the server has too much on this account to be shown here; ask its operator for it")
		}
		whole = append(whole, part.Part...)
	}
	if sha256.Sum256(whole) != first.Hash || !json.Valid(whole) {
		return nil, errors.New("the server's answer makes no sense: ask its operator")
	}
	return whole, nil
}

// Settings returns the settings; those of a new profile have everything
// switched on.
func (acc Account) Settings() (s chat.Settings, err error) {
	err = acc.c.store.View(func(tx *records.Tx) error {
		s, err = records.LoadSettings(tx)
		return err
	})
	return s, err
}

// SetSettings replaces the settings. What they say of conversations counts
// from now on.
func (acc Account) SetSettings(ctx context.Context, s chat.Settings) error {
	if err := s.Check(); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	err := acc.c.store.Update(func(tx *records.Tx) error {
		before, err := records.LoadSettings(tx)
		if err != nil {
			return err
		}
		return errors.Join(records.SaveSettings(tx, s), acc.c.setSettingFields(tx, before, s))
	})
	if err == nil {
		acc.c.tellOwnDevices()
	}
	return err
}
