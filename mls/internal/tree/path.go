// SPDX-License-Identifier: Apache-2.0

package tree

import (
	"bytes"
	"crypto/hpke"
	"slices"

	"github.com/securecrypt/securecrypt/mls/internal/rule"
	"github.com/securecrypt/securecrypt/mls/internal/suite"
	"github.com/securecrypt/securecrypt/mls/internal/treemath"
	"github.com/securecrypt/securecrypt/mls/internal/wire"
)

// Step is a node of a filtered direct path with its child off the path.
type Step struct{ Node, Copath treemath.Node }

// FilteredPath returns the filtered direct path of a leaf (RFC 9420, Section 4.1.2).
func (t *Tree) FilteredPath(l treemath.Leaf) []Step {
	var steps []Step
	for n, root := l.Node(), t.Root(); n != root; n = n.Parent() {
		if sibling := n.Sibling(); !t.empty(sibling) {
			steps = append(steps, Step{n.Parent(), sibling})
		}
	}
	return steps
}

// PathKeys are the new key pairs along a filtered direct path.
type PathKeys struct {
	Steps   []Step
	Secrets []suite.Secret // path secrets
	Private []hpke.PrivateKey
	Commit  suite.Secret // commit_secret
}

// DeriveKey derives the key pair that belongs to a path secret (RFC 9420,
// Section 7.4).
func DeriveKey(s *suite.Suite, pathSecret suite.Secret) (hpke.PrivateKey, error) {
	node := s.DeriveSecret(pathSecret, "node")
	defer node.Wipe()
	return s.DeriveKeyPair(node)
}

// derivePath derives the key pairs of steps from the first path secret.
func derivePath(s *suite.Suite, steps []Step, secret suite.Secret) (*PathKeys, error) {
	keys := &PathKeys{Steps: steps, Private: make([]hpke.PrivateKey, len(steps))}
	for range steps {
		keys.Secrets = append(keys.Secrets, secret)
		secret = s.DeriveSecret(secret, "path")
	}
	keys.Commit = secret
	err := Parallel(len(steps), func(i int) (err error) {
		keys.Private[i], err = DeriveKey(s, keys.Secrets[i])
		return err
	})
	return keys, err
}

// NewPath puts fresh keys on the filtered direct path of a leaf (RFC 9420,
// Section 7.5, steps 1 to 3) and returns them with the parent hash for the
// leaf, which the caller completes, signs and puts in place by SetLeaf.
func (t *Tree) NewPath(l treemath.Leaf, secret suite.Secret) (*PathKeys, []byte, error) {
	steps := t.FilteredPath(l)
	keys, err := derivePath(t.suite, steps, secret)
	if err != nil {
		return nil, nil, err
	}
	publics := make([]hpke.PublicKey, len(steps))
	for i := range publics {
		publics[i] = keys.Private[i].PublicKey()
	}
	return keys, t.setPath(l, steps, publics), nil
}

// setPath blanks the direct path and puts keys on the filtered one. It returns the
// parent hash of the leaf.
func (t *Tree) setPath(l treemath.Leaf, steps []Step, keys []hpke.PublicKey) []byte {
	t.set(l.Node(), t.nodes[l.Node()].leaf, nil) // forget the hashes
	t.blankPath(l)
	hash := []byte{}
	for i, step := range slices.Backward(steps) {
		p := &wire.ParentNode{EncryptionKey: keys[i].Bytes(), ParentHash: hash}
		t.nodes[step.Node] = entry{parent: &Parent{ParentNode: p, encryption: keys[i]}}
		hash = t.parentHash(p, t.NodeHash(step.Copath))
	}
	return hash
}

// SetLeaf puts a leaf in place without blanking its path.
func (t *Tree) SetLeaf(i treemath.Leaf, l *Leaf) { t.set(i.Node(), l, nil) }

// Seal encrypts the path secrets to the group (RFC 9420, Section 7.5); leaves that
// skip selects are new and get theirs by welcome. Context is the encoded
// provisional group context.
func (t *Tree) Seal(keys *PathKeys, context []byte, skip func(treemath.Leaf) bool) ([]wire.PathNode, error) {
	type job struct {
		step   int
		target treemath.Node
	}
	var jobs []job
	nodes := make([]wire.PathNode, len(keys.Steps))
	for i, step := range keys.Steps {
		nodes[i].EncryptionKey = t.nodes[step.Node].parent.EncryptionKey
		for _, n := range t.Resolution(step.Copath, skip) {
			jobs = append(jobs, job{i, n})
		}
	}
	sealed := make([]wire.Ciphertext, len(jobs))
	err := Parallel(len(jobs), func(i int) error {
		key, err := t.Encryption(jobs[i].target)
		if err != nil {
			return err
		}
		c := &sealed[i]
		c.KEMOutput, c.Ciphertext, err = t.suite.Encrypt(key, pathLabel, context, keys.Secrets[jobs[i].step])
		return err
	})
	for i, j := range jobs {
		nodes[j.step].Secrets = append(nodes[j.step].Secrets, sealed[i])
	}
	return nodes, err
}

const pathLabel = "UpdatePathNode"

// Merge puts the public part of an update path into the tree and verifies its parent
// hash (RFC 9420, Section 7.5).
func (t *Tree) Merge(l treemath.Leaf, path *wire.UpdatePath) ([]Step, error) {
	steps := t.FilteredPath(l)
	if len(path.Nodes) != len(steps) {
		return nil, rule.Broken("7.5-path-length", "update path has %d nodes instead of %d", len(path.Nodes), len(steps))
	}
	keys := make([]hpke.PublicKey, len(steps))
	err := Parallel(len(steps), func(i int) (err error) {
		if keys[i], err = t.suite.PublicKey(path.Nodes[i].EncryptionKey); err != nil {
			return rule.Broken("7.6-encryption-key", "update path holds no key of the suite's KEM")
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	hash := t.setPath(l, steps, keys)
	if !bytes.Equal(hash, path.Leaf.ParentHash) {
		return nil, rule.Broken("7.9.2-commit-parent-hash", "leaf of the update path has a wrong parent hash")
	}
	t.SetLeaf(l, NewLeaf(path.Leaf))
	return steps, nil
}

// CheckPathLengths verifies that an update path holds one ciphertext for each node
// that needs one (RFC 9420, Section 7.6).
func (t *Tree) CheckPathLengths(steps []Step, path *wire.UpdatePath, skip func(treemath.Leaf) bool) error {
	for i, step := range steps {
		if n := len(t.Resolution(step.Copath, skip)); n != len(path.Nodes[i].Secrets) {
			return rule.Broken("7.6-ciphertexts", "update path has %d ciphertexts instead of %d", len(path.Nodes[i].Secrets), n)
		}
	}
	return nil
}

// Open decrypts the path secret that an update path holds for leaf own and derives
// the keys above it (RFC 9420, Section 7.5). The tree is the one that the
// path was merged into. Private returns the key of a node, or nil if it is not
// known.
func (t *Tree) Open(own treemath.Leaf, steps []Step, path *wire.UpdatePath, context []byte,
	skip func(treemath.Leaf) bool, private func(treemath.Node) (hpke.PrivateKey, error)) (*PathKeys, error) {
	for i, step := range steps {
		if !step.Copath.Contains(own) {
			continue
		}
		for j, n := range t.Resolution(step.Copath, skip) {
			if !n.Contains(own) || j >= len(path.Nodes[i].Secrets) {
				continue
			}
			key, err := private(n)
			if err != nil {
				return nil, err
			}
			if key == nil {
				continue
			}
			c := path.Nodes[i].Secrets[j]
			secret, err := t.suite.Decrypt(key, pathLabel, context, c.KEMOutput, c.Ciphertext)
			if err != nil || len(secret) != t.suite.HashSize() {
				return nil, rule.Broken("7.5-path-secret", "path secret does not decrypt")
			}
			return t.Follow(steps[i:], secret)
		}
	}
	return nil, rule.Broken("7.5-path-secret", "update path has no secret for this member")
}

// Follow derives the keys of steps from the first path secret and verifies that they
// are those in the tree.
func (t *Tree) Follow(steps []Step, secret suite.Secret) (*PathKeys, error) {
	keys, err := derivePath(t.suite, steps, secret)
	if err != nil {
		return nil, err
	}
	for i, step := range steps {
		p := t.nodes[step.Node].parent
		if p == nil || !bytes.Equal(p.EncryptionKey, keys.Private[i].PublicKey().Bytes()) {
			return nil, rule.Broken("7.5-derived-key", "path secret does not give the key of node %d", step.Node)
		}
	}
	return keys, nil
}
