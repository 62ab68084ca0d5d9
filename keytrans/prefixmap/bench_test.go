// SPDX-License-Identifier: Apache-2.0

package prefixmap

import (
	"crypto/sha256"
	"encoding/binary"
	"flag"
	"testing"
)

var accounts = flag.Int("prefixmap.accounts", 1_000_000, "size of the map in benchmarks")

func label(i int) Item {
	return Item{Label: sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(i)))}
}

func bench(b *testing.B) (*Map, *Memory) {
	b.Helper()
	items := new(Memory)
	for i := range *accounts {
		items.Set(label(i))
	}
	m, err := Open(items)
	if err != nil {
		b.Fatal(err)
	}
	return m, items
}

// BenchmarkOpen computes a map from its items, as a server does when it starts.
func BenchmarkOpen(b *testing.B) {
	_, items := bench(b)
	for b.Loop() {
		if _, err := Open(items); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkProve makes the proof of a lookup.
func BenchmarkProve(b *testing.B) {
	m, items := bench(b)
	for i := 0; b.Loop(); i++ {
		if _, err := m.Prove(items, label(i%(2**accounts)).Label); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkWith stages 2,000 new accounts, as of one second, and reports the time for each.
func BenchmarkWith(b *testing.B) {
	m, items := bench(b)
	changes := make([]Item, 2000)
	for i := range changes {
		changes[i] = label(*accounts + i)
	}
	for b.Loop() {
		if _, err := m.With(items, changes); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/2000, "µs/change")
}
