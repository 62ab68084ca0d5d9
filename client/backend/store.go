// SPDX-License-Identifier: AGPL-3.0-or-later

package backend

import "errors"

// ErrFull is wrapped by the errors of a Store that has no room. The update did
// not happen.
var ErrFull = errors.New("there is no room left on this device. Nothing is lost, but this was not saved: make room, then try again")

// A Store is where a client keeps its state: an ordered map from byte strings
// to byte strings. The client seals every value before it gets here, so a
// store sees keys (which name no person and no conversation) and ciphertext.
//
// A Store is used by many goroutines at once.
type Store interface {
	// View calls fn with a consistent snapshot. Writing to it fails.
	View(fn func(Tx) error) error
	// Update calls fn and makes all of its writes durable before it returns
	// nil. If fn or the store fails, none of them happened. Updates do not
	// overlap.
	Update(fn func(Tx) error) error
	// Close waits for what is under way and releases the store.
	Close() error
}

// A Tx reads and writes within one transaction. Slices handed in and out
// belong to the callee; they are not kept or changed.
type Tx interface {
	// Get returns the value of key, nil if there is none.
	Get(key []byte) ([]byte, error)
	// Put sets the value of key.
	Put(key, value []byte) error
	// Delete removes key; removing what is not there is no error. A store
	// overwrites what it deletes, as far as its medium lets it.
	Delete(key []byte) error
	// Scan calls fn for the keys that begin with prefix, in ascending order,
	// or descending if reverse, until fn returns false. It begins at from,
	// which is included if it is there, and leaves out what lies before it in
	// that order; from need not begin with prefix, and nil leaves out nothing.
	// It reads little more than it hands out, and fn may read, but not write.
	Scan(prefix, from []byte, reverse bool, fn func(key, value []byte) (more bool, err error)) error
}

// A Fetcher is a Tx to which one question about many records is cheaper than
// many about one.
type Fetcher interface {
	// Fetch reads what Get will be asked for next. Keys that have no record are
	// no error.
	Fetch(keys [][]byte) error
}
