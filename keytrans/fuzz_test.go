// SPDX-License-Identifier: Apache-2.0

package keytrans_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/keytrans"
)

// fuzzFormat has a decoder refuse what it would not encode. Seeds are golden files.
func fuzzFormat(f *testing.F, name string) {
	seeds := 0
	t := new(testing.T)
	for golden, b := range goldens(t) {
		if format(golden) == name {
			f.Add(b)
			seeds++
		}
	}
	if seeds == 0 {
		f.Fatal("no seeds")
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		again, err := reencode[name](b)
		if err == nil && !bytes.Equal(again, b) {
			t.Errorf("a value has two encodings: %x", again)
		}
	})
}

func FuzzLeaf(f *testing.F)     { fuzzFormat(f, "leaf") }
func FuzzValue(f *testing.F)    { fuzzFormat(f, "value") }
func FuzzHead(f *testing.F)     { fuzzFormat(f, "head") }
func FuzzProof(f *testing.F)    { fuzzFormat(f, "proof") }
func FuzzRecord(f *testing.F)   { fuzzFormat(f, "record") }
func FuzzFrontier(f *testing.F) { fuzzFormat(f, "frontier") }
func FuzzBundle(f *testing.F)   { fuzzFormat(f, "entry-bundle") }

func FuzzTlogProof(f *testing.F) {
	f.Add(goldens(new(testing.T))["tlog-proof"])
	f.Fuzz(func(t *testing.T, b []byte) {
		if again, err := reencode["tlog-proof"](b); err == nil && !bytes.Equal(again, b) && !bytes.Contains(b, []byte("\nextra ")) {
			t.Error("a proof has two encodings")
		}
	})
}

func FuzzCheckpoint(f *testing.F) {
	l := newLog()
	f.Add(l.NewestHead(start).Checkpoint)
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := l.Policy.OpenCheckpoint(b)
		if err != nil {
			return
		}
		if s.Checkpoint() != l.Checkpoint(3) {
			t.Errorf("the log never signed %+v", s.Checkpoint())
		}
	})
}

func FuzzPolicy(f *testing.F) {
	key := newLog().VRF.Public().Bytes()
	f.Add([]byte(sound))
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := keytrans.NewPolicy(keytrans.PolicyParams{Number: 1, Text: text, VRFKey: key})
		if err == nil && p.Origin() == "" {
			t.Error("a policy without a log")
		}
	})
}

func FuzzVerifierKey(f *testing.F) {
	f.Add(cosigner("w1.example"))
	f.Add(vkey("w1.example", keytrans.CosignatureMLDSA44))
	f.Fuzz(func(t *testing.T, text string) {
		if k, err := keytrans.ParseVerifierKey(text); err == nil && k.String() != text {
			t.Errorf("a key has two encodings: %q", k)
		}
	})
}

func FuzzTilePath(f *testing.F) {
	f.Add("tile/0/x001/234.p/5")
	f.Add("tile/entries/000")
	f.Fuzz(func(t *testing.T, path string) {
		if tile, err := keytrans.ParseTilePath(path); err == nil && keytrans.TilePath(tile) != path {
			t.Errorf("a tile has two paths: %q", keytrans.TilePath(tile))
		}
	})
}

// FuzzVerify changes a proof that is accepted: what is accepted still must say the same.
func FuzzVerify(f *testing.F) {
	l := newLog()
	f.Add(l.Lookup(alice, l.NewestHead(start)).Marshal())
	f.Add(l.Lookup(bob, l.NewestHead(start)).Marshal())
	want := l.Values[l.Label(alice)]
	f.Fuzz(func(t *testing.T, b []byte) {
		u, err := keytrans.Query{Name: alice}.Parse(b)
		if err != nil {
			return
		}
		entry, err := keytrans.Verify(u, l.Policy, start.Add(time.Minute))
		if err != nil {
			return
		}
		if v, there := entry.Value(); !there || v != want {
			t.Errorf("alice has the entry %+v", v)
		}
	})
}
