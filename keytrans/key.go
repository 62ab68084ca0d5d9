// SPDX-License-Identifier: Apache-2.0

package keytrans

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"filippo.io/mldsa"
	"golang.org/x/mod/sumdb/note"

	"github.com/securecrypt/securecrypt/keytrans/internal/rule"
)

// An Algorithm is the signature type of a key (c2sp.org/signed-note).
type Algorithm byte

// The algorithms in use.
const (
	// Ed25519 signs the text of a checkpoint: a log's first signature.
	Ed25519 Algorithm = 1
	// CosignatureEd25519 signs a time and the text of a checkpoint.
	CosignatureEd25519 Algorithm = 4
	// CosignatureMLDSA44 signs a time and what the three lines of a checkpoint
	// say. Logs may have such a key beside an Ed25519 key.
	CosignatureMLDSA44 Algorithm = 6
)

// timestampSize is the length of the time in a cosignature, in bytes.
const timestampSize = 8

// A VerifierKey verifies the signatures of a log, a witness or an auditor. It
// implements note.Verifier.
type VerifierKey struct {
	name   string
	hash   uint32
	alg    Algorithm
	key    []byte
	verify func(text, signature []byte) bool
}

var _ note.Verifier = (*VerifierKey)(nil)

// ParseVerifierKey decodes a vkey (c2sp.org/signed-note, Verifier keys) of one of
// the algorithms above. The key's hash must be the one that the specification
// recommends.
func ParseVerifierKey(vkey string) (*VerifierKey, error) {
	name, rest, _ := strings.Cut(vkey, "+")
	id, encoded, _ := strings.Cut(rest, "+")
	hash, err := strconv.ParseUint(id, 16, 32)
	key, err2 := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil || err2 != nil || len(id) != 8 || strings.ToLower(id) != id || len(key) < 1 {
		return nil, rule.Broken("K8-vkey", "a verifier key is malformed")
	}
	k, err := NewVerifierKey(name, Algorithm(key[0]), key[1:])
	if err != nil {
		return nil, err
	}
	if k.hash != uint32(hash) {
		return nil, rule.Broken("K8-key-hash", "a verifier key has the hash of another")
	}
	return k, nil
}

// NewVerifierKey makes a VerifierKey of a public key: 32 bytes for Ed25519, 1312
// bytes for ML-DSA-44. Names have 1 to 255 bytes and neither spaces nor plus signs.
func NewVerifierKey(name string, alg Algorithm, key []byte) (*VerifierKey, error) {
	if !isKeyName(name) {
		return nil, rule.Broken("K8-key-name", "the name of a verifier key is malformed")
	}
	k := &VerifierKey{name: name, alg: alg, key: append([]byte(nil), key...)}
	switch alg {
	case Ed25519, CosignatureEd25519:
		if len(key) != ed25519.PublicKeySize {
			return nil, rule.Broken("K8-ed25519-key", "an Ed25519 key has %d bytes", len(key))
		}
		k.verify = k.verifyText
		if alg == CosignatureEd25519 {
			k.verify = k.verifyCosignature
		}
	case CosignatureMLDSA44:
		public, err := mldsa.NewPublicKey(mldsa.MLDSA44(), key)
		if err != nil {
			return nil, rule.Broken("K8-mldsa-key", "an ML-DSA-44 key is malformed")
		}
		k.verify = func(text, signature []byte) bool { return k.verifyMLDSA(public, text, signature) }
	}
	if k.verify == nil {
		return nil, rule.Broken("K8-algorithm", "a verifier key has the unknown type %d", alg)
	}
	sum := sha256.Sum256(append(append([]byte(name), '\n', byte(alg)), key...))
	k.hash = binary.BigEndian.Uint32(sum[:])
	return k, nil
}

// Name implements note.Verifier.
func (k *VerifierKey) Name() string { return k.name }

// KeyHash implements note.Verifier.
func (k *VerifierKey) KeyHash() uint32 { return k.hash }

// Verify implements note.Verifier.
func (k *VerifierKey) Verify(text, signature []byte) bool { return k.verify(text, signature) }

// Algorithm returns the key's signature type.
func (k *VerifierKey) Algorithm() Algorithm { return k.alg }

// String returns the key as a vkey.
func (k *VerifierKey) String() string {
	var id [4]byte
	binary.BigEndian.PutUint32(id[:], k.hash)
	const digits = "0123456789abcdef"
	text := k.name + "+"
	for _, b := range id {
		text += string([]byte{digits[b>>4], digits[b&15]})
	}
	return text + "+" + base64.StdEncoding.EncodeToString(append([]byte{byte(k.alg)}, k.key...))
}

func (k *VerifierKey) verifyText(text, signature []byte) bool {
	return ed25519.Verify(k.key, text, signature)
}

func (k *VerifierKey) verifyCosignature(text, signature []byte) bool {
	if len(signature) != timestampSize+ed25519.SignatureSize {
		return false
	}
	t := binary.BigEndian.Uint64(signature)
	return t <= math.MaxInt64 && ed25519.Verify(k.key, cosignedText(t, text), signature[timestampSize:])
}

func (k *VerifierKey) verifyMLDSA(key *mldsa.PublicKey, text, signature []byte) bool {
	if len(signature) < timestampSize {
		return false
	}
	t := binary.BigEndian.Uint64(signature)
	c, err := parseText(string(text))
	if err != nil || t > math.MaxInt64 {
		return false
	}
	return mldsa.Verify(key, cosignedMessage(k.name, t, c), signature[timestampSize:], nil) == nil
}

// cosignedText returns what an Ed25519 cosignature signs (c2sp.org/tlog-cosignature).
func cosignedText(t uint64, text []byte) []byte {
	b := append(make([]byte, 0, 64+len(text)), "cosignature/v1\ntime "...)
	b = append(strconv.AppendUint(b, t, 10), '\n')
	return append(b, text...)
}

// cosignedMessage returns what an ML-DSA-44 cosignature signs
// (c2sp.org/tlog-cosignature): the cosigned_message of a whole tree.
func cosignedMessage(name string, t uint64, c Checkpoint) []byte {
	b := append(make([]byte, 0, 640), "subtree/v1\n\x00"...)
	b = append(append(b, byte(len(name))), name...)
	b = binary.BigEndian.AppendUint64(b, t)
	b = append(append(b, byte(len(c.Origin))), c.Origin...)
	b = binary.BigEndian.AppendUint64(b, 0)
	b = binary.BigEndian.AppendUint64(b, uint64(c.Size))
	return append(b, c.Hash[:]...)
}

// timestamp returns the time of a verified signature in Unix seconds, and whether its
// algorithm has one.
func (k *VerifierKey) timestamp(s note.Signature) (int64, bool) {
	if k.alg == Ed25519 {
		return 0, false
	}
	b, err := base64.StdEncoding.DecodeString(s.Base64)
	if err != nil || len(b) < 4+timestampSize {
		return 0, false
	}
	return int64(binary.BigEndian.Uint64(b[4:])), true
}

// isKeyName reports whether a name may stand in a signature line.
func isKeyName(name string) bool {
	return name != "" && len(name) <= MaxOrigin && utf8.ValidString(name) &&
		strings.IndexFunc(name, unicode.IsSpace) < 0 && strings.IndexFunc(name, unicode.IsControl) < 0 && !strings.Contains(name, "+")
}
