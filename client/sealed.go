// SPDX-License-Identifier: AGPL-3.0-or-later

package client

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

// errDamaged means that a value in the store is not what was put there.
var errDamaged = errors.New("client: the store is damaged or was changed by someone else: restore the profile from a backup")

// storable is s with what is not UTF-8 replaced: a record with such a string could
// not be read again.
func storable(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

// errPath is for paths that a record cannot hold.
var errPath = errors.New("this path is not UTF-8: rename what it leads through")

// errStore means that the store failed: nothing of the transaction happened,
// and it is worth trying again once the disk has room or is back.
var errStore = errors.New("the profile could not be saved")

// sealedStore seals every value with XChaCha20-Poly1305, bound to its key,
// before it reaches the Store. Keys must not tell anything: parts of them
// that would are passed through index.
type sealedStore struct {
	store backend.Store
	aead  cipher.AEAD
	mac   []byte
}

func newSealedStore(store backend.Store, key keyring.StoreKey) (*sealedStore, error) {
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
	return &sealedStore{store: store, aead: aead, mac: mac}, nil
}

// index returns 16 bytes that stand for b in keys without telling it.
func (s *sealedStore) index(b []byte) []byte {
	h := hmac.New(sha256.New, s.mac)
	h.Write(b)
	return h.Sum(nil)[:16]
}

func (s *sealedStore) view(fn func(*sealedTx) error) error {
	return s.store.View(func(tx backend.Tx) error { return fn(&sealedTx{sealedStore: s, tx: tx}) })
}

// update runs a transaction. It fails, with an error that wraps errStore, if
// anything in it could not be read or written, also if fn made light of that.
func (s *sealedStore) update(fn func(*sealedTx) error) error {
	var within error
	err := s.store.Update(func(tx backend.Tx) error {
		t := &sealedTx{sealedStore: s, tx: tx}
		within = fn(t)
		if t.failed != nil {
			within = fmt.Errorf("%w: %w", errStore, t.failed)
		}
		return within
	})
	if err != nil && within == nil {
		err = fmt.Errorf("%w: %w", errStore, err)
	}
	return err
}

// sealedTx is a transaction that seals and opens.
type sealedTx struct {
	*sealedStore
	tx     backend.Tx
	failed error // the first failure of the store
}

// note remembers that the store failed.
func (t *sealedTx) note(err error) error {
	if t.failed == nil {
		t.failed = err
	}
	return err
}

func (t *sealedTx) get(key []byte) ([]byte, error) {
	sealed, err := t.tx.Get(key)
	if err != nil || sealed == nil {
		return nil, t.note(err)
	}
	return t.open(key, sealed)
}

// fetch says what will be read next.
func (t *sealedTx) fetch(keys [][]byte) error {
	if f, ok := t.tx.(backend.Fetcher); ok {
		return t.note(f.Fetch(keys))
	}
	return nil
}

func (t *sealedTx) open(key, sealed []byte) ([]byte, error) {
	n := t.aead.NonceSize()
	if len(sealed) < n {
		return nil, t.note(errDamaged)
	}
	value, err := t.aead.Open([]byte{}, sealed[:n], sealed[n:], key)
	if err != nil {
		return nil, t.note(errDamaged)
	}
	return value, nil
}

func (t *sealedTx) put(key, value []byte) error {
	n := t.aead.NonceSize()
	out := make([]byte, n, n+len(value)+t.aead.Overhead())
	_, _ = rand.Read(out)
	return t.note(t.tx.Put(key, t.aead.Seal(out, out, value, key)))
}

func (t *sealedTx) delete(key []byte) error { return t.note(t.tx.Delete(key)) }

func (t *sealedTx) scan(prefix []byte, reverse bool, fn func(key, value []byte) (bool, error)) error {
	return t.scanFrom(prefix, nil, reverse, fn)
}

func (t *sealedTx) scanFrom(prefix, from []byte, reverse bool, fn func(key, value []byte) (bool, error)) error {
	return t.tx.Scan(prefix, from, reverse, func(key, sealed []byte) (bool, error) {
		value, err := t.open(key, sealed)
		if err != nil {
			return false, err
		}
		return fn(key, value)
	})
}

// load decodes the record at key into v and reports whether there is one: if so,
// nothing of what v held before stays, else all of it.
func (t *sealedTx) load(key []byte, v any) (bool, error) {
	b, err := t.get(key)
	if err != nil || b == nil {
		return false, err
	}
	reflect.ValueOf(v).Elem().SetZero() // what a record leaves out is zero
	if err := dcbor.Unmarshal(b, v); err != nil {
		return false, t.note(errors.Join(errDamaged, err))
	}
	return true, nil
}

// save encodes v as the record at key.
func (t *sealedTx) save(key []byte, v any) error {
	b, err := dcbor.Marshal(v)
	if err != nil {
		return err
	}
	return t.put(key, b)
}

// deleteAll removes every record whose key begins with prefix.
func (t *sealedTx) deleteAll(prefix []byte) error {
	var keys [][]byte
	err := t.tx.Scan(prefix, nil, false, func(key, _ []byte) (bool, error) {
		keys = append(keys, append([]byte{}, key...))
		return true, nil
	})
	for _, key := range keys {
		err = errors.Join(err, t.delete(key))
	}
	return err
}
