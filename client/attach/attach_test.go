// SPDX-License-Identifier: AGPL-3.0-or-later

package attach_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/securecrypt/securecrypt/client/attach"
)

const segment = 64 << 10

func sizes() []int64 {
	return []int64{0, 1, 2, 9, 1000, segment - 1, segment, segment + 1, 3 * segment, 1_000_003}
}

func keysFor(t testing.TB, content []byte) attach.Keys {
	t.Helper()
	k, err := attach.DeriveKeys([32]byte{1}, sha256.Sum256(content))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func random(n int64) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{byte(n)})
	_, _ = r.Read(b)
	return b
}

func encrypt(t testing.TB, k attach.Keys, content []byte, offset int64) []byte {
	t.Helper()
	e, err := attach.NewEncrypter(k, bytes.NewReader(content), int64(len(content)), offset)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(e)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestFilesComeBackAsTheyWere(t *testing.T) {
	for _, n := range sizes() {
		content := random(n)
		k := keysFor(t, content)
		box := encrypt(t, k, content, 0)
		if int64(len(box)) != attach.SealedSize(n) {
			t.Errorf("%d bytes: ciphertext of %d, want %d", n, len(box), attach.SealedSize(n))
		}
		var out bytes.Buffer
		if err := attach.Decrypt(k, &out, bytes.NewReader(box), n, 0); err != nil {
			t.Fatalf("%d bytes: %v", n, err)
		}
		if !bytes.Equal(out.Bytes(), content) {
			t.Errorf("%d bytes: came back differently", n)
		}
	}
}

func TestUploadResumesAnywhere(t *testing.T) {
	content := random(3*segment + 17)
	k := keysFor(t, content)
	whole := encrypt(t, k, content, 0)
	for _, offset := range []int64{0, 1, segment, segment + 15, segment + 16, segment + 17, int64(len(whole)) - 1, int64(len(whole))} {
		if got := encrypt(t, k, content, offset); !bytes.Equal(got, whole[offset:]) {
			t.Errorf("offset %d: %d bytes differ from the rest of the whole", offset, len(got))
		}
	}
}

func TestDownloadResumesAtASegment(t *testing.T) {
	content := random(5*segment + 5)
	k := keysFor(t, content)
	box := encrypt(t, k, content, 0)
	for _, have := range []int64{0, 10, segment, 2*segment + 3, int64(len(content))} {
		keep, offset := attach.Resume(have)
		out := bytes.NewBuffer(bytes.Clone(content[:keep]))
		if err := attach.Decrypt(k, out, bytes.NewReader(box[offset:]), int64(len(content)), keep); err != nil {
			t.Fatalf("with %d bytes: %v", have, err)
		}
		if !bytes.Equal(out.Bytes(), content) {
			t.Errorf("with %d bytes: came back differently", have)
		}
	}
}

func TestAnyChangeIsNoticed(t *testing.T) {
	content := random(2*segment + 100)
	k := keysFor(t, content)
	box := encrypt(t, k, content, 0)
	const s = segment + 16
	swapped := append(append(bytes.Clone(box[s:2*s]), box[:s]...), box[2*s:]...)
	flipped := bytes.Clone(box)
	flipped[s+5] ^= 1
	other := k
	other.Key[0] ^= 1
	for name, c := range map[string]struct {
		box  []byte
		k    attach.Keys
		size int64
	}{
		"swapped segments":      {swapped, k, int64(len(content))},
		"a bit":                 {flipped, k, int64(len(content))},
		"another key":           {box, other, int64(len(content))},
		"claimed to be shorter": {box[:s], k, segment},
		"claimed to be longer":  {append(bytes.Clone(box), random(s)...), k, int64(len(content)) + segment},
	} {
		if err := attach.Decrypt(c.k, io.Discard, bytes.NewReader(c.box), c.size, 0); !errors.Is(err, attach.ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := attach.Decrypt(k, io.Discard, bytes.NewReader(box[:len(box)-1]), int64(len(content)), 0); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("cut off: %v", err)
	}
}

func TestChangedContentHasOtherKeys(t *testing.T) {
	if keysFor(t, []byte("a")) == keysFor(t, []byte("b")) {
		t.Error("two contents share their keys")
	}
}

func TestPaddingIsBounded(t *testing.T) {
	last := int64(0)
	for n := int64(0); n < 1<<31; n = n*5/4 + 1 {
		p := attach.PaddedSize(n)
		if p < n || p < last || float64(p) > 1.12*float64(n)+1 {
			t.Errorf("%d is padded to %d", n, p)
		}
		last = p
	}
}

func BenchmarkEncrypt(b *testing.B) {
	content := random(64 << 20)
	k := keysFor(b, content[:10])
	buf := make([]byte, 256<<10)
	b.SetBytes(int64(len(content)))
	b.ReportAllocs()
	for b.Loop() {
		e, err := attach.NewEncrypter(k, bytes.NewReader(content), int64(len(content)), 0)
		if err != nil {
			b.Fatal(err)
		}
		for {
			if _, err = e.Read(buf); err != nil {
				break
			}
		}
		if !errors.Is(err, io.EOF) {
			b.Fatal(err)
		}
	}
}

// pattern is a file of any size that takes no memory.
type pattern struct{ at, size int64 }

func (p *pattern) Read(b []byte) (int, error) {
	if p.at >= p.size {
		return 0, io.EOF
	}
	n := int(min(int64(len(b)), p.size-p.at))
	for i := range n {
		b[i] = byte(p.at + int64(i))
	}
	p.at += int64(n)
	return n, nil
}

func (p *pattern) Seek(offset int64, whence int) (int64, error) {
	if whence != io.SeekStart {
		return 0, errors.ErrUnsupported
	}
	p.at = offset
	return offset, nil
}

// heapWatch remembers the most memory that the program had from the system
// for its heap, looking every 16 MiB of what is written to it.
type heapWatch struct {
	n, next int64
	most    uint64
}

func (h *heapWatch) Write(p []byte) (int, error) {
	h.n += int64(len(p))
	if h.n >= h.next {
		h.next = h.n + 16<<20
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		h.most = max(h.most, m.HeapSys-m.HeapReleased)
	}
	return len(p), nil
}

// BenchmarkGibibyte streams 1 GiB through encryption, and through encryption
// and decryption, and reports the memory that it takes.
func BenchmarkGibibyte(b *testing.B) {
	const size = 1 << 30
	k := keysFor(b, nil)
	for _, both := range []bool{false, true} {
		b.Run(map[bool]string{false: "encrypt", true: "encrypt and decrypt"}[both], func(b *testing.B) {
			b.SetBytes(size)
			watch := &heapWatch{}
			for b.Loop() {
				e, err := attach.NewEncrypter(k, &pattern{size: size}, size, 0)
				if err != nil {
					b.Fatal(err)
				}
				if both {
					err = attach.Decrypt(k, watch, e, size, 0)
				} else {
					_, err = io.CopyBuffer(watch, e, make([]byte, 256<<10))
				}
				if err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(watch.most)/(1<<20), "MiB-heap")
		})
	}
}
