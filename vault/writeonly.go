// SPDX-License-Identifier: AGPL-3.0-or-later

package vault

import (
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"github.com/securecrypt/securecrypt/vault/index"
	"github.com/securecrypt/securecrypt/vault/keys"
	"github.com/securecrypt/securecrypt/vault/oplog"
	"github.com/securecrypt/securecrypt/vault/pack"
	"github.com/securecrypt/securecrypt/vault/storage"
)

// chunkKey is the beginning of a chunk's identifier.
type chunkKey = [12]byte

// WriterState is what a write-only device keeps between its runs, beside its keys
// and its pin. It has no key and no text, but tells which chunks the newest
// snapshots of this device have, to somebody who also has the device's keys.
type WriterState struct {
	// Trusted are the signature keys of the full devices.
	Trusted [][ed25519.PublicKeySize]byte
	Epoch   uint32
	Lost    uint64 // of the grant that was seen last
	// Known has the chunks of the newest snapshot, for each host and paths: the
	// first 12 bytes of their identifiers in a row.
	Known map[string][]byte
	// Pending has the chunks of a snapshot whose publication has begun: until it is
	// known whether it was published, only chunks of both count.
	Pending map[string][]byte
}

// WriterParams open a vault on a write-only device.
type WriterParams struct {
	Params
	State *WriterState
	// Save keeps the state. It is called before and after a snapshot is published.
	Save func(*WriterState) error
}

// WriteOnly reports whether this device can back up, and nothing else.
func (v *Vault) WriteOnly() bool { return v.writer != nil }

// DomainOf returns the domain of a snapshot's chunks.
func (v *Vault) DomainOf(s *oplog.Snapshot) keys.Domain {
	if d := v.state.Devices[s.Device]; d != nil && d.WriteOnly() {
		return d.Domain
	}
	return keys.DomainFiles
}

// AddWriter adds a write-only device. It returns the code by which that device
// knows the vault.
func (v *Vault) AddWriter(ctx context.Context, p *keys.PublicDevice) (code string, err error) {
	if v.WriteOnly() {
		return "", ErrWriteOnly
	}
	if err := v.prepare(ctx, oplog.KindDevice); err != nil {
		return "", err
	}
	if err := v.admit(ctx, v.device.Signature, v.device.ID(), p, true, false); err != nil {
		return "", err
	}
	return v.joinCode(), v.grantWriters(ctx, v.device.Signature)
}

// freeDomain returns a domain that no device has or had.
func (v *Vault) freeDomain() (keys.Domain, error) {
	next := keys.FirstOwnDomain
	for _, d := range v.state.Devices {
		if d.Domain == keys.LastOwnDomain {
			return 0, errors.New("vault: this vault has had as many write-only devices as it can have: begin a new vault for further ones")
		}
		next = max(next, d.Domain+1)
	}
	return next, nil
}

// grantWriters gives write-only devices what they need in the current epoch, if
// nobody has done so yet. The object's name says up to which entry of the log it
// is right, so that whoever comes next finishes what was interrupted. signer is this
// device's key or the recovery key.
func (v *Vault) grantWriters(ctx context.Context, signer ed25519.PrivateKey) error {
	if v.state.Writers == 0 || v.WriteOnly() || v.device == nil {
		return nil
	}
	epoch, revision := v.keys.Epoch(), uint32(v.state.Writers)
	name := keys.WriteObjectName(epoch, revision)
	if _, err := v.store.Size(ctx, name); !errors.Is(err, storage.ErrNotFound) {
		return err
	}
	p := keys.GrantParams{Signer: signer, Entries: v.state.Next, Head: v.state.Head, Lost: v.state.Lost}
	for _, d := range v.sortedDevices() {
		switch {
		case d.Revoked != 0:
		case d.WriteOnly():
			kem, err := keys.ParseKEM(d.KEM)
			if err != nil {
				return err
			}
			p.Receivers = append(p.Receivers, keys.Receiver{Device: d.ID, KEM: kem, Domain: d.Domain})
		case !d.Key.Equal(signer.Public()):
			p.Trusted = append(p.Trusted, d.Key)
		}
	}
	object, err := v.keys.NewWriteObject(revision, &p)
	if err != nil {
		return err
	}
	if err := v.store.Create(ctx, name, object); err != nil && !errors.Is(err, storage.ErrExists) {
		return err
	}
	return v.store.Sync(ctx)
}

func (v *Vault) sortedDevices() (out []*oplog.Device) {
	for _, d := range v.state.Devices {
		out = append(out, d)
	}
	slices.SortFunc(out, func(a, b *oplog.Device) int { return int(int64(a.Seq) - int64(b.Seq)) })
	return out
}

// OpenWriter opens a vault on a write-only device.
func OpenWriter(ctx context.Context, p WriterParams) (*Vault, error) {
	config, err := readConfig(ctx, p.Storage)
	if err != nil {
		return nil, err
	}
	if config.ID != p.Pin.Vault {
		return nil, ErrOtherVault
	}
	trusted := func(key ed25519.PublicKey) bool { return slices.Contains(p.State.Trusted, [32]byte(key)) }
	v, err := openWriter(ctx, p, config, trusted)
	if err != nil {
		return nil, err
	}
	if v.keys.ConfigHash() != p.Pin.Config {
		return nil, ErrOtherVault
	}
	return v, nil
}

// JoinWriter opens a vault for the first time on a write-only device that another
// device added, with the code that the other one was given.
func JoinWriter(ctx context.Context, p WriterParams, code string) (*Vault, error) {
	config, err := readConfig(ctx, p.Storage)
	if err != nil {
		return nil, err
	}
	hash, err := config.Hash()
	if err != nil {
		return nil, err
	}
	p.State = &WriterState{}
	v, err := openWriter(ctx, p, config, func(key ed25519.PublicKey) bool { return keys.SameCode(code, keys.JoinCode(hash, key)) })
	if errors.Is(err, keys.ErrForged) {
		return nil, fmt.Errorf("%w, or another device has changed its keys since: add this device once more, with new keys", ErrOtherVault)
	}
	return v, err
}

func openWriter(ctx context.Context, p WriterParams, config *keys.Config, trusted func(ed25519.PublicKey) bool) (*Vault, error) {
	grant, err := readGrant(ctx, p.Storage, config, p.Device, trusted)
	if err != nil {
		return nil, err
	}
	ring, err := keys.NewWriterKeyring(config, grant)
	if err != nil {
		return nil, err
	}
	v := newVault(p.Params, ring, p.Device.KEM)
	v.writer, v.saveWriter = p.State, p.Save
	for _, list := range []map[string][]byte{p.State.Known, p.State.Pending} {
		for _, known := range list {
			if len(known)%len(chunkKey{}) != 0 {
				return nil, keys.ErrFormat
			}
		}
	}
	if err := v.takeGrant(grant); err != nil {
		return nil, err
	}
	if p.Pin.Entries > 0 {
		return v, v.beginAt(ctx, p.Pin.Entries, p.Pin.Head)
	}
	return v, v.beginAt(ctx, grant.Entries, grant.Head)
}

// maxWriteObjects is how many of the newest write objects are looked at.
const maxWriteObjects = 64

// readGrant returns this device's part of the newest write object that a trusted
// device made.
func readGrant(ctx context.Context, s storage.Storage, config *keys.Config, d *keys.Device, trusted func(ed25519.PublicKey) bool) (*keys.Grant, error) {
	var names []string
	err := s.List(ctx, keys.WritePrefix, func(name string, _ int64) error {
		names = append(names, name)
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	slices.Reverse(names)
	result := fmt.Errorf("%w: there is nothing for a write-only device", keys.ErrKey)
	for _, name := range names[:min(len(names), maxWriteObjects)] {
		b, err := storage.ReadAll(ctx, s, name, keys.MaxWriteObject)
		if err != nil {
			return nil, err
		}
		g, err := keys.OpenGrant(config, b, d, trusted)
		switch {
		case err == nil:
			return g, nil
		case errors.Is(err, keys.ErrNotGranted):
			return nil, fmt.Errorf("%w: there are no keys for it in the vault any more", ErrRevoked)
		case errors.Is(err, keys.ErrForged):
			result = err
		}
	}
	return nil, result
}

// takeGrant has the device write with a grant from now on.
func (v *Vault) takeGrant(g *keys.Grant) error {
	if g.Epoch < v.writer.Epoch || g.Epoch == v.writer.Epoch && g.Lost < v.writer.Lost {
		return fmt.Errorf("%w: it has keys of epoch %d, and had some of epoch %d", ErrRolledBack, g.Epoch, v.writer.Epoch)
	}
	if g.Lost != v.writer.Lost {
		v.writer.Known, v.writer.Pending = nil, nil // some of it may be lost
	}
	v.writer.Trusted, v.writer.Epoch, v.writer.Lost = g.Trusted, g.Epoch, g.Lost
	return v.keys.SetGrant(g)
}

// refreshGrant looks for a newer grant.
func (v *Vault) refreshGrant(ctx context.Context) error {
	trusted := func(key ed25519.PublicKey) bool { return slices.Contains(v.writer.Trusted, [32]byte(key)) }
	g, err := readGrant(ctx, v.store, v.keys.Config(), v.device, trusted)
	if err != nil {
		return err
	}
	return v.takeGrant(g)
}

// beginAt has a write-only device, which cannot read entries, follow the log from a
// place on that it has seen.
func (v *Vault) beginAt(ctx context.Context, entries uint64, head oplog.Hash) error {
	if entries == 0 {
		return fmt.Errorf("%w: it is empty", ErrWithheld)
	}
	b, err := storage.ReadAll(ctx, v.store, oplog.ObjectName(entries-1), oplog.LargeObject)
	if errors.Is(err, storage.ErrNotFound) {
		return fmt.Errorf("%w: entry %d is missing", ErrRolledBack, entries-1)
	}
	if err != nil {
		return err
	}
	if oplog.HashOf(b) != head {
		return fmt.Errorf("%w: entry %d differs from the one that was seen", ErrRolledBack, entries-1)
	}
	v.state.BeginAt(entries, head)
	return v.open(ctx)
}

// WriterState returns what a write-only device is to keep.
func (v *Vault) WriterState() *WriterState { return v.writer }

// writerIndex returns an index of the chunks that a write-only device need not send
// again: they are in a pack that stands for all of them.
func (v *Vault) writerIndex() *packIndex {
	x := newPackIndex()
	x.packs = append(x.packs, packRecord{})
	x.sealed = append(x.sealed, [keys.SealedSize]byte{})
	for group, known := range v.writer.Known {
		pending, begun := v.writer.Pending[group]
		also := map[chunkKey]bool{}
		for k := range slices.Chunk(pending, len(chunkKey{})) {
			also[chunkKey(k)] = true
		}
		for k := range slices.Chunk(known, len(chunkKey{})) {
			if !begun || also[chunkKey(k)] {
				x.table.SetKey(chunkKey(k), index.Place{Pack: knownPack})
			}
		}
	}
	return x
}

// knownPack is the number of the pack that stands for what a write-only device
// knows to be in the vault.
const knownPack = 1

// group names snapshots of the same files.
func groupOf(s *oplog.SnapshotBody) string {
	text := s.Host + "\x00"
	for _, path := range s.Paths {
		text += string(path) + "\x00"
	}
	hash := oplog.HashOf([]byte(text))
	return hex.EncodeToString(hash[:16])
}

// publishing notes which chunks a snapshot has, before it is published.
func (v *Vault) publishing(body *oplog.SnapshotBody, used []byte) error {
	if body.Partial {
		return nil // what the device knows stays
	}
	if v.writer.Pending == nil {
		v.writer.Pending = map[string][]byte{}
	}
	v.writer.Pending[groupOf(body)] = used
	return v.saveWriter(v.writer)
}

// published notes that the snapshot was published. A partial one adds to what the
// newest complete one has, which stays as long.
func (v *Vault) published(body *oplog.SnapshotBody, used []byte) error {
	group := groupOf(body)
	if v.writer.Known == nil {
		v.writer.Known = map[string][]byte{}
	}
	if body.Partial {
		used = slices.Concat(v.writer.Known[group], used)
	}
	v.writer.Known[group] = used
	delete(v.writer.Pending, group)
	return v.saveWriter(v.writer)
}

// haveWritersResend has write-only devices send all of their files again, if a
// snapshot of one of them has lost data: they do not see that, and would go on
// without it.
func (v *Vault) haveWritersResend(ctx context.Context, r *CheckResult) error {
	concerned := slices.ContainsFunc(r.Problems, func(p Problem) bool {
		s := v.state.Snapshots[p.Snapshot]
		return p.Lost && s != nil && v.DomainOf(s) != keys.DomainFiles && v.state.Devices[s.Device].Revoked == 0
	})
	if !concerned || v.device == nil {
		return nil
	}
	if _, err := v.publish(ctx, oplog.KindSweep, func() (any, error) { return oplog.PacksBody{Packs: []pack.Name{}, Lost: true}, nil }); err != nil {
		return err
	}
	return v.grantWriters(ctx, v.device.Signature)
}
