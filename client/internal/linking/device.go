// SPDX-License-Identifier: AGPL-3.0-or-later

package linking

import (
	"context"
	"crypto/ed25519"
	"crypto/hpke"
	"errors"
	"fmt"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/link"
	"github.com/securecrypt/securecrypt/client/internal/lookup"
	"github.com/securecrypt/securecrypt/client/internal/mailbox"
	"github.com/securecrypt/securecrypt/client/internal/records"
	"github.com/securecrypt/securecrypt/protocol"
)

// How long a device waits for the statement that adds it, from its signature on, and
// the longest pause between two lookups.
const (
	Patience  = 27 * time.Second
	firstLook = 300 * time.Millisecond
	lastLook  = 2 * time.Second
	// lookPatience bounds a lookup.
	lookPatience = 10 * time.Second
)

// Keys are what a device makes for itself.
type Keys struct {
	Signing ed25519.PrivateKey
	Letters hpke.PrivateKey
	Device  account.Device
}

// NewKeys makes the keys of a device.
func NewKeys() (k Keys, err error) {
	if _, k.Signing, err = ed25519.GenerateKey(nil); err != nil {
		return k, fmt.Errorf("client: %w", err)
	}
	if k.Letters, err = hpke.MLKEM768X25519().GenerateKey(); err != nil {
		return k, fmt.Errorf("client: %w", err)
	}
	if k.Device.MailboxKey, err = account.NewMailboxKey(k.Letters.PublicKey().Bytes()); err != nil {
		return k, err
	}
	k.Device.SignatureKey, err = account.NewSignatureKey(k.Signing.Public().(ed25519.PublicKey))
	return k, err
}

// Profile returns the record of an account on the device with these keys.
func (k Keys) Profile(a account.Address, create []byte) (records.Profile, error) {
	letters, err := k.Letters.Bytes()
	if err != nil {
		return records.Profile{}, fmt.Errorf("client: %w", err)
	}
	return records.Profile{
		Version: records.Version, Address: a.String(), Statement: create, SigningKey: k.Signing.Seed(), MailboxKey: letters,
	}, nil
}

// A Newcomer is a device without a profile.
type Newcomer struct {
	Store *records.Store
	Net   *link.Network
	Now   func() time.Time
}

// errProfile: a store has a profile already.
var errProfile = errors.New("client: there is a profile already")

// SaveNew keeps the record of a new profile in a store that has none.
func SaveNew(store *records.Store, rec *records.Profile) error {
	return store.Update(func(tx *records.Tx) error {
		old, err := tx.Get([]byte(records.TableProfile))
		if err != nil {
			return err
		}
		if old != nil {
			return errProfile
		}
		return tx.Save([]byte(records.TableProfile), rec)
	})
}

// begin keeps the device's keys before they may be in the account's chain.
func (n Newcomer) begin(k Keys, chain *account.Chain) error {
	rec, err := k.Profile(chain.Address(), chain.Statements()[0])
	if err != nil {
		return err
	}
	rec.Linking = max(1, n.Now().Unix())
	return SaveNew(n.Store, &rec)
}

// finish makes a profile of the keys that begin kept.
func (n Newcomer) finish(chain *account.Chain) error {
	return n.Store.Update(func(tx *records.Tx) error {
		return errors.Join(records.PinChain(tx, chain), records.UpdateProfile(tx, func(p *records.Profile) {
			p.Linking, p.Registered, p.Statement = 0, true, chain.Statements()[0]
		}))
	})
}

// forget erases the keys that begin kept: the account does not have them.
func (n Newcomer) forget() error {
	return n.Store.Update(func(tx *records.Tx) error { return tx.Delete([]byte(records.TableProfile)) })
}

// lookUp asks the account's server for its chain, as anybody may.
func (n Newcomer) lookUp(ctx context.Context, a account.Address, known *account.Chain) (*account.Chain, error) {
	ctx, cancel := context.WithTimeout(ctx, lookPatience)
	defer cancel()
	call := func(ctx context.Context, op protocol.Op, body protocol.Body) (protocol.Body, error) {
		return n.Net.Errands.Call(ctx, a.Host, link.ErrandLookup, op, body)
	}
	chain, err := lookup.One(ctx, call, a, known, n.Net)
	if link.Retryable(err) && !errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil && n.Net.IsOlder(a.Host) {
		chain, err = lookup.One(ctx, call, a, known, n.Net) // without what older servers do not know
	}
	if err != nil {
		return nil, link.OfflineIfOver(ctx, err)
	}
	if known != nil && !chain.Extends(known.Head()) {
		return nil, chat.ErrLinkChain
	}
	return chain, nil
}

// lookUpSurely is lookUp that tries again for a while.
func (n Newcomer) lookUpSurely(ctx context.Context, a account.Address) (*account.Chain, error) {
	ctx, cancel := context.WithTimeout(ctx, lookPatience)
	defer cancel()
	for {
		chain, err := n.lookUp(ctx, a, nil)
		if !link.Retryable(err) || !mailbox.Pause(ctx, retryPause) {
			return chain, err
		}
	}
}

// await asks until the chain has the device, or the time of ctx is over; look, if not nil,
// has it ask now. The error is chat.ErrNotLinked if the server said at the end that the
// chain does not have it, and chat.ErrLinkOpen if it said nothing, or ctx was cancelled.
func (n Newcomer) await(ctx context.Context, chain *account.Chain, id account.DeviceID, look <-chan struct{}) (*account.Chain, error) {
	wait := firstLook
	var asked time.Time // since when there was an answer
	for {
		now, err := n.lookUp(ctx, chain.Address(), chain)
		if err == nil {
			chain, asked = now, time.Now()
			if _, live := chain.Device(id); live {
				return chain, nil
			}
			if err := records.Revoked(chain, id); err != nil {
				return chain, chat.ErrNotLinked // it was in, and is out already
			}
		}
		select {
		case <-time.After(wait):
			wait = min(2*wait, lastLook)
		case <-look:
		case <-ctx.Done():
			if !errors.Is(ctx.Err(), context.DeadlineExceeded) || time.Since(asked) > 2*lastLook {
				return chain, chat.ErrLinkOpen
			}
			return chain, chat.ErrNotLinked
		}
	}
}

// settle waits for the outcome of what begin began, and keeps it. If proven, if not nil,
// reports that the statement was appended, a server that does not show it is not
// believed.
func (n Newcomer) settle(ctx context.Context, chain *account.Chain, id account.DeviceID, look <-chan struct{}, proven func() bool) (*account.Chain, error) {
	chain, err := n.await(ctx, chain, id, look)
	switch {
	case errors.Is(err, chat.ErrNotLinked) && proven != nil && proven():
		return nil, chat.ErrLinkOpen
	case errors.Is(err, chat.ErrNotLinked):
		return nil, errors.Join(err, n.forget())
	case err != nil:
		return nil, err
	}
	return chain, n.finish(chain)
}

// Resume finds out whether the device whose keys were kept became one of the account's
// before the program was ended.
func (n Newcomer) Resume(ctx context.Context, rec records.Profile) error {
	address, err := account.ParseAddress(rec.Address)
	if err != nil {
		return err
	}
	first, err := account.Verify(address, [][]byte{rec.Statement})
	if err != nil {
		return err
	}
	key, err := account.NewSignatureKey(ed25519.NewKeyFromSeed(rec.SigningKey).Public().(ed25519.PublicKey))
	if err != nil {
		return err
	}
	left := Patience - n.Now().Sub(time.Unix(rec.Linking, 0))
	// One answer is waited for in any case; and no longer than that if the clock was
	// put back.
	ctx, cancel := context.WithTimeout(ctx, min(max(left, lookPatience), Patience))
	defer cancel()
	if left <= 0 {
		chain, err := n.lookUp(ctx, address, first)
		switch _, live := stateOf(chain).Device(key.ID()); {
		case err != nil && link.Retryable(err):
			return errors.Join(chat.ErrLinkOpen, err)
		case err != nil:
			return err
		case live:
			return n.finish(chain)
		}
		return errors.Join(chat.ErrNotLinked, n.forget())
	}
	_, err = n.settle(ctx, first, key.ID(), nil, nil)
	return err
}

func stateOf(chain *account.Chain) *account.State {
	if chain == nil {
		return new(account.State)
	}
	return chain.State()
}
