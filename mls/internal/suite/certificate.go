// SPDX-License-Identifier: Apache-2.0

package suite

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/x509"
)

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
