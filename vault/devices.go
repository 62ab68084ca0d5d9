// SPDX-License-Identifier: AGPL-3.0-or-later

package vault

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/hpke"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/securecrypt/securecrypt/vault/keys"
	"github.com/securecrypt/securecrypt/vault/oplog"
	"github.com/securecrypt/securecrypt/vault/storage"
)

var (
	// ErrNoDevice is returned for a device that the vault does not have.
	ErrNoDevice = errors.New("vault: no such device")
	// ErrNoEntry is returned for an entry of the log from which on nothing can be
	// taken back.
	ErrNoEntry = errors.New("vault: the log has no such entry")
	// ErrDeviceThere is returned for a device that the vault has or had.
	ErrDeviceThere = errors.New("vault: this device was added before")
	// ErrRevokesItself is returned to a device that is to revoke itself.
	ErrRevokesItself = errors.New("vault: a device cannot remove itself: do it on another one that can read the vault, or after securecrypt vault join on a new one")
	// ErrKeyUnknown reports devices to which the next epoch cannot be given.
	ErrKeyUnknown = errors.New("vault: some devices have not told the vault their keys yet, and would be locked out")
)

// Device finds a device by the beginning of its identifier in hexadecimal digits.
func (v *Vault) Device(prefix string) (*oplog.Device, error) {
	var found *oplog.Device
	for id, d := range v.state.Devices {
		if prefix == "" || !strings.HasPrefix(id.String(), strings.ToLower(prefix)) {
			continue
		}
		if found != nil {
			return nil, fmt.Errorf("%w: several begin with %q", ErrNoDevice, prefix)
		}
		found = d
	}
	if found == nil {
		return nil, fmt.Errorf("%w: %q", ErrNoDevice, prefix)
	}
	return found, nil
}

// DeviceID returns the identifier of this device.
func (v *Vault) DeviceID() keys.DeviceID {
	if v.device == nil {
		return keys.DeviceID{}
	}
	return v.device.ID()
}

// AddDevice adds a device with the given public keys, as a full one. It returns the
// code by which that device knows the vault.
func (v *Vault) AddDevice(ctx context.Context, p *keys.PublicDevice) (code string, err error) {
	if v.WriteOnly() {
		return "", ErrWriteOnly
	}
	if err := v.prepare(ctx, oplog.KindDevice); err != nil {
		return "", err
	}
	if err := v.admit(ctx, v.device.Signature, v.device.ID(), p, false, false); err != nil {
		return "", err
	}
	return v.joinCode(), v.grantWriters(ctx, v.device.Signature) // they are to trust it
}

func (v *Vault) joinCode() string {
	return keys.JoinCode(v.keys.ConfigHash(), v.device.Signature.Public().(ed25519.PublicKey))
}

// admit publishes the entry of a device, signed by another one or by the recovery
// key, for which signer is zero. A full device is given the root first, unless it
// has it.
func (v *Vault) admit(ctx context.Context, key ed25519.PrivateKey, signer keys.DeviceID, p *keys.PublicDevice, writeOnly, has bool) error {
	kem, err := keys.ParseKEM(p.KEM)
	if err != nil {
		return err
	}
	given := uint32(0) // the epoch whose root the device has
	if has {
		given = v.keys.Epoch()
	}
	for {
		if err := v.Refresh(ctx); err != nil {
			return err
		}
		if v.state.Devices[p.ID()] != nil {
			return ErrDeviceThere
		}
		if epoch := v.keys.Epoch(); !writeOnly && given != epoch {
			if err := v.giveRoot(ctx, kem); err != nil {
				return err
			}
			given = epoch
		}
		body := oplog.DeviceBody{Key: p.Signature, Name: oplog.Text(p.Name, 256), KEM: p.KEM}
		if writeOnly {
			if body.Domain, err = v.freeDomain(); err != nil {
				return err
			}
		}
		object, err := oplog.Seal(v.keys, key, v.state.NextEntry(signer, oplog.KindDevice, v.now().Unix()), body)
		if err != nil {
			return err
		}
		if err = v.append(ctx, object); !errors.Is(err, storage.ErrExists) {
			return err
		}
	}
}

// giveRoot wraps the root of the current epoch to one device more.
func (v *Vault) giveRoot(ctx context.Context, kem hpke.PublicKey) error {
	for {
		stored, err := readKeys(ctx, v.store)
		if err != nil {
			return err
		}
		epoch := v.keys.Epoch()
		next, err := v.keys.AddDevice(stored.objects, stored.revision(epoch), kem)
		if err != nil {
			return err
		}
		err = v.store.Create(ctx, keys.ObjectName(next.Epoch, next.Revision), next.Encode())
		if errors.Is(err, storage.ErrExists) {
			continue // another device was added meanwhile
		}
		if err != nil {
			return err
		}
		return v.store.Sync(ctx)
	}
}

// prepare has this device tell its key, if it was added by an early version that
// did not, and give write-only devices what they need. kind is the kind of the
// entry that is to follow.
func (v *Vault) prepare(ctx context.Context, kind oplog.Kind) error {
	if v.device == nil || v.WriteOnly() || kind == oplog.KindKey {
		return nil
	}
	if d := v.state.Devices[v.device.ID()]; d == nil || d.KEM != nil {
		return v.grantWriters(ctx, v.device.Signature)
	}
	_, err := v.publish(ctx, oplog.KindKey, func() (any, error) {
		if v.state.Devices[v.device.ID()].KEM != nil {
			return nil, nil
		}
		return oplog.KeyBody{KEM: v.device.KEM.PublicKey().Bytes()}, nil
	})
	return err
}

// RevokeOptions say how devices are revoked.
type RevokeOptions struct {
	// Since is the first entry of these devices that does not count any more, 0 if
	// all count: what a thief did is taken back. Devices that they have added since
	// are revoked with them.
	Since uint64
}

// Revoke removes devices: it begins an epoch whose root they do not get. From its
// entry on, nothing counts that they sign. The secret of deduplication stays.
func (v *Vault) Revoke(ctx context.Context, devices []keys.DeviceID, o RevokeOptions) (seq uint64, err error) {
	if seq, err = v.beginEpoch(ctx, devices, o.Since); err != nil {
		return 0, err
	}
	return seq, v.rescue(ctx)
}

// Rotate begins the next epoch without revoking a device: what is written from now
// on is sealed by a new root.
func (v *Vault) Rotate(ctx context.Context) error {
	_, err := v.beginEpoch(ctx, nil, 0)
	return err
}

// nextEpoch is an epoch that is about to begin.
type nextEpoch struct {
	number      uint32
	fingerprint [32]byte
	members     []keys.DeviceID
}

func (v *Vault) beginEpoch(ctx context.Context, devices []keys.DeviceID, since uint64) (seq uint64, err error) {
	var made *nextEpoch
	seq, err = v.publish(ctx, oplog.KindEpoch, func() (any, error) {
		revoked, err := v.toRevoke(devices, since)
		if err != nil {
			return nil, err
		}
		members, kems, err := v.members(revoked)
		if err != nil {
			return nil, err
		}
		if made == nil || made.number != v.keys.Epoch()+1 || !slices.Equal(made.members, members) {
			if made, err = v.makeEpoch(ctx, members, kems); err != nil {
				return nil, err
			}
		}
		return oplog.EpochBody{Revoked: revoked, Epoch: made.number, Root: made.fingerprint, Since: since}, nil
	})
	if err != nil {
		return 0, err
	}
	return seq, v.grantWriters(ctx, v.device.Signature)
}

// toRevoke checks that devices can be revoked, and returns them in order, with
// those that they added from an entry on.
func (v *Vault) toRevoke(devices []keys.DeviceID, since uint64) ([]keys.DeviceID, error) {
	if since > v.state.Next || since != 0 && len(devices) == 0 {
		return nil, fmt.Errorf("%w: %d, and the next is %d", ErrNoEntry, since, v.state.Next)
	}
	revoked := slices.Clone(devices)
	for i := 0; i < len(revoked); i++ {
		d := v.state.Devices[revoked[i]]
		switch {
		case d == nil:
			return nil, fmt.Errorf("%w: %v", ErrNoDevice, revoked[i])
		case d.Revoked != 0:
			return nil, fmt.Errorf("%w: %q was removed before", ErrNoDevice, d.Name)
		case d.ID == v.device.ID():
			return nil, ErrRevokesItself
		}
		for _, x := range v.state.Devices {
			if since != 0 && x.Seq >= since && x.By == d.ID && x.Revoked == 0 && !slices.Contains(revoked, x.ID) {
				revoked = append(revoked, x.ID)
			}
		}
	}
	slices.SortFunc(revoked, func(a, b keys.DeviceID) int { return bytes.Compare(a[:], b[:]) })
	return slices.Compact(revoked), nil
}

// members returns the full devices that stay, in order, with their keys.
func (v *Vault) members(revoked []keys.DeviceID) (ids []keys.DeviceID, kems []hpke.PublicKey, err error) {
	var silent []string
	for id, d := range v.state.Devices {
		if d.Revoked == 0 && !d.WriteOnly() && !slices.Contains(revoked, id) {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, func(a, b keys.DeviceID) int { return bytes.Compare(a[:], b[:]) })
	for _, id := range ids {
		d := v.state.Devices[id]
		if d.KEM == nil {
			silent = append(silent, fmt.Sprintf("%q (%v)", d.Name, id.String()[:8]))
			continue
		}
		kem, err := keys.ParseKEM(d.KEM)
		if err != nil {
			return nil, nil, err
		}
		kems = append(kems, kem)
	}
	if len(silent) > 0 {
		return nil, nil, fmt.Errorf("%w: make a backup on each of %s with this version of securecrypt, or revoke them as well; securecrypt vault join adds them again", ErrKeyUnknown, strings.Join(silent, ", "))
	}
	return ids, kems, nil
}

// makeEpoch writes the keys object of the next epoch. Nobody uses it before an
// entry of the log names its root.
func (v *Vault) makeEpoch(ctx context.Context, members []keys.DeviceID, kems []hpke.PublicKey) (*nextEpoch, error) {
	for {
		stored, err := readKeys(ctx, v.store)
		if err != nil {
			return nil, err
		}
		number := v.keys.Epoch() + 1
		object, fingerprint, err := v.keys.NextEpoch(stored.revision(number), kems)
		if err != nil {
			return nil, err
		}
		err = v.store.Create(ctx, keys.ObjectName(number, object.Revision), object.Encode())
		if errors.Is(err, storage.ErrExists) {
			continue
		}
		if err != nil {
			return nil, err
		}
		return &nextEpoch{number, fingerprint, members}, v.store.Sync(ctx)
	}
}

// OpenAdded opens a vault for the first time on a device that another one added,
// with the code that the other one was given.
func OpenAdded(ctx context.Context, p Params, code string) (*Vault, error) {
	v, err := Open(ctx, p)
	if err != nil {
		return nil, err
	}
	by := v.state.Devices[v.state.Devices[v.device.ID()].By]
	if by == nil || !keys.SameCode(code, keys.JoinCode(v.keys.ConfigHash(), by.Key)) {
		return nil, ErrOtherVault
	}
	return v, nil
}
