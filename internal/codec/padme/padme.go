// SPDX-License-Identifier: AGPL-3.0-or-later

// Package padme rounds lengths up so that they tell little: Padmé (Nikitin
// and others: Reducing Metadata Leakage from Encrypted Files and
// Communication with PURBs, 2019, Section 4).
package padme

import "math/bits"

// Size returns the Padmé length for n bytes: at most 12 % more than n.
func Size(n int64) int64 {
	if n < 2 {
		return n
	}
	e := bits.Len64(uint64(n)) - 1
	s := bits.Len64(uint64(e))
	mask := int64(1)<<(e-s) - 1
	return (n + mask) &^ mask
}
