// SPDX-License-Identifier: AGPL-3.0-or-later

package account

import (
	"encoding/base32"
	"strings"
)

// crockford is Douglas Crockford's alphabet: no i, l, o or u, so that what is
// read aloud or copied by hand survives.
var crockford = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// group joins s in groups of n by hyphens.
func group(s string, n int) string {
	var b strings.Builder
	for i := 0; i < len(s); i += n {
		if i > 0 {
			b.WriteByte('-')
		}
		b.WriteString(s[i:min(i+n, len(s))])
	}
	return b.String()
}
