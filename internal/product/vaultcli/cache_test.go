// SPDX-License-Identifier: AGPL-3.0-or-later

package vaultcli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCacheKeepsParts has a cache that is deleted, damaged, and left by a
// process that was killed.
func TestCacheKeepsParts(t *testing.T) {
	d := &device{path: t.TempDir()}
	c := &fileCache{d}
	if b, err := c.Load(0); b != nil || err != nil {
		t.Fatalf("a part that was never stored: %d bytes, %v", len(b), err)
	}
	part := bytes.Repeat([]byte("files"), 1000)
	left := filepath.Join(d.path, "files.0.0011223344556677")
	if err := os.WriteFile(left, []byte("left"), 0o600); err != nil {
		t.Fatal(err)
	}
	for i := range 2 {
		if err := c.Store(i, part); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(left); err == nil {
		t.Error("what a killed process left is still there")
	}
	if b, err := c.Load(1); err != nil || !bytes.Equal(b, part) {
		t.Fatalf("%d bytes, %v", len(b), err)
	}
	path := filepath.Join(d.path, "files.1")
	sealed, err := os.ReadFile(path)
	if err != nil || bytes.Contains(sealed, []byte("files")) || len(sealed) > len(part)+64 {
		t.Errorf("the file has %d bytes, %v", len(sealed), err)
	}
	for what, damaged := range map[string][]byte{"empty": {}, "cut off": sealed[:100], "changed": append([]byte{sealed[0] ^ 1}, sealed[1:]...)} {
		if err := os.WriteFile(path, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		if b, err := c.Load(1); b != nil || err == nil || !strings.Contains(err.Error(), "is damaged: leave it, the next backup writes it again") {
			t.Errorf("%s: %d bytes, %v", what, len(b), err)
		}
	}
	if err := c.Store(1, nil); err != nil {
		t.Fatal(err)
	}
	if b, err := c.Load(1); b != nil || err != nil {
		t.Errorf("a part that was removed: %d bytes, %v", len(b), err)
	}
}
