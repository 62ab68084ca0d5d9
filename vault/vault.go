// SPDX-License-Identifier: AGPL-3.0-or-later

package vault

import (
	"context"
	"crypto/hpke"
	"errors"
	"fmt"
	"slices"
	"strings"
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
	// ErrRevoked is returned to a device that was removed from the vault.
	ErrRevoked = errors.New("vault: this device was removed from the vault")
	// ErrWriteOnly is returned to a write-only device for what it cannot do.
	ErrWriteOnly = errors.New("vault: this device can back up into the vault, and nothing else")
	// ErrNoSnapshot is returned for a snapshot that does not exist.
	ErrNoSnapshot = errors.New("vault: no such snapshot")
)

// Pin is what a device remembers of a vault, so that it notices another vault, or
// an older state, in its place. The zero Pin remembers nothing.
type Pin struct {
	Vault       keys.VaultID
	Config      [32]byte // hash of the configuration
	Fingerprint [32]byte // of the public half of the first epoch's root
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
	unlock hpke.PrivateKey // opens keys objects: the device's or the recovery key's
	device *keys.Device    // nil in a vault that was opened with the recovery key
	writer *WriterState    // of a write-only device; nil for others
	// saveWriter keeps the state of a write-only device.
	saveWriter func(*WriterState) error
	now        func() time.Time
	pin        Pin
	state      *oplog.State
	reader     *Reader

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
	v := newVault(p.Params, ring, p.Device.KEM)
	if err := v.admit(ctx, recovery.Signature, keys.DeviceID{}, p.Device.Public(p.Name), false, true); err != nil {
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

func newVault(p Params, ring *keys.Keyring, unlock hpke.PrivateKey) *Vault {
	v := &Vault{store: p.Storage, keys: ring, unlock: unlock, device: p.Device, now: p.Now, state: oplog.NewState(ring), pin: p.Pin}
	v.sessions = sessionCache{open: ring.OpenSession, known: map[[keys.SealedSize]byte]*keys.Session{}}
	return v
}

// maxKeyObjects is how many of the newest keys objects are read.
const maxKeyObjects = 256

// storedKeys are the keys objects of a storage.
type storedKeys struct {
	objects []*keys.Object // the newest first
	names   []string       // in the same order, also of objects that cannot be read
}

// revision returns the first revision of an epoch that no object has.
func (k *storedKeys) revision(epoch uint32) uint32 {
	next := uint32(0)
	for _, name := range k.names {
		var e, r uint32
		if n, err := fmt.Sscanf(name, "keys/%08x.%08x", &e, &r); n == 2 && err == nil && e == epoch {
			next = max(next, r+1)
		}
	}
	return next
}

func readConfig(ctx context.Context, s storage.Storage) (*keys.Config, error) {
	b, err := storage.ReadAll(ctx, s, "config", keys.ConfigSize)
	if err != nil {
		return nil, err
	}
	return keys.ParseConfig(b)
}

// readKeys returns the keys objects. Those that cannot be decoded are left out,
// unless no other is there.
func readKeys(ctx context.Context, s storage.Storage) (*storedKeys, error) {
	k := new(storedKeys)
	err := s.List(ctx, "keys/", func(name string, _ int64) error {
		if !strings.HasPrefix(name, keys.WritePrefix) {
			k.names = append(k.names, name)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(k.names) == 0 {
		return nil, fmt.Errorf("%w: the storage has no keys of the vault", ErrWithheld)
	}
	slices.Sort(k.names)
	slices.Reverse(k.names)
	var bad error
	for _, name := range k.names[:min(len(k.names), maxKeyObjects)] {
		b, err := storage.ReadAll(ctx, s, name, keys.MaxObject)
		if err != nil {
			return nil, err
		}
		o, err := keys.ParseObject(b)
		if err == nil && keys.ObjectName(o.Epoch, o.Revision) != name {
			err = keys.ErrFormat
		}
		if err != nil {
			bad = err
			continue
		}
		k.objects = append(k.objects, o)
	}
	if len(k.objects) == 0 {
		return nil, bad
	}
	return k, nil
}

// Open opens a vault with the keys of a device, and reads its log.
func Open(ctx context.Context, p Params) (*Vault, error) {
	config, err := readConfig(ctx, p.Storage)
	if err != nil {
		return nil, err
	}
	if p.Pin != (Pin{}) && config.ID != p.Pin.Vault {
		return nil, ErrOtherVault
	}
	stored, err := readKeys(ctx, p.Storage)
	if err != nil {
		return nil, err
	}
	ring, err := keys.Open(config, stored.objects, p.Device.KEM)
	if err != nil {
		return nil, err
	}
	v := newVault(p, ring, p.Device.KEM)
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
	v, recovery, err := openRecovery(ctx, p, secret)
	if err != nil {
		return nil, err
	}
	if err := v.admit(ctx, recovery.Signature, keys.DeviceID{}, p.Device.Public(name), false, false); err != nil {
		return nil, err
	}
	return v, v.grantWriters(ctx, recovery.Signature)
}

func openRecovery(ctx context.Context, p Params, secret account.RecoverySecret) (*Vault, *keys.Recovery, error) {
	config, err := readConfig(ctx, p.Storage)
	if err != nil {
		return nil, nil, err
	}
	stored, err := readKeys(ctx, p.Storage)
	if err != nil {
		return nil, nil, err
	}
	ring, recovery, err := keys.OpenRecovery(config, stored.objects, secret)
	if err != nil {
		return nil, nil, err
	}
	v := newVault(p, ring, recovery.KEM)
	return v, recovery, v.open(ctx)
}

// OpenRecovery opens a vault with its recovery key alone, to read from it: no
// device is added, and nothing can be published.
func OpenRecovery(ctx context.Context, p Params, secret account.RecoverySecret) (*Vault, error) {
	p.Device = nil
	v, _, err := openRecovery(ctx, p, secret)
	return v, err
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

// put has the cache know a session that this device cannot open.
func (c *sessionCache) put(s *keys.Session) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known[s.Sealed] = s
}
