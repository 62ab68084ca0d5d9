// SPDX-License-Identifier: AGPL-3.0-or-later

package account

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/hpke"
	"crypto/sha256"
	"fmt"

	"github.com/securecrypt/securecrypt/internal/codec/dcbor"
)

const (
	recoverySealingInfo    = "SecureCrypt recovery sealing key v1"
	sealingKeyContext      = "SecureCrypt recovery sealing key v1, signed by the recovery key\x00"
	sealingKeySeedSize     = 32
	sealingKeyVersion      = 1
	maxSealingKeyStatement = MailboxKeySize + ed25519.SignatureSize + 16
)

// wireSealingKey is the public half of a recovery secret's sealing key, signed by
// the recovery key of the same secret.
type wireSealingKey struct {
	_         struct{} `cbor:",toarray"`
	Version   uint64
	Key       []byte
	Signature []byte
}

// SealingKey returns the secret's X-Wing key pair (HPKE KEM 0x647a), from an
// HKDF-SHA-256 of the secret: what is sealed to it opens with the recovery key
// alone.
func (s RecoverySecret) SealingKey() (hpke.PrivateKey, error) {
	b := s.bytes()
	if b == nil {
		return nil, ErrNoSecret
	}
	seed, err := hkdf.Key(sha256.New, b[:], nil, recoverySealingInfo, sealingKeySeedSize)
	if err != nil {
		return nil, fmt.Errorf("account: deriving the sealing key: %w", err)
	}
	defer clear(seed)
	return hpke.MLKEM768X25519().NewPrivateKey(seed)
}

// SignedSealingKey returns the public half of SealingKey, signed by the recovery
// key. An account's devices keep it beside the chain, which has no place for it,
// since they have to seal to the recovery key when the secret is not there.
func (s RecoverySecret) SignedSealingKey() ([]byte, error) {
	sealing, err := s.SealingKey()
	if err != nil {
		return nil, err
	}
	recovery, err := s.PrivateKey()
	if err != nil {
		return nil, err
	}
	key := sealing.PublicKey().Bytes()
	return dcbor.Marshal(wireSealingKey{
		Version: sealingKeyVersion, Key: key, Signature: ed25519.Sign(recovery, append([]byte(sealingKeyContext), key...)),
	})
}

// ParseSealingKey decodes what SignedSealingKey returns and verifies it with the
// recovery key of a verified chain. The error is ErrUnknown for a version of the
// future, ErrSignature for the key of another recovery secret, else ErrMalformed.
func ParseSealingKey(k RecoveryKey, b []byte) (hpke.PublicKey, error) {
	if len(b) > maxSealingKeyStatement {
		return nil, broken("sealing-size", ErrMalformed, "a signed sealing key of more than 1,296 bytes")
	}
	if err := checkVersion(b, sealingKeyVersion); err != nil {
		return nil, err
	}
	w, err := decode[wireSealingKey](b)
	if err != nil {
		return nil, err
	}
	if !ed25519.Verify(k[:], append([]byte(sealingKeyContext), w.Key...), w.Signature) {
		return nil, broken("sealing-signed", ErrSignature, "a sealing key that the recovery key did not sign")
	}
	pub, err := hpke.MLKEM768X25519().NewPublicKey(w.Key)
	if err != nil {
		return nil, broken("sealing-key", ErrMalformed, "a sealing key that is not an X-Wing key")
	}
	return pub, nil
}
