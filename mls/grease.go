// SPDX-License-Identifier: Apache-2.0

package mls

import (
	"io"
	"slices"
)

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
