// SPDX-License-Identifier: AGPL-3.0-or-later

//go:build js && wasm

package indexeddb_test

import (
	"errors"
	"fmt"
	"strings"
	"syscall/js"
	"testing"

	"github.com/securecrypt/securecrypt/client/backend"
	"github.com/securecrypt/securecrypt/client/store/indexeddb"
	"github.com/securecrypt/securecrypt/client/store/storetest"
)

func open(t *testing.T) *indexeddb.Store {
	t.Helper()
	s, err := indexeddb.Open(t.Context(), t.Name(), func() {})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestConformance(t *testing.T) {
	storetest.Run(t, true, func(t *testing.T) backend.Store { return open(t) })
}

// Where the browser hands out single records alone in descending order.
func TestConformanceWithCursors(t *testing.T) {
	records := js.Global().Get("IDBObjectStore").Get("prototype")
	many := records.Get("getAllRecords")
	if many.IsUndefined() {
		t.Skip("this browser always uses cursors in descending order")
	}
	records.Delete("getAllRecords")
	defer records.Set("getAllRecords", many)
	storetest.Run(t, true, func(t *testing.T) backend.Store { return open(t) })
}

func TestFaultyWrapperConforms(t *testing.T) {
	storetest.Run(t, true, func(t *testing.T) backend.Store { return storetest.NewFaulty(open(t)) })
}

// Who erases a profile gets it at once; whoever still uses it is told.
func TestRemovedStoresAreLost(t *testing.T) {
	lost := make(chan bool, 1)
	s, err := indexeddb.Open(t.Context(), t.Name(), func() { lost <- true })
	must(t, err)
	put := func(tx backend.Tx) error { return tx.Put([]byte("k"), []byte("v")) }
	must(t, s.Update(put))
	must(t, indexeddb.Remove(t.Context(), t.Name()))
	<-lost
	if err := s.Update(put); !errors.Is(err, indexeddb.ErrLost) {
		t.Errorf("writing: %v", err)
	}
	err = s.View(func(tx backend.Tx) error {
		_, err := tx.Get([]byte("k"))
		return err
	})
	if !errors.Is(err, indexeddb.ErrLost) {
		t.Errorf("reading: %v", err)
	}
	must(t, s.Close())
	must(t, s.Close()) // once more is no error
	s = open(t)
	defer func() { _ = s.Close() }()
	must(t, s.View(func(tx backend.Tx) error {
		return tx.Scan(nil, nil, false, func(k, _ []byte) (bool, error) { return false, fmt.Errorf("%q is still there", k) })
	}))
}

// A view sees one state, however long it lasts and however much is written
// meanwhile; what is written is there afterwards.
func TestViewsAreSnapshots(t *testing.T) {
	s := open(t)
	defer func() { _ = s.Close() }()
	set := func(v byte) error {
		return s.Update(func(tx backend.Tx) error {
			for i := range byte(200) {
				if err := tx.Put([]byte{i}, []byte{v}); err != nil {
					return err
				}
			}
			return nil
		})
	}
	must(t, set(1))
	written := make(chan error, 1)
	began := make(chan struct{})
	must(t, s.View(func(tx backend.Tx) error {
		return tx.Scan(nil, nil, false, func(k, v []byte) (bool, error) {
			if k[0] == 0 {
				go func() {
					close(began)
					written <- set(2)
				}()
				<-began
			}
			if v[0] != 1 {
				t.Errorf("%d is %d", k[0], v[0])
			}
			return true, nil
		})
	}))
	must(t, <-written)
	must(t, s.View(func(tx backend.Tx) error {
		v, err := tx.Get([]byte{199})
		if err == nil && v[0] != 2 {
			t.Errorf("afterwards it is %d", v[0])
		}
		return err
	}))
}

func TestBrowsersThatKeepNothingSaySo(t *testing.T) {
	object := js.Global().Get("Object")
	for name, hide := range map[string]js.Value{"indexedDB": js.Global(), "locks": js.Global().Get("navigator")} {
		object.Call("defineProperty", hide, name, map[string]any{"value": js.Undefined(), "configurable": true})
		_, err := indexeddb.Open(t.Context(), t.Name(), func() {})
		js.Global().Get("Reflect").Call("deleteProperty", hide, name)
		if err == nil || !strings.Contains(err.Error(), "browser") {
			t.Errorf("without %s: %v", name, err)
		}
	}
}
