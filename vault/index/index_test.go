// SPDX-License-Identifier: AGPL-3.0-or-later

package index

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"unsafe"

	"github.com/securecrypt/securecrypt/vault/keys"
	"github.com/securecrypt/securecrypt/vault/pack"
)

func TestTableFindsWhatWasSet(t *testing.T) {
	random := rand.NewChaCha8([32]byte{1})
	want := map[pack.ShortID]Place{}
	var table Table
	for i := range 100000 {
		var id pack.ShortID
		_, _ = random.Read(id[:]) // it never fails
		p := Place{uint32(i + 1), uint16(i), uint16(i >> 3)}
		table.Set(id, p)
		want[id] = p
		if i%5 == 0 {
			p.Pack++
			table.Set(id, p)
			want[id] = p
		}
	}
	if table.Len() != len(want) {
		t.Fatalf("%d chunks, want %d", table.Len(), len(want))
	}
	for id, p := range want {
		if got, ok := table.Get(id); !ok || got != p {
			t.Fatalf("%x is at %v, want %v", id, got, p)
		}
	}
	for range 1000 {
		var id pack.ShortID
		_, _ = random.Read(id[:])
		if _, ok := table.Get(id); ok {
			t.Fatalf("%x is there", id)
		}
	}
	if table.Reset(); table.Len() != 0 {
		t.Error("Reset left something")
	}
}

// TestTableIsSmall covers line 1 in part: 24 bytes a chunk, once the table has its
// size.
func TestTableIsSmall(t *testing.T) {
	if n := unsafe.Sizeof(slot{}); n != 20 {
		t.Errorf("a slot has %d bytes", n)
	}
	var table Table
	table.Reserve(1000000)
	if perChunk := float64(len(table.slots)*20) / 1e6; perChunk > 24.1 {
		t.Errorf("%.1f bytes a chunk", perChunk)
	}
}

func samplePage() *Page {
	return &Page{Sealed: [keys.SealedSize]byte{1}, Packs: []PackInfo{
		{Name: pack.Name{1}, Class: 2, Head: pack.Head{Epoch: 1, Salt: [32]byte{2}, Sealed: [keys.SealedSize]byte{1}},
			Table: pack.Table{{Kind: keys.KindData, Domain: 1, Stored: 3, Raw: 3, Chunks: []pack.Chunk{{ID: pack.ShortID{1}, Length: 3}}}}},
		{Name: pack.Name{2}, Class: 6, Head: pack.Head{Epoch: 1, Sealed: [keys.SealedSize]byte{1}}, Table: pack.Table{}},
	}}
}

func TestPagesComeBack(t *testing.T) {
	want := samplePage().Encode()
	p, err := ParsePage(want)
	if err != nil || len(p.Packs) != 2 || !bytes.Equal(p.Encode(), want) {
		t.Fatalf("%+v, %v", p, err)
	}
	for n := range want {
		if _, err := ParsePage(want[:n]); err == nil {
			t.Fatalf("%d of %d bytes are a page", n, len(want))
		}
	}
	if _, err := ParsePage(append(want, 0)); err == nil {
		t.Error("a byte behind a page")
	}
}

func FuzzParsePage(f *testing.F) {
	f.Add(samplePage().Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		if p, err := ParsePage(b); err == nil && !bytes.Equal(p.Encode(), b) {
			t.Error("a page is encoded otherwise")
		}
	})
}
