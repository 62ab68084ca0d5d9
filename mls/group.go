// SPDX-License-Identifier: Apache-2.0

package mls

import (
	"fmt"
	"iter"
	"slices"

	"github.com/securecrypt/securecrypt/mls/internal/rule"
	"github.com/securecrypt/securecrypt/mls/internal/schedule"
	"github.com/securecrypt/securecrypt/mls/internal/tree"
	"github.com/securecrypt/securecrypt/mls/internal/treemath"
	"github.com/securecrypt/securecrypt/mls/internal/wire"
)

// Group is a member's state of a group. It belongs to one goroutine at a time.
type Group struct {
	cfg     Config
	store   *store
	state   *state
	removed bool
	reinit  *wire.ReInitParams // what ended the group, if it did
	parent  *Group             // whose resumption key the first commit uses
	past    []*pastEpoch       // ascending
	pending []*queued          // proposals of this epoch
	staged  *StagedCommit      // the own one, if any
}

// GroupParams describes a group to be created.
type GroupParams struct {
	Suite          CipherSuite
	GroupID        []byte // empty: drawn at random
	SigningKey     *SigningKey
	Credential     Credential
	Capabilities   Capabilities // zero: DefaultCapabilities
	Lifetime       Lifetime
	LeafExtensions []Extension
	Extensions     []Extension // of the group context
}

func (c Config) check() (Config, error) {
	if c.Rand == nil {
		return c, errNoRand
	}
	c.Policy = c.Policy.withDefaults()
	return c, c.checkCustom()
}

// CreateGroup creates a group with one member (RFC 9420, Section 11).
func CreateGroup(p GroupParams, cfg Config) (*Group, Delta, error) {
	cfg, err := cfg.check()
	if err != nil {
		return nil, Delta{}, err
	}
	if len(p.GroupID) == 0 {
		s, err := lookup(p.Suite)
		if err != nil {
			return nil, Delta{}, err
		}
		if p.GroupID, err = draw(cfg.Rand, s.HashSize()); err != nil {
			return nil, Delta{}, err
		}
	}
	return createGroup(p, cfg)
}

// createGroup creates a group with the very identifier that is given.
func createGroup(p GroupParams, cfg Config) (*Group, Delta, error) {
	s, err := lookup(p.Suite)
	if err != nil {
		return nil, Delta{}, err
	}
	leaf, private, err := newLeaf(s, cfg.Rand, leafParams{
		signer: p.SigningKey, credential: p.Credential, capabilities: p.Capabilities,
		lifetime: p.Lifetime, extensions: p.LeafExtensions,
	})
	if err != nil {
		return nil, Delta{}, err
	}
	st := &state{
		suite: s,
		tree:  tree.New(s, tree.NewLeaf(leaf)),
		context: wire.GroupContext{
			Version: wire.Version, CipherSuite: s.ID, GroupID: slices.Clone(p.GroupID),
			ConfirmedTranscriptHash: []byte{}, Extensions: extensionsToWire(p.Extensions),
		},
		signer:  p.SigningKey.key,
		private: map[treemath.Node]*privateKey{0: {raw: private}},
	}
	if err := st.checkOwnFounding(cfg.Policy); err != nil {
		return nil, Delta{}, err
	}
	st.context.TreeHash = st.tree.Hash()
	secret, err := draw(cfg.Rand, s.HashSize())
	if err != nil {
		return nil, Delta{}, err
	}
	defer clear(secret)
	st.secrets = schedule.NewEpoch(s, secret)
	st.confirm(st.secrets.Tag(st.context.ConfirmedTranscriptHash))
	g := &Group{cfg: cfg, store: newStore(nil), state: st}
	return g, g.found(), nil
}

// checkOwnFounding verifies that the founder supports what the group demands.
func (st *state) checkOwnFounding(p Policy) error {
	if st.context.Extensions.Duplicate() {
		return rule.Broken("13.4-context-extension-twice", "group context with two extensions of one type")
	}
	leaf := st.tree.Leaf(0)
	if err := checkOwnLeaf(st.suite, leaf); err != nil {
		return err
	}
	if err := p.checkTotal(leaf.LeafNode); err != nil {
		return err
	}
	required, err := parseRequirements(st.context.Extensions)
	if err != nil {
		return err
	}
	return required.check(leaf.LeafNode)
}

// found returns all records of a group that is new to this client.
func (g *Group) found() Delta {
	t := g.store.begin()
	t.changes = make(map[string][]byte, g.state.tree.Width()+32)
	for i := range g.state.tree.Width() {
		if n := g.state.tree.Node(i); !n.Blank() {
			t.Put(treeKey(i), encodeNode(n))
		}
	}
	g.enter(t)
	return t.commit()
}

// enter writes the records of a new epoch, the tree apart.
func (g *Group) enter(t *txn) {
	st := g.state
	st.secretTree(g.cfg.Policy).Init(t, st.secrets.Encryption)
	st.secrets.Encryption = nil
	st.exporter().Init(t, st.secrets.Components)
	st.secrets.Components = nil
	st.secrets.Confirmation.Wipe()
	st.secrets.Confirmation = nil
	for n, key := range st.private {
		t.Put(privateNodeKey(n), encodePrivate(key.raw))
	}
	t.Put(groupKey, g.encodeGroup())
}

// GroupID returns the group's identifier.
func (g *Group) GroupID() []byte { return slices.Clone(g.state.context.GroupID) }

// CipherSuite returns the group's suite.
func (g *Group) CipherSuite() CipherSuite { return CipherSuite(g.state.suite.ID) }

// Epoch returns the present epoch.
func (g *Group) Epoch() uint64 { return g.state.context.Epoch }

// Active reports whether this client is still a member, be it of a group that has
// ended by a ReInit.
func (g *Group) Active() bool { return !g.removed }

// usable tells why the group cannot be used, if so.
func (g *Group) usable() error {
	switch {
	case g.removed:
		return ErrNotMember
	case g.reinit != nil:
		return ErrReInit
	default:
		return g.state.tree.Err()
	}
}

// whole reads what is not read yet of the tree.
func (g *Group) whole() error {
	if err := g.usable(); err != nil {
		return err
	}
	return g.state.tree.Fill()
}

// OwnLeaf returns the index of this client.
func (g *Group) OwnLeaf() LeafIndex { return LeafIndex(g.state.own) }

// Member returns the leaf at i, or nil.
func (g *Group) Member(i LeafIndex) *LeafNode { return g.state.member(i) }

func (st *state) member(i LeafIndex) *LeafNode {
	if st.tree == nil {
		return nil
	}
	if l := st.tree.Leaf(treemath.Leaf(i)); l != nil {
		return &LeafNode{l.LeafNode}
	}
	return nil
}

// Members iterates over the members from left to right. It is empty once this
// client has been removed.
func (g *Group) Members() iter.Seq2[LeafIndex, *LeafNode] { return g.state.members() }

func (st *state) members() iter.Seq2[LeafIndex, *LeafNode] {
	return func(yield func(LeafIndex, *LeafNode) bool) {
		if st.tree == nil {
			return
		}
		for i, l := range st.tree.Members() {
			if !yield(LeafIndex(i), &LeafNode{l.LeafNode}) {
				return
			}
		}
	}
}

// GroupContext is what all members of an epoch agree on (RFC 9420, Section 8.1).
type GroupContext struct {
	CipherSuite             CipherSuite
	GroupID                 []byte
	Epoch                   uint64
	TreeHash                []byte
	ConfirmedTranscriptHash []byte
	Extensions              []Extension
}

// Context returns the present group context.
func (g *Group) Context() GroupContext { return contextFromWire(&g.state.context) }

// Extensions returns the extensions of the group context.
func (g *Group) Extensions() []Extension { return extensionsFromWire(g.state.context.Extensions) }

// Export derives a secret of n bytes from the epoch (RFC 9420, Section 8.5).
func (g *Group) Export(label string, context []byte, n int) ([]byte, error) {
	if g.removed {
		return nil, ErrNotMember
	}
	return g.state.export(label, context, n)
}

func (st *state) export(label string, context []byte, n int) ([]byte, error) {
	if n < 0 || n > st.suite.MaxExpand() {
		return nil, fmt.Errorf("mls: cannot export %d bytes", n)
	}
	return st.secrets.Export(label, context, n), nil
}

// EpochAuthenticator is equal for members that agree on the whole state
// (RFC 9420, Section 8.7). It is nil once this client has been removed.
func (g *Group) EpochAuthenticator() []byte {
	if g.removed {
		return nil
	}
	return slices.Clone(g.state.secrets.Authenticator)
}

// RatchetTree returns the encoded public tree, for members to join with.
func (g *Group) RatchetTree() []byte {
	if g.removed {
		return nil
	}
	return g.state.tree.Bytes()
}

// PendingProposals returns the proposals of this epoch that wait for a commit.
func (g *Group) PendingProposals() []Proposal {
	out := make([]Proposal, 0, len(g.pending))
	for _, q := range g.pending {
		out = append(out, q.export(g.state.suite))
	}
	return out
}

// PendingCommit returns the own commit that is neither applied nor discarded, or
// nil. It survives LoadGroup.
func (g *Group) PendingCommit() *StagedCommit { return g.staged }

// String names the group's suite and epoch, no more.
func (g *Group) String() string {
	return fmt.Sprintf("mls.Group{suite %#04x, epoch %d}", g.state.suite.ID, g.state.context.Epoch)
}

// GoString is String, so that no secret is printed.
func (g *Group) GoString() string { return g.String() }
