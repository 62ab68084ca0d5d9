// SPDX-License-Identifier: AGPL-3.0-or-later

//go:build js && wasm

package indexeddb

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall/js"

	"github.com/securecrypt/securecrypt/client/backend"
	"github.com/securecrypt/securecrypt/internal/product/jsbridge"
)

const (
	version = 1
	table   = "records"
)

// ErrLost means that the browser took the store away while it was in use.
var ErrLost = errors.New("the browser closed the store, as when its data are deleted: reload the page")

// ErrInUse means that another tab or window did not let go of the store.
var ErrInUse = errors.New("the profile is open in another tab or window of this browser: close that first")

// Store is a client.Store in one IndexedDB database.
type Store struct {
	db     js.Value
	events []js.Func
	unlock func() // lets others open the store
	lost   atomic.Bool
	tell   func() // that it is lost
	cache  *cache // of what is committed

	// updating is held by an update from begin to end, reading by views for
	// reading and by the end of an update for writing: an update may be
	// computed, but not written, while somebody reads. updating comes first.
	updating sync.Mutex
	reading  sync.RWMutex
}

// failed says what could not be done, and what a person can do about it.
func failed(doing string, err error) error {
	switch {
	case jsbridge.Named(err, "QuotaExceededError"):
		err = fmt.Errorf("%w (%w)", backend.ErrFull, err)
	case jsbridge.Named(err, "InvalidStateError"):
		err = fmt.Errorf("%w (%w)", ErrLost, err)
	case jsbridge.Named(err, "SecurityError"):
		err = fmt.Errorf("the browser does not let this page keep data: allow it to, or leave private browsing (%w)", err)
	case jsbridge.Named(err, "UnknownError"):
		err = fmt.Errorf("the browser could not reach its own files; is the disk full or write-protected? Nothing is lost: make room, start the browser anew and try again (%w)", err)
	}
	return fmt.Errorf("indexeddb: %s: %w", doing, err)
}

// Open opens or creates the database called name. It waits until no other
// worker of this browser has it open, or ctx ends. If the browser takes it away
// later, lost is called, which must not block.
func Open(ctx context.Context, name string, lost func()) (*Store, error) {
	factory := js.Global().Get("indexedDB")
	if !jsbridge.Exists(factory) {
		return nil, errors.New("indexeddb: this browser does not let the page keep data: leave private browsing, or use another browser")
	}
	unlock, err := lock(ctx, "securecrypt store "+name)
	if err != nil {
		return nil, err
	}
	db, err := openDatabase(ctx, factory, name)
	if err != nil {
		unlock()
		return nil, failed("opening the store", err)
	}
	s := &Store{db: db, unlock: unlock, tell: lost, cache: newCache(cacheRoom)}
	s.listen()
	return s, nil
}

// Remove deletes the database called name and all that is in it, taking it
// away from whoever has it open.
func Remove(ctx context.Context, name string) error {
	request, err := jsbridge.Try(func() js.Value { return js.Global().Get("indexedDB").Call("deleteDatabase", name) })
	if err == nil {
		_, err = await(ctx, request)
	}
	if err != nil {
		return failed("deleting the store", err)
	}
	return nil
}

// openDatabase asks the browser for the database. If ctx ends first, it is
// closed as soon as it comes.
func openDatabase(ctx context.Context, factory js.Value, name string) (js.Value, error) {
	request, err := jsbridge.Try(func() js.Value { return factory.Call("open", name, version) })
	if err != nil {
		return js.Value{}, err
	}
	upgrade := js.FuncOf(func(js.Value, []js.Value) any {
		request.Get("result").Call("createObjectStore", table)
		return nil
	})
	request.Set("onupgradeneeded", upgrade)
	type opened struct {
		db  js.Value
		err error
	}
	done := make(chan opened, 1)
	go func() {
		defer upgrade.Release()
		db, err := await(context.Background(), request)
		if err == nil && ctx.Err() != nil {
			db.Call("close")
			err = ErrInUse
		}
		done <- opened{db, err}
	}()
	select {
	case o := <-done:
		return o.db, o.err
	case <-ctx.Done():
		return js.Value{}, ErrInUse
	}
}

// listen notices when the database is taken away. Whoever wants to delete it
// gets it at once: a person who erases a profile need not close tabs first.
func (s *Store) listen() {
	gone := js.FuncOf(func(js.Value, []js.Value) any {
		s.lost.Store(true)
		s.db.Call("close")
		s.tell()
		return nil
	})
	s.events = []js.Func{gone}
	s.db.Set("onversionchange", gone)
	s.db.Set("onclose", gone)
}

// View implements client.Store.
func (s *Store) View(fn func(backend.Tx) error) error {
	s.reading.RLock()
	defer s.reading.RUnlock()
	return fn(&tx{s: s})
}

// Update implements client.Store.
func (s *Store) Update(fn func(backend.Tx) error) error {
	s.updating.Lock()
	defer s.updating.Unlock()
	t := &tx{s: s, writes: overlay{}}
	if err := fn(t); err != nil {
		return err
	}
	if len(t.writes) == 0 {
		return nil
	}
	s.reading.Lock()
	defer s.reading.Unlock()
	if err := s.commit(t.writes); err != nil {
		return failed("saving", err)
	}
	for k, v := range t.writes {
		s.cache.set(k, v)
	}
	return nil
}

// Close implements client.Store.
func (s *Store) Close() error {
	s.updating.Lock()
	defer s.updating.Unlock()
	s.reading.Lock()
	defer s.reading.Unlock()
	if s.unlock == nil {
		return nil
	}
	s.lost.Store(true)
	s.db.Set("onversionchange", js.Null())
	s.db.Set("onclose", js.Null())
	s.db.Call("close")
	for _, f := range s.events {
		f.Release()
	}
	s.unlock()
	s.unlock = nil
	return nil
}

type tx struct {
	s      *Store
	writes overlay // nil in views
}

const maxKey = 1<<16 - 1 // bytes

var errReadOnly = errors.New("indexeddb: write in a read transaction")

func (t *tx) Get(key []byte) ([]byte, error) {
	if v, ok := t.writes[string(key)]; ok {
		if v == nil {
			return nil, nil
		}
		return append([]byte{}, v...), nil
	}
	v, known := t.s.cache.get(key)
	if t.s.lost.Load() || !known {
		var err error
		if v, err = t.s.get(key); err != nil {
			return nil, failed("reading", err)
		}
		t.s.cache.set(string(key), v)
	}
	if v == nil {
		return nil, nil
	}
	return append([]byte{}, v...), nil // the caller's own
}

// Fetch implements client.Fetcher.
func (t *tx) Fetch(keys [][]byte) error {
	var unknown [][]byte
	for _, key := range keys {
		if _, known := t.s.cache.get(key); !known {
			unknown = append(unknown, key)
		}
	}
	values, err := t.s.getMany(unknown)
	if err != nil {
		return failed("reading", err)
	}
	for i, key := range unknown {
		t.s.cache.set(string(key), values[i])
	}
	return nil
}

func (t *tx) Put(key, value []byte) error {
	if t.writes == nil {
		return errReadOnly
	}
	if len(key) > maxKey {
		return fmt.Errorf("indexeddb: a key of %d bytes is too long", len(key))
	}
	t.writes.put(key, value)
	return nil
}

func (t *tx) Delete(key []byte) error {
	if t.writes == nil {
		return errReadOnly
	}
	t.writes.delete(key)
	return nil
}

func (t *tx) Scan(prefix, from []byte, reverse bool, fn func(key, value []byte) (bool, error)) error {
	s := prefixed(prefix)
	if from != nil {
		s = s.starting(from, reverse)
	}
	return merge(t.s.batches(s, reverse), t.writes.within(s, reverse), reverse, fn)
}
