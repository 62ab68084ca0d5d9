// SPDX-License-Identifier: Apache-2.0

package prefixmap

import (
	"maps"
	"slices"

	"github.com/securecrypt/securecrypt/keytrans"
)

// Memory is a store of items in memory, of about 70 bytes each. The zero value is ready. It is
// not for concurrent use while it changes.
type Memory struct{ buckets map[uint16][]Item }

// AppendBucket implements Items.
func (s *Memory) AppendBucket(dst []Item, bucket uint16) ([]Item, error) {
	return append(dst, s.buckets[bucket]...), nil
}

// Set adds items or replaces their values.
func (s *Memory) Set(items ...Item) {
	if s.buckets == nil {
		s.buckets = make(map[uint16][]Item)
	}
	for _, item := range items {
		number := bucketOf(item.Label)
		bucket := s.buckets[number]
		at, ok := slices.BinarySearchFunc(bucket, item, compare)
		if ok {
			bucket[at] = item
			continue
		}
		if n := len(bucket); n == cap(bucket) { // append would double the capacity
			bucket = append(make([]Item, 0, n+n/8+1), bucket...)
		}
		s.buckets[number] = slices.Insert(bucket, at, item)
	}
}

// Get returns the value of a label.
func (s *Memory) Get(label keytrans.Label) (keytrans.Hash, bool) {
	item, ok := find(s.buckets[bucketOf(label)], label)
	return item.Value, ok
}

// Size returns the number of items.
func (s *Memory) Size() (n int) {
	for _, bucket := range s.buckets {
		n += len(bucket)
	}
	return n
}

// An Overlay shows the items of a store as if changes had been stored in it.
type Overlay struct {
	Base    Items
	Changes *Memory
}

// AppendBucket implements Items.
func (o Overlay) AppendBucket(dst []Item, bucket uint16) ([]Item, error) {
	changes := o.Changes.buckets[bucket]
	if len(changes) == 0 {
		return o.Base.AppendBucket(dst, bucket)
	}
	old, err := readBucket(o.Base, nil, bucket)
	if err != nil {
		return nil, err
	}
	merged, err := merge(old, changes)
	return append(dst, merged...), err
}

// Items returns all items, in the order of their labels.
func (s *Memory) Items() []Item {
	all := make([]Item, 0, s.Size())
	for _, number := range slices.Sorted(maps.Keys(s.buckets)) {
		all = append(all, s.buckets[number]...)
	}
	return all
}
