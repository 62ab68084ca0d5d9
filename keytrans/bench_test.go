// SPDX-License-Identifier: Apache-2.0

package keytrans_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/securecrypt/securecrypt/keytrans"
	"github.com/securecrypt/securecrypt/keytrans/logtest"
	"github.com/securecrypt/securecrypt/keytrans/prefixmap"
)

// pathOf returns a path of a number of steps, as long as one in a map of 2^steps accounts.
func pathOf(steps int) []byte { return make([]byte, steps*33) }

// A scale is a log of which sizes are computed, not stored.
type scale struct {
	name   string
	cosign keytrans.Algorithm
	limit  int // for a first lookup, in bytes
}

// atScale returns a proof as long as one in a log of 10 million accounts, and of 40 million
// leaves: the paths have the length of the deepest of 4 labels, the hashes in them are zero.
func atScale(cosign keytrans.Algorithm) *keytrans.UnverifiedProof {
	l := logtest.New("example.org/log")
	if cosign == keytrans.CosignatureMLDSA44 {
		l = logtest.NewMLDSA("example.org/log")
		l.Keys = l.Keys[:1]
	}
	fill(l)
	c := l.Checkpoint(3)
	c.Size = 40_000_000
	value := keytrans.Value{Head: hash(1), Statements: 12, Counter: 9, State: keytrans.Active}
	root := keytrans.Root{Time: start.Unix(), First: c.Size - 3, Size: 10_000_000, Map: hash(1), Config: hash(2)}
	return &keytrans.UnverifiedProof{
		Head: &keytrans.UnverifiedHead{
			Checkpoint: l.Sign(c, start, l.Witnesses[0], l.Witnesses[1], l.Auditor),
			Root:       root.Marshal(), Inclusion: make([]tlog.Hash, 26),
		},
		VRFProof: make([]byte, keytrans.VRFProofSize), Value: &value, Path: pathOf(deepest()),
	}
}

// deepest returns the length of the path of the deepest of 4 labels among 10 million: a
// sparse map of the 2^16 labels that share a prefix with each.
func deepest() int {
	const accounts, others = 10_000_000, 4
	longest := 0
	for i := range others {
		label := sha256.Sum256(binary.BigEndian.AppendUint64([]byte("label"), uint64(i)))
		// Labels that share the first 8 bits: enough to find all steps but the first 8, which
		// are full at this number of accounts.
		subtree := [][]byte{label[1:]}
		for j := range accounts / 256 {
			other := sha256.Sum256(binary.BigEndian.AppendUint64([]byte("other"), uint64(i*accounts+j)))
			subtree = append(subtree, slices.Clone(other[1:]))
		}
		longest = max(longest, 8+depth(subtree, label[1:]))
	}
	return longest
}

// depth returns the number of inner nodes above a key in the tree of keys.
func depth(keys [][]byte, key []byte) (n int) {
	for bit := 0; len(keys) > 1; bit++ {
		side := func(k []byte) bool { return k[bit/8]>>(7-bit%8)&1 == key[bit/8]>>(7-bit%8)&1 }
		var same [][]byte
		for _, k := range keys {
			if side(k) {
				same = append(same, k)
			}
		}
		if len(same) < len(keys) {
			n++
		}
		keys = same
	}
	return n
}

// TestSizes holds the lengths of proofs at 10 million accounts below their limits.
func TestSizes(t *testing.T) {
	for _, s := range []scale{
		{"three Ed25519 cosignatures", keytrans.CosignatureEd25519, 3 << 10},
		{"three ML-DSA-44 cosignatures", keytrans.CosignatureMLDSA44, 13 << 10},
	} {
		t.Run(s.name, func(t *testing.T) {
			u := atScale(s.cosign)
			first := len(u.Marshal())
			growth := slices.Clone(u.Head.Growth)
			u.Head.Growth = make([]tlog.Hash, 27)
			grown := len(u.Marshal())
			u.Head.Growth = growth
			head := u.Head
			u.Head, u.HeadSize = nil, 40_000_000
			held := len(u.Marshal())
			u.VRFProof = nil
			t.Logf("path of %d steps; first lookup %d bytes (with growth %d), under a held head %d, of a known name %d; the head %d",
				len(u.Path)/33, first, grown, held, len(u.Marshal()), len(head.Marshal()))
			if first > s.limit {
				t.Errorf("a first lookup takes %d bytes, more than %d", first, s.limit)
			}
			if held > 1280 {
				t.Errorf("a lookup under a held head takes %d bytes, more than 1280", held)
			}
		})
	}
}

// bigLog returns a log of many accounts, with the head that all cosigned.
func bigLog(b *testing.B, l *logtest.Log, accounts int) *logtest.Log {
	b.Helper()
	items := make([]prefixmap.Item, accounts)
	for i := range items {
		items[i].Label = sha256.Sum256(fmt.Appendf(nil, "label %d", i))
	}
	l.Items.Set(items...)
	m, err := prefixmap.Open(l.Items)
	if err != nil {
		b.Fatal(err)
	}
	l.Map = m
	return fill(l)
}

func benchVerify(b *testing.B, l *logtest.Log, query func() keytrans.Query, head *keytrans.UnverifiedHead) {
	proof := l.Lookup(alice, head).Marshal()
	b.ReportMetric(float64(len(proof)), "bytes")
	for b.Loop() {
		u, err := query().Parse(proof)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := keytrans.Verify(u, l.Policy, start); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkVerify verifies lookups in a map of 100,000 accounts.
func BenchmarkVerify(b *testing.B) {
	for name, l := range map[string]*logtest.Log{"Ed25519": logtest.New("example.org/log"), "MLDSA44": logtest.NewMLDSA("example.org/log")} {
		bigLog(b, l, 100_000)
		b.Run(name+"/first", func(b *testing.B) {
			benchVerify(b, l, func() keytrans.Query { return keytrans.Query{Name: alice} }, l.NewestHead(start))
		})
	}
	l := bigLog(b, logtest.New("example.org/log"), 100_000)
	held, err := l.Policy.VerifyHead(l.NewestHead(start), nil, start)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("same", func(b *testing.B) {
		stored, err := keytrans.ParseHead(held.Marshal())
		if err != nil {
			b.Fatal(err)
		}
		benchVerify(b, l, func() keytrans.Query { return keytrans.Query{Name: alice, Held: held} }, stored)
	})
	b.Run("held", func(b *testing.B) {
		benchVerify(b, l, func() keytrans.Query { return keytrans.Query{Name: alice, Held: held} }, nil)
	})
}

// TestSizesAreThoseOfMaps compares the length of paths that TestSizes assumes with that of a
// real map.
func TestSizesAreThoseOfMaps(t *testing.T) {
	const accounts = 1 << 14
	items := new(prefixmap.Memory)
	all := make([]prefixmap.Item, accounts)
	for i := range all {
		all[i].Label = sha256.Sum256(fmt.Appendf(nil, "label %d", i))
	}
	items.Set(all...)
	m, err := prefixmap.Open(items)
	ok(t, err)
	keys := make([][]byte, accounts)
	for i := range all {
		keys[i] = all[i].Label[:]
	}
	sum := 0
	for i := range 100 {
		p, err := m.Prove(items, all[i].Label)
		ok(t, err)
		if want := depth(keys, keys[i]); len(p.Path) != 33*want {
			t.Fatalf("a path of %d bytes for %d steps", len(p.Path), want)
		}
		sum += len(p.Path) / 33
	}
	// A random tree of n leaves has paths of log2(n) + 0.33 steps on average.
	if mean := float64(sum) / 100; math.Abs(mean-14.33) > 0.5 || bytes.Equal(keys[0], keys[1]) {
		t.Errorf("paths have %.2f steps on average", mean)
	}
}
