// SPDX-License-Identifier: Apache-2.0

// Package tlsenc encodes and decodes the TLS presentation language with the
// variable-length vectors of RFC 9420, Section 2.1.2.
//
// Decoding is strict: a length in more bytes than needed, a length that exceeds
// what is there, an optional marker other than 0 or 1 and trailing bytes are
// errors. Nothing is allocated by a length before the bytes are known to be
// there. What a Reader returns aliases its input.
package tlsenc
