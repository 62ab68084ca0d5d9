// SPDX-License-Identifier: AGPL-3.0-or-later

// Package crockford writes secrets as people copy them: Douglas Crockford's base32,
// which has no i, l, o or u, so that what is read aloud or copied by hand survives.
package crockford

import (
	"encoding/base32"
	"strings"
)

// Alphabet has the 32 characters.
const Alphabet = "0123456789abcdefghjkmnpqrstvwxyz"

// Encoding encodes in lower case, without padding.
var Encoding = base32.NewEncoding(Alphabet).WithPadding(base32.NoPadding)

// Group joins s in groups of n by hyphens.
func Group(s string, n int) string {
	var b strings.Builder
	for i := 0; i < len(s); i += n {
		if i > 0 {
			b.WriteByte('-')
		}
		b.WriteString(s[i:min(i+n, len(s))])
	}
	return b.String()
}

// Clean returns what somebody typed as Encoding writes it: in lower case, without
// hyphens and spaces, with 0 for o and 1 for i and l. Other characters stay.
func Clean(text string) []byte {
	clean := make([]byte, 0, len(text))
	for i := range len(text) {
		c := text[i]
		switch {
		case c == '-' || c == ' ' || c == '\t' || c == '\r' || c == '\n':
			continue
		case 'A' <= c && c <= 'Z':
			c += 'a' - 'A'
		}
		switch c {
		case 'o':
			c = '0'
		case 'i', 'l':
			c = '1'
		}
		clean = append(clean, c)
	}
	return clean
}
