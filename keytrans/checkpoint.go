// SPDX-License-Identifier: Apache-2.0

package keytrans

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/securecrypt/securecrypt/keytrans/internal/cbor"
	"github.com/securecrypt/securecrypt/keytrans/internal/rule"
)

// MaxCheckpoint bounds a checkpoint with all its signatures, in bytes: about fifteen
// ML-DSA-44 cosignatures.
const MaxCheckpoint = 56 << 10

// A Checkpoint is what a log signs: its name, its size in leaves and the root hash of its tree
// (c2sp.org/tlog-checkpoint).
type Checkpoint struct {
	Origin string
	Size   int64
	Hash   Hash
}

// Text returns the three lines of a checkpoint that are signed.
func (c Checkpoint) Text() string {
	return c.Origin + "\n" + strconv.FormatInt(c.Size, 10) + "\n" + base64.StdEncoding.EncodeToString(c.Hash[:]) + "\n"
}

// parseText decodes the signed lines of a checkpoint.
func parseText(text string) (Checkpoint, error) {
	lines := strings.Split(text, "\n")
	if len(lines) != 4 || lines[3] != "" {
		return Checkpoint{}, rule.Broken("K11-lines", "a checkpoint has other than three lines")
	}
	if !isKeyName(lines[0]) {
		return Checkpoint{}, rule.Broken("K11-origin", "the name of a log is malformed")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 0 || strconv.FormatInt(size, 10) != lines[1] {
		return Checkpoint{}, rule.Broken("K11-size", "the size in a checkpoint is malformed")
	}
	hash, err := base64.StdEncoding.Strict().DecodeString(lines[2])
	if err != nil || len(hash) != len(Hash{}) {
		return Checkpoint{}, rule.Broken("K11-hash", "the hash in a checkpoint is malformed")
	}
	return Checkpoint{lines[0], size, Hash(hash)}, nil
}

// A SignedCheckpoint has a signature by each of the log's keys that a policy names. It is
// the log's word: two of one size with different hashes prove that the log forked. It says
// nothing about witnesses and auditors.
//
// Only Policy.OpenCheckpoint and OpenAnyCheckpoint make one.
type SignedCheckpoint struct {
	checkpoint Checkpoint
	note       []byte
	signatures []note.Signature // those that were verified
}

// Checkpoint returns what the log signed.
func (s *SignedCheckpoint) Checkpoint() Checkpoint { return s.checkpoint }

// Note returns the checkpoint as it was received, with all its signatures.
func (s *SignedCheckpoint) Note() []byte { return bytes.Clone(s.note) }

// OpenCheckpoint verifies the signatures of a checkpoint by the log and by cosigners
// of the policy, as many as there are. It demands no quorum: VerifyHead does.
func (p *Policy) OpenCheckpoint(b []byte) (*SignedCheckpoint, error) {
	c, err := readCheckpoint(b)
	if err != nil {
		return nil, err
	}
	if c.Origin != p.config.Origin {
		return nil, rule.Broken("K3-origin", "the checkpoint is of another log")
	}
	s, err := openCheckpoint(c, b, p)
	if err != nil {
		return nil, err
	}
	for _, k := range p.log {
		if _, ok := s.signature(k); !ok {
			return nil, rule.Broken("K12-log", "the checkpoint is not signed by each key of the log")
		}
	}
	return s, nil
}

// OpenAnyCheckpoint verifies a checkpoint of any log of which keys are known, for a witness: one
// of them must have signed, and none wrongly. The keys are those that keys returns for the log's
// name.
func OpenAnyCheckpoint(b []byte, keys func(origin string) []*VerifierKey) (*SignedCheckpoint, error) {
	c, err := readCheckpoint(b)
	if err != nil {
		return nil, err
	}
	known := keys(c.Origin)
	if len(known) == 0 {
		return nil, rule.Broken("witness-log", "the checkpoint is of a log that is not known")
	}
	verifiers := make([]note.Verifier, len(known))
	for i, k := range known {
		verifiers[i] = k
	}
	return openCheckpoint(c, b, note.VerifierList(verifiers...))
}

// readCheckpoint decodes the signed lines of a note.
func readCheckpoint(b []byte) (Checkpoint, error) {
	if len(b) > MaxCheckpoint {
		return Checkpoint{}, rule.Broken("K11-length", "a checkpoint has %d bytes", len(b))
	}
	return parseText(string(b[:bytes.LastIndex(b, []byte("\n\n"))+1]))
}

// openCheckpoint verifies the signatures of the note b, whose text says c.
func openCheckpoint(c Checkpoint, b []byte, known note.Verifiers) (*SignedCheckpoint, error) {
	n, err := note.Open(b, known)
	if _, ok := errors.AsType[*note.UnverifiedNoteError](err); ok {
		return nil, rule.Broken("K12-unsigned", "the checkpoint is not signed by the log")
	}
	if _, ok := errors.AsType[*note.InvalidSignatureError](err); ok {
		return nil, rule.Broken("K12-signature", "a signature of the checkpoint is not valid")
	}
	if err != nil {
		return nil, fmt.Errorf("%w: note", cbor.ErrMalformed)
	}
	return &SignedCheckpoint{c, append([]byte(nil), b...), n.Sigs}, nil
}

// ParseCheckpoint decodes the signed lines of a checkpoint without verifying any signature: for
// notes that the caller itself stored.
func ParseCheckpoint(b []byte) (Checkpoint, error) { return readCheckpoint(b) }

// signature returns the verified signature of a key.
func (s *SignedCheckpoint) signature(k *VerifierKey) (note.Signature, bool) {
	for _, sig := range s.signatures {
		if sig.Name == k.name && sig.Hash == k.hash {
			return sig, true
		}
	}
	return note.Signature{}, false
}

// CheckFork returns a ForkError if two checkpoints of the same log and size differ. Both are
// the log's word, so that the error is evidence.
func CheckFork(a, b *SignedCheckpoint) error {
	if x, y := a.checkpoint, b.checkpoint; x.Origin == y.Origin && x.Size == y.Size && x.Hash != y.Hash {
		return rule.BrokenBy(&ForkError{a.Note(), b.Note()}, "fork", "the log signed two trees of %d leaves", x.Size)
	}
	return nil
}

// A ForkError carries two checkpoints that a log signed and that cannot both be true. They
// convince anybody with the log's policy: see Policy.OpenCheckpoint and CheckFork.
type ForkError struct{ A, B []byte }

func (e *ForkError) Error() string { return "keytrans: the log signed two different trees of one size" }
