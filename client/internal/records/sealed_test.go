// SPDX-License-Identifier: AGPL-3.0-or-later

package records

import (
	"bytes"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/securecrypt/securecrypt/client/backend"
	"github.com/securecrypt/securecrypt/client/keyring"
)

func fatal(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// mapStore is a store of a few values.
type mapStore struct {
	mu   sync.Mutex // guards all
	data map[string][]byte
	fail error // of the next write
}

func newMapStore() *mapStore { return &mapStore{data: map[string][]byte{}} }

func (s *mapStore) View(fn func(backend.Tx) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return fn(mapTx{s})
}

func (s *mapStore) Close() error { return nil }

func (s *mapStore) Update(fn func(backend.Tx) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := maps.Clone(s.data)
	err := fn(mapTx{s})
	if err != nil {
		s.data = old
	}
	return err
}

type mapTx struct{ s *mapStore }

func (t mapTx) Get(key []byte) ([]byte, error) { return t.s.data[string(key)], nil }

func (t mapTx) Put(key, value []byte) error {
	if err := t.s.fail; err != nil {
		t.s.fail = nil
		return err
	}
	t.s.data[string(key)] = bytes.Clone(value)
	return nil
}

func (t mapTx) Delete(key []byte) error {
	delete(t.s.data, string(key))
	return nil
}

func (t mapTx) Scan(prefix, _ []byte, reverse bool, fn func(key, value []byte) (bool, error)) error {
	keys := slices.Sorted(maps.Keys(t.s.data))
	if reverse {
		slices.Reverse(keys)
	}
	for _, k := range keys {
		if !strings.HasPrefix(k, string(prefix)) {
			continue
		}
		if more, err := fn([]byte(k), t.s.data[k]); err != nil || !more {
			return err
		}
	}
	return nil
}

func sealedMap(t *testing.T) (*Store, *mapStore) {
	t.Helper()
	m := newMapStore()
	s, err := NewStore(m, keyring.StoreKey{1})
	if err != nil {
		t.Fatal(err)
	}
	return s, m
}

func putAll(t *testing.T, s *Store, values map[string]string) {
	t.Helper()
	err := s.Update(func(tx *Tx) error {
		for k, v := range values {
			if err := tx.Put([]byte(k), []byte(v)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func getSealed(s *Store, key string) (v []byte, err error) {
	err = s.View(func(tx *Tx) error {
		v, err = tx.Get([]byte(key))
		return err
	})
	return v, err
}

func TestSealedValuesComeBackAndShowNothing(t *testing.T) {
	s, m := sealedMap(t)
	putAll(t, s, map[string]string{"a": "a secret value", "empty": ""})
	if v, err := getSealed(s, "a"); err != nil || string(v) != "a secret value" {
		t.Errorf("%q, %v", v, err)
	}
	if v, err := getSealed(s, "empty"); err != nil || v == nil || len(v) != 0 {
		t.Errorf("an empty value came back as %v, %v", v, err)
	}
	if v, err := getSealed(s, "none"); err != nil || v != nil {
		t.Errorf("a missing value came back as %v, %v", v, err)
	}
	if bytes.Contains(m.data["a"], []byte("secret")) {
		t.Error("the value is in the clear")
	}
	first := bytes.Clone(m.data["a"])
	putAll(t, s, map[string]string{"a": "a secret value"})
	if bytes.Equal(first, m.data["a"]) {
		t.Error("the same value was sealed the same twice")
	}
}

func TestSealedValuesCannotBeChanged(t *testing.T) {
	for name, change := range map[string]func(map[string][]byte){
		"swapped":    func(d map[string][]byte) { d["a"], d["b"] = d["b"], d["a"] },
		"moved":      func(d map[string][]byte) { d["a"] = d["b"] },
		"a bit":      func(d map[string][]byte) { d["a"][len(d["a"])-1] ^= 1 },
		"the nonce":  func(d map[string][]byte) { d["a"][0] ^= 1 },
		"cut off":    func(d map[string][]byte) { d["a"] = d["a"][:len(d["a"])-1] },
		"cut to 5":   func(d map[string][]byte) { d["a"] = d["a"][:5] },
		"emptied":    func(d map[string][]byte) { d["a"] = []byte{} },
		"lengthened": func(d map[string][]byte) { d["a"] = append(d["a"], 0) },
	} {
		s, m := sealedMap(t)
		putAll(t, s, map[string]string{"a": "one", "b": "two"})
		change(m.data)
		if v, err := getSealed(s, "a"); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %q, %v", name, v, err)
		}
	}
	s, m := sealedMap(t)
	putAll(t, s, map[string]string{"a": "one"})
	other, err := NewStore(m, keyring.StoreKey{2})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := getSealed(other, "a"); !errors.Is(err, ErrDamaged) {
		t.Errorf("with another key: %v", err)
	}
	if bytes.Equal(s.Index([]byte("bob")), other.Index([]byte("bob"))) {
		t.Error("two stores name a person the same")
	}
}

// A step that makes light of a failed write must not leave half of itself
// behind.
func TestUpdateIsWhole(t *testing.T) {
	s, m := sealedMap(t)
	putAll(t, s, map[string]string{"a": "old"})
	m.fail = errors.New("disk full")
	err := s.Update(func(tx *Tx) error {
		if tx.Put([]byte("a"), []byte("new")) == nil {
			t.Error("the write did not fail")
		}
		return tx.Put([]byte("b"), []byte("other"))
	})
	if !errors.Is(err, ErrStore) {
		t.Errorf("error %v, want one of the store", err)
	}
	if v, _ := getSealed(s, "a"); string(v) != "old" {
		t.Errorf("a holds %q", v)
	}
	if v, _ := getSealed(s, "b"); v != nil {
		t.Errorf("b holds %q", v)
	}
}
