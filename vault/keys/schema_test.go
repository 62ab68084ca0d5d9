// SPDX-License-Identifier: AGPL-3.0-or-later

package keys

import (
	"crypto/ed25519"
	"crypto/hpke"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/securecrypt/securecrypt/internal/codec/dcbor"
	"github.com/securecrypt/securecrypt/internal/testing/cddlcheck"
)

// TestBodiesFollowTheSchema holds the bodies of keys objects and grants against the
// CDDL of the format's document.
func TestBodiesFollowTheSchema(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("..", "..", "docs", "formats", "vault.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), "```cddl\n")
	cddl, _, ok := strings.Cut(rest, "```")
	if !ok {
		t.Fatal("the document has no schema")
	}
	path := filepath.Join(t.TempDir(), "vault.cddl")
	if err := os.WriteFile(path, []byte(cddl), 0o600); err != nil {
		t.Fatal(err)
	}
	_, c, _, d, k, first := newVault(t)
	next, fingerprint, err := k.NextEpoch(0, []hpke.PublicKey{d.KEM.PublicKey()})
	if err != nil {
		t.Fatal(err)
	}
	var samples []cddlcheck.Sample
	for _, o := range []*Object{first, next} {
		samples = append(samples, cddlcheck.Sample{Rule: "keys-body", Data: must(dcbor.Marshal(must(k.openBody(k.current(), o))))})
		if o == first {
			if err := k.Advance(2, fingerprint); err != nil {
				t.Fatal(err)
			}
		}
	}
	w := must(NewDevice())
	p := &GrantParams{Signer: d.Signature, Receivers: []Receiver{{w.ID(), w.KEM.PublicKey(), FirstOwnDomain}}, Entries: 7}
	object := must(k.NewWriteObject(5, p))
	g := must(OpenGrant(c, object, w, func(key ed25519.PublicKey) bool { return key.Equal(d.Signature.Public()) }))
	grant := must(dcbor.Marshal(g))
	framed := must(hpke.Open(w.KEM, hpke.HKDFSHA256(), hpke.AES256GCM(), c.info(k.hash, "write", 2), object[keysHeadSize:keysHeadSize+partSize]))
	signed := framed[12 : 12+binary.BigEndian.Uint32(framed[8:])]
	samples = append(samples, cddlcheck.Sample{Rule: "grant", Data: grant}, cddlcheck.Sample{Rule: "signed-grant", Data: signed})
	problems, err := cddlcheck.Check(t.Context(), path, samples)
	if err != nil && strings.Contains(err.Error(), "not installed") {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	for i, problem := range problems {
		if problem != "" {
			t.Errorf("%s: %s", samples[i].Rule, problem)
		}
	}
}
