// SPDX-License-Identifier: Apache-2.0

package mls

import (
	"crypto/rand"
	"slices"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/mls/internal/framing"
	"github.com/securecrypt/securecrypt/mls/internal/schedule"
	"github.com/securecrypt/securecrypt/mls/internal/secrettree"
	"github.com/securecrypt/securecrypt/mls/internal/suite"
	"github.com/securecrypt/securecrypt/mls/internal/tree"
	"github.com/securecrypt/securecrypt/mls/internal/treemath"
	"github.com/securecrypt/securecrypt/mls/internal/wire"
)

// What a hostile member could do, for the tests of the rules: everything here is
// signed, tagged and encrypted as it should be, except where a test spoils it.

const evilSuite = SuiteX25519AES128

var evilNow = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func evilConfig() Config { return Config{Rand: rand.Reader} }

func evilSuiteOf(t *testing.T) *suite.Suite {
	t.Helper()
	s, err := lookup(evilSuite)
	ok(t, err)
	return s
}

func evilLifetime() Lifetime {
	return Lifetime{NotBefore: evilNow.Add(-time.Hour), NotAfter: evilNow.Add(30 * 24 * time.Hour)}
}

// person has a key package to be added with.
type person struct {
	key     *SigningKey
	kp      *KeyPackage
	private *KeyPackagePrivate
}

func newPerson(t *testing.T, name string, c Capabilities) *person {
	t.Helper()
	key, err := NewSigningKey(evilSuite, rand.Reader)
	ok(t, err)
	p := &person{key: key}
	p.kp, p.private, err = NewKeyPackage(KeyPackageParams{
		Suite: evilSuite, SigningKey: key, Credential: BasicCredential([]byte(name)),
		Capabilities: c, Lifetime: evilLifetime(), Rand: rand.Reader,
	})
	ok(t, err)
	return p
}

func founder(t *testing.T, c Capabilities, extensions ...Extension) (*Group, *person) {
	t.Helper()
	p := newPerson(t, "alice", c)
	g, _, err := CreateGroup(GroupParams{
		Suite: evilSuite, SigningKey: p.key, Credential: BasicCredential([]byte("alice")),
		Capabilities: c, Lifetime: evilLifetime(), Extensions: extensions,
	}, evilConfig())
	ok(t, err)
	return g, p
}

func joinWith(t *testing.T, p *person, s *StagedCommit) *Group {
	t.Helper()
	b, err := s.Welcome(p.kp)
	ok(t, err)
	w, err := ParseWelcome(b)
	ok(t, err)
	j, err := StageJoin(JoinParams{Welcome: w, KeyPackage: p.kp, Private: p.private, RatchetTree: s.RatchetTree(), Now: evilNow}, evilConfig())
	ok(t, err)
	g, _, err := j.Apply()
	ok(t, err)
	return g
}

// trio is a group of alice, bob and carol, whose tree is populated.
type trio struct {
	alice, bob, carol *Group
	keys              map[string]*person
}

func newTrio(t *testing.T, extensions ...Extension) *trio {
	t.Helper()
	alice, a := founder(t, Capabilities{}, extensions...)
	b, c := newPerson(t, "bob", Capabilities{}), newPerson(t, "carol", Capabilities{})
	s, _, err := alice.Stage(CommitOptions{Now: evilNow, Add: []*KeyPackage{b.kp, c.kp}})
	ok(t, err)
	_, err = alice.Apply(s)
	ok(t, err)
	w := &trio{alice: alice, bob: joinWith(t, b, s), carol: joinWith(t, c, s), keys: map[string]*person{"alice": a, "bob": b, "carol": c}}
	for _, by := range []*Group{w.carol, w.bob, w.alice} {
		w.everyone(t, by, CommitOptions{Now: evilNow})
	}
	return w
}

func (w *trio) everyone(t *testing.T, by *Group, o CommitOptions) *StagedCommit {
	t.Helper()
	s, _, err := by.Stage(o)
	ok(t, err)
	for _, g := range []*Group{w.alice, w.bob, w.carol} {
		if g != by {
			r, _, err := g.Process(s.Message(), evilNow)
			ok(t, err)
			_, err = g.Apply(r.(*StagedCommit))
			ok(t, err)
		}
	}
	_, err = by.Apply(s)
	ok(t, err)
	return s
}

// evil says how a commit is spoiled. Its proposals are stated, not applied.
type evil struct {
	proposals []wire.ProposalOrRef
	noPath    bool
	leaf      func(*wire.LeafNode) // before it is signed
	signer    *suite.SigningKey    // of the leaf
	keys      func(*tree.PathKeys) // before they are encrypted
	path      func(*wire.UpdatePath)
	content   func(*wire.AuthenticatedContent) // before it is signed
	tag       func([]byte)
	format    WireFormat
}

func (e evil) commit(t *testing.T, g *Group) []byte {
	t.Helper()
	st := g.state
	p, err := st.apply(nil, memberSender(st.own), &g.cfg, func(*queued) error { return nil })
	ok(t, err)
	content := g.frame(nil, e.format)
	content.Content.Type = wire.ContentCommit
	content.Content.Commit = &wire.Commit{Proposals: e.proposals}
	commitSecret := st.suite.Zero()
	if !e.noPath {
		content.Content.Commit.Path, commitSecret = e.makePath(t, g, p)
	}
	if e.content != nil {
		e.content(content)
	}
	ok(t, framing.Sign(st.suite, st.signer, content, st.encoded))
	next := &state{suite: st.suite, tree: p.tree, own: st.own}
	st.advance(next, p, content, st.secrets.Next(), commitSecret, schedule.NoPSK(st.suite))
	content.Auth.ConfirmationTag = next.secrets.Tag(next.context.ConfirmedTranscriptHash)
	if e.tag != nil {
		e.tag(content.Auth.ConfirmationTag)
	}
	msg, err := g.seal(g.store.begin(), content, 0)
	ok(t, err)
	return msg
}

func (e evil) makePath(t *testing.T, g *Group, p *provisional) (*wire.UpdatePath, suite.Secret) {
	t.Helper()
	st := g.state
	secret, err := draw(rand.Reader, st.suite.HashSize())
	ok(t, err)
	_, public, err := newKeyPair(st.suite, rand.Reader)
	ok(t, err)
	keys, parentHash, err := p.tree.NewPath(st.own, secret)
	ok(t, err)
	leaf, signer := st.nextLeaf(nil)
	leaf.Source, leaf.EncryptionKey, leaf.ParentHash = wire.SourceCommit, public, parentHash
	if e.leaf != nil {
		e.leaf(leaf)
	}
	if e.signer != nil {
		signer = e.signer
	}
	ok(t, signLeaf(st.suite, signer, leaf, st.context.GroupID, uint32(st.own)))
	p.tree.SetLeaf(st.own, tree.NewLeaf(leaf))
	if e.keys != nil {
		e.keys(keys)
	}
	nodes, err := p.tree.Seal(keys, p.context(st, p.tree).Bytes(), nil)
	ok(t, err)
	path := &wire.UpdatePath{Leaf: leaf, Nodes: nodes}
	if e.path != nil {
		e.path(path)
	}
	return path, keys.Commit
}

// try has bob process what alice spoiled.
func (e evil) try(t *testing.T) error {
	t.Helper()
	w := newTrio(t)
	return receive(w.bob, e.commit(t, w.alice))
}

func receive(g *Group, msg []byte) error {
	_, _, err := g.Process(msg, evilNow)
	return err
}

// flipped returns b with one bit changed.
func flipped(b []byte) []byte {
	out := slices.Clone(b)
	out[0] ^= 1
	return out
}

func value(p ...*wire.Proposal) []wire.ProposalOrRef {
	var out []wire.ProposalOrRef
	for _, x := range p {
		out = append(out, wire.ProposalOrRef{Proposal: x})
	}
	return out
}

// evilAdd returns an Add whose leaf and key package are spoiled before they are signed.
func evilAdd(t *testing.T, leaf func(*wire.LeafNode), kp func(*wire.KeyPackage)) *wire.Proposal {
	t.Helper()
	return &wire.Proposal{Type: wire.Add, Add: evilKeyPackage(t, newPerson(t, "dave", Capabilities{}), leaf, kp)}
}

func evilKeyPackage(t *testing.T, p *person, leaf func(*wire.LeafNode), change func(*wire.KeyPackage)) *wire.KeyPackage {
	t.Helper()
	s := evilSuiteOf(t)
	l := unsealed(p.kp.kp.Leaf)
	if leaf != nil {
		leaf(l)
	}
	ok(t, signLeaf(s, p.key.key, l, nil, 0))
	kp := &wire.KeyPackage{Version: wire.Version, CipherSuite: s.ID, InitKey: p.kp.kp.InitKey, Leaf: l}
	if change != nil {
		change(kp)
	}
	signature, err := s.Sign(p.key.key, keyPackageLabel, kp.TBS())
	ok(t, err)
	kp.Seal(signature)
	return kp
}

// unsealed copies the fields of a leaf, to be signed anew.
func unsealed(l *wire.LeafNode) *wire.LeafNode {
	return &wire.LeafNode{
		EncryptionKey: l.EncryptionKey, SignatureKey: l.SignatureKey, Credential: l.Credential,
		Capabilities: l.Capabilities, Source: l.Source, Lifetime: l.Lifetime, ParentHash: l.ParentHash,
		Extensions: l.Extensions,
	}
}

// evilUpdate returns an Update by alice whose leaf is spoiled before it is signed, in
// a message of its own.
func evilUpdate(t *testing.T, g *Group, change func(*wire.LeafNode)) []byte {
	t.Helper()
	st := g.state
	_, public, err := newKeyPair(st.suite, rand.Reader)
	ok(t, err)
	leaf, signer := st.nextLeaf(nil)
	leaf.Source, leaf.EncryptionKey = wire.SourceUpdate, public
	change(leaf)
	ok(t, signLeaf(st.suite, signer, leaf, st.context.GroupID, uint32(st.own)))
	return evilProposal(t, g, &wire.Proposal{Type: wire.Update, Update: leaf})
}

func evilProposal(t *testing.T, g *Group, p *wire.Proposal) []byte {
	t.Helper()
	content := g.frame(nil, PublicWire)
	content.Content.Type = wire.ContentProposal
	content.Content.Proposal = p
	msg, err := g.signAndSeal(g.store.begin(), content, 0)
	ok(t, err)
	return msg
}

// invitation is a welcome for dave by alice, spoiled where a test says so.
type invitation struct {
	nodes   func([]wire.Node) []wire.Node
	info    func(*wire.GroupInfo) // before it is signed
	signed  func(*wire.GroupInfo)
	secrets func(*wire.GroupSecrets)
	params  func(*JoinParams, *Config)
	tag     func([]byte)
}

func (v invitation) try(t *testing.T) error {
	t.Helper()
	w := newTrio(t)
	dave := newPerson(t, "dave", Capabilities{})
	st, s := w.alice.state, evilSuiteOf(t)
	after := st.tree.Clone()
	_, err := after.Add(tree.NewLeaf(dave.kp.kp.Leaf))
	ok(t, err)
	nodes, err := wire.ParseTree(after.Bytes())
	ok(t, err)
	context := st.context
	context.TreeHash = after.Hash()
	if v.nodes != nil {
		nodes = v.nodes(nodes)
		if spoiled, err := tree.Parse(s, nodes); err == nil {
			context.TreeHash = spoiled.Hash()
		}
	}
	info := &wire.GroupInfo{Context: context, Signer: uint32(st.own)}
	if v.info != nil {
		v.info(info)
	}
	joinerSecret, err := draw(rand.Reader, s.HashSize())
	ok(t, err)
	secrets := &wire.GroupSecrets{JoinerSecret: joinerSecret}
	if v.secrets != nil {
		v.secrets(secrets)
	}
	member := schedule.NewJoiner(s, joinerSecret).PSK(schedule.NoPSK(s))
	info.ConfirmationTag = member.Epoch(&info.Context).Tag(info.Context.ConfirmedTranscriptHash)
	if v.tag != nil {
		v.tag(info.ConfirmationTag)
	}
	info.Signature, err = s.Sign(st.signer, groupInfoLabel, info.TBS())
	ok(t, err)
	if v.signed != nil {
		v.signed(info)
	}
	sealed, err := sealInfo(s, member, info.Bytes())
	ok(t, err)
	key, err := s.PublicKey(dave.kp.kp.InitKey)
	ok(t, err)
	out := wire.EncryptedGroupSecrets{NewMember: dave.kp.Ref()}
	out.Secrets.KEMOutput, out.Secrets.Ciphertext, err = s.Encrypt(key, welcomeLabel, sealed, secrets.Bytes())
	ok(t, err)
	p := JoinParams{
		Welcome:    &Welcome{&wire.Welcome{CipherSuite: s.ID, Secrets: []wire.EncryptedGroupSecrets{out}, EncryptedGroupInfo: sealed}, s},
		KeyPackage: dave.kp, Private: dave.private, RatchetTree: wire.MarshalTree(nodes), Now: evilNow,
	}
	cfg := evilConfig()
	if v.params != nil {
		v.params(&p, &cfg)
	}
	_, err = StageJoin(p, cfg)
	return err
}

// privately encrypts content of alice with spoiled sender data or padding.
func privately(t *testing.T, g *Group, sender treemath.Leaf, padding []byte) []byte {
	t.Helper()
	st := g.state
	content := g.frame(nil, PrivateWire)
	content.Content.Type = wire.ContentApplication
	ok(t, framing.Sign(st.suite, st.signer, content, st.encoded))
	tr := st.secretTree(g.cfg.Policy)
	key, generation, err := tr.Next(g.store.begin(), secrettree.Application, st.own)
	ok(t, err)
	d := framing.SenderData{Leaf: uint32(sender), Generation: generation}
	m, err := framing.SealPrivate(st.suite, st.secrets.SenderData, content, key, d, 0)
	ok(t, err)
	if padding != nil {
		aead, err := st.suite.AEAD(key.Key)
		ok(t, err)
		plain, err := aead.Open(nil, key.Nonce, m.Ciphertext, m.ContentAAD())
		ok(t, err)
		m.Ciphertext = aead.Seal(nil, key.Nonce, slices.Concat(plain, padding), m.ContentAAD())
		dataKey := framing.SenderDataKey(st.suite, st.secrets.SenderData, m.Ciphertext)
		aead, err = st.suite.AEAD(dataKey.Key)
		ok(t, err)
		m.SenderData = aead.Seal(nil, dataKey.Nonce, []byte{0, 0, 0, byte(sender), 0, 0, 0, byte(generation), 0, 0, 0, 0}, m.SenderDataAAD())
	}
	return (&wire.Message{Private: m}).Bytes()
}
