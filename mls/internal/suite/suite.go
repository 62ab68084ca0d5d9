// SPDX-License-Identifier: Apache-2.0

package suite

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hpke"
	"crypto/sha256"
	"crypto/sha3"
	"crypto/sha512"
	"errors"
	"hash"
	"maps"
	"slices"
	"sync"

	"golang.org/x/crypto/chacha20poly1305"
)

// ErrUnsupported is returned for suites that are not implemented.
var ErrUnsupported = errors.New("mls: unsupported cipher suite")

// NonceSize is the nonce length of all AEADs in use.
const NonceSize = 12

// Suite is a cipher suite.
type Suite struct {
	ID     uint16
	Scheme Scheme // of signatures

	kem hpke.KEM
	hashing
	sealing
	parts uint16 // of an alias: the suite that it is

	// derive replaces KEM.DeriveKeyPair, unless it is nil.
	derive func(kem hpke.KEM, ikm []byte) (hpke.PrivateKey, error)
}

// hashing is what a suite's hash function brings.
type hashing struct {
	kdf  hpke.KDF
	hash func() hash.Hash
	nh   int // bytes of a hash
}

var (
	sha256Parts = hashing{hpke.HKDFSHA256(), sha256.New, sha256.Size}
	sha384Parts = hashing{hpke.HKDFSHA384(), sha512.New384, sha512.Size384}
	sha512Parts = hashing{hpke.HKDFSHA512(), sha512.New, sha512.Size}
)

// sealing is what a suite's AEAD brings.
type sealing struct {
	aead    hpke.AEAD
	newAEAD func(key []byte) (cipher.AEAD, error)
	nk      int // bytes of a key
}

var (
	aes128Parts = sealing{hpke.AES128GCM(), newGCM, 16}
	aes256Parts = sealing{hpke.AES256GCM(), newGCM, 32}
	chachaParts = sealing{hpke.ChaCha20Poly1305(), chacha20poly1305.New, chacha20poly1305.KeySize}
)

func newGCM(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

var suites = map[uint16]*Suite{
	0x0001: {Scheme: Ed25519, kem: hpke.DHKEM(ecdh.X25519()), hashing: sha256Parts, sealing: aes128Parts},
	0x0003: {Scheme: Ed25519, kem: hpke.DHKEM(ecdh.X25519()), hashing: sha256Parts, sealing: chachaParts},

	// Those of draft-ietf-mls-pq-ciphersuites with traditional signatures, at private-use
	// code points in the draft's order.
	0xF001: {Scheme: Ed25519, kem: hpke.MLKEM768X25519(), hashing: sha256Parts, sealing: aes128Parts},
	0xF002: {Scheme: Ed25519, kem: hpke.MLKEM768X25519(), hashing: sha384Parts, sealing: aes256Parts},
	0xF006: {Scheme: Ed25519, kem: hpke.MLKEM768(), hashing: sha384Parts, sealing: aes256Parts},

	// Those by which openmls and ts-mls know X-Wing, with keys derived as X-Wing's
	// own draft wants. The first has the parts of 0xF002; the second is
	// MLS_256_XWING_AES256GCM_SHA512_Ed25519.
	0x004E: {Scheme: Ed25519, kem: hpke.MLKEM768X25519(), hashing: sha384Parts, sealing: aes256Parts, derive: deriveXWing},
	0x0053: {Scheme: Ed25519, kem: hpke.MLKEM768X25519(), hashing: sha512Parts, sealing: aes256Parts, derive: deriveXWing},
}

// deriveXWing is DeriveKeyPair of draft-connolly-cfrg-xwing-kem, Section 5.6.
// The standard library follows draft-ietf-hpke-pq, which adds labels.
func deriveXWing(kem hpke.KEM, ikm []byte) (hpke.PrivateKey, error) {
	return kem.NewPrivateKey(sha3.SumSHAKE256(ikm, 32))
}

func init() {
	maps.Copy(suites, nist)
	for id, s := range suites {
		s.ID = id
	}
}

// aliases holds the suites under code points that the program has chosen. Entries are
// never changed or removed, so that a suite keeps its address.
var aliases sync.Map // uint16 to *Suite

// Lookup returns the suite with a code point.
func Lookup(id uint16) (*Suite, error) {
	if s := suites[id]; s != nil {
		return s, nil
	}
	if s, ok := aliases.Load(id); ok {
		return s.(*Suite), nil
	}
	return nil, ErrUnsupported
}

// ErrTaken is returned for code points that have a meaning.
var ErrTaken = errors.New("mls: code point is taken")

// Alias makes the parts of a suite a suite of its own, under another code point.
func Alias(id, parts uint16) error {
	s := suites[parts]
	if s == nil {
		return ErrUnsupported
	}
	if id <= lastOfRFC || suites[id] != nil {
		return ErrTaken
	}
	alias := *s
	alias.ID, alias.parts = id, parts
	if was, taken := aliases.LoadOrStore(id, &alias); taken && was.(*Suite).parts != parts {
		return ErrTaken
	}
	return nil
}

// lastOfRFC is the last code point that RFC 9420 assigns.
const lastOfRFC = 7

// All returns the code points that are offered, in the order of preference.
// Those that other implementations picked for themselves must be asked for.
func All() []uint16 {
	return slices.DeleteFunc([]uint16{
		0xF002, 0xF001, 0x0001, 0x0003, 0x0002, 0x0007, 0x0005, 0xF005, 0xF004, 0xF003, 0xF006, 0xF007, 0xF008,
	}, func(id uint16) bool { return suites[id] == nil })
}

// HashSize is KDF.Nh, the length of hashes and secrets.
func (s *Suite) HashSize() int { return s.nh }

// KeySize is AEAD.Nk.
func (s *Suite) KeySize() int { return s.nk }

// Hash hashes the concatenation of parts.
func (s *Suite) Hash(parts ...[]byte) []byte {
	h := s.hash()
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(make([]byte, 0, s.nh))
}

// AEAD returns the suite's AEAD under key.
func (s *Suite) AEAD(key Secret) (cipher.AEAD, error) { return s.newAEAD(key) }
