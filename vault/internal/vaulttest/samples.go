// SPDX-License-Identifier: AGPL-3.0-or-later

package vaulttest

import (
	"encoding/binary"
	"testing"

	"github.com/securecrypt/securecrypt/internal/codec/dcbor"
	"github.com/securecrypt/securecrypt/internal/testing/cddlcheck"
	"github.com/securecrypt/securecrypt/vault"
	"github.com/securecrypt/securecrypt/vault/keys"
	"github.com/securecrypt/securecrypt/vault/oplog"
	"github.com/securecrypt/securecrypt/vault/pack"
	"github.com/securecrypt/securecrypt/vault/storage"
	"github.com/securecrypt/securecrypt/vault/tree"
)

// Samples returns the CBOR of a vault with the rules that it follows: its
// configuration, the entries of its log, and the pages and lists of its live
// snapshots.
func Samples(t testing.TB, v *vault.Vault, s storage.Storage) (out []cddlcheck.Sample) {
	t.Helper()
	ctx := t.Context()
	b, err := s.Read(ctx, "config", 0, keys.ConfigSize)
	Must(t, err)
	out = append(out, cddlcheck.Sample{Rule: "config", Data: b[12 : 12+binary.BigEndian.Uint32(b[8:])]})
	for seq := range v.State().Next {
		object, err := storage.ReadAll(ctx, s, oplog.ObjectName(seq), oplog.LargeObject)
		Must(t, err)
		padded, _, err := v.Keys().OpenEntry(seq, object)
		Must(t, err)
		plain := padded[4 : 4+binary.BigEndian.Uint32(padded)]
		var signed struct {
			_                struct{} `cbor:",toarray"`
			Entry, Signature []byte
		}
		Must(t, dcbor.Unmarshal(plain, &signed))
		out = append(out, cddlcheck.Sample{Rule: "signed-entry", Data: plain}, cddlcheck.Sample{Rule: "entry", Data: signed.Entry})
	}
	r, err := v.Reader(ctx)
	Must(t, err)
	chunk := func(rule string, id pack.ID) []byte {
		b, err := r.Chunk(ctx, keys.KindTree, id)
		Must(t, err)
		out = append(out, cddlcheck.Sample{Rule: rule, Data: append([]byte(nil), b...)})
		return b
	}
	var visit func(id pack.ID)
	visit = func(id pack.ID) {
		p, err := tree.ParsePage(chunk("page", id))
		Must(t, err)
		for i := range p.Children {
			visit(p.Children[i].Page)
		}
		for i := range p.Entries {
			for _, list := range append(p.Entries[i].ContentLists, p.Entries[i].ExtentLists...) {
				chunk("list", list)
			}
			if root, ok := p.Entries[i].SubtreeID(); ok {
				visit(root)
			}
		}
	}
	for _, snapshot := range v.State().Live() {
		if root, ok := vault.Root(snapshot); ok {
			visit(root)
		}
	}
	return out
}
