// SPDX-License-Identifier: Apache-2.0

// Package framing protects and unprotects messages (RFC 9420, Section 6): it
// signs content, authenticates public messages and encrypts private ones. It
// holds no state: keys come from the caller, who also decides which signature
// key counts.
package framing
