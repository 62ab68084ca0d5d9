// SPDX-License-Identifier: AGPL-3.0-or-later

package storagetest

import (
	"context"
	"errors"
	"sync"

	"github.com/securecrypt/securecrypt/vault/storage"
)

// ErrKilled is what a Faulty returns from its n-th call on.
var ErrKilled = errors.New("storagetest: the process was killed")

// Faulty passes calls to another storage until the n-th that would change
// something, and fails from then on, as if the process had been killed.
type Faulty struct {
	storage.Storage
	// FailAt is the number of the call that fails, counted from 1; 0 is none.
	FailAt int
	// After has the call that fails take effect: it was killed before the answer.
	After bool
	// Err is returned instead of ErrKilled, if it is not nil.
	Err error
	// Before, if not nil, is called before each change with its number.
	Before func(n int, name string)

	mu    sync.Mutex
	calls int // guarded by mu
	dead  bool
}

// Calls returns how many calls changed something, or tried to.
func (f *Faulty) Calls() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls
}

func (f *Faulty) failure() error {
	if f.Err != nil {
		return f.Err
	}
	return ErrKilled
}

func (f *Faulty) change(name string, call func() error) error {
	f.mu.Lock()
	f.calls++
	n, dead := f.calls, f.dead
	f.dead = f.dead || n == f.FailAt
	f.mu.Unlock()
	if f.Before != nil {
		f.Before(n, name)
	}
	switch {
	case dead, n == f.FailAt && !f.After:
		return f.failure()
	case n == f.FailAt:
		return errors.Join(f.failure(), call())
	}
	return call()
}

func (f *Faulty) alive() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.dead {
		return f.failure()
	}
	return nil
}

// Create implements storage.Storage.
func (f *Faulty) Create(ctx context.Context, name string, data []byte) error {
	return f.change(name, func() error { return f.Storage.Create(ctx, name, data) })
}

// Replace implements storage.Storage.
func (f *Faulty) Replace(ctx context.Context, name string, data []byte) error {
	return f.change(name, func() error { return f.Storage.Replace(ctx, name, data) })
}

// Delete implements storage.Storage.
func (f *Faulty) Delete(ctx context.Context, name string) error {
	return f.change(name, func() error { return f.Storage.Delete(ctx, name) })
}

// Sync implements storage.Storage.
func (f *Faulty) Sync(ctx context.Context) error {
	return f.change("", func() error { return f.Storage.Sync(ctx) })
}

// Read implements storage.Storage.
func (f *Faulty) Read(ctx context.Context, name string, offset, length int64) ([]byte, error) {
	if err := f.alive(); err != nil {
		return nil, err
	}
	return f.Storage.Read(ctx, name, offset, length)
}

// Size implements storage.Storage.
func (f *Faulty) Size(ctx context.Context, name string) (int64, error) {
	if err := f.alive(); err != nil {
		return 0, err
	}
	return f.Storage.Size(ctx, name)
}

// List implements storage.Storage.
func (f *Faulty) List(ctx context.Context, prefix string, each func(string, int64) error) error {
	if err := f.alive(); err != nil {
		return err
	}
	return f.Storage.List(ctx, prefix, each)
}
