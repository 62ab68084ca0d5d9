// SPDX-License-Identifier: AGPL-3.0-or-later

package indexeddb

import (
	"bytes"
	"encoding/binary"
	"errors"
	"maps"
	"slices"
)

// A record is a key and its value.
type record struct {
	key, value []byte
}

// errRecord means that the database holds what this program did not write.
var errRecord = errors.New("a record is damaged")

// appendRecord appends what the database holds at a key: the length of the key
// in two bytes, the key, and the value. The key is in it so that many records
// can be had with one question.
func appendRecord(b []byte, key string, value []byte) []byte {
	b = binary.BigEndian.AppendUint16(b, uint16(len(key)))
	return append(append(b, key...), value...)
}

// parseRecord is the inverse. The record shares b.
func parseRecord(b []byte) (record, error) {
	if len(b) < 2 {
		return record{}, errRecord
	}
	n := int(binary.BigEndian.Uint16(b))
	if len(b) < 2+n {
		return record{}, errRecord
	}
	return record{b[2 : 2+n : 2+n], b[2+n:]}, nil
}

// A span is the keys from low up to, not including, high; a nil high is no
// bound.
type span struct {
	low, high []byte
}

// prefixed returns the span of all keys that begin with prefix.
func prefixed(prefix []byte) span {
	s := span{low: bytes.Clone(prefix)}
	for i := len(prefix) - 1; i >= 0; i-- {
		if prefix[i] != 0xff {
			s.high = bytes.Clone(prefix[:i+1])
			s.high[i]++
			break
		}
	}
	return s
}

func (s span) holds(key []byte) bool {
	return bytes.Compare(key, s.low) >= 0 && (s.high == nil || bytes.Compare(key, s.high) < 0)
}

func (s span) empty() bool { return s.high != nil && bytes.Compare(s.low, s.high) >= 0 }

// beyond returns what is left of the span after key, in either order.
func (s span) beyond(key []byte, reverse bool) span {
	if reverse {
		return span{low: s.low, high: key}
	}
	return span{low: append(bytes.Clone(key), 0), high: s.high}
}

// starting returns the span without what lies before from, in either order.
func (s span) starting(from []byte, reverse bool) span {
	switch {
	case !reverse && bytes.Compare(from, s.low) > 0:
		s.low = bytes.Clone(from)
	case reverse && (s.high == nil || bytes.Compare(from, s.high) < 0):
		s.high = append(bytes.Clone(from), 0)
	}
	return s
}

// An overlay is what an update has written so far; a nil value deletes.
type overlay map[string][]byte

func (o overlay) put(key, value []byte) { o[string(key)] = append([]byte{}, value...) }

func (o overlay) delete(key []byte) { o[string(key)] = nil }

// within returns the writes of a span in order.
func (o overlay) within(s span, reverse bool) []record {
	if len(o) == 0 {
		return nil
	}
	keys := slices.DeleteFunc(slices.Collect(maps.Keys(o)), func(k string) bool { return !s.holds([]byte(k)) })
	slices.Sort(keys)
	if reverse {
		slices.Reverse(keys)
	}
	all := make([]record, len(keys))
	for i, k := range keys {
		all[i] = record{[]byte(k), o[k]}
	}
	return all
}

// A source hands out records in order, a batch at a time; an empty batch is
// the end.
type source func() ([]record, error)

// merge calls fn for the records of base as the writes change them, until fn
// returns false. Both come in the same order.
func merge(base source, writes []record, reverse bool, fn func(key, value []byte) (bool, error)) error {
	var batch []record
	ended := false
	for {
		if len(batch) == 0 && !ended {
			var err error
			if batch, err = base(); err != nil {
				return err
			}
			ended = len(batch) == 0
		}
		if len(batch) == 0 && len(writes) == 0 {
			return nil
		}
		var next record
		next, batch, writes = first(batch, writes, reverse)
		if next.value == nil {
			continue // deleted
		}
		if more, err := fn(next.key, next.value); err != nil || !more {
			return err
		}
	}
}

// first takes the next record off base or writes; a write hides the record
// that it changes.
func first(base, writes []record, reverse bool) (next record, restBase, restWrites []record) {
	if len(writes) == 0 {
		return base[0], base[1:], writes
	}
	if len(base) == 0 {
		return writes[0], base, writes[1:]
	}
	order := bytes.Compare(base[0].key, writes[0].key)
	if reverse {
		order = -order
	}
	switch {
	case order < 0:
		return base[0], base[1:], writes
	case order == 0:
		base = base[1:]
	}
	return writes[0], base, writes[1:]
}
