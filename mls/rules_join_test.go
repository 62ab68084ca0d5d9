// SPDX-License-Identifier: Apache-2.0

package mls

import (
	"testing"

	"github.com/securecrypt/securecrypt/mls/internal/treemath"
	"github.com/securecrypt/securecrypt/mls/internal/wire"
)

// parents spoils the parent nodes of the tree that dave is given: node 1 above alice
// and bob, node 3 above all, 5 above carol and dave (blank).
func parents(spoil func(nodes []wire.Node)) func(*testing.T) error {
	return invitation{nodes: func(nodes []wire.Node) []wire.Node {
		spoil(nodes)
		return nodes
	}}.try
}

var joinViolations = map[string]func(*testing.T) error{
	"12.4.3.1-welcome-suite": invitation{params: func(p *JoinParams, _ *Config) {
		p.Welcome.suite, _ = lookup(SuiteX25519ChaCha20)
	}}.try,
	"12.4.3.1-version":      invitation{info: func(i *wire.GroupInfo) { i.Context.Version = 2 }}.try,
	"12.4.3.1-cipher-suite": invitation{info: func(i *wire.GroupInfo) { i.Context.CipherSuite = 3 }}.try,
	"12.4.3.1-group-id": invitation{params: func(p *JoinParams, _ *Config) {
		p.Known = func([]byte) bool { return true }
	}}.try,
	"13.4-info-extension-twice": invitation{info: func(i *wire.GroupInfo) {
		i.Extensions = wire.Extensions{{Type: unknownType}, {Type: unknownType}}
	}}.try,
	"12.4.3.1-signer-leaf":      invitation{info: func(i *wire.GroupInfo) { i.Signer = 9 }}.try,
	"12.4.3.1-signature":        invitation{signed: func(i *wire.GroupInfo) { i.Signature[0]++ }}.try,
	"12.4.3.1-tree-hash":        invitation{info: func(i *wire.GroupInfo) { i.Context.TreeHash = []byte("other") }}.try,
	"12.4.3.1-confirmation-tag": invitation{tag: func(tag []byte) { tag[0]++ }}.try,
	"12.4.3.1-own-leaf": invitation{nodes: func(nodes []wire.Node) []wire.Node {
		nodes[3].Parent.UnmergedLeaves = nil
		return nodes[:5]
	}}.try,
	"12.4.3.1-path-secret": invitation{secrets: func(g *wire.GroupSecrets) { g.PathSecret = []byte("short") }}.try,
	"12.4.3.3-last-node": invitation{nodes: func(nodes []wire.Node) []wire.Node {
		return append(nodes, wire.Node{})
	}}.try,
	"12.4.3.3-node-type": parents(func(n []wire.Node) { n[1], n[2] = n[2], n[1] }),
	"7.1-unmerged-order": parents(func(n []wire.Node) {
		n[3].Parent.UnmergedLeaves = append(n[3].Parent.UnmergedLeaves, n[3].Parent.UnmergedLeaves...)
	}),
	"12.4.3.1-unmerged-leaf":    parents(func(n []wire.Node) { n[1].Parent.UnmergedLeaves = []uint32{2} }),
	"12.4.3.1-unmerged-between": parents(func(n []wire.Node) { n[3].Parent.UnmergedLeaves = []uint32{1, 3} }),
	"12.4.3.1-parent-key":       parents(func(n []wire.Node) { n[1].Parent.EncryptionKey = n[3].Parent.EncryptionKey }),
	"7.9.2-parent-hash":         parents(func(n []wire.Node) { n[1].Parent.ParentHash = []byte("other") }),
	"7.1-encryption-key": func(t *testing.T) error {
		w := newTrio(t)
		tr := w.alice.state.tree
		tr.Parent(3).EncryptionKey = []byte("short")
		fresh, err := tr.Patch(tr.Leaves(), map[treemath.Node]wire.Node{3: tr.Node(3)})
		ok(t, err)
		return fresh.CheckParents()
	},
}
