// SPDX-License-Identifier: Apache-2.0

package keytrans

import vrf "filippo.io/mostly-harmless/vrf-r255"

// CollidingPolicy indexes two keys that have one name and one hash.
func CollidingPolicy(a, b string) error {
	first, err := ParseVerifierKey(a)
	if err != nil {
		return err
	}
	second, err := ParseVerifierKey(b)
	if err != nil {
		return err
	}
	second.name, second.hash = first.name, first.hash
	return (&Policy{keys: make(map[keyID]*VerifierKey)}).index([]*VerifierKey{first, second})
}

// CosignedText returns what an Ed25519 cosignature of a checkpoint signs.
func CosignedText(t uint64, c Checkpoint) []byte { return cosignedText(t, []byte(c.Text())) }

// CosignedMessage returns what an ML-DSA-44 cosignature of a checkpoint signs.
func CosignedMessage(name string, t uint64, c Checkpoint) []byte { return cosignedMessage(name, t, c) }

// ParseCheckpointText decodes the signed lines of a checkpoint.
func ParseCheckpointText(text string) (Checkpoint, error) { return parseText(text) }

// ProveRaw computes the label of an input that need not be a name.
func ProveRaw(k *VRFPrivateKey, input []byte) (Label, []byte) {
	p := k.key.Prove(input)
	return Label(p.Hash()[:LabelSize]), p.Bytes()
}

// VerifyRaw verifies the label of an input that need not be a name.
func VerifyRaw(k *VRFPublicKey, input, proof []byte) (Label, error) {
	p, err := vrf.NewProof(proof)
	if err != nil {
		return Label{}, err
	}
	output, err := k.key.Verify(p, input)
	if err != nil {
		return Label{}, err
	}
	return Label(output[:LabelSize]), nil
}
