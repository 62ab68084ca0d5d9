// SPDX-License-Identifier: Apache-2.0

package keytrans_test

import (
	"crypto/ed25519"
	"encoding/binary"
	"fmt"

	"golang.org/x/mod/sumdb/note"

	"github.com/securecrypt/securecrypt/keytrans"
	"github.com/securecrypt/securecrypt/keytrans/logtest"
)

// A rawSigner signs any text and states any time, unlike the signers of package keytrans.
type rawSigner struct {
	*keytrans.VerifierKey
	time int64
}

// Sign implements note.Signer for Ed25519 keys of package logtest.
func (s rawSigner) Sign(text []byte) ([]byte, error) {
	private := ed25519.NewKeyFromSeed(logtest.Seed(fmt.Sprint(s.Name(), s.Algorithm())))
	if s.Algorithm() == keytrans.Ed25519 {
		return ed25519.Sign(private, text), nil
	}
	message := append(fmt.Appendf(nil, "cosignature/v1\ntime %d\n", s.time), text...)
	return append(binary.BigEndian.AppendUint64(nil, uint64(s.time)), ed25519.Sign(private, message)...), nil
}

// signText returns a note of any text, signed by Ed25519 keys of package logtest at a time in
// Unix seconds.
func signText(text string, time int64, keys []*keytrans.SignerKey) []byte {
	signers := make([]note.Signer, len(keys))
	for i, k := range keys {
		signers[i] = rawSigner{k.Verifier(), time}
	}
	b, err := note.Sign(&note.Note{Text: text}, signers...)
	if err != nil {
		panic(err)
	}
	return b
}
