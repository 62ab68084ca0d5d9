// SPDX-License-Identifier: Apache-2.0

package mls

import (
	"crypto/rand"
	"time"

	"github.com/securecrypt/securecrypt/mls/internal/suite"
	"github.com/securecrypt/securecrypt/mls/internal/tree"
	"github.com/securecrypt/securecrypt/mls/internal/treemath"
	"github.com/securecrypt/securecrypt/mls/internal/wire"
	"github.com/securecrypt/securecrypt/mls/tlsenc"
)

// vectorMember is a client of a generated group.
type vectorMember struct {
	signer  *SigningKey
	kp      *KeyPackage
	private *KeyPackagePrivate
	group   *Group
}

func (g *vectorMaker) member(name string) *vectorMember {
	key := &SigningKey{g.signer()}
	kp, private, err := NewKeyPackage(KeyPackageParams{
		Suite: CipherSuite(g.s.ID), SigningKey: key, Credential: BasicCredential([]byte(name)), Rand: rand.Reader,
		Lifetime: Lifetime{time.Unix(0, 0), time.Unix(1<<33, 0)},
	})
	ok(g.t, err)
	return &vectorMember{signer: key, kp: kp, private: private}
}

var vectorConfig = Config{Rand: rand.Reader, Policy: Policy{MaxLifetime: -1, LateDelivery: -1}}

func (g *vectorMaker) founder() *vectorMember {
	m := g.member("0")
	group, _, err := CreateGroup(GroupParams{
		Suite: CipherSuite(g.s.ID), SigningKey: m.signer, Credential: BasicCredential([]byte("0")),
		Lifetime: Lifetime{time.Unix(0, 0), time.Unix(1<<33, 0)},
	}, vectorConfig)
	ok(g.t, err)
	m.group = group
	return m
}

// commit makes a commit and lets all members follow it and the new ones join.
func (g *vectorMaker) commit(by *vectorMember, o CommitOptions, members []*vectorMember, joining ...*vectorMember) *StagedCommit {
	o.Now = time.Unix(1e9, 0)
	for _, j := range joining {
		// The policy of Stage bounds lifetimes; these vectors live long.
		o.Add = append(o.Add, j.kp)
	}
	s, _, err := by.group.Stage(o)
	ok(g.t, err)
	for _, m := range members {
		if m == by || m.group == nil {
			continue
		}
		r, _, err := m.group.Process(s.Message(), o.Now)
		ok(g.t, err)
		_, err = m.group.Apply(r.(*StagedCommit))
		ok(g.t, err)
	}
	for _, j := range joining {
		b, err := s.Welcome(j.kp)
		ok(g.t, err)
		w, err := ParseWelcome(b)
		ok(g.t, err)
		staged, err := StageJoin(JoinParams{Welcome: w, KeyPackage: j.kp, Private: j.private, RatchetTree: s.RatchetTree(), Now: o.Now}, vectorConfig)
		ok(g.t, err)
		j.group, _, err = staged.Apply()
		ok(g.t, err)
	}
	_, err = by.group.Apply(s)
	ok(g.t, err)
	return s
}

// grown returns a group of n members, each of which has committed.
func (g *vectorMaker) grown(n int) []*vectorMember {
	members := []*vectorMember{g.founder()}
	for i := 1; i < n; i++ {
		m := g.member(string(rune('0' + i)))
		g.commit(members[i-1], CommitOptions{}, members, m)
		members = append(members, m)
	}
	return members
}

func (g *vectorMaker) treeOperations() []any {
	var out []any
	members := g.grown(5)
	update := func(i int) *wire.Proposal {
		leaf, signer := members[i].group.state.nextLeaf(nil)
		_, public, err := newKeyPair(g.s, rand.Reader)
		ok(g.t, err)
		leaf.Source, leaf.EncryptionKey = wire.SourceUpdate, public
		ok(g.t, signLeaf(g.s, signer, leaf, members[i].group.state.context.GroupID, uint32(i)))
		return &wire.Proposal{Type: wire.Update, Update: leaf}
	}
	for _, p := range []*wire.Proposal{
		{Type: wire.Add, Add: g.member("9").kp.kp}, update(1), {Type: wire.Remove, Remove: 4}, {Type: wire.Remove, Remove: 1},
	} {
		tr := members[0].group.state.tree.Clone()
		c := &treeOperation{CipherSuite: g.s.ID, TreeBefore: tr.Bytes(), TreeHashBefore: tr.Hash(), Proposal: p.Bytes(), ProposalSender: 1}
		switch p.Type {
		case wire.Add:
			_, err := tr.Add(tree.NewLeaf(p.Add.Leaf))
			ok(g.t, err)
		case wire.Update:
			tr.Update(1, tree.NewLeaf(p.Update))
		case wire.Remove:
			tr.Remove(treemath.Leaf(p.Remove))
		}
		c.TreeAfter, c.TreeHashAfter = tr.Bytes(), tr.Hash()
		out = append(out, c)
	}
	return out
}

func (g *vectorMaker) treeValidation() []any {
	var out []any
	add := func(st *state) {
		c := &treeValidation{CipherSuite: g.s.ID, GroupID: st.context.GroupID, Tree: st.tree.Bytes()}
		for n := range st.tree.Width() {
			resolution := []uint32{}
			for _, r := range st.tree.Resolution(n, nil) {
				resolution = append(resolution, uint32(r))
			}
			c.Resolutions = append(c.Resolutions, resolution)
			c.TreeHashes = append(c.TreeHashes, st.tree.NodeHash(n))
		}
		out = append(out, c)
	}
	for _, n := range []int{2, 3, 8} {
		add(g.grown(n)[0].group.state)
	}
	members := g.grown(7)
	g.commit(members[0], CommitOptions{NoPath: true}, members, g.member("u"))
	add(members[0].group.state)
	g.commit(members[0], CommitOptions{Remove: []LeafIndex{1, 2, 3}}, members)
	add(members[0].group.state)
	return out
}

func (g *vectorMaker) treeKEM() *treeKEM {
	members := []*vectorMember{g.founder()}
	for i := range 5 {
		members = append(members, g.member(string(rune('1'+i))))
	}
	g.commit(members[0], CommitOptions{NoPath: true}, nil, members[1:]...)
	st := members[0].group.state
	c := &treeKEM{
		CipherSuite: g.s.ID, GroupID: st.context.GroupID, Epoch: st.context.Epoch,
		ConfirmedTranscriptHash: st.context.ConfirmedTranscriptHash,
	}
	// The first member has set a path, of which everyone knows the part above.
	tr := st.tree.Clone()
	keys, parentHash, err := tr.NewPath(0, suite.Secret(g.secret()))
	ok(g.t, err)
	leaf := unsealed(tr.Leaf(0).LeafNode)
	raw, public, err := newKeyPair(g.s, rand.Reader)
	ok(g.t, err)
	leaf.Source, leaf.EncryptionKey, leaf.ParentHash = wire.SourceCommit, public, parentHash
	ok(g.t, signLeaf(g.s, members[0].signer.key, leaf, c.GroupID, 0))
	tr.SetLeaf(0, tree.NewLeaf(leaf))
	for i, m := range members {
		l := treeKEMLeaf{Index: uint32(i), EncryptionPriv: hexBytes(m.group.state.private[treemath.Leaf(i).Node()].raw), SignaturePriv: hexBytes(m.signer.key.Bytes())}
		if i == 0 {
			l.EncryptionPriv = hexBytes(raw)
		}
		for n, step := range keys.Steps {
			if step.Node.Contains(treemath.Leaf(i)) {
				l.PathSecrets = append(l.PathSecrets, treeKEMSecret{uint32(step.Node), hexBytes(keys.Secrets[n])})
			}
		}
		c.LeavesPrivate = append(c.LeavesPrivate, l)
	}
	ok(g.t, tr.VerifyStructure())
	c.RatchetTree = tr.Bytes()
	private := c.private(g.t, g.s, tr)
	for _, sender := range []treemath.Leaf{0, 3, 5} {
		c.UpdatePaths = append(c.UpdatePaths, g.updatePath(c, tr, sender, private))
	}
	return c
}

func (g *vectorMaker) updatePath(c *treeKEM, tr *tree.Tree, sender treemath.Leaf, private map[treemath.Leaf]*privateTree) treeKEMPath {
	own := tr.Clone()
	keys, parentHash, err := own.NewPath(sender, suite.Secret(g.secret()))
	ok(g.t, err)
	leaf := unsealed(tr.Leaf(sender).LeafNode)
	_, public, err := newKeyPair(g.s, rand.Reader)
	ok(g.t, err)
	leaf.Source, leaf.EncryptionKey, leaf.ParentHash = wire.SourceCommit, public, parentHash
	ok(g.t, signLeaf(g.s, private[sender].signer, leaf, c.GroupID, uint32(sender)))
	own.SetLeaf(sender, tree.NewLeaf(leaf))
	nodes, err := own.Seal(keys, c.context(own), nil)
	ok(g.t, err)
	var w tlsenc.Writer
	(&wire.UpdatePath{Leaf: leaf, Nodes: nodes}).Marshal(&w)
	u := treeKEMPath{Sender: uint32(sender), UpdatePath: w.Bytes(), CommitSecret: hexBytes(keys.Commit), TreeHashAfter: own.Hash()}
	for i := range treemath.Leaf(own.Leaves()) {
		u.PathSecrets = append(u.PathSecrets, nil)
		for n, step := range keys.Steps {
			if i != sender && own.Leaf(i) != nil && step.Copath.Contains(i) {
				u.PathSecrets[i] = hexBytes(keys.Secrets[n])
			}
		}
	}
	return u
}

func (g *vectorMaker) welcome() *welcomeCase {
	first, second := g.founder(), g.member("1")
	s := g.commit(first, CommitOptions{}, nil, second)
	return &welcomeCase{
		CipherSuite: g.s.ID, InitPriv: hexBytes(second.private.init), SignerPub: first.signer.Public(),
		KeyPackage: second.kp.Bytes(), Welcome: s.WelcomeAll(),
	}
}

func (g *vectorMaker) passive(treeInWelcome bool, epochs int) *passiveClient {
	members := g.grown(4)
	p := g.member("p")
	s := g.commit(members[2], CommitOptions{WelcomeInfo: GroupInfoOptions{RatchetTree: treeInWelcome}}, members, p)
	c := &passiveClient{
		CipherSuite: g.s.ID, KeyPackage: p.kp.Bytes(), SignaturePriv: hexBytes(p.signer.key.Bytes()),
		EncryptionPriv: hexBytes(p.private.encryption), InitPriv: hexBytes(p.private.init), Welcome: s.WelcomeAll(),
		InitialEpochAuthenticator: members[2].group.EpochAuthenticator(), ExternalPSKs: []passivePSK{}, Epochs: []passiveEpoch{},
	}
	if !treeInWelcome {
		c.RatchetTree = s.RatchetTree()
	}
	options := []CommitOptions{
		{}, {WireFormat: PublicWire}, {Remove: []LeafIndex{1}}, {Extensions: []Extension{{Type: ExtensionApplicationID, Data: []byte("x")}}},
		{Pending: true}, {NoPath: true, Add: []*KeyPackage{g.member("q").kp}},
	}
	members = append(members, p)
	for i := range epochs {
		var e passiveEpoch
		e.Proposals = []hexBytes{}
		if options[i].Pending {
			msg, _, err := members[3].group.ProposeUpdate(LeafUpdate{}, ProposalOptions{})
			ok(g.t, err)
			e.Proposals = append(e.Proposals, msg)
			for _, m := range members {
				if m != members[3] && m.group.Active() {
					_, _, err := m.group.Process(msg, time.Unix(1e9, 0))
					ok(g.t, err)
				}
			}
		}
		active := members[:0:0]
		for _, m := range members {
			if m.group.Active() {
				active = append(active, m)
			}
		}
		s := g.commit(members[0], options[i], active)
		e.Commit, e.EpochAuthenticator = s.Message(), s.EpochAuthenticator()
		c.Epochs = append(c.Epochs, e)
	}
	return c
}
