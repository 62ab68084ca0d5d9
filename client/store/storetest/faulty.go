// SPDX-License-Identifier: AGPL-3.0-or-later

package storetest

import (
	"errors"
	"sync"

	"github.com/securecrypt/securecrypt/client/backend"
)

// ErrFault is what a faulty store fails with.
var ErrFault = errors.New("storetest: the disk failed")

// Faulty is a store that fails when it is told to. Without that it is the
// store that it wraps.
type Faulty struct {
	backend.Store

	mu       sync.Mutex // guards what follows
	next     int        // writes until the fault; 0 is never
	full     bool
	lie      bool
	failures int
}

// NewFaulty wraps a store.
func NewFaulty(s backend.Store) *Faulty { return &Faulty{Store: s} }

// FailAt makes the n-th write from now on fail, once: puts, deletes and the
// commit of a transaction count.
func (f *Faulty) FailAt(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.next = n
}

// Fill makes every write fail, as on a full disk, until it is taken back.
func (f *Faulty) Fill(full bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.full = full
}

// Lie makes the next commit fail although it is durable, as a disk does that
// loses its last acknowledgement.
func (f *Faulty) Lie() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lie = true
}

// Heal takes back all that was to fail.
func (f *Faulty) Heal() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.next, f.full, f.lie = 0, false, false
}

// Failures returns how often the store failed.
func (f *Faulty) Failures() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.failures
}

func (f *Faulty) write() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.next > 0 {
		f.next--
		if f.next == 0 {
			f.failures++
			return ErrFault
		}
	}
	if f.full {
		f.failures++
		return ErrFault
	}
	return nil
}

func (f *Faulty) lies() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	lie := f.lie
	f.lie = false
	if lie {
		f.failures++
	}
	return lie
}

// Update implements client.Store.
func (f *Faulty) Update(fn func(backend.Tx) error) error {
	err := f.Store.Update(func(tx backend.Tx) error {
		if err := fn(&faultyTx{tx, f}); err != nil {
			return err
		}
		return f.write()
	})
	if err == nil && f.lies() {
		return ErrFault
	}
	return err
}

type faultyTx struct {
	backend.Tx
	f *Faulty
}

func (t *faultyTx) Put(key, value []byte) error {
	if err := t.f.write(); err != nil {
		return err
	}
	return t.Tx.Put(key, value)
}

func (t *faultyTx) Delete(key []byte) error {
	if err := t.f.write(); err != nil {
		return err
	}
	return t.Tx.Delete(key)
}
