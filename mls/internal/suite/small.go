// SPDX-License-Identifier: Apache-2.0

//go:build mls_small

package suite

import "io"

var nist map[uint16]*Suite

// CertificateKey refuses every certificate.
func CertificateKey([]byte) ([]byte, error) { return nil, ErrUnsupported }

func parseECDSA(Scheme, []byte) (ecdsaVerifier, error) { return nil, ErrUnsupported }

func generateECDSA(Scheme, io.Reader) ([]byte, error) { return nil, ErrUnsupported }

func importECDSA(Scheme, []byte) (ecdsaSigner, []byte, error) { return nil, nil, ErrUnsupported }
