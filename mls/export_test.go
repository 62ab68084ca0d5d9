// SPDX-License-Identifier: Apache-2.0

package mls

import (
	"testing"

	"github.com/securecrypt/securecrypt/mls/internal/wire"
)

// HostileCommit returns a public message with a commit that its author signed and tagged as it
// should be, but that no member may take up; n selects in which way.
func HostileCommit(t *testing.T, g *Group, n int) []byte {
	own := uint32(g.state.own)
	blank := g.state.tree.Leaves() + 7
	twice := wire.Extension{Type: wire.ExtApplicationID}
	list := []evil{
		{tag: func(tag []byte) { tag[0]++ }},
		{leaf: func(l *wire.LeafNode) { l.EncryptionKey = g.state.tree.Leaf(g.state.own).EncryptionKey }},
		{leaf: func(l *wire.LeafNode) { l.Capabilities.Versions = nil }},
		{leaf: func(l *wire.LeafNode) { l.Source = wire.SourceUpdate }},
		{leaf: func(l *wire.LeafNode) { l.ParentHash = []byte("other") }},
		{path: func(p *wire.UpdatePath) { p.Leaf.Seal(flipped(p.Leaf.Signature)) }},
		{path: func(p *wire.UpdatePath) { p.Nodes = append(p.Nodes, wire.PathNode{}) }},
		{noPath: true},
		{proposals: value(&wire.Proposal{Type: wire.Remove, Remove: own})},
		{proposals: value(&wire.Proposal{Type: wire.Remove, Remove: blank})},
		{proposals: value(&wire.Proposal{Type: wire.ExternalInit, KEMOutput: make([]byte, 32)})},
		{proposals: value(&wire.Proposal{Type: wire.SelfRemove})},
		{proposals: value(&wire.Proposal{Type: 0xF0FF})},
		{proposals: value(extensions(twice, twice))},
		{proposals: value(extensions(), extensions())},
		{proposals: value(pskProposal(3, 0))},
		{proposals: value(reInit, reInit)},
		{proposals: value(evilAdd(t, func(l *wire.LeafNode) { l.Credential.Type = unknownType }, nil))},
		{proposals: []wire.ProposalOrRef{{Ref: []byte("never sent")}}},
		{content: func(c *wire.AuthenticatedContent) { c.Content.Sender.Index = blank }},
	}
	e := list[n%len(list)]
	e.format = PublicWire
	return e.commit(t, g)
}
