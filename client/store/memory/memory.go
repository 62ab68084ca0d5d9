// SPDX-License-Identifier: AGPL-3.0-or-later

// Package memory is a client store that forgets everything when it is closed.
// It is for tests and for whoever wants to leave no trace.
package memory

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"sync"

	"github.com/securecrypt/securecrypt/client/backend"
)

var errReadOnly = errors.New("memory: write in a read transaction")

// Store is a client.Store in memory.
type Store struct {
	mu   sync.RWMutex // guards data
	data map[string][]byte
}

// New returns an empty store.
func New() *Store { return &Store{data: map[string][]byte{}} }

// View implements client.Store.
func (s *Store) View(fn func(backend.Tx) error) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return fn(&tx{data: s.data, readOnly: true})
}

// Update implements client.Store.
func (s *Store) Update(fn func(backend.Tx) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := &tx{data: s.data, undo: map[string][]byte{}}
	done := false
	defer func() {
		if !done {
			t.rollback()
		}
	}()
	if err := fn(t); err != nil {
		return err
	}
	done = true
	return nil
}

// Close implements client.Store.
func (s *Store) Close() error { return nil }

type tx struct {
	data     map[string][]byte
	undo     map[string][]byte // what each written key held before; nil: nothing
	readOnly bool
}

func (t *tx) rollback() {
	for k, v := range t.undo {
		if v == nil {
			delete(t.data, k)
		} else {
			t.data[k] = v
		}
	}
}

func (t *tx) remember(key string) {
	if _, ok := t.undo[key]; !ok {
		t.undo[key] = t.data[key]
	}
}

func (t *tx) Get(key []byte) ([]byte, error) { return bytes.Clone(t.data[string(key)]), nil }

func (t *tx) Put(key, value []byte) error {
	if t.readOnly {
		return errReadOnly
	}
	t.remember(string(key))
	t.data[string(key)] = append([]byte{}, value...)
	return nil
}

func (t *tx) Delete(key []byte) error {
	if t.readOnly {
		return errReadOnly
	}
	t.remember(string(key))
	delete(t.data, string(key))
	return nil
}

func (t *tx) Scan(prefix, from []byte, reverse bool, fn func(key, value []byte) (bool, error)) error {
	var keys []string
	for k := range t.data {
		before := from != nil && (reverse && k > string(from) || !reverse && k < string(from))
		if strings.HasPrefix(k, string(prefix)) && !before {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	if reverse {
		slices.Reverse(keys)
	}
	for _, k := range keys {
		if more, err := fn([]byte(k), bytes.Clone(t.data[k])); err != nil || !more {
			return err
		}
	}
	return nil
}
