// SPDX-License-Identifier: Apache-2.0

package witness

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/securecrypt/securecrypt/keytrans"
	"github.com/securecrypt/securecrypt/keytrans/internal/rule"
)

// A Store has the checkpoint that a witness cosigned last for each log.
type Store interface {
	// Latest returns the checkpoint of the log of this name, nil if there is none.
	Latest(origin string) ([]byte, error)
	// Replace stores a checkpoint in the place of old, which is nil if there is to be none.
	// If the store has another one than old, it changes nothing and returns false.
	// When it returns true, the checkpoint survives a crash.
	Replace(origin string, old, checkpoint []byte) (bool, error)
}

// A Witness cosigns checkpoints. It may be used concurrently if its store may.
type Witness struct {
	// Keys sign: the keys of one witness, usually one, or one for each algorithm.
	Keys []*keytrans.SignerKey
	// Logs returns the keys of a log, none if the log is not known.
	Logs func(origin string) []*keytrans.VerifierKey
	// Store has what was cosigned.
	Store Store
}

// A ConflictError reports a request that is not about the checkpoint that the witness has.
type ConflictError struct {
	// Size is that of the checkpoint that it has, 0 if it has none.
	Size int64
}

func (e *ConflictError) Error() string {
	return "witness: the latest checkpoint has " + strconv.FormatInt(e.Size, 10) + " leaves"
}

// ConflictType is the media type of the body of an answer with the status 409.
const ConflictType = "text/x.tlog.size"

// AddCheckpoint verifies the body of an add-checkpoint request at the time now, stores its checkpoint
// with the witness's cosignatures and returns the body of the answer: their lines.
func (w *Witness) AddCheckpoint(body []byte, now time.Time) ([]byte, error) {
	r, err := ParseRequest(body)
	if err != nil {
		return nil, err
	}
	signed, err := keytrans.OpenAnyCheckpoint(r.Checkpoint, w.Logs)
	if err != nil {
		return nil, err
	}
	c := signed.Checkpoint()
	stored, err := w.Store.Latest(c.Origin)
	if err != nil {
		return nil, fmt.Errorf("witness: reading: %w", err)
	}
	if err := check(r, c, stored); err != nil {
		return nil, err
	}
	lines, err := keytrans.CosignatureLines(signed, now, w.Keys...)
	if err != nil {
		return nil, err
	}
	cosigned, err := keytrans.AddCosignatures(signed, lines, w.verifiers()...)
	if err != nil {
		return nil, err
	}
	replaced, err := w.Store.Replace(c.Origin, stored, cosigned)
	if err != nil {
		return nil, fmt.Errorf("witness: storing: %w", err)
	}
	if !replaced {
		return nil, w.conflict(c.Origin)
	}
	return lines, nil
}

// check refuses a checkpoint that does not extend the one that is stored.
func check(r Request, c keytrans.Checkpoint, stored []byte) error {
	latest := keytrans.Checkpoint{Origin: c.Origin, Hash: new(keytrans.Frontier).Root()}
	if stored != nil {
		var err error
		if latest, err = keytrans.ParseCheckpoint(stored); err != nil {
			return fmt.Errorf("witness: reading what was stored: %w", err)
		}
	}
	if r.Old > c.Size {
		return rule.Broken("witness-order", "the old size is greater than the checkpoint's")
	}
	if r.Old != latest.Size {
		return rule.BrokenBy(&ConflictError{latest.Size}, "witness-old", "the old size is not that of the latest checkpoint")
	}
	if c.Size == 0 && c.Hash != new(keytrans.Frontier).Root() {
		return rule.Broken("witness-empty", "the checkpoint of an empty tree has another hash than the empty tree")
	}
	return latest.CheckGrowth(c, r.Proof)
}

// conflict returns the error for a request that another one overtook.
func (w *Witness) conflict(origin string) error {
	stored, err := w.Store.Latest(origin)
	if err != nil {
		return fmt.Errorf("witness: reading: %w", err)
	}
	latest, err := keytrans.ParseCheckpoint(stored)
	if err != nil {
		return fmt.Errorf("witness: reading what was stored: %w", err)
	}
	return &ConflictError{latest.Size}
}

func (w *Witness) verifiers() []*keytrans.VerifierKey {
	keys := make([]*keytrans.VerifierKey, len(w.Keys))
	for i, k := range w.Keys {
		keys[i] = k.Verifier()
	}
	return keys
}

// Status returns the HTTP status for what AddCheckpoint returned (c2sp.org/tlog-witness). An error that
// is not about the request has the status 500.
func Status(err error) int {
	if err == nil {
		return 200
	}
	if _, ok := errors.AsType[*ConflictError](err); ok {
		return 409
	}
	switch id := keytrans.BrokenRule(err); id {
	case "witness-log":
		return 404
	case "K12-unsigned", "K12-signature":
		return 403
	case "witness-empty", "growth-hash", "growth-needless", "growth-proof":
		return 422
	case "":
		if !errors.Is(err, keytrans.ErrMalformed) {
			return 500
		}
	}
	return 400
}

// ConflictBody returns the body of an answer with the status 409.
func ConflictBody(e *ConflictError) []byte { return append(strconv.AppendInt(nil, e.Size, 10), '\n') }

// ParseConflict decodes the body of an answer with the status 409.
func ParseConflict(b []byte) (*ConflictError, error) {
	text, ok := bytes.CutSuffix(b, []byte("\n"))
	size, err := strconv.ParseInt(string(text), 10, 64)
	if !ok || err != nil || size < 0 || strconv.FormatInt(size, 10) != string(text) {
		return nil, fmt.Errorf("%w: size of the latest checkpoint", keytrans.ErrMalformed)
	}
	return &ConflictError{size}, nil
}

// CheckpointPath returns where a witness serves the latest checkpoint of a log, below its
// monitoring prefix.
func CheckpointPath(origin string) string {
	h := sha256.Sum256([]byte(origin))
	return hex.EncodeToString(h[:]) + "/checkpoint"
}
