// SPDX-License-Identifier: Apache-2.0

//go:build !mls_small

package suite

import (
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hpke"
	"crypto/x509"
	"io"
)

// nist are the suites with curves of NIST.
var nist = map[uint16]*Suite{
	0x0002: {Scheme: ECDSAP256, kem: hpke.DHKEM(ecdh.P256()), hashing: sha256Parts, sealing: aes128Parts},
	0x0005: {Scheme: ECDSAP521, kem: hpke.DHKEM(ecdh.P521()), hashing: sha512Parts, sealing: aes256Parts},
	0x0007: {Scheme: ECDSAP384, kem: hpke.DHKEM(ecdh.P384()), hashing: sha384Parts, sealing: aes256Parts},

	0xF003: {Scheme: ECDSAP256, kem: hpke.MLKEM768P256(), hashing: sha256Parts, sealing: aes128Parts},
	0xF004: {Scheme: ECDSAP256, kem: hpke.MLKEM768P256(), hashing: sha384Parts, sealing: aes256Parts},
	0xF005: {Scheme: ECDSAP384, kem: hpke.MLKEM1024P384(), hashing: sha384Parts, sealing: aes256Parts},
	0xF007: {Scheme: ECDSAP256, kem: hpke.MLKEM768(), hashing: sha384Parts, sealing: aes256Parts},
	0xF008: {Scheme: ECDSAP384, kem: hpke.MLKEM1024(), hashing: sha384Parts, sealing: aes256Parts},
}

// CertificateKey returns the public key of an X.509 certificate as leaves carry it.
func CertificateKey(der []byte) ([]byte, error) {
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, errKey
	}
	switch key := c.PublicKey.(type) {
	case ed25519.PublicKey:
		return key, nil
	case *ecdsa.PublicKey:
		return key.Bytes()
	default:
		return nil, errKey
	}
}

func (s Scheme) curve() (elliptic.Curve, crypto.Hash, error) {
	switch s {
	case ECDSAP256:
		return elliptic.P256(), crypto.SHA256, nil
	case ECDSAP384:
		return elliptic.P384(), crypto.SHA384, nil
	case ECDSAP521:
		return elliptic.P521(), crypto.SHA512, nil
	default:
		return nil, 0, ErrUnsupported
	}
}

type ecdsaPublic struct {
	key  *ecdsa.PublicKey
	hash crypto.Hash
}

func parseECDSA(s Scheme, b []byte) (ecdsaVerifier, error) {
	curve, hash, err := s.curve()
	if err != nil {
		return nil, err
	}
	key, err := ecdsa.ParseUncompressedPublicKey(curve, b)
	if err != nil {
		return nil, errKey
	}
	return ecdsaPublic{key, hash}, nil
}

func (k ecdsaPublic) verify(message, signature []byte) bool {
	h := k.hash.New()
	h.Write(message)
	return ecdsa.VerifyASN1(k.key, h.Sum(nil), signature)
}

type ecdsaPrivate struct {
	key  *ecdsa.PrivateKey
	hash crypto.Hash
}

func generateECDSA(s Scheme, random io.Reader) ([]byte, error) {
	curve, _, err := s.curve()
	if err != nil {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(curve, random)
	if err != nil {
		return nil, err
	}
	return key.Bytes()
}

func importECDSA(s Scheme, raw []byte) (key ecdsaSigner, public []byte, err error) {
	curve, hash, err := s.curve()
	if err != nil {
		return nil, nil, err
	}
	size := (curve.Params().BitSize + 7) / 8
	if len(raw) > size {
		return nil, nil, errKey
	}
	padded := make([]byte, size) // some writers drop leading zeros
	copy(padded[size-len(raw):], raw)
	private, err := ecdsa.ParseRawPrivateKey(curve, padded)
	if err != nil {
		return nil, nil, errKey
	}
	if public, err = private.PublicKey.Bytes(); err != nil {
		return nil, nil, errKey
	}
	return ecdsaPrivate{private, hash}, public, nil
}

func (k ecdsaPrivate) sign(message []byte) ([]byte, error) {
	h := k.hash.New()
	h.Write(message)
	return k.key.Sign(nil, h.Sum(nil), k.hash) // deterministic, RFC 6979
}

func (k ecdsaPrivate) raw() []byte {
	raw, err := k.key.Bytes()
	if err != nil {
		panic("mls: " + err.Error()) // an imported key always encodes
	}
	return raw
}
