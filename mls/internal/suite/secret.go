// SPDX-License-Identifier: Apache-2.0

package suite

import (
	"crypto/subtle"
	"log/slog"
)

// Secret is a secret value. It prints and logs as a placeholder.
type Secret []byte

const redacted = "[secret]"

// String redacts the secret.
func (Secret) String() string { return redacted }

// GoString redacts the secret.
func (Secret) GoString() string { return redacted }

// LogValue redacts the secret.
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// Equal compares in constant time.
func (s Secret) Equal(t []byte) bool { return subtle.ConstantTimeCompare(s, t) == 1 }

// Wipe overwrites the secret.
func (s Secret) Wipe() { clear(s) }
