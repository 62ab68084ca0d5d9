// SPDX-License-Identifier: AGPL-3.0-or-later

package chunk

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
)

func random(seed byte, size int) []byte {
	b := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{seed}).Read(b) // it never fails
	return b
}

func key(seed byte) []byte { return bytes.Repeat([]byte{seed}, 32) }

func inputs() [][]byte {
	return [][]byte{nil, []byte("x"), random(1, MinSize), random(2, MinSize+1), random(3, 1<<20), random(4, 10<<20), make([]byte, 5<<20),
		bytes.Repeat([]byte("a journalist's archive\n"), 200000), append(random(5, 3<<20), make([]byte, 3<<20)...), bytes.Repeat(random(6, 70000), 60)}
}

func cut(t testing.TB, c *Cutter, b []byte) (lengths []int) {
	t.Helper()
	var whole []byte
	if err := c.Cut(bytes.NewReader(b), func(chunk []byte) error {
		lengths, whole = append(lengths, len(chunk)), append(whole, chunk...)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(whole, b) {
		t.Fatal("the chunks in a row are not the input")
	}
	return lengths
}

// TestCutsAndNamesAreGolden binds where files are cut and what chunks are called:
// a library that cuts elsewhere would end deduplication without a word.
func TestCutsAndNamesAreGolden(t *testing.T) {
	n, err := NewNamerKey(key(9))
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for i, b := range inputs() {
		for _, k := range []byte{1, 2} {
			fmt.Fprintf(&got, "input %d key %d: %v %x\n", i, k, cut(t, NewCutterKey(key(k)), b), n.Name(b))
		}
	}
	want, err := os.ReadFile(filepath.Join("testdata", "cuts.txt"))
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != string(want) {
		t.Errorf("the cuts changed:\n%s", got.String())
	}
}

func TestCutsDependOnContentAndKeyAlone(t *testing.T) {
	b := random(7, 12<<20)
	c := NewCutterKey(key(1))
	want := cut(t, c, b)
	if got := cut(t, c, b); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Error("a second stream is cut elsewhere")
	}
	var slow []int
	if err := NewCutterKey(key(1)).Cut(iotest.HalfReader(bytes.NewReader(b)), func(chunk []byte) error {
		slow = append(slow, len(chunk))
		return nil
	}); err != nil || fmt.Sprint(slow) != fmt.Sprint(want) {
		t.Errorf("a reader that returns little is cut elsewhere: %v", err)
	}
	if other := cut(t, NewCutterKey(key(2)), b); fmt.Sprint(other) == fmt.Sprint(want) {
		t.Error("another key cuts at the same places")
	}
	for i, n := range want {
		if n > MaxSize || n < MinSize && i < len(want)-1 {
			t.Errorf("a chunk of %d bytes", n)
		}
	}
	shifted := cut(t, c, append([]byte("inserted"), b...))
	same := 0
	for i := range min(len(want), len(shifted)) {
		if want[len(want)-1-i] == shifted[len(shifted)-1-i] {
			same++
		}
	}
	if same < len(want)-4 {
		t.Errorf("after an insertion %d of %d chunks are the same", same, len(want))
	}
}

func TestErrorsOfReadersComeThrough(t *testing.T) {
	broken := errors.New("broken")
	err := NewCutterKey(key(1)).Cut(iotest.ErrReader(broken), func([]byte) error { return nil })
	if !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}
