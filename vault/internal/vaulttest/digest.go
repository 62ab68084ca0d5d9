// SPDX-License-Identifier: AGPL-3.0-or-later

package vaulttest

import (
	"context"
	"crypto/sha256"
	"fmt"
	"testing"

	"github.com/securecrypt/securecrypt/internal/codec/dcbor"
	"github.com/securecrypt/securecrypt/vault"
	"github.com/securecrypt/securecrypt/vault/browse"
	"github.com/securecrypt/securecrypt/vault/tree"
)

// Digest describes everything in a snapshot: each entry with all its metadata and
// the hash of its content. It reads every byte through the vault's verification.
func Digest(v *vault.Vault, seq uint64) ([]string, error) {
	ctx := context.Background()
	s, err := v.Snapshot(fmt.Sprint(seq))
	if err != nil {
		return nil, err
	}
	r, err := v.Reader(ctx)
	if err != nil {
		return nil, err
	}
	var out []string
	err = browse.List(ctx, r, "/", &tree.Entry{Type: tree.TypeDir, Subtree: s.Body.Root}, true, func(i browse.Item) error {
		e := *i.Entry
		e.Subtree = nil
		b, err := dcbor.Marshal(e)
		if err != nil {
			return err
		}
		line := fmt.Sprintf("%q %x %s:%s", i.Path, b, i.User, i.Group)
		if e.Type == tree.TypeFile {
			h := sha256.New()
			if err := browse.Cat(ctx, r, i.Entry, h); err != nil {
				return fmt.Errorf("%s: %w", i.Path, err)
			}
			line += fmt.Sprintf(" %x", h.Sum(nil))
		}
		out = append(out, line)
		return nil
	})
	return out, err
}

// MustDigest is Digest for a snapshot that has to be whole.
func MustDigest(t testing.TB, v *vault.Vault, seq uint64) []string {
	t.Helper()
	d, err := Digest(v, seq)
	if err != nil {
		t.Fatalf("snapshot %d: %v", seq, err)
	}
	return d
}
