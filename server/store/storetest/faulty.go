// SPDX-License-Identifier: AGPL-3.0-or-later

package storetest

import (
	"context"
	"sync"

	"github.com/securecrypt/securecrypt/server"
)

// Faulty is a store whose updates fail when they are told to, after their
// function has run and before anything is stored.
type Faulty struct {
	server.Store

	mu   sync.Mutex
	fail func(update int) error
	n    int
}

// NewFaulty wraps a store that works for now.
func NewFaulty(s server.Store) *Faulty { return &Faulty{Store: s} }

// Fail has updates, counted from 1 from now on, fail with what fn returns. A
// nil fn ends it.
func (f *Faulty) Fail(fn func(update int) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fail, f.n = fn, 0
}

func (f *Faulty) fault() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.n++
	if f.fail == nil {
		return nil
	}
	return f.fail(f.n)
}

// Update implements [server.Store].
func (f *Faulty) Update(ctx context.Context, fn func(server.WriteTx) error) error {
	fault := f.fault()
	return f.Store.Update(ctx, func(tx server.WriteTx) error {
		if err := fn(tx); err != nil {
			return err
		}
		return fault
	})
}
