// SPDX-License-Identifier: AGPL-3.0-or-later

package records

import (
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/securecrypt/securecrypt/client/backend"
	"github.com/securecrypt/securecrypt/client/keyring"
	"github.com/securecrypt/securecrypt/internal/codec/dcbor"
)

// ErrDamaged means that a value in the store is not what was put there.
var ErrDamaged = errors.New("client: the store is damaged or was changed by someone else: restore the profile from a backup")

// Storable is s with what is not UTF-8 replaced: a record with such a string could
// not be read again.
func Storable(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

// ErrPath is for paths that a record cannot hold.
var ErrPath = errors.New("this path is not UTF-8: rename what it leads through")

// ErrStore means that the store failed: nothing of the transaction happened,
// and it is worth trying again once the disk has room or is back.
var ErrStore = errors.New("the profile could not be saved")

// Store seals every value with XChaCha20-Poly1305, bound to its key,
// before it reaches the Store. Keys must not tell anything: parts of them
// that would are passed through index.
type Store struct {
	store backend.Store
	aead  cipher.AEAD
	mac   []byte
	// changed has an element if there was an update since it was taken out.
	changed chan struct{}
}

// NewStore returns a store that seals under a key.
func NewStore(store backend.Store, key keyring.StoreKey) (*Store, error) {
	values, err := hkdf.Expand(sha256.New, key[:], "securecrypt/v1/store/values", chacha20poly1305.KeySize)
	if err != nil {
		return nil, fmt.Errorf("client: %w", err)
	}
	mac, err := hkdf.Expand(sha256.New, key[:], "securecrypt/v1/store/index", sha256.Size)
	if err != nil {
		return nil, fmt.Errorf("client: %w", err)
	}
	aead, err := chacha20poly1305.NewX(values)
	clear(values) // the cipher has a copy
	if err != nil {
		return nil, fmt.Errorf("client: %w", err)
	}
	return &Store{store: store, aead: aead, mac: mac, changed: make(chan struct{}, 1)}, nil
}

// LockKeys hands what holds the keys to a function that keeps it out of swap.
func (s *Store) LockKeys(lock func(secret any) bool) {
	lock(s.mac)
	lock(s.aead)
}

// Index returns 16 bytes that stand for b in keys without telling it.
func (s *Store) Index(b []byte) []byte {
	h := hmac.New(sha256.New, s.mac)
	h.Write(b)
	return h.Sum(nil)[:16]
}

// View runs a transaction that reads.
func (s *Store) View(fn func(*Tx) error) error {
	return s.store.View(func(tx backend.Tx) error { return fn(&Tx{Store: s, tx: tx}) })
}

// Update runs a transaction. It fails, with an error that wraps ErrStore, if
// anything in it could not be read or written, also if fn made light of that.
func (s *Store) Update(fn func(*Tx) error) error {
	var within error
	err := s.store.Update(func(tx backend.Tx) error {
		t := &Tx{Store: s, tx: tx}
		within = fn(t)
		if t.failed != nil {
			within = fmt.Errorf("%w: %w", ErrStore, t.failed)
		}
		return within
	})
	if err != nil && within == nil {
		err = fmt.Errorf("%w: %w", ErrStore, err)
	}
	if err == nil {
		select {
		case s.changed <- struct{}{}:
		default:
		}
	}
	return err
}

// Changed returns a channel from which one reader takes an element after updates.
func (s *Store) Changed() <-chan struct{} { return s.changed }

// Tx is a transaction that seals and opens.
type Tx struct {
	*Store
	tx     backend.Tx
	failed error // the first failure of the store
}

// note remembers that the store failed.
func (t *Tx) note(err error) error {
	if t.failed == nil {
		t.failed = err
	}
	return err
}

// HasFailed reports whether the store failed within the transaction.
func (t *Tx) HasFailed() bool { return t.failed != nil }

// Get returns the value of a key, nil if there is none.
func (t *Tx) Get(key []byte) ([]byte, error) {
	sealed, err := t.tx.Get(key)
	if err != nil || sealed == nil {
		return nil, t.note(err)
	}
	return t.open(key, sealed)
}

// Fetch says what will be read next.
func (t *Tx) Fetch(keys [][]byte) error {
	if f, ok := t.tx.(backend.Fetcher); ok {
		return t.note(f.Fetch(keys))
	}
	return nil
}

func (t *Tx) open(key, sealed []byte) ([]byte, error) {
	n := t.aead.NonceSize()
	if len(sealed) < n {
		return nil, t.note(ErrDamaged)
	}
	value, err := t.aead.Open([]byte{}, sealed[:n], sealed[n:], key)
	if err != nil {
		return nil, t.note(ErrDamaged)
	}
	return value, nil
}

// Put sets the value of a key.
func (t *Tx) Put(key, value []byte) error {
	n := t.aead.NonceSize()
	out := make([]byte, n, n+len(value)+t.aead.Overhead())
	_, _ = rand.Read(out)
	return t.note(t.tx.Put(key, t.aead.Seal(out, out, value, key)))
}

// Delete removes a key.
func (t *Tx) Delete(key []byte) error { return t.note(t.tx.Delete(key)) }

// Scan calls fn for the records whose keys begin with prefix, until it returns
// false.
func (t *Tx) Scan(prefix []byte, reverse bool, fn func(key, value []byte) (bool, error)) error {
	return t.ScanFrom(prefix, nil, reverse, fn)
}

// ScanFrom is scan from a key on, which is included.
func (t *Tx) ScanFrom(prefix, from []byte, reverse bool, fn func(key, value []byte) (bool, error)) error {
	return t.tx.Scan(prefix, from, reverse, func(key, sealed []byte) (bool, error) {
		value, err := t.open(key, sealed)
		if err != nil {
			return false, err
		}
		return fn(key, value)
	})
}

// ScanKeys is scan of the keys alone: their values are not opened.
func (t *Tx) ScanKeys(prefix []byte, reverse bool, fn func(key []byte) (bool, error)) error {
	return t.tx.Scan(prefix, nil, reverse, func(key, _ []byte) (bool, error) { return fn(key) })
}

// Load decodes the record at key into v and reports whether there is one: if so,
// nothing of what v held before stays, else all of it.
func (t *Tx) Load(key []byte, v any) (bool, error) {
	b, err := t.Get(key)
	if err != nil || b == nil {
		return false, err
	}
	reflect.ValueOf(v).Elem().SetZero() // what a record leaves out is zero
	if err := dcbor.Unmarshal(b, v); err != nil {
		return false, t.note(errors.Join(ErrDamaged, err))
	}
	return true, nil
}

// Save encodes v as the record at key.
func (t *Tx) Save(key []byte, v any) error {
	b, err := dcbor.Marshal(v)
	if err != nil {
		return err
	}
	return t.Put(key, b)
}

// DeleteAll removes every record whose key begins with prefix.
func (t *Tx) DeleteAll(prefix []byte) error {
	var keys [][]byte
	err := t.tx.Scan(prefix, nil, false, func(key, _ []byte) (bool, error) {
		keys = append(keys, append([]byte{}, key...))
		return true, nil
	})
	for _, key := range keys {
		err = errors.Join(err, t.Delete(key))
	}
	return err
}
