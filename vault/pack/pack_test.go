// SPDX-License-Identifier: AGPL-3.0-or-later

package pack

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"testing"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/vault/keys"
)

func newRing(t testing.TB) *keys.Keyring {
	t.Helper()
	secret, err := account.NewRecoverySecret(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c, r, err := keys.NewConfig(secret)
	if err != nil {
		t.Fatal(err)
	}
	d, err := keys.NewDevice()
	if err != nil {
		t.Fatal(err)
	}
	k, _, err := keys.New(c, r, d.KEM.PublicKey())
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func frameOf(t testing.TB, seed, size int) Frame {
	t.Helper()
	z, err := NewCompressor(LevelDefault)
	if err != nil {
		t.Fatal(err)
	}
	raw := make([]byte, size)
	_, _ = mathrand.NewChaCha8([32]byte{byte(seed)}).Read(raw) // it never fails
	if seed%2 == 1 {
		raw = bytes.Repeat([]byte("compressible "), size/13+1)[:size]
	}
	return z.Compress(FrameInfo{Kind: keys.KindData, Domain: keys.DomainFiles, Chunks: []Chunk{{ShortID{byte(seed)}, uint32(size)}}}, raw)
}

// sealOf makes a pack of frames with so many bytes in all.
func sealOf(t testing.TB, s *keys.Session, size int) *Sealed {
	t.Helper()
	b := new(Builder)
	for i := 0; size > 0; i += 2 {
		n := min(size, MaxFrame)
		f := frameOf(t, i%200, n)
		if !b.Fits(&f) {
			t.Fatalf("%d bytes more do not fit", size)
		}
		b.Add(f)
		size -= n
	}
	sealed, err := b.Seal(s)
	if err != nil {
		t.Fatal(err)
	}
	return sealed
}

func TestEveryClassOpensAndRepairs(t *testing.T) {
	k := newRing(t)
	s, err := k.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	random := mathrand.New(mathrand.NewPCG(1, 1))
	for i, class := range Classes {
		t.Run(fmt.Sprint(class.Segments), func(t *testing.T) {
			size := class.capacity() - 4096
			if i == len(Classes)-1 {
				size = Classes[i-1].capacity() + 1
			}
			sealed := sealOf(t, s, size)
			if int64(len(sealed.Data)) != class.Size() {
				t.Fatalf("%d bytes became a pack of %d", size, len(sealed.Data))
			}
			p, err := Open(sealed.Name, sealed.Data, nil, k.OpenSession)
			if err != nil || p.Bad || p.Damaged > 0 {
				t.Fatalf("opening: %v, %+v", err, p)
			}
			for f := range p.Table {
				if !bytes.Equal(p.Stored(&p.Table[f]), frameByRange(t, sealed, f, k.OpenSession)) {
					t.Fatalf("frame %d differs", f)
				}
			}
			rounds := 4
			if testing.Short() {
				rounds = 1
			}
			for range rounds {
				data := bytes.Clone(sealed.Data)
				for _, segment := range random.Perm(class.Segments)[:class.Parity] {
					data[segment*SegmentSize+random.IntN(SegmentSize)] ^= 0x40
				}
				p, err := Open(sealed.Name, data, nil, k.OpenSession)
				if err != nil || !p.Bad || !bytes.Equal(p.Repaired, sealed.Data) {
					t.Fatalf("repairing: %v", err)
				}
			}
			data := bytes.Clone(sealed.Data)
			for _, segment := range random.Perm(class.Data)[:class.Parity+1] {
				data[segment*SegmentSize+random.IntN(SegmentSize)] ^= 0x40
			}
			if _, err := Open(sealed.Name, data, nil, k.OpenSession); !errors.Is(err, ErrDamaged) {
				t.Fatalf("damage beyond the parity: %v", err)
			}
		})
	}
}

// frameByRange reads a frame from the segments that hold it, and from no others.
func frameByRange(t *testing.T, s *Sealed, number int, sessions Sessions) []byte {
	t.Helper()
	class, err := ClassOf(int64(len(s.Data)))
	if err != nil {
		t.Fatal(err)
	}
	o, err := NewOpener(class, &s.Head, sessions)
	if err != nil {
		t.Fatal(err)
	}
	first, count := o.Span(&s.Table[number])
	b, err := o.Frame(&s.Table[number], s.Data[first*SegmentSize:(first+count)*SegmentSize])
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestTheTableIsReadFromTheEnd(t *testing.T) {
	k := newRing(t)
	s, err := k.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	z, err := NewCompressor(LevelDefault)
	if err != nil {
		t.Fatal(err)
	}
	b := new(Builder)
	for range 3 { // a table of several segments
		info := FrameInfo{Kind: keys.KindTree, Domain: keys.DomainFiles}
		for i := range MaxChunks {
			info.Chunks = append(info.Chunks, Chunk{ShortID{byte(i), byte(i >> 8)}, 1})
		}
		f := z.Compress(info, make([]byte, MaxChunks))
		if !b.Fits(&f) {
			t.Fatal("three full frames do not fit")
		}
		b.Add(f)
	}
	sealed, err := b.Seal(s)
	if err != nil {
		t.Fatal(err)
	}
	class, err := ClassOf(int64(len(sealed.Data)))
	if err != nil {
		t.Fatal(err)
	}
	tail := func(n int) []byte { return sealed.Data[(class.Data-n)*SegmentSize : class.Data*SegmentSize] }
	_, table, need, err := ParseTail(class, tail(1), k.OpenSession)
	if err != nil || table != nil || need < 2 {
		t.Fatalf("from one segment: %v, %d are needed", err, need)
	}
	_, table, _, err = ParseTail(class, tail(need), k.OpenSession)
	if err != nil || !bytes.Equal(AppendTable(nil, table), AppendTable(nil, sealed.Table)) {
		t.Fatalf("from %d segments: %v", need, err)
	}
}

// TestNoLengthShows: packs of one byte and of many have the same size and nothing
// in clear but the head.
func TestNoLengthShows(t *testing.T) {
	k := newRing(t)
	s, err := k.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	a, b := sealOf(t, s, 1), sealOf(t, s, 150000)
	if len(a.Data) != len(b.Data) {
		t.Fatalf("%d and %d bytes", len(a.Data), len(b.Data))
	}
	same := 0
	for i := range a.Data {
		if a.Data[i] == b.Data[i] {
			same++
		}
	}
	// The heads agree but for the salts; elsewhere one byte in 256 does by chance.
	if want := 2*(headSize-saltSize) + len(a.Data)/256; same > want+300 {
		t.Errorf("%d bytes agree, and chance explains %d", same, want)
	}
}

func TestRefusedTables(t *testing.T) {
	good := Table{{Kind: keys.KindData, Domain: 1, Codec: CodecRaw, Stored: 3, Raw: 3, Chunks: []Chunk{{ShortID{1}, 1}, {ShortID{2}, 2}}}}
	if _, err := ParseTable(AppendTable(nil, good)); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*FrameInfo){
		"kind":                func(f *FrameInfo) { f.Kind = 9 },
		"domain":              func(f *FrameInfo) { f.Domain = 0 },
		"codec":               func(f *FrameInfo) { f.Codec = 7 },
		"raw of another size": func(f *FrameInfo) { f.Stored = 4 },
		"zstd that grew":      func(f *FrameInfo) { f.Codec = CodecZstd },
		"nothing stored":      func(f *FrameInfo) { f.Codec, f.Stored = CodecZstd, 0 },
		"longer than a frame": func(f *FrameInfo) {
			f.Codec, f.Raw, f.Chunks = CodecZstd, MaxFrame+1, []Chunk{{ShortID{}, MaxFrame + 1}}
		},
		"an empty chunk":       func(f *FrameInfo) { f.Chunks = []Chunk{{ShortID{}, 3}, {ShortID{}, 0}} },
		"chunks that are less": func(f *FrameInfo) { f.Chunks = f.Chunks[:1] },
		"no chunks":            func(f *FrameInfo) { f.Chunks = nil },
	} {
		f := good[0]
		change(&f)
		if _, err := ParseTable(AppendTable(nil, Table{f})); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := ParseTable(append(AppendTable(nil, good), 0)); !errors.Is(err, ErrFormat) {
		t.Errorf("a byte too many: %v", err)
	}
}

func FuzzParseTable(f *testing.F) {
	f.Add(AppendTable(nil, Table{{Kind: keys.KindData, Domain: 1, Stored: 3, Raw: 3, Chunks: []Chunk{{ShortID{1}, 3}}}}))
	f.Add([]byte{0, 0, 0, 0})
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		table, err := ParseTable(b)
		if err == nil && !bytes.Equal(AppendTable(nil, table), b) {
			t.Errorf("%x is accepted and encoded otherwise", b)
		}
	})
}

// FuzzOpen gives a pack's reader what is no pack, or a pack with a part replaced.
func FuzzOpen(f *testing.F) {
	k := newRing(f)
	s, err := k.NewSession()
	if err != nil {
		f.Fatal(err)
	}
	good := sealOf(f, s, 5000)
	f.Add(0, []byte("x"))
	f.Add(65536*2+5, bytes.Repeat([]byte{1}, 1300))
	f.Fuzz(func(t *testing.T, at int, part []byte) {
		data := bytes.Clone(good.Data)
		if at >= 0 && at < len(data) {
			copy(data[at:], part)
		}
		p, err := Open(good.Name, data, nil, k.OpenSession)
		if err == nil && p.Bad && !bytes.Equal(p.Repaired, good.Data) {
			t.Error("a repair yields another pack")
		}
		_, _ = Open(good.Name, part, nil, k.OpenSession)
		_, _, _, _ = ParseTail(Classes[0], part, k.OpenSession)
	})
}
