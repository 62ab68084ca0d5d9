// SPDX-License-Identifier: Apache-2.0

package mls

import (
	"bytes"
	"crypto/hpke"
	"crypto/rand"
	"errors"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/mls/internal/framing"
	"github.com/securecrypt/securecrypt/mls/internal/schedule"
	"github.com/securecrypt/securecrypt/mls/internal/secrettree"
	"github.com/securecrypt/securecrypt/mls/internal/suite"
	"github.com/securecrypt/securecrypt/mls/internal/tree"
	"github.com/securecrypt/securecrypt/mls/internal/treemath"
	"github.com/securecrypt/securecrypt/mls/internal/wire"
	"github.com/securecrypt/securecrypt/mls/tlsenc"
)

type messageProtection struct {
	CipherSuite             uint16   `json:"cipher_suite"`
	GroupID                 hexBytes `json:"group_id"`
	Epoch                   uint64   `json:"epoch"`
	TreeHash                hexBytes `json:"tree_hash"`
	ConfirmedTranscriptHash hexBytes `json:"confirmed_transcript_hash"`
	SignaturePriv           hexBytes `json:"signature_priv"`
	SignaturePub            hexBytes `json:"signature_pub"`
	EncryptionSecret        hexBytes `json:"encryption_secret"`
	SenderDataSecret        hexBytes `json:"sender_data_secret"`
	MembershipKey           hexBytes `json:"membership_key"`
	Proposal                hexBytes `json:"proposal"`
	ProposalPub             hexBytes `json:"proposal_pub"`
	ProposalPriv            hexBytes `json:"proposal_priv"`
	Commit                  hexBytes `json:"commit"`
	CommitPub               hexBytes `json:"commit_pub"`
	CommitPriv              hexBytes `json:"commit_priv"`
	Application             hexBytes `json:"application"`
	ApplicationPriv         hexBytes `json:"application_priv"`
}

func (c *messageProtection) context() *wire.GroupContext {
	return &wire.GroupContext{
		Version: wire.Version, CipherSuite: c.CipherSuite, GroupID: c.GroupID, Epoch: c.Epoch,
		TreeHash: c.TreeHash, ConfirmedTranscriptHash: c.ConfirmedTranscriptHash,
	}
}

func (c *messageProtection) secretTree(s *suite.Suite) (*secrettree.Tree, records) {
	st := records{}
	tr := &secrettree.Tree{Suite: s, Leaves: 2, Limits: secrettree.Limits{MaxForward: 100, OutOfOrder: 100}}
	tr.Init(st, bytes.Clone(c.EncryptionSecret))
	return tr, st
}

func body(content *wire.AuthenticatedContent) []byte {
	if content.Content.Type == wire.ContentApplication {
		return content.Content.Application
	}
	var w tlsenc.Writer
	content.Content.MarshalBody(&w)
	return w.Bytes()
}

func kindOf(t wire.ContentType) secrettree.Kind {
	if t == wire.ContentApplication {
		return secrettree.Application
	}
	return secrettree.Handshake
}

func (c *messageProtection) openPrivate(t *testing.T, s *suite.Suite, m *wire.PrivateMessage) *wire.AuthenticatedContent {
	t.Helper()
	d, err := framing.OpenSenderData(s, suite.Secret(c.SenderDataSecret), m)
	ok(t, err)
	tr, st := c.secretTree(s)
	key, err := tr.Take(st, kindOf(m.Type), treemath.Leaf(d.Leaf), d.Generation)
	ok(t, err)
	content, err := framing.OpenPrivate(s, m, key, d)
	ok(t, err)
	return content
}

func testMessageProtection(t *testing.T, s *suite.Suite, c *messageProtection) {
	context := c.context().Bytes()
	pub, err := s.VerifyKey(c.SignaturePub)
	ok(t, err)
	priv, err := suite.ImportSigningKey(s.Scheme, c.SignaturePriv)
	ok(t, err)
	for _, x := range []struct {
		kind              wire.ContentType
		raw, public, priv hexBytes
	}{
		{wire.ContentProposal, c.Proposal, c.ProposalPub, c.ProposalPriv},
		{wire.ContentCommit, c.Commit, c.CommitPub, c.CommitPriv},
		{wire.ContentApplication, c.Application, nil, c.ApplicationPriv},
	} {
		if x.public != nil {
			m, err := wire.ParseMessage(x.public)
			ok(t, err)
			content, err := framing.OpenPublic(s, suite.Secret(c.MembershipKey), m.Public, context)
			ok(t, err)
			ok(t, framing.Verify(s, pub, content, context))
			equal(t, "public content", body(content), x.raw)
		}
		m, err := wire.ParseMessage(x.priv)
		ok(t, err)
		content := c.openPrivate(t, s, m.Private)
		ok(t, framing.Verify(s, pub, content, context))
		equal(t, "private content", body(content), x.raw)

		// Protect again, in both ways.
		for _, format := range []wire.Format{wire.FormatPublic, wire.FormatPrivate} {
			again := &wire.AuthenticatedContent{Format: format, Content: content.Content}
			again.Auth.ConfirmationTag = content.Auth.ConfirmationTag
			ok(t, framing.Sign(s, priv, again, context))
			if format == wire.FormatPublic {
				m, err := framing.SealPublic(s, suite.Secret(c.MembershipKey), again, context)
				if x.kind == wire.ContentApplication {
					if err == nil {
						t.Fatal("application data in a public message")
					}
					continue
				}
				ok(t, err)
				opened, err := framing.OpenPublic(s, suite.Secret(c.MembershipKey), m, context)
				ok(t, err)
				ok(t, framing.Verify(s, pub, opened, context))
				continue
			}
			tr, st := c.secretTree(s)
			key, generation, err := tr.Next(st, kindOf(x.kind), 1)
			ok(t, err)
			d := framing.SenderData{Leaf: 1, Generation: generation, ReuseGuard: [4]byte{1, 2, 3, 4}}
			m, err := framing.SealPrivate(s, suite.Secret(c.SenderDataSecret), again, key, d, 11)
			ok(t, err)
			opened := c.openPrivate(t, s, m)
			ok(t, framing.Verify(s, pub, opened, context))
			equal(t, "content again", body(opened), x.raw)
		}
	}
}

type welcomeCase struct {
	CipherSuite uint16   `json:"cipher_suite"`
	InitPriv    hexBytes `json:"init_priv"`
	SignerPub   hexBytes `json:"signer_pub"`
	KeyPackage  hexBytes `json:"key_package"`
	Welcome     hexBytes `json:"welcome"`
}

func testWelcomeVector(t *testing.T, s *suite.Suite, c *welcomeCase) {
	kp, err := ParseKeyPackage(c.KeyPackage)
	ok(t, err)
	m, err := wire.ParseMessage(c.Welcome)
	ok(t, err)
	init, err := s.PrivateKey(suite.Secret(c.InitPriv))
	ok(t, err)
	i := -1
	for n, e := range m.Welcome.Secrets {
		if bytes.Equal(e.NewMember, kp.Ref()) {
			i = n
		}
	}
	if i < 0 {
		t.Fatal("welcome is not for the key package")
	}
	sealed := m.Welcome.Secrets[i].Secrets
	plain, err := s.Decrypt(init, welcomeLabel, m.Welcome.EncryptedGroupInfo, sealed.KEMOutput, sealed.Ciphertext)
	ok(t, err)
	secrets, err := wire.ParseGroupSecrets(plain)
	ok(t, err)
	member := schedule.NewJoiner(s, secrets.JoinerSecret).PSK(schedule.NoPSK(s))
	key, nonce := member.WelcomeKey()
	aead, err := s.AEAD(key)
	ok(t, err)
	plain, err = aead.Open(nil, nonce, m.Welcome.EncryptedGroupInfo, nil)
	ok(t, err)
	info, err := wire.ParseGroupInfo(plain)
	ok(t, err)
	signer, err := s.VerifyKey(c.SignerPub)
	ok(t, err)
	if !s.Verify(signer, groupInfoLabel, info.TBS(), info.Signature) {
		t.Fatal("signature of the group info")
	}
	if !member.Epoch(&info.Context).Confirms(info.Context.ConfirmedTranscriptHash, info.ConfirmationTag) {
		t.Fatal("confirmation_tag")
	}
}

func parseTree(t *testing.T, s *suite.Suite, b []byte) *tree.Tree {
	t.Helper()
	nodes, err := wire.ParseTree(b)
	ok(t, err)
	tr, err := tree.Parse(s, nodes)
	ok(t, err)
	return tr
}

type treeOperation struct {
	CipherSuite    uint16   `json:"cipher_suite"`
	TreeBefore     hexBytes `json:"tree_before"`
	Proposal       hexBytes `json:"proposal"`
	ProposalSender uint32   `json:"proposal_sender"`
	TreeHashBefore hexBytes `json:"tree_hash_before"`
	TreeAfter      hexBytes `json:"tree_after"`
	TreeHashAfter  hexBytes `json:"tree_hash_after"`
}

func testTreeOperations(t *testing.T, s *suite.Suite, c *treeOperation) {
	tr := parseTree(t, s, c.TreeBefore)
	equal(t, "tree_hash_before", tr.Hash(), c.TreeHashBefore)
	p, err := wire.ParseProposal(c.Proposal)
	ok(t, err)
	switch p.Type {
	case wire.Add:
		_, err = tr.Add(tree.NewLeaf(p.Add.Leaf))
		ok(t, err)
	case wire.Update:
		tr.Update(treemath.Leaf(c.ProposalSender), tree.NewLeaf(p.Update))
	case wire.Remove:
		tr.Remove(treemath.Leaf(p.Remove))
	default:
		t.Fatalf("proposal of type %d", p.Type)
	}
	equal(t, "tree_after", tr.Bytes(), c.TreeAfter)
	equal(t, "tree_hash_after", tr.Hash(), c.TreeHashAfter)
}

type treeValidation struct {
	CipherSuite uint16     `json:"cipher_suite"`
	Tree        hexBytes   `json:"tree"`
	GroupID     hexBytes   `json:"group_id"`
	Resolutions [][]uint32 `json:"resolutions"`
	TreeHashes  []hexBytes `json:"tree_hashes"`
}

func testTreeValidation(t *testing.T, s *suite.Suite, c *treeValidation) {
	tr := parseTree(t, s, c.Tree)
	equal(t, "tree", tr.Bytes(), c.Tree)
	for i := range tr.Width() {
		equal(t, "tree_hashes", tr.NodeHash(i), c.TreeHashes[i])
		got := tr.Resolution(i, nil)
		if len(got) != len(c.Resolutions[i]) {
			t.Fatalf("resolution of %d: %v instead of %v", i, got, c.Resolutions[i])
		}
		for n := range got {
			if uint32(got[n]) != c.Resolutions[i][n] {
				t.Fatalf("resolution of %d: %v instead of %v", i, got, c.Resolutions[i])
			}
		}
	}
	ok(t, tr.VerifyStructure())
	for i, l := range tr.Members() {
		ok(t, checkLeaf(s, l, c.GroupID, uint32(i)))
	}
}

type treeKEM struct {
	CipherSuite             uint16        `json:"cipher_suite"`
	GroupID                 hexBytes      `json:"group_id"`
	Epoch                   uint64        `json:"epoch"`
	ConfirmedTranscriptHash hexBytes      `json:"confirmed_transcript_hash"`
	RatchetTree             hexBytes      `json:"ratchet_tree"`
	LeavesPrivate           []treeKEMLeaf `json:"leaves_private"`
	UpdatePaths             []treeKEMPath `json:"update_paths"`
}

type treeKEMLeaf struct {
	Index          uint32          `json:"index"`
	EncryptionPriv hexBytes        `json:"encryption_priv"`
	SignaturePriv  hexBytes        `json:"signature_priv"`
	PathSecrets    []treeKEMSecret `json:"path_secrets"`
}

type treeKEMSecret struct {
	Node       uint32   `json:"node"`
	PathSecret hexBytes `json:"path_secret"`
}

type treeKEMPath struct {
	Sender        uint32     `json:"sender"`
	UpdatePath    hexBytes   `json:"update_path"`
	PathSecrets   []hexBytes `json:"path_secrets"`
	CommitSecret  hexBytes   `json:"commit_secret"`
	TreeHashAfter hexBytes   `json:"tree_hash_after"`
}

type privateTree struct {
	keys   map[treemath.Node]hpke.PrivateKey
	signer *suite.SigningKey
}

func (c *treeKEM) private(t *testing.T, s *suite.Suite, tr *tree.Tree) map[treemath.Leaf]*privateTree {
	out := make(map[treemath.Leaf]*privateTree)
	for _, l := range c.LeavesPrivate {
		p := &privateTree{keys: make(map[treemath.Node]hpke.PrivateKey)}
		var err error
		p.signer, err = suite.ImportSigningKey(s.Scheme, l.SignaturePriv)
		ok(t, err)
		leaf := treemath.Leaf(l.Index)
		p.keys[leaf.Node()], err = s.PrivateKey(suite.Secret(l.EncryptionPriv))
		ok(t, err)
		for _, ps := range l.PathSecrets {
			p.keys[treemath.Node(ps.Node)], err = tree.DeriveKey(s, suite.Secret(ps.PathSecret))
			ok(t, err)
		}
		for n, key := range p.keys {
			public, err := tr.Encryption(n)
			ok(t, err)
			equal(t, "private key", key.PublicKey().Bytes(), public.Bytes())
		}
		out[leaf] = p
	}
	return out
}

func (c *treeKEM) context(tr *tree.Tree) []byte {
	return (&wire.GroupContext{
		Version: wire.Version, CipherSuite: c.CipherSuite, GroupID: c.GroupID, Epoch: c.Epoch,
		TreeHash: tr.Hash(), ConfirmedTranscriptHash: c.ConfirmedTranscriptHash,
	}).Bytes()
}

func testTreeKEM(t *testing.T, s *suite.Suite, c *treeKEM) {
	tr := parseTree(t, s, c.RatchetTree)
	private := c.private(t, s, tr)
	for _, u := range c.UpdatePaths {
		r := tlsenc.NewReader(u.UpdatePath)
		path := wire.ReadUpdatePath(r)
		ok(t, r.Done())
		sender := treemath.Leaf(u.Sender)

		after := tr.Clone()
		steps, err := after.Merge(sender, path)
		ok(t, err)
		ok(t, after.CheckPathLengths(steps, path, nil))
		equal(t, "tree_hash_after", after.Hash(), u.TreeHashAfter)
		context := c.context(after)
		for l, p := range private {
			if l == sender {
				continue
			}
			keys, err := after.Open(l, steps, path, context, nil, func(n treemath.Node) (hpke.PrivateKey, error) { return p.keys[n], nil })
			ok(t, err)
			equal(t, "path secret", keys.Secrets[0], u.PathSecrets[l])
			equal(t, "commit_secret", keys.Commit, u.CommitSecret)
		}
		c.newPath(t, s, tr, sender, private)
	}
}

// newPath makes another update path and has everyone process it.
func (c *treeKEM) newPath(t *testing.T, s *suite.Suite, tr *tree.Tree, sender treemath.Leaf, private map[treemath.Leaf]*privateTree) {
	own := tr.Clone()
	secret := make(suite.Secret, s.HashSize())
	_, _ = rand.Read(secret)
	keys, parentHash, err := own.NewPath(sender, secret)
	ok(t, err)
	_, public, err := newKeyPair(s, rand.Reader)
	ok(t, err)
	old := tr.Leaf(sender)
	leaf := &wire.LeafNode{
		EncryptionKey: public, SignatureKey: old.SignatureKey, Credential: old.Credential,
		Capabilities: old.Capabilities, Source: wire.SourceCommit, ParentHash: parentHash, Extensions: old.Extensions,
	}
	ok(t, signLeaf(s, private[sender].signer, leaf, c.GroupID, uint32(sender)))
	own.SetLeaf(sender, tree.NewLeaf(leaf))
	context := c.context(own)
	nodes, err := own.Seal(keys, context, nil)
	ok(t, err)
	path := &wire.UpdatePath{Leaf: leaf, Nodes: nodes}
	for l, p := range private {
		if l == sender {
			continue
		}
		after := tr.Clone()
		steps, err := after.Merge(sender, path)
		ok(t, err)
		equal(t, "new tree", after.Bytes(), own.Bytes())
		opened, err := after.Open(l, steps, path, c.context(after), nil, func(n treemath.Node) (hpke.PrivateKey, error) { return p.keys[n], nil })
		ok(t, err)
		equal(t, "new commit_secret", opened.Commit, keys.Commit)
	}
}

type passiveClient struct {
	CipherSuite               uint16         `json:"cipher_suite"`
	ExternalPSKs              []passivePSK   `json:"external_psks"`
	KeyPackage                hexBytes       `json:"key_package"`
	SignaturePriv             hexBytes       `json:"signature_priv"`
	EncryptionPriv            hexBytes       `json:"encryption_priv"`
	InitPriv                  hexBytes       `json:"init_priv"`
	Welcome                   hexBytes       `json:"welcome"`
	RatchetTree               hexBytes       `json:"ratchet_tree"`
	InitialEpochAuthenticator hexBytes       `json:"initial_epoch_authenticator"`
	Epochs                    []passiveEpoch `json:"epochs"`
}

type passivePSK struct {
	ID  hexBytes `json:"psk_id"`
	PSK hexBytes `json:"psk"`
}

type passiveEpoch struct {
	Proposals          []hexBytes `json:"proposals"`
	Commit             hexBytes   `json:"commit"`
	EpochAuthenticator hexBytes   `json:"epoch_authenticator"`
}

// ExternalPSK makes a case the source of its pre-shared keys.
func (c *passiveClient) ExternalPSK(id []byte) ([]byte, error) {
	for _, p := range c.ExternalPSKs {
		if bytes.Equal(p.ID, id) {
			return p.PSK, nil
		}
	}
	return nil, errors.New("unknown")
}

// padKey restores the leading zeros that the vectors' P-521 keys lack.
func padKey(s *suite.Suite, key hexBytes) suite.Secret {
	const p521 = 66
	if s.ID == uint16(SuiteP521AES256) && len(key) < p521 {
		return append(make(suite.Secret, p521-len(key)), key...)
	}
	return suite.Secret(key)
}

func testPassiveClient(t *testing.T, s *suite.Suite, c *passiveClient) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	kp, err := ParseKeyPackage(c.KeyPackage)
	ok(t, err)
	signer, err := suite.ImportSigningKey(s.Scheme, c.SignaturePriv)
	ok(t, err)
	private := &KeyPackagePrivate{init: padKey(s, c.InitPriv), encryption: padKey(s, c.EncryptionPriv), signer: signer}
	if !private.matches(kp) {
		t.Fatal("private keys do not match the key package")
	}
	w, err := ParseWelcome(c.Welcome)
	ok(t, err)
	cfg := Config{Rand: rand.Reader, PSKs: c, Policy: Policy{MaxLifetime: -1, LateDelivery: -1}}
	j, err := StageJoin(JoinParams{Welcome: w, KeyPackage: kp, Private: private, RatchetTree: c.RatchetTree, Now: now}, cfg)
	ok(t, err)
	g, delta, err := j.Apply()
	ok(t, err)
	db := records{}
	persist := func(d Delta) {
		for _, r := range d.Put {
			db[r.Key] = r.Value
		}
		for _, k := range d.Delete {
			delete(db, k)
		}
	}
	persist(delta)
	equal(t, "initial_epoch_authenticator", g.EpochAuthenticator(), c.InitialEpochAuthenticator)
	for i, e := range c.Epochs {
		for _, p := range e.Proposals {
			_, delta, err := g.Process(p, now)
			ok(t, err)
			persist(delta)
		}
		if i%2 == 1 {
			g, err = LoadGroup(db, cfg)
			ok(t, err)
		}
		r, delta, err := g.Process(e.Commit, now)
		if err != nil {
			t.Fatalf("epoch %d: %v", i, err)
		}
		persist(delta)
		delta, err = g.Apply(r.(*StagedCommit))
		ok(t, err)
		persist(delta)
		equal(t, "epoch_authenticator", g.EpochAuthenticator(), e.EpochAuthenticator)
	}
}
