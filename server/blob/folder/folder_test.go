// SPDX-License-Identifier: AGPL-3.0-or-later

package folder

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/securecrypt/securecrypt/protocol"
	"github.com/securecrypt/securecrypt/server"
)

// What is deleted while it is held can be read as it was, also once something else
// was uploaded in its place, and is gone afterwards.
func TestHeldContentStays(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "blobs")
	f, err := New(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	write := func(id byte, text string) {
		t.Helper()
		if _, err := f.Write(t.Context(), protocol.BlobID{id}, 0, strings.NewReader(text)); err != nil {
			t.Fatal(err)
		}
	}
	remove := func(id byte) {
		t.Helper()
		if err := f.Delete(t.Context(), protocol.BlobID{id}); err != nil {
			t.Fatal(err)
		}
	}
	held := func(id byte) string {
		t.Helper()
		file, err := f.OpenHeld(protocol.BlobID{id})
		if errors.Is(err, server.ErrNotFound) {
			return "none"
		}
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(file)
		if err != nil || file.Close() != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	write(1, "stays")
	write(2, "deleted")
	release, err := f.Hold()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Hold(); err == nil {
		t.Error("held twice")
	}
	remove(2)
	remove(3) // of which there is nothing
	write(2, "in its place")
	if a, b := held(1), held(2); a != "stays" || b != "deleted" {
		t.Errorf("held are %q and %q", a, b)
	}
	if b, err := f.Open(t.Context(), protocol.BlobID{2}); err != nil {
		t.Error(err)
	} else if text, err := io.ReadAll(b); string(text) != "in its place" || err != nil || b.Close() != nil {
		t.Errorf("served is %q, %v", text, err)
	}
	remove(2) // the second one need not stay
	if got := held(2); got != "deleted" {
		t.Errorf("held is %q", got)
	}
	if err := release(); err != nil {
		t.Fatal(err)
	}
	if got := held(2); got != "none" {
		t.Errorf("after it was released: %q", got)
	}
	remove(1)
	if got := held(1); got != "none" {
		t.Errorf("deleted, and not held: %q", got)
	}

	write(4, "of a process that is killed")
	if _, err := f.Hold(); err != nil {
		t.Fatal(err)
	}
	remove(4)
	if f, err = New(dir, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir + "-held"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("what was held stays: %v", err)
	}
}
