// SPDX-License-Identifier: Apache-2.0

// Package suite binds the cipher suites of RFC 9420, Section 17.1, to the
// primitives of the standard library, as well as those of
// draft-ietf-mls-pq-ciphersuites, and defines the labelled operations that
// the rest of MLS is built from (Sections 5.1, 5.2 and 8).
//
// No primitive is implemented here. HPKE encapsulation and ECDSA key generation
// draw their own randomness from the standard library; everything else is
// deterministic or takes its randomness as an argument.
package suite
