// SPDX-License-Identifier: AGPL-3.0-or-later

package oplog

import (
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/zeebo/blake3"

	"github.com/securecrypt/securecrypt/internal/codec/dcbor"
	"github.com/securecrypt/securecrypt/vault/keys"
	"github.com/securecrypt/securecrypt/vault/pack"
)

// Kind is the kind of an entry.
type Kind uint8

// The kinds of entries.
const (
	KindDevice   Kind = 1  // adds a device
	KindSnapshot Kind = 2  // publishes a snapshot
	KindForget   Kind = 3  // gives snapshots up
	KindUndo     Kind = 4  // takes forget entries back
	KindMark     Kind = 5  // announces that packs are to be deleted
	KindSweep    Kind = 6  // has packs deleted
	KindRepack   Kind = 7  // publishes packs with chunks of other packs
	KindKey      Kind = 8  // tells the X-Wing key of the device that signs
	KindEpoch    Kind = 9  // begins the next epoch, and may revoke devices
	KindRun      Kind = 10 // announces a run of a write-only device
)

// Sizes of log objects in bytes: sealed entries are padded to the first of them
// that they fit.
const (
	SmallObject = 4096
	LargeObject = 65536
	overhead    = 1120 + 16 // of HPKE with X-Wing and AES-256-GCM
	lengthSize  = 4
	// MaxPacks is how many packs a mark or sweep names at most.
	MaxPacks = 1800
	// MaxSnapshots is how many snapshots a forget names at most.
	MaxSnapshots = 4096
)

var (
	// ErrFormat reports bytes that are not of the format.
	ErrFormat = errors.New("oplog: not a valid log entry")
	// ErrBroken reports a log that contradicts itself: an entry that does not
	// follow the one before, a signature that is wrong, an unknown device.
	ErrBroken = errors.New("oplog: the log is broken")
)

// Hash identifies a log up to an entry: the BLAKE3-256 of its object.
type Hash [32]byte

// HashOf returns the hash of a log object.
func HashOf(object []byte) Hash { return blake3.Sum256(object) }

// ObjectName returns the name of the object of an entry.
func ObjectName(seq uint64) string { return fmt.Sprintf("log/%016x", seq) }

// Entry is one entry of the log.
type Entry struct {
	Seq      uint64           `cbor:"1,keyasint"`
	Previous Hash             `cbor:"2,keyasint"`
	Device   keys.DeviceID    `cbor:"3,keyasint"` // who signed; zeros for the recovery key
	Kind     Kind             `cbor:"4,keyasint"`
	Time     int64            `cbor:"5,keyasint"` // seconds since 1970 by the device's clock; nothing relies on it
	Body     dcbor.RawMessage `cbor:"6,keyasint"`
}

type signed struct {
	_         struct{} `cbor:",toarray"`
	Entry     []byte
	Signature []byte
}

// DeviceBody adds a device to the vault.
type DeviceBody struct {
	Key  []byte `cbor:"1,keyasint"` // Ed25519
	Name string `cbor:"2,keyasint"`
	// KEM is the device's X-Wing key. Devices of early versions tell it by KeyBody.
	KEM []byte `cbor:"3,keyasint,omitempty"`
	// Domain is set for a write-only device: nothing else is deduplicated in it.
	Domain keys.Domain `cbor:"4,keyasint,omitempty"`
}

// KeyBody tells the X-Wing key of the device that signs.
type KeyBody struct {
	KEM []byte `cbor:"1,keyasint"`
}

// EpochBody begins the next epoch.
type EpochBody struct {
	// Revoked are the devices that do not get its root, ascending.
	Revoked []keys.DeviceID `cbor:"1,keyasint,omitempty"`
	Epoch   uint32          `cbor:"2,keyasint"`
	Root    [32]byte        `cbor:"3,keyasint"` // its fingerprint
	// Since is the first entry of the revoked devices that does not count any
	// more, 0 if all count.
	Since uint64 `cbor:"4,keyasint,omitempty"`
}

// RunBody announces a run of a write-only device: its packs are not to be swept.
type RunBody struct {
	Session Hash `cbor:"1,keyasint"` // BLAKE3-256 of the sealed session
}

// Counts says what a backup met.
type Counts struct {
	Files      uint64 `cbor:"1,keyasint,omitempty"`
	Dirs       uint64 `cbor:"2,keyasint,omitempty"`
	Others     uint64 `cbor:"3,keyasint,omitempty"` // links, FIFOs, sockets, devices
	Bytes      uint64 `cbor:"4,keyasint,omitempty"` // of files, holes included
	Read       uint64 `cbor:"5,keyasint,omitempty"` // files whose content was read
	ReadBytes  uint64 `cbor:"6,keyasint,omitempty"`
	NewBytes   uint64 `cbor:"7,keyasint,omitempty"` // of chunks that the vault did not have
	Stored     uint64 `cbor:"8,keyasint,omitempty"` // of packs that were written
	Changed    uint64 `cbor:"9,keyasint,omitempty"` // files that changed while they were read
	Unreadable uint64 `cbor:"10,keyasint,omitempty"`
	Excluded   uint64 `cbor:"11,keyasint,omitempty"`
}

// SnapshotBody publishes a snapshot.
type SnapshotBody struct {
	Root   []byte   `cbor:"1,keyasint"` // root page; empty for a snapshot without entries
	Paths  [][]byte `cbor:"2,keyasint"` // what was backed up; the root page has an entry for each
	Host   string   `cbor:"3,keyasint"`
	Tags   []string `cbor:"4,keyasint,omitempty"`
	Began  int64    `cbor:"5,keyasint"` // seconds since 1970
	Counts Counts   `cbor:"6,keyasint"`
	// Index are the packs whose index frames list all packs of the run, those
	// packs themselves excepted.
	Index []pack.Name `cbor:"7,keyasint,omitempty"`
	// Parent is the entry of the snapshot that unchanged files were taken from,
	// plus 1; 0 for none.
	Parent uint64 `cbor:"8,keyasint,omitempty"`
	// Partial is set for a snapshot of a run that has not finished.
	Partial bool `cbor:"9,keyasint,omitempty"`
}

// ForgetBody gives snapshots up.
type ForgetBody struct {
	Snapshots []uint64 `cbor:"1,keyasint"` // their entries' numbers, ascending
	Reason    string   `cbor:"2,keyasint,omitempty"`
}

// UndoBody takes forget entries back.
type UndoBody struct {
	Forgets []uint64 `cbor:"1,keyasint"` // their numbers, ascending
}

// PacksBody names packs, for mark and sweep.
type PacksBody struct {
	Packs []pack.Name `cbor:"1,keyasint"`
	// Lost is set for a sweep of packs that are damaged beyond repair.
	Lost bool `cbor:"2,keyasint,omitempty"`
}

// RepackBody publishes packs that hold chunks of other packs.
type RepackBody struct {
	Index []pack.Name `cbor:"1,keyasint"`
}

// signatureContext begins what is signed.
var signatureContext = []byte("SecureCrypt vault log entry v1\x00")

func toSign(id keys.VaultID, entry []byte) []byte {
	b := append([]byte{}, signatureContext...)
	b = append(b, id[:]...)
	return append(b, entry...)
}

// Seal encodes, signs and seals an entry with a body. key belongs to the device
// that the entry names, or is the vault's recovery key.
func Seal(k *keys.Keyring, key ed25519.PrivateKey, e Entry, body any) ([]byte, error) {
	raw, err := dcbor.Marshal(body)
	if err != nil {
		return nil, fmt.Errorf("oplog: %w", err)
	}
	e.Body = raw
	entry, err := dcbor.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("oplog: %w", err)
	}
	plain, err := dcbor.Marshal(signed{Entry: entry, Signature: ed25519.Sign(key, toSign(k.Config().ID, entry))})
	if err != nil {
		return nil, fmt.Errorf("oplog: %w", err)
	}
	size := SmallObject
	if lengthSize+len(plain)+overhead > size {
		size = LargeObject
	}
	if lengthSize+len(plain)+overhead > size {
		return nil, fmt.Errorf("%w: %d bytes are too many", ErrFormat, len(plain))
	}
	padded := make([]byte, size-overhead)
	binary.BigEndian.PutUint32(padded, uint32(len(plain)))
	copy(padded[lengthSize:], plain)
	return k.SealEntry(e.Seq, padded)
}

// Opened is an entry that was decrypted and not yet verified.
type Opened struct {
	Entry     Entry
	epoch     uint32 // that it was sealed in
	hash      Hash
	bytes     []byte
	signature []byte
}

// Open decrypts the log object with a number.
func Open(k *keys.Keyring, seq uint64, object []byte) (*Opened, error) {
	if len(object) != SmallObject && len(object) != LargeObject {
		return nil, fmt.Errorf("%w: %d bytes", ErrFormat, len(object))
	}
	padded, epoch, err := k.OpenEntry(seq, object)
	if err != nil {
		return nil, fmt.Errorf("%w: entry %d does not open", ErrBroken, seq)
	}
	o, err := parse(padded)
	if err != nil {
		return nil, err
	}
	if o.Entry.Seq != seq {
		return nil, fmt.Errorf("%w: entry %d says that it is %d", ErrBroken, seq, o.Entry.Seq)
	}
	o.hash, o.epoch = HashOf(object), epoch
	return o, nil
}

// parse decodes a padded entry.
func parse(padded []byte) (*Opened, error) {
	if len(padded) < lengthSize {
		return nil, ErrFormat
	}
	n := binary.BigEndian.Uint32(padded)
	if uint64(n) > uint64(len(padded)-lengthSize) {
		return nil, ErrFormat
	}
	for _, x := range padded[lengthSize+n:] {
		if x != 0 {
			return nil, ErrFormat
		}
	}
	var s signed
	if err := dcbor.Unmarshal(padded[lengthSize:lengthSize+n], &s); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	o := &Opened{bytes: s.Entry, signature: s.Signature}
	if err := dcbor.Unmarshal(s.Entry, &o.Entry); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	return o, nil
}
