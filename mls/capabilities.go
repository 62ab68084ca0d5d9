// SPDX-License-Identifier: Apache-2.0

package mls

import (
	"io"
	"slices"

	"github.com/securecrypt/securecrypt/mls/internal/suite"
	"github.com/securecrypt/securecrypt/mls/internal/wire"
)

// DefaultCapabilities lists all that this package supports, and the given
// extension types, which the application supports.
func DefaultCapabilities(extensions ...ExtensionType) Capabilities {
	c := Capabilities{
		Versions:    []uint16{wire.Version},
		Extensions:  []ExtensionType{ExtensionAppDataDictionary},
		Proposals:   []ProposalType{ProposalSelfRemove},
		Credentials: []CredentialType{CredentialBasic},
	}
	c.CipherSuites = fromU16s[CipherSuite](suite.All())
	for _, e := range extensions {
		if !wire.DefaultExtension(uint16(e)) && !slices.Contains(c.Extensions, e) {
			c.Extensions = append(c.Extensions, e)
		}
	}
	return c
}

// BestSuite returns the first of the suites of this package, in its order of preference,
// that all clients support, and whether there is one. Who creates a group for them uses it,
// lest somebody make them use a worse one (RFC 9420, Section 11).
func BestSuite(clients ...Capabilities) (CipherSuite, bool) {
	for _, id := range suite.All() {
		lacks := func(c Capabilities) bool { return !slices.Contains(c.CipherSuites, CipherSuite(id)) }
		if !slices.ContainsFunc(clients, lacks) {
			return CipherSuite(id), true
		}
	}
	return 0, false
}

// isGREASE reports whether a code point is one that nothing will ever use (RFC 9420,
// Section 13.5).
func isGREASE(v uint16) bool { return v&0x0f0f == 0x0a0a && v>>8 == v&0xff && v>>12 != 0xf }

// GREASE returns the capabilities with a random meaningless value in each list, by
// which clients that fail to ignore what they do not know are found out early (RFC 9420,
// Section 13.5).
func (c Capabilities) GREASE(rand io.Reader) (Capabilities, error) {
	b, err := draw(rand, 4)
	if err != nil {
		return c, err
	}
	c.CipherSuites = grease(c.CipherSuites, b[0])
	c.Extensions = grease(c.Extensions, b[1])
	c.Proposals = grease(c.Proposals, b[2])
	c.Credentials = grease(c.Credentials, b[3])
	return c, nil
}

func grease[T ~uint16](list []T, random byte) []T {
	return append(slices.Clone(list), T(uint16(random%15)*0x1010+0x0a0a))
}
