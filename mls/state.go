// SPDX-License-Identifier: Apache-2.0

package mls

import (
	"crypto/hpke"

	"github.com/securecrypt/securecrypt/mls/internal/schedule"
	"github.com/securecrypt/securecrypt/mls/internal/secrettree"
	"github.com/securecrypt/securecrypt/mls/internal/suite"
	"github.com/securecrypt/securecrypt/mls/internal/tree"
	"github.com/securecrypt/securecrypt/mls/internal/treemath"
	"github.com/securecrypt/securecrypt/mls/internal/wire"
)

// state is one epoch of a group as one member sees it. It does not change: a commit
// makes a new one.
type state struct {
	suite   *suite.Suite
	context wire.GroupContext
	encoded []byte // the context, as signatures cover it
	interim []byte // interim transcript hash
	tag     []byte // confirmation tag of the commit that began the epoch
	framed  bool   // whether AAD must be a SafeAAD
	tree    *tree.Tree
	secrets *schedule.Epoch
	own     treemath.Leaf
	signer  *suite.SigningKey
	private map[treemath.Node]*privateKey // own leaf and ancestors, where known
}

// privateKey is an HPKE private key of a node.
type privateKey struct {
	raw    suite.Secret
	parsed hpke.PrivateKey
}

func (k *privateKey) key(s *suite.Suite) (hpke.PrivateKey, error) {
	if k == nil {
		return nil, nil
	}
	if k.parsed == nil {
		parsed, err := s.PrivateKey(k.raw)
		if err != nil {
			return nil, err
		}
		k.parsed = parsed
	}
	return k.parsed, nil
}

func wrapPrivate(key hpke.PrivateKey) (*privateKey, error) {
	raw, err := key.Bytes()
	return &privateKey{raw, key}, err
}

// confirm completes a new epoch: it computes the transcript from the confirmed
// hash in the context and the confirmation tag.
func (st *state) confirm(tag []byte) {
	st.tag = tag
	st.encoded = st.context.Bytes()
	st.framed = framesAAD(st.context.Extensions)
	st.interim = schedule.InterimHash(st.suite, st.context.ConfirmedTranscriptHash, tag)
}

// secretTree is the view of the epoch's secret tree.
func (st *state) secretTree(p Policy) *secrettree.Tree {
	return &secrettree.Tree{
		Suite: st.suite, Epoch: st.context.Epoch, Leaves: st.tree.Leaves(),
		Limits: secrettree.Limits{MaxForward: p.MaxForward, OutOfOrder: p.OutOfOrder},
	}
}

// exporter is the view of the epoch's exporter tree.
func (st *state) exporter() *secrettree.Exporter {
	return &secrettree.Exporter{Suite: st.suite, Epoch: st.context.Epoch}
}

// inherit returns the private keys that are still those of their nodes in the next
// tree, with the new ones.
func (st *state) inherit(next *tree.Tree, fresh map[treemath.Node]*privateKey) map[treemath.Node]*privateKey {
	keys := make(map[treemath.Node]*privateKey, len(st.private)+len(fresh))
	for n, key := range st.private {
		if n < next.Width() && sameKey(st.tree.Node(n), next.Node(n)) {
			keys[n] = key
		}
	}
	for n, key := range fresh {
		keys[n] = key
	}
	return keys
}

func sameKey(a, b wire.Node) bool {
	switch {
	case a.Leaf != nil && b.Leaf != nil:
		return string(a.Leaf.EncryptionKey) == string(b.Leaf.EncryptionKey)
	case a.Parent != nil && b.Parent != nil:
		return string(a.Parent.EncryptionKey) == string(b.Parent.EncryptionKey)
	default:
		return false
	}
}

// pathPrivate returns the private keys along a path, with that of the leaf if given.
func pathPrivate(keys *tree.PathKeys) (map[treemath.Node]*privateKey, error) {
	out := make(map[treemath.Node]*privateKey, len(keys.Steps)+1)
	for i, step := range keys.Steps {
		key, err := wrapPrivate(keys.Private[i])
		if err != nil {
			return nil, err
		}
		out[step.Node] = key
	}
	return out, nil
}
