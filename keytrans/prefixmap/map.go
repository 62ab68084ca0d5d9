// SPDX-License-Identifier: Apache-2.0

package prefixmap

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/securecrypt/securecrypt/keytrans"
	"github.com/securecrypt/securecrypt/keytrans/internal/mpt"
)

// An Item is a label with the hash of its value.
type Item struct {
	Label keytrans.Label
	Value keytrans.Hash
}

// Items are what the map consists of, as a store shows them at one moment.
type Items interface {
	// AppendBucket appends to dst the items whose labels begin with the 16 bits
	// of bucket (big-endian), in the order of their labels.
	AppendBucket(dst []Item, bucket uint16) ([]Item, error)
}

// ErrOrder reports a store that returns items out of order or of another bucket, or
// changes that name a label twice.
var ErrOrder = errors.New("prefixmap: items are out of order, twice or in the wrong bucket")

const (
	buckets    = 1 << 16
	pageBits   = 8 // the levels of a page
	pageLeaves = 1 << pageBits
)

// A page has the hashes of a tree of eight levels as a heap: node i has the children
// 2i and 2i+1, node 1 is the root, and nodes 256 and above are its leaves. Zeros stand for
// an empty subtree. A subtree of which one half is empty has the hash of its other half.
type page [2 * pageLeaves]mpt.Hash

// A Map is the upper tree of a map. Use Open or New. It never changes, and may be used
// concurrently.
type Map struct {
	top    *page
	bottom [pageLeaves]*page // nil for an empty subtree
	size   int64
}

// New returns the map without items.
func New() *Map { return &Map{top: new(page)} }

// Open computes the map of all items of a store.
func Open(items Items) (*Map, error) {
	m := New()
	var bucket []Item
	var leaves []mpt.Item
	for high := range pageLeaves {
		p := new(page)
		for low := range pageLeaves {
			var err error
			number := uint16(high<<pageBits | low)
			if bucket, err = readBucket(items, bucket[:0], number); err != nil {
				return nil, err
			}
			if len(bucket) > 0 {
				leaves = toLeaves(leaves[:0], bucket)
				p[pageLeaves+low] = mpt.Root(leaves)
				m.size += int64(len(bucket))
			}
		}
		for i := pageLeaves - 1; i > 0; i-- {
			p.update(i, pageBits)
		}
		if p[1] != (mpt.Hash{}) {
			m.bottom[high] = p
			m.top[pageLeaves+high] = p[1]
		}
	}
	for i := pageLeaves - 1; i > 0; i-- {
		m.top.update(i, 0)
	}
	return m, nil
}

// Root returns the hash of the map.
func (m *Map) Root() keytrans.Hash {
	if m.top[1] == (mpt.Hash{}) {
		return mpt.Empty
	}
	return m.top[1]
}

// Size returns the number of items.
func (m *Map) Size() int64 { return m.size }

// With returns the map after changes, which add items or replace their values. Items are
// those of m; the changes are in any order, and name no label twice.
func (m *Map) With(items Items, changes []Item) (*Map, error) {
	sorted := slices.Clone(changes)
	slices.SortFunc(sorted, compare)
	next := &Map{top: new(page), bottom: m.bottom, size: m.size}
	*next.top = *m.top
	touched := make(map[int]bool)
	for len(sorted) > 0 {
		number := bucketOf(sorted[0].Label)
		n := slices.IndexFunc(sorted, func(i Item) bool { return bucketOf(i.Label) != number })
		if n < 0 {
			n = len(sorted)
		}
		hash, grown, err := m.bucketWith(items, number, sorted[:n])
		if err != nil {
			return nil, err
		}
		next.set(number, hash, touched)
		next.size += int64(grown)
		sorted = sorted[n:]
	}
	return next, nil
}

// bucketWith returns the hash of a bucket after changes, and by how many items it grows.
func (m *Map) bucketWith(items Items, number uint16, changes []Item) (mpt.Hash, int, error) {
	old, err := readBucket(items, nil, number)
	if err != nil {
		return mpt.Hash{}, 0, err
	}
	merged, err := merge(old, changes)
	if err != nil {
		return mpt.Hash{}, 0, err
	}
	return mpt.Root(toLeaves(nil, merged)), len(merged) - len(old), nil
}

// set gives a bucket a hash. Touched has the pages that are not shared with another map.
func (m *Map) set(number uint16, hash mpt.Hash, touched map[int]bool) {
	high, low := int(number>>pageBits), int(number&(pageLeaves-1))
	if !touched[high] {
		touched[high] = true
		p := new(page)
		if m.bottom[high] != nil {
			*p = *m.bottom[high]
		}
		m.bottom[high] = p
	}
	p := m.bottom[high]
	p[pageLeaves+low] = hash
	for i := (pageLeaves + low) / 2; i > 0; i /= 2 {
		p.update(i, pageBits)
	}
	m.top[pageLeaves+high] = p[1]
	for i := (pageLeaves + high) / 2; i > 0; i /= 2 {
		m.top.update(i, 0)
	}
}

// update computes the hash of inner node i of a page whose root tells labels apart by
// their bit first.
func (p *page) update(i, first int) {
	left, right := &p[2*i], &p[2*i+1]
	switch empty := (mpt.Hash{}); {
	case *left == empty:
		p[i] = *right
	case *right == empty:
		p[i] = *left
	default:
		p[i] = mpt.InnerHash(first+level(i), left, right)
	}
}

// level returns how many levels a node of a heap lies below the root.
func level(i int) (n int) {
	for ; i > 1; i /= 2 {
		n++
	}
	return n
}

func bucketOf(l keytrans.Label) uint16 { return uint16(l[0])<<8 | uint16(l[1]) }

func compare(a, b Item) int { return bytes.Compare(a.Label[:], b.Label[:]) }

// readBucket reads a bucket and checks what the store returns.
func readBucket(items Items, dst []Item, number uint16) ([]Item, error) {
	bucket, err := items.AppendBucket(dst, number)
	if err != nil {
		return nil, fmt.Errorf("prefixmap: reading items: %w", err)
	}
	for i := range bucket {
		if bucketOf(bucket[i].Label) != number || i > 0 && compare(bucket[i-1], bucket[i]) >= 0 {
			return nil, ErrOrder
		}
	}
	return bucket, nil
}

// merge returns the items of a bucket after changes; both are sorted.
func merge(old, changes []Item) ([]Item, error) {
	merged := make([]Item, 0, len(old)+len(changes))
	for i, c := range changes {
		if i > 0 && compare(changes[i-1], c) == 0 {
			return nil, ErrOrder
		}
		at, replaces := slices.BinarySearchFunc(old, c, compare)
		merged = append(append(merged, old[:at]...), c)
		if replaces {
			at++
		}
		old = old[at:]
	}
	return append(merged, old...), nil
}

func toLeaves(dst []mpt.Item, bucket []Item) []mpt.Item {
	for i := range bucket {
		dst = append(dst, mpt.Item{Key: bucket[i].Label[:], Value: bucket[i].Value[:]})
	}
	return dst
}

// find returns the item of a label in a sorted bucket.
func find(bucket []Item, l keytrans.Label) (Item, bool) {
	at, ok := slices.BinarySearchFunc(bucket, l, func(i Item, l keytrans.Label) int { return bytes.Compare(i.Label[:], l[:]) })
	if !ok {
		return Item{}, false
	}
	return bucket[at], true
}
