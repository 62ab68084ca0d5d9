// SPDX-License-Identifier: Apache-2.0

package keytrans

import (
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"filippo.io/mldsa"
	"golang.org/x/mod/sumdb/note"

	"github.com/securecrypt/securecrypt/keytrans/internal/rule"
)

// A SignerKey signs checkpoints for a log, a witness or an auditor.
type SignerKey struct {
	VerifierKey
	sign func(t uint64, c Checkpoint) ([]byte, error)
}

// NewSignerKey makes a SignerKey of a seed of 32 bytes: of an Ed25519 or of an ML-DSA-44
// private key, as alg says. A seed must not serve two keys.
func NewSignerKey(name string, alg Algorithm, seed []byte) (*SignerKey, error) {
	if len(seed) != 32 {
		return nil, errors.New("keytrans: the seed of a signing key has 32 bytes")
	}
	if alg == CosignatureMLDSA44 {
		return newMLDSAKey(name, seed)
	}
	private := ed25519.NewKeyFromSeed(seed)
	v, err := NewVerifierKey(name, alg, private.Public().(ed25519.PublicKey))
	if err != nil {
		return nil, err
	}
	return &SignerKey{*v, func(t uint64, c Checkpoint) ([]byte, error) {
		if alg == Ed25519 {
			return ed25519.Sign(private, []byte(c.Text())), nil
		}
		return append(binary.BigEndian.AppendUint64(nil, t), ed25519.Sign(private, cosignedText(t, []byte(c.Text())))...), nil
	}}, nil
}

func newMLDSAKey(name string, seed []byte) (*SignerKey, error) {
	private, err := mldsa.NewPrivateKey(mldsa.MLDSA44(), seed)
	if err != nil {
		return nil, fmt.Errorf("keytrans: making a signing key: %w", err)
	}
	v, err := NewVerifierKey(name, CosignatureMLDSA44, private.PublicKey().Bytes())
	if err != nil {
		return nil, err
	}
	return &SignerKey{*v, func(t uint64, c Checkpoint) ([]byte, error) {
		signature, err := private.Sign(nil, cosignedMessage(name, t, c), nil)
		if err != nil {
			return nil, fmt.Errorf("keytrans: signing: %w", err)
		}
		return append(binary.BigEndian.AppendUint64(nil, t), signature...), nil
	}}, nil
}

// String hides the key.
func (k *SignerKey) String() string { return "SignerKey(hidden)" }

// GoString hides the key.
func (k *SignerKey) GoString() string { return k.String() }

// LogValue hides the key.
func (k *SignerKey) LogValue() slog.Value { return slog.StringValue(k.String()) }

// Verifier returns the public key.
func (k *SignerKey) Verifier() *VerifierKey { return &k.VerifierKey }

// SignCheckpoint returns a checkpoint as a note with a signature by each key. Now is
// the time that cosignatures state; it is not before 1970.
//
// A log that signs two checkpoints of one size, or one that does not extend another, has
// forked. The caller makes what it is about to sign durable first.
func SignCheckpoint(c Checkpoint, now time.Time, keys ...*SignerKey) ([]byte, error) {
	return signNote(&note.Note{Text: c.Text()}, c, now, keys)
}

// Cosign adds a signature by each key to a checkpoint. The caller has verified the checkpoint
// (SignedCheckpoint) and, for whatever the keys vouch for, what is under it.
func Cosign(s *SignedCheckpoint, now time.Time, keys ...*SignerKey) ([]byte, error) {
	return signNote(&note.Note{Text: s.checkpoint.Text(), Sigs: s.signatures}, s.checkpoint, now, keys)
}

// CosignatureLines returns the signature lines of a cosigner alone, as a witness answers
// (c2sp.org/tlog-witness, add-checkpoint).
func CosignatureLines(s *SignedCheckpoint, now time.Time, keys ...*SignerKey) ([]byte, error) {
	b, err := signNote(&note.Note{Text: s.checkpoint.Text()}, s.checkpoint, now, keys)
	if err != nil {
		return nil, err
	}
	return b[len(s.checkpoint.Text())+1:], nil
}

// AddCosignatures returns a checkpoint with the cosignatures that a witness answered, as far as
// they are of keys of the witness. Other lines are left out; a line of one of the keys that is not
// valid, or no line of them at all, is an error.
func AddCosignatures(s *SignedCheckpoint, lines []byte, keys ...*VerifierKey) ([]byte, error) {
	if len(lines) > MaxCheckpoint {
		return nil, rule.Broken("answer-length", "a witness answers with %d bytes", len(lines))
	}
	verifiers := make([]note.Verifier, len(keys))
	for i, k := range keys {
		verifiers[i] = k
	}
	n, err := note.Open(append([]byte(s.checkpoint.Text()+"\n"), lines...), note.VerifierList(verifiers...))
	if err != nil || n.Text != s.checkpoint.Text() {
		return nil, rule.Broken("answer-cosignature", "a witness does not answer with valid cosignatures of its keys")
	}
	all := &note.Note{Text: n.Text}
	for _, sig := range s.signatures {
		if !slices.ContainsFunc(n.Sigs, func(other note.Signature) bool { return other.Name == sig.Name && other.Hash == sig.Hash }) {
			all.Sigs = append(all.Sigs, sig)
		}
	}
	all.Sigs = append(all.Sigs, n.Sigs...)
	return note.Sign(all)
}

func signNote(n *note.Note, c Checkpoint, now time.Time, keys []*SignerKey) ([]byte, error) {
	if now.Unix() <= 0 {
		return nil, errors.New("keytrans: signing a checkpoint: the time is before 1970")
	}
	if _, err := parseText(n.Text); err != nil {
		return nil, err
	}
	signers := make([]note.Signer, len(keys))
	for i, k := range keys {
		signers[i] = &timedSigner{k, uint64(now.Unix()), c}
	}
	b, err := note.Sign(n, signers...)
	if err != nil {
		return nil, fmt.Errorf("keytrans: signing a checkpoint: %w", err)
	}
	return b, nil
}

// A timedSigner is a SignerKey as the note package takes it, for one checkpoint.
type timedSigner struct {
	*SignerKey
	time       uint64
	checkpoint Checkpoint
}

// Sign implements note.Signer.
func (s *timedSigner) Sign([]byte) ([]byte, error) { return s.sign(s.time, s.checkpoint) }
