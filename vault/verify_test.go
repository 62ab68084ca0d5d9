// SPDX-License-Identifier: AGPL-3.0-or-later

package vault

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/vault/keys"
	"github.com/securecrypt/securecrypt/vault/pack"
	"github.com/securecrypt/securecrypt/vault/storage/storagetest"
)

// newTestWriter returns a writer of a new vault, with a worker.
func newTestWriter(t *testing.T) (*Writer, *Worker) {
	t.Helper()
	secret, err := account.NewRecoverySecret(rand.Reader)
	must(t, err)
	device, err := keys.NewDevice()
	must(t, err)
	p := Params{Storage: storagetest.NewMemory(), Device: device, Now: func() time.Time { return time.Unix(0, 0) }}
	v, err := Create(t.Context(), CreateParams{Params: p, Recovery: secret, Name: "test"})
	must(t, err)
	w, err := v.NewWriter(t.Context(), WriterOptions{})
	must(t, err)
	t.Cleanup(w.Close)
	k, err := w.Worker()
	must(t, err)
	return w, k
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// frame makes a frame of one chunk.
func frame(t *testing.T, k *Worker, content byte) pack.Frame {
	t.Helper()
	_, err := k.Add(keys.KindData, bytes.Repeat([]byte{content}, 1000))
	must(t, err)
	must(t, k.Flush())
	frames := k.w.data.Frames()
	return frames[len(frames)-1]
}

// TestFaultyMemoryIsNoticed covers line 10: a pack that memory has changed after it
// was made is not taken for what was put into it.
func TestFaultyMemoryIsNoticed(t *testing.T) {
	w, k := newTestWriter(t)
	var b pack.Builder
	b.Add(frame(t, k, 1))
	sealed, err := b.Seal(w.session)
	must(t, err)
	if err := k.verifySealed(sealed); err != nil {
		t.Fatalf("a pack that nothing has changed: %v", err)
	}
	for _, at := range []int{2000, pack.SegmentSize + 7, len(sealed.Data) - 1} { // data, the table, parity
		sealed.Data[at] ^= 4
		if err := k.verifySealed(sealed); !errors.Is(err, ErrMachine) || !strings.Contains(err.Error(), "each of two times") {
			t.Errorf("with byte %d changed: %v", at, err)
		}
		sealed.Data[at] ^= 4
	}
	wrong := frame(t, k, 2) // the chunk was changed between its hash and its frame
	wrong.Data = frame(t, k, 3).Data
	b = pack.Builder{}
	b.Add(wrong)
	sealed, err = b.Seal(w.session)
	must(t, err)
	if err := k.verifySealed(sealed); !errors.Is(err, ErrMachine) {
		t.Errorf("a chunk with another content than its identifier says: %v", err)
	}
}

// TestPacksThatWaitAreVerified covers line 10: while the storage is what a backup
// waits for, every pack is verified, and otherwise one of eight.
func TestPacksThatWaitAreVerified(t *testing.T) {
	w, k := newTestWriter(t)
	var frames []pack.Frame
	for i := range 21 {
		frames = append(frames, frame(t, k, byte(i)))
	}
	seal := func(i int) error {
		b := new(pack.Builder)
		b.Add(frames[i])
		w.mu.Lock()
		u := w.newUpload()
		w.mu.Unlock()
		return w.seal(k, b, u, false)
	}
	for i := range 16 {
		must(t, seal(i))
		w.running.Wait() // the storage is faster
	}
	if n := w.Verified.Load(); n != 2 {
		t.Errorf("%d of 16 packs were verified while the storage was faster", n)
	}
	for range cap(w.slots) {
		w.slots <- struct{}{} // uploads that take long
	}
	w.cancel(context.Canceled) // none of them ends
	for i := range 5 {
		if err := seal(16 + i); !errors.Is(err, context.Canceled) {
			t.Errorf("writing while the storage takes nothing: %v", err)
		}
	}
	if n := w.Verified.Load(); n != 7 {
		t.Errorf("%d of 5 packs were verified while the storage was slower", n-2)
	}
}
