// SPDX-License-Identifier: AGPL-3.0-or-later

//go:build js && wasm

package indexeddb_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/client/backend"
	"github.com/securecrypt/securecrypt/client/store/indexeddb"
)

// The parts that tests of browser_test.go are made of, each in a worker of its
// own, on the same database.

func openPart(t *testing.T) *indexeddb.Store {
	t.Helper()
	s, err := indexeddb.Open(t.Context(), "part", func() {})
	must(t, err)
	return s
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func number(b []byte) int {
	if len(b) < 8 {
		return 0
	}
	return int(binary.BigEndian.Uint64(b))
}

func bytesOf(n int) []byte { return binary.BigEndian.AppendUint64(nil, uint64(n)) }

func get(t *testing.T, tx backend.Tx, key string) []byte {
	t.Helper()
	v, err := tx.Get([]byte(key))
	must(t, err)
	return v
}

// add writes one more value of 1 MiB and counts it.
func add(t *testing.T, s *indexeddb.Store) (n int, err error) {
	value := make([]byte, 1<<20)
	_, _ = rand.Read(value)
	err = s.Update(func(tx backend.Tx) error {
		n = number(get(t, tx, "count")) + 1
		return errors.Join(tx.Put([]byte("count"), bytesOf(n)), tx.Put(append([]byte("value"), bytesOf(n)...), value))
	})
	return n, err
}

// values checks that there are as many values as are counted.
func values(t *testing.T, s *indexeddb.Store) (n int) {
	t.Helper()
	must(t, s.View(func(tx backend.Tx) error {
		err := tx.Scan([]byte("value"), nil, false, func(_, v []byte) (bool, error) {
			n++
			if len(v) != 1<<20 {
				t.Errorf("value %d has %d bytes", n, len(v))
			}
			return true, nil
		})
		if count := number(get(t, tx, "count")); count != n {
			t.Errorf("%d values, but %d were counted", n, count)
		}
		return err
	}))
	return n
}

func TestPartFill(t *testing.T) {
	s := openPart(t)
	defer func() { _ = s.Close() }()
	for range 100 {
		n, err := add(t, s)
		if err == nil {
			continue
		}
		if !errors.Is(err, backend.ErrFull) || !strings.Contains(err.Error(), "no room") {
			t.Errorf("a full device: %v", err)
		}
		if there := values(t, s); there != n-1 || n < 3 {
			t.Errorf("after the update of %d had failed, %d were there", n, there)
		}
		return
	}
	t.Error("the device was never full")
}

func TestPartGoOn(t *testing.T) {
	s := openPart(t)
	defer func() { _ = s.Close() }()
	before := values(t, s)
	_, err := add(t, s)
	must(t, err)
	if after := values(t, s); after != before+1 || before < 2 {
		t.Errorf("%d values, then %d", before, after)
	}
}

// rows is how many pairs there are of which one update writes one, and moves
// a third record.
const rows = 50

func TestPartWrite(t *testing.T) {
	s := openPart(t)
	for {
		n := 0
		must(t, s.Update(func(tx backend.Tx) error {
			n = number(get(t, tx, "n")) + 1
			value := bytes.Repeat(bytesOf(n), 1000)
			row := strconv.Itoa(n % rows)
			return errors.Join(
				tx.Put([]byte("a"+row), value), tx.Put([]byte("n"), bytesOf(n)), tx.Put([]byte("b"+row), value),
				tx.Delete(append([]byte("c"), bytesOf(n-1)...)), tx.Put(append([]byte("c"), bytesOf(n)...), nil),
			)
		}))
		fmt.Println("saved", n)
	}
}

func TestPartWhole(t *testing.T) {
	s := openPart(t)
	defer func() { _ = s.Close() }()
	saved, err := strconv.Atoi(os.Getenv("SAVED"))
	must(t, err)
	must(t, s.View(func(tx backend.Tx) error {
		n := number(get(t, tx, "n"))
		if n < saved || saved == 0 {
			t.Errorf("update %d was acknowledged, %d is the last", saved, n)
		}
		for i := max(0, n-rows+1); i <= n; i++ {
			row := strconv.Itoa(i % rows)
			want := bytes.Repeat(bytesOf(i), 1000)
			if i > 0 && (!bytes.Equal(get(t, tx, "a"+row), want) || !bytes.Equal(get(t, tx, "b"+row), want)) {
				t.Errorf("of update %d only a part is there", i)
			}
		}
		moved := 0
		err := tx.Scan([]byte("c"), nil, false, func(k, _ []byte) (bool, error) {
			if moved++; number(k[1:]) != n {
				t.Errorf("update %d is the last, %d moved", n, number(k[1:]))
			}
			return true, nil
		})
		if moved != 1 {
			t.Errorf("%d records for one that moves", moved)
		}
		return err
	}))
}

func TestPartHold(t *testing.T) {
	openPart(t)
	fmt.Println("held")
	<-t.Context().Done() // the page is left
}

func TestPartWait(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := indexeddb.Open(ctx, "part", func() {}); !errors.Is(err, indexeddb.ErrInUse) {
		t.Fatalf("a store in use: %v", err)
	}
	fmt.Println("refused")
	must(t, openPart(t).Close())
}
