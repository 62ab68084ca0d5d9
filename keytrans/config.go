// SPDX-License-Identifier: Apache-2.0

package keytrans

import (
	"crypto/sha256"

	"github.com/securecrypt/securecrypt/keytrans/internal/cbor"
)

// A Config is what each root commits to besides the map. A log that shows two people different
// VRF keys or policies has two configurations, hence two roots.
type Config struct {
	// Origin is the name of the log (c2sp.org/tlog-checkpoint).
	Origin string
	// VRFKey is the public key that gives names their labels.
	VRFKey [VRFKeySize]byte
	// Number counts the policies of the log, from 1 on.
	Number uint64
	// Policy is the SHA-256 of the policy's text.
	Policy Hash
}

// Hash returns the hash that roots carry.
func (c Config) Hash() Hash {
	w := cbor.NewWriter(256)
	w.Array(4)
	w.Text(c.Origin)
	w.Bytes(c.VRFKey[:])
	w.Uint(c.Number)
	w.Bytes(c.Policy[:])
	return digest("SecureCrypt keytrans configuration v1\x00", w.Result())
}

// WithPolicy returns the configuration after a change of the policy.
func (c Config) WithPolicy(change PolicyChange) Config {
	c.Number, c.Policy = change.Number, sha256.Sum256(change.Text)
	return c
}
