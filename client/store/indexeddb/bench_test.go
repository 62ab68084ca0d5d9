// SPDX-License-Identifier: AGPL-3.0-or-later

//go:build js && wasm

package indexeddb_test

import (
	"bytes"
	"testing"

	"github.com/securecrypt/securecrypt/client/backend"
	"github.com/securecrypt/securecrypt/client/store/indexeddb"
)

// filled returns a store with many records of 1 KiB.
func filled(b *testing.B) *indexeddb.Store {
	b.Helper()
	s, err := indexeddb.Open(b.Context(), "bench", func() {})
	check(b, err)
	check(b, s.Update(func(tx backend.Tx) error {
		for i := range 10_000 {
			if err := tx.Put(append([]byte("m"), bytesOf(i)...), bytes.Repeat([]byte{byte(i)}, 1<<10)); err != nil {
				return err
			}
		}
		return nil
	}))
	check(b, s.Close()) // and what it remembers
	s, err = indexeddb.Open(b.Context(), "bench", func() {})
	check(b, err)
	b.Cleanup(func() { _ = s.Close() })
	return s
}

func check(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

func BenchmarkGet(b *testing.B) {
	s := filled(b)
	n := 0
	for b.Loop() {
		n = (n + 7919) % 10_000
		check(b, s.View(func(tx backend.Tx) error {
			_, err := tx.Get(append([]byte("m"), bytesOf(n)...))
			return err
		}))
	}
}

// The same few records again and again, as a conversation at work reads them.
func BenchmarkGetAgain(b *testing.B) {
	s := filled(b)
	n := 0
	for b.Loop() {
		n = (n + 1) % 100
		check(b, s.View(func(tx backend.Tx) error {
			_, err := tx.Get(append([]byte("m"), bytesOf(n)...))
			return err
		}))
	}
}

func benchmarkScan(b *testing.B, reverse bool, records int) {
	s := filled(b)
	for b.Loop() {
		left := records
		check(b, s.View(func(tx backend.Tx) error {
			return tx.Scan([]byte("m"), append([]byte("m"), bytesOf(5_000)...), reverse, func([]byte, []byte) (bool, error) {
				left--
				return left > 0, nil
			})
		}))
	}
}

func BenchmarkScan50(b *testing.B)          { benchmarkScan(b, false, 50) }
func BenchmarkScan50Reverse(b *testing.B)   { benchmarkScan(b, true, 50) }
func BenchmarkScan1000(b *testing.B)        { benchmarkScan(b, false, 1000) }
func BenchmarkScan1000Reverse(b *testing.B) { benchmarkScan(b, true, 1000) }

// An update like that of a message received: some reads, some writes.
func BenchmarkUpdate(b *testing.B) {
	s := filled(b)
	n := 0
	for b.Loop() {
		n = (n + 7919) % 10_000
		check(b, s.Update(func(tx backend.Tx) error {
			for i := range 10 {
				if _, err := tx.Get(append([]byte("m"), bytesOf((n+i)%10_000)...)); err != nil {
					return err
				}
			}
			for i := range 5 {
				if err := tx.Put(append([]byte("m"), bytesOf((n+i)%10_000)...), make([]byte, 1<<10)); err != nil {
					return err
				}
			}
			return nil
		}))
	}
}
