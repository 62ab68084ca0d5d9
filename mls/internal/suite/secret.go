// SPDX-License-Identifier: Apache-2.0

package suite

// Secret is a secret value. It prints and logs as a placeholder.
type Secret []byte

const redacted = "[secret]"

// String redacts the secret.
func (Secret) String() string { return redacted }

// GoString redacts the secret.
func (Secret) GoString() string { return redacted }

// Wipe overwrites the secret.
func (s Secret) Wipe() { clear(s) }
