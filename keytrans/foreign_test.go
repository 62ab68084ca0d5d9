// SPDX-License-Identifier: Apache-2.0

package keytrans_test

import (
	"crypto/ed25519"
	"fmt"
	"testing"
	"time"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/securecrypt/securecrypt/keytrans"
	"github.com/securecrypt/securecrypt/keytrans/logtest"
)

// TestTorchwoodReads has torchwood verify what our log signed, by the same text of the policy.
func TestTorchwoodReads(t *testing.T) {
	l := newLog()
	policy, err := torchwood.ParsePolicy([]byte(l.PolicyText()))
	ok(t, err)
	note := l.NewestHead(start).Checkpoint
	c, _, err := torchwood.VerifyCheckpoint(note, policy)
	ok(t, err)
	if want := l.Checkpoint(3); c.Origin != want.Origin || c.N != want.Size || keytrans.Hash(c.Hash) != want.Hash {
		t.Errorf("torchwood reads %+v", c)
	}
	proof := keytrans.FormatTlogProof(1, l.Inclusion(3, 1), note)
	ok(t, torchwood.VerifyProof(policy, tlog.RecordHash(l.Leaves[1]), proof))
	if torchwood.VerifyProof(policy, tlog.RecordHash(l.Leaves[0]), proof) == nil {
		t.Error("torchwood takes the proof for another leaf")
	}
	// Neither it nor we accept a checkpoint that no auditor cosigned.
	unaudited := l.Sign(l.Checkpoint(3), start, l.Witnesses...)
	if _, _, err := torchwood.VerifyCheckpoint(unaudited, policy); err == nil {
		t.Error("torchwood accepts a checkpoint without an auditor")
	}
	for _, tile := range []tlog.Tile{{H: 8, L: 0, N: 5, W: 256}, {H: 8, L: 2, N: 1234067, W: 3}, {H: 8, L: -1, N: 7, W: 256}, {H: 8, L: -1, N: 1000, W: 255}} {
		if got, want := keytrans.TilePath(tile), torchwood.TilePath(tile); got != want {
			t.Errorf("our path is %s, torchwood's %s", got, want)
		}
	}
	bundle, err := keytrans.AppendBundle(nil, l.Leaves[0])
	ok(t, err)
	if entry, rest, err := torchwood.ReadTileEntry(bundle); err != nil || string(entry) != string(l.Leaves[0]) || len(rest) != 0 {
		t.Errorf("torchwood reads the bundle as %x: %v", entry, err)
	}
}

// TestTorchwoodCosigns has torchwood's cosigners in the place of ours.
func TestTorchwoodCosigns(t *testing.T) {
	l := newLog()
	now := time.Now()
	s, err := l.Policy.OpenCheckpoint(l.Sign(l.Checkpoint(3), now))
	ok(t, err)
	n, err := note.Open(s.Note(), note.VerifierList(logtest.Key("example.org/log", keytrans.Ed25519).Verifier()))
	ok(t, err)
	var signers []note.Signer
	for _, k := range l.Cosigners() {
		signer, err := torchwood.NewCosignatureSigner(k.Name(), ed25519.NewKeyFromSeed(logtest.Seed(fmt.Sprint(k.Name(), k.Algorithm()))))
		ok(t, err)
		if signer.KeyHash() != k.KeyHash() {
			t.Errorf("torchwood's key has the hash %08x, ours %08x", signer.KeyHash(), k.KeyHash())
		}
		signers = append(signers, signer)
	}
	u := l.NewestHead(now)
	u.Checkpoint, err = note.Sign(n, signers...)
	ok(t, err)
	head, err := l.Policy.VerifyHead(u, nil, now)
	ok(t, err)
	if age := now.Sub(head.Cosigned()); age > time.Minute || age < -time.Minute {
		t.Errorf("torchwood's cosignatures are %v old", age)
	}
}
