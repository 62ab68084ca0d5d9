// SPDX-License-Identifier: AGPL-3.0-or-later

package vault

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/vault/keys"
	"github.com/securecrypt/securecrypt/vault/oplog"
	"github.com/securecrypt/securecrypt/vault/pack"
	"github.com/securecrypt/securecrypt/vault/storage"
)

var (
	// ErrRolledBack reports a storage that shows an older state than this device
	// has seen.
	ErrRolledBack = errors.New("vault: the storage shows an older state than this device has seen before")
	// ErrOtherVault reports another vault in the place of the one that is known.
	ErrOtherVault = errors.New("vault: this is another vault than the one that this device knows")
	// ErrWithheld reports a log with a gap.
	ErrWithheld = errors.New("vault: the storage withholds a part of the log")
	// ErrMissing reports a chunk that no pack holds.
	ErrMissing = errors.New("vault: a piece of data is missing from the storage")
	// ErrDamaged reports data that is damaged beyond what parity repairs.
	ErrDamaged = errors.New("vault: data in the storage is damaged beyond repair")
	// ErrMisread reports data that is another each time it is read.
	ErrMisread = errors.New("vault: reading the same data twice gave different bytes: the disk, the connection or the memory of this machine is faulty; check the vault on another machine before you repair it")
	// ErrSwept reports that another device had packs deleted that a snapshot
	// relies on, before it was published.
	ErrSwept = errors.New("vault: another device deleted data that this run relied on")
	// ErrNoSnapshot is returned for a snapshot that does not exist.
	ErrNoSnapshot = errors.New("vault: no such snapshot")
)

// Pin is what a device remembers of a vault, so that it notices another vault, or
// an older state, in its place. The zero Pin remembers nothing.
type Pin struct {
	Vault       keys.VaultID
	Config      [32]byte // hash of the configuration
	Fingerprint [32]byte // of the root's public half
	Entries     uint64   // in the log that was seen
	Head        oplog.Hash
}

// Params open a vault.
type Params struct {
	Storage storage.Storage
	Device  *keys.Device
	Pin     Pin
	// Now tells the time, for what people read and for how long something
	// forgotten can be brought back.
	Now func() time.Time
}

// Vault is an open vault. Its methods may be called by one goroutine at a time,
// those of Reader excepted.
type Vault struct {
	store  storage.Storage
	keys   *keys.Keyring
	device *keys.Device
	now    func() time.Time
	pin    Pin
	state  *oplog.State
	reader *Reader

	index    *packIndex // nil until it is needed
	sessions sessionCache
}

// CreateParams make a vault.
type CreateParams struct {
	Params
	Recovery account.RecoverySecret
	Name     string // of the device
}

// Create makes a vault in an empty storage, with one device and a recovery key.
func Create(ctx context.Context, p CreateParams) (*Vault, error) {
	config, recovery, err := keys.NewConfig(p.Recovery)
	if err != nil {
		return nil, err
	}
	ring, object, err := keys.New(config, recovery, p.Device.KEM.PublicKey())
	if err != nil {
		return nil, err
	}
	encoded, err := config.Encode()
	if err != nil {
		return nil, err
	}
	if err := removeUnfinished(ctx, p.Storage); err != nil {
		return nil, err
	}
	if err := p.Storage.Create(ctx, keys.ObjectName(object.Epoch, object.Revision), object.Encode()); err != nil {
		return nil, err
	}
	v := newVault(p.Params, ring)
	if err := v.addDevice(ctx, recovery.Signature, p.Name); err != nil {
		return nil, err
	}
	// The configuration comes last: without it there is no vault.
	if err := p.Storage.Create(ctx, "config", encoded); err != nil {
		return nil, err
	}
	return v, p.Storage.Sync(ctx)
}

// removeUnfinished deletes what a Create that was interrupted left: keys and log
// without a configuration.
func removeUnfinished(ctx context.Context, s storage.Storage) error {
	if _, err := s.Size(ctx, "config"); !errors.Is(err, storage.ErrNotFound) {
		return errors.Join(err, fmt.Errorf("%w: there is a vault already", storage.ErrExists))
	}
	var left []string
	for _, prefix := range []string{"keys/", "log/"} {
		err := s.List(ctx, prefix, func(name string, _ int64) error {
			left = append(left, name)
			return nil
		})
		if err != nil {
			return err
		}
	}
	for _, name := range left {
		if err := s.Delete(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

func newVault(p Params, ring *keys.Keyring) *Vault {
	v := &Vault{store: p.Storage, keys: ring, device: p.Device, now: p.Now, state: oplog.NewState(ring), pin: p.Pin}
	v.sessions = sessionCache{open: ring.OpenSession, known: map[[keys.SealedSize]byte]*keys.Session{}}
	return v
}

// addDevice publishes the entry of this device, signed by another or by the
// recovery key.
func (v *Vault) addDevice(ctx context.Context, signer ed25519.PrivateKey, name string) error {
	public := v.device.Signature.Public().(ed25519.PublicKey)
	e := v.state.NextEntry(keys.DeviceID{}, oplog.KindDevice, v.now().Unix())
	object, err := oplog.Seal(v.keys, signer, e, oplog.DeviceBody{Key: public, Name: oplog.Text(name, 256)})
	if err != nil {
		return err
	}
	return v.append(ctx, object)
}

// readKeys returns the configuration and the newest keys object.
func readKeys(ctx context.Context, s storage.Storage) (*keys.Config, *keys.Object, error) {
	b, err := storage.ReadAll(ctx, s, "config", keys.ConfigSize)
	if err != nil {
		return nil, nil, err
	}
	config, err := keys.ParseConfig(b)
	if err != nil {
		return nil, nil, err
	}
	newest := ""
	err = s.List(ctx, "keys/", func(name string, _ int64) error {
		newest = max(newest, name)
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	if newest == "" {
		return nil, nil, fmt.Errorf("%w: the storage has no keys of the vault", ErrWithheld)
	}
	if b, err = storage.ReadAll(ctx, s, newest, keys.MaxObject); err != nil {
		return nil, nil, err
	}
	object, err := keys.ParseObject(b)
	if err == nil && keys.ObjectName(object.Epoch, object.Revision) != newest {
		err = keys.ErrFormat
	}
	return config, object, err
}

// Open opens a vault with the keys of a device, and reads its log.
func Open(ctx context.Context, p Params) (*Vault, error) {
	config, object, err := readKeys(ctx, p.Storage)
	if err != nil {
		return nil, err
	}
	if p.Pin != (Pin{}) && config.ID != p.Pin.Vault {
		return nil, ErrOtherVault
	}
	ring, err := keys.Open(config, object, p.Device.KEM)
	if err != nil {
		return nil, err
	}
	v := newVault(p, ring)
	if p.Pin != (Pin{}) && (ring.ConfigHash() != p.Pin.Config || ring.Fingerprint() != p.Pin.Fingerprint) {
		return nil, ErrOtherVault
	}
	if err := v.open(ctx); err != nil {
		return nil, err
	}
	if v.state.Devices[v.device.ID()] == nil {
		return nil, fmt.Errorf("%w: the log does not know this device", keys.ErrKey)
	}
	return v, nil
}

// Join opens a vault with its recovery key and adds the device to it, under a
// name.
func Join(ctx context.Context, p Params, secret account.RecoverySecret, name string) (*Vault, error) {
	for {
		config, object, err := readKeys(ctx, p.Storage)
		if err != nil {
			return nil, err
		}
		ring, recovery, err := keys.OpenRecovery(config, object, secret)
		if err != nil {
			return nil, err
		}
		next, err := ring.AddDevice(object, p.Device.KEM.PublicKey())
		if err != nil {
			return nil, err
		}
		err = p.Storage.Create(ctx, keys.ObjectName(next.Epoch, next.Revision), next.Encode())
		if errors.Is(err, storage.ErrExists) {
			continue // another device was added meanwhile
		}
		if err != nil {
			return nil, err
		}
		v := newVault(p, ring)
		for {
			if err := v.open(ctx); err != nil {
				return nil, err
			}
			if err = v.addDevice(ctx, recovery.Signature, name); !errors.Is(err, storage.ErrExists) {
				return v, err
			}
		}
	}
}

// OpenRecovery opens a vault with its recovery key alone, to read from it: no
// device is added, and nothing can be published.
func OpenRecovery(ctx context.Context, p Params, secret account.RecoverySecret) (*Vault, error) {
	config, object, err := readKeys(ctx, p.Storage)
	if err != nil {
		return nil, err
	}
	ring, _, err := keys.OpenRecovery(config, object, secret)
	if err != nil {
		return nil, err
	}
	v := newVault(p, ring)
	return v, v.open(ctx)
}

// ID returns the vault's identifier.
func (v *Vault) ID() keys.VaultID { return v.keys.Config().ID }

// Keys returns the secrets of the vault, for caches of this device.
func (v *Vault) Keys() *keys.Keyring { return v.keys }

// State returns what the log amounts to. It is not to be changed.
func (v *Vault) State() *oplog.State { return v.state }

// Pin returns what the device is to remember.
func (v *Vault) Pin() Pin {
	return Pin{v.ID(), v.keys.ConfigHash(), v.keys.Fingerprint(), v.state.Next, v.state.Head}
}

// sessionCache opens each session once. It is safe for concurrent use.
type sessionCache struct {
	mu    sync.Mutex
	open  pack.Sessions
	known map[[keys.SealedSize]byte]*keys.Session // guarded by mu
}

const maxSessions = 4096

func (c *sessionCache) get(epoch uint32, sealed [keys.SealedSize]byte) (*keys.Session, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.known[sealed]; s != nil && s.Epoch == epoch {
		return s, nil
	}
	s, err := c.open(epoch, sealed)
	if err != nil {
		return nil, err
	}
	if len(c.known) >= maxSessions {
		clear(c.known)
	}
	c.known[sealed] = s
	return s, nil
}
