// SPDX-License-Identifier: Apache-2.0

package keytrans

import (
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"log/slog"

	vrf "filippo.io/mostly-harmless/vrf-r255"

	"github.com/securecrypt/securecrypt/keytrans/internal/rule"
)

const (
	// LabelSize is the length of a Label in bytes.
	LabelSize = 32
	// VRFKeySize is the length of a VRF key, public or private, in bytes.
	VRFKeySize = 32
	// VRFProofSize is the length of a proof that a label belongs to a name, in bytes.
	VRFProofSize = 80
	// MaxName bounds the name of an account, in bytes.
	MaxName = 292
)

// A Label is the place of an account in the map: the first 32 bytes of the VRF output
// for its name (c2sp.org/vrf-r255). It does not reveal the name: to find
// it, one must ask the log for each guess.
type Label [LabelSize]byte

// String returns the label in hexadecimal.
func (l Label) String() string { return hex.EncodeToString(l[:]) }

// A VRFPublicKey verifies which label belongs to a name. A log has one, which its
// configuration commits to.
type VRFPublicKey struct{ key *vrf.PublicKey }

// NewVRFPublicKey decodes a public key of VRFKeySize bytes. It refuses the identity element,
// under which all names have the same label (RFC 9381, Section 5.4.5).
func NewVRFPublicKey(b []byte) (*VRFPublicKey, error) {
	if len(b) == VRFKeySize && subtle.ConstantTimeCompare(b, make([]byte, VRFKeySize)) == 1 {
		return nil, rule.Broken("K5-identity", "the VRF key is the identity element")
	}
	key, err := vrf.NewPublicKey(b)
	if err != nil {
		return nil, rule.Broken("K5-key", "the VRF key is no element of ristretto255")
	}
	return &VRFPublicKey{key}, nil
}

// Bytes returns the key's encoding of VRFKeySize bytes.
func (k *VRFPublicKey) Bytes() []byte { return k.key.Bytes() }

// Verify returns the label of a name if proof, of VRFProofSize bytes, shows that it is.
func (k *VRFPublicKey) Verify(name string, proof []byte) (Label, error) {
	if err := checkName(name); err != nil {
		return Label{}, err
	}
	p, err := vrf.NewProof(proof)
	if err != nil {
		return Label{}, rule.Broken("K5-encoding", "the VRF proof is malformed")
	}
	if _, err := k.key.Verify(p, []byte(name)); err != nil {
		return Label{}, rule.Broken("K5-proof", "the VRF proof does not belong to the name")
	}
	return Label(p.Hash()[:LabelSize]), nil
}

// A VRFPrivateKey computes labels. It is one of the secrets of a log: with it, a list
// of names shows which of them have accounts.
type VRFPrivateKey struct{ key *vrf.PrivateKey }

// NewVRFPrivateKey decodes a private key of VRFKeySize bytes, which is not zero.
func NewVRFPrivateKey(b []byte) (*VRFPrivateKey, error) {
	key, err := vrf.NewPrivateKey(b)
	if err != nil {
		return nil, fmt.Errorf("keytrans: decoding a VRF private key: %w", err)
	}
	if _, err := NewVRFPublicKey(key.PublicKey().Bytes()); err != nil {
		return nil, err
	}
	return &VRFPrivateKey{key}, nil
}

// GenerateVRFKey draws a private key from the system's randomness.
func GenerateVRFKey() *VRFPrivateKey { return &VRFPrivateKey{vrf.GenerateKey()} }

// Bytes returns the key's encoding of VRFKeySize bytes.
func (k *VRFPrivateKey) Bytes() []byte { return k.key.Bytes() }

// Public returns the public key.
func (k *VRFPrivateKey) Public() *VRFPublicKey { return &VRFPublicKey{k.key.PublicKey()} }

// String hides the key.
func (k *VRFPrivateKey) String() string { return "VRFPrivateKey(hidden)" }

// GoString hides the key.
func (k *VRFPrivateKey) GoString() string { return k.String() }

// LogValue hides the key.
func (k *VRFPrivateKey) LogValue() slog.Value { return slog.StringValue(k.String()) }

// Prove returns the label of a name, and the proof that VRFPublicKey.Verify takes. Both
// are the same each time.
func (k *VRFPrivateKey) Prove(name string) (Label, []byte, error) {
	if err := checkName(name); err != nil {
		return Label{}, nil, err
	}
	p := k.key.Prove([]byte(name))
	return Label(p.Hash()[:LabelSize]), p.Bytes(), nil
}

// checkName refuses names that cannot be canonical: name@host in printable ASCII
// without capitals. That the parts are valid is for the package that knows
// addresses.
func checkName(name string) error {
	at := 0
	for _, c := range []byte(name) {
		if c <= ' ' || c > '~' || 'A' <= c && c <= 'Z' {
			at = -MaxName
		}
		if c == '@' {
			at++
		}
	}
	if at != 1 || len(name) > MaxName {
		return rule.Broken("K5-name", "the name is not in its canonical form")
	}
	return nil
}
