// SPDX-License-Identifier: Apache-2.0

package suite

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/hpke"

	"github.com/securecrypt/securecrypt/mls/tlsenc"
)

const prefix = "MLS 1.0 "

// Zero returns the all-zero secret of length KDF.Nh.
func (s *Suite) Zero() Secret { return make(Secret, s.nh) }

// Extract is KDF.Extract.
func (s *Suite) Extract(salt, ikm Secret) Secret {
	out, err := hkdf.Extract(s.hash, ikm, salt)
	if err != nil {
		panic("mls: extract: " + err.Error()) // only in a FIPS mode that forbids the hash
	}
	return out
}

// ExpandWithLabel is defined in RFC 9420, Section 8.
func (s *Suite) ExpandWithLabel(secret Secret, label string, context []byte, length int) Secret {
	w := tlsenc.NewWriter(16 + len(label) + len(context))
	w.U16(uint16(length))
	w.Opaque([]byte(prefix + label))
	w.Opaque(context)
	out, err := hkdf.Expand(s.hash, secret, string(w.Bytes()), length)
	if err != nil {
		panic("mls: expand: " + err.Error())
	}
	return out
}

// MaxExpand is the longest output of ExpandWithLabel.
func (s *Suite) MaxExpand() int { return 255 * s.nh }

// DeriveSecret is defined in RFC 9420, Section 8.
func (s *Suite) DeriveSecret(secret Secret, label string) Secret {
	return s.ExpandWithLabel(secret, label, nil, s.nh)
}

// DeriveTreeSecret is defined in RFC 9420, Section 9.1.
func (s *Suite) DeriveTreeSecret(secret Secret, label string, generation uint32, length int) Secret {
	return s.Expander(secret).Tree(make(Secret, length), label, generation)
}

// MAC is the suite's message authentication code.
func (s *Suite) MAC(key Secret, data []byte) []byte {
	m := hmac.New(s.hash, key)
	m.Write(data)
	return m.Sum(nil)
}

// VerifyMAC compares in constant time.
func (s *Suite) VerifyMAC(key Secret, data, mac []byte) bool {
	return hmac.Equal(s.MAC(key, data), mac)
}

// RefHash is defined in RFC 9420, Section 5.2; label is given in full.
func (s *Suite) RefHash(label string, value []byte) []byte {
	w := tlsenc.NewWriter(16 + len(label) + len(value))
	w.Opaque([]byte(label))
	w.Opaque(value)
	return s.Hash(w.Bytes())
}

// labelled encodes SignContent and EncryptContext (RFC 9420, Section 5.1).
func labelled(label string, content []byte) []byte {
	w := tlsenc.NewWriter(24 + len(label) + len(content))
	w.Opaque([]byte(prefix + label))
	w.Opaque(content)
	return w.Bytes()
}

// Sign is SignWithLabel.
func (s *Suite) Sign(key *SigningKey, label string, content []byte) ([]byte, error) {
	return key.sign(labelled(label, content))
}

// Verify is VerifyWithLabel.
func (s *Suite) Verify(key VerifyKey, label string, content, signature []byte) bool {
	return key.verify(labelled(label, content), signature)
}

// PublicKey parses an HPKE public key.
func (s *Suite) PublicKey(b []byte) (hpke.PublicKey, error) { return s.kem.NewPublicKey(b) }

// PrivateKey parses an HPKE private key.
func (s *Suite) PrivateKey(b Secret) (hpke.PrivateKey, error) { return s.kem.NewPrivateKey(b) }

// DeriveKeyPair is KEM.DeriveKeyPair.
func (s *Suite) DeriveKeyPair(ikm Secret) (hpke.PrivateKey, error) {
	if s.derive != nil {
		return s.derive(s.kem, ikm)
	}
	return s.kem.DeriveKeyPair(ikm)
}

// Encrypt is EncryptWithLabel.
func (s *Suite) Encrypt(key hpke.PublicKey, label string, context, plaintext []byte) (kemOutput, ciphertext []byte, err error) {
	enc, sender, err := hpke.NewSender(key, s.kdf, s.aead, labelled(label, context))
	if err != nil {
		return nil, nil, err
	}
	ciphertext, err = sender.Seal(nil, plaintext)
	return enc, ciphertext, err
}

// Decrypt is DecryptWithLabel.
func (s *Suite) Decrypt(key hpke.PrivateKey, label string, context, kemOutput, ciphertext []byte) (Secret, error) {
	recipient, err := hpke.NewRecipient(kemOutput, key, s.kdf, s.aead, labelled(label, context))
	if err != nil {
		return nil, err
	}
	return recipient.Open(nil, ciphertext)
}

// SendExport sets up HPKE to key with empty info and exports a secret of length
// KDF.Nh (RFC 9420, Section 8.3).
func (s *Suite) SendExport(key hpke.PublicKey, label string) (kemOutput []byte, secret Secret, err error) {
	kemOutput, sender, err := hpke.NewSender(key, s.kdf, s.aead, nil)
	if err != nil {
		return nil, nil, err
	}
	secret, err = sender.Export(prefix+label, s.nh)
	return kemOutput, secret, err
}

// ReceiveExport is the other side of SendExport.
func (s *Suite) ReceiveExport(key hpke.PrivateKey, label string, kemOutput []byte) (Secret, error) {
	recipient, err := hpke.NewRecipient(kemOutput, key, s.kdf, s.aead, nil)
	if err != nil {
		return nil, err
	}
	return recipient.Export(prefix+label, s.nh)
}
