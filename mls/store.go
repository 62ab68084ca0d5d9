// SPDX-License-Identifier: Apache-2.0

package mls

import (
	"bytes"
	"maps"
	"slices"
	"strings"
)

// recordVersion leads every record and every encoded secret of this package.
const recordVersion = 1

// store gives access to records on demand. It caches the records of secret trees,
// whose keys begin with ratchetPrefix: what a transaction changed is found here
// before it is found in the reader.
type store struct {
	reader Reader            // nil: everything is cached
	cache  map[string][]byte // nil value: known to be absent
}

const ratchetPrefix = "e/"

func newStore(r Reader) *store { return &store{r, make(map[string][]byte)} }

func (s *store) get(key string) ([]byte, error) {
	if v, ok := s.cache[key]; ok {
		return v, nil
	}
	if s.reader == nil {
		return nil, nil
	}
	v, err := s.reader.Get(key)
	if err != nil {
		return nil, err
	}
	v = bytes.Clone(v)
	if strings.HasPrefix(key, ratchetPrefix) {
		s.cache[key] = v
	}
	return v, nil
}

// txn collects changes, to take effect together or not at all. It satisfies
// secrettree.Store.
type txn struct {
	store   *store
	changes map[string][]byte // nil value: deleted
}

func (s *store) begin() *txn { return &txn{s, make(map[string][]byte)} }

// Get returns a record as the transaction sees it.
func (t *txn) Get(key string) ([]byte, error) {
	if v, ok := t.changes[key]; ok {
		return v, nil
	}
	return t.store.get(key)
}

// Put takes over a record.
func (t *txn) Put(key string, value []byte) { t.changes[key] = value }

// Delete deletes a record.
func (t *txn) Delete(key string) { t.changes[key] = nil }

// commit makes the changes and returns them as a delta, which shares nothing with
// the store.
func (t *txn) commit() Delta {
	d := Delta{Put: make([]Record, 0, len(t.changes))}
	for key, value := range t.changes {
		cached := strings.HasPrefix(key, ratchetPrefix)
		if cached {
			clear(t.store.cache[key])
		}
		if value == nil {
			d.Delete = append(d.Delete, key)
			if cached && t.store.reader == nil {
				delete(t.store.cache, key)
			} else if cached {
				t.store.cache[key] = nil
			}
			continue
		}
		if cached {
			t.store.cache[key] = value
			value = bytes.Clone(value)
		}
		d.Put = append(d.Put, Record{key, value})
	}
	slices.SortFunc(d.Put, func(a, b Record) int { return strings.Compare(a.Key, b.Key) })
	slices.Sort(d.Delete)
	return d
}

// then joins two deltas of a new group, of which nothing is to be deleted yet.
func (d Delta) then(next Delta) Delta {
	changes := make(map[string][]byte)
	for _, step := range []Delta{d, next} {
		for _, r := range step.Put {
			changes[r.Key] = r.Value
		}
		for _, key := range step.Delete {
			delete(changes, key)
		}
	}
	var out Delta
	for _, key := range slices.Sorted(maps.Keys(changes)) {
		out.Put = append(out.Put, Record{key, changes[key]})
	}
	return out
}

// forget drops what is cached below a prefix that nothing will ask for again.
func (s *store) forget(prefix string) {
	for key, value := range s.cache {
		if strings.HasPrefix(key, prefix) {
			clear(value)
			delete(s.cache, key)
		}
	}
}
