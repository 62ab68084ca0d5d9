// SPDX-License-Identifier: Apache-2.0

package witness

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/securecrypt/securecrypt/keytrans"
)

const (
	// MaxProof bounds the hashes of a consistency proof.
	MaxProof = 63
	// MaxRequest bounds the body of a request, in bytes.
	MaxRequest = keytrans.MaxCheckpoint + 64 + MaxProof*45
)

// A Request asks a witness to cosign a checkpoint (c2sp.org/tlog-witness, add-checkpoint).
type Request struct {
	// Old is the size of the checkpoint that the witness is supposed to have.
	Old int64
	// Proof shows that the checkpoint extends that one (RFC 6962, Section 2.1.2).
	Proof []tlog.Hash
	// Checkpoint is a note.
	Checkpoint []byte
}

// Marshal returns the body of the request.
func (r Request) Marshal() []byte {
	b := append(strconv.AppendInt([]byte("old "), r.Old, 10), '\n')
	for _, h := range r.Proof {
		b = append(base64.StdEncoding.AppendEncode(b, h[:]), '\n')
	}
	return append(append(b, '\n'), r.Checkpoint...)
}

// ParseRequest decodes the body of a request. What it returns aliases b.
func ParseRequest(b []byte) (Request, error) {
	malformed := fmt.Errorf("%w: add-checkpoint request", keytrans.ErrMalformed)
	head, checkpoint, ok := bytes.Cut(b, []byte("\n\n"))
	if !ok || len(b) > MaxRequest {
		return Request{}, malformed
	}
	lines := strings.Split(string(head), "\n")
	number, ok := strings.CutPrefix(lines[0], "old ")
	old, err := strconv.ParseInt(number, 10, 64)
	if !ok || err != nil || old < 0 || strconv.FormatInt(old, 10) != number || len(lines) > 1+MaxProof {
		return Request{}, malformed
	}
	r := Request{Old: old, Checkpoint: checkpoint}
	for _, line := range lines[1:] {
		h, err := base64.StdEncoding.Strict().DecodeString(line)
		if err != nil || len(h) != tlog.HashSize {
			return Request{}, malformed
		}
		r.Proof = append(r.Proof, tlog.Hash(h))
	}
	return r, nil
}
