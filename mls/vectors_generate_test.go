// SPDX-License-Identifier: Apache-2.0

package mls

import (
	"crypto/rand"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/internal/tlsenc"
	"github.com/securecrypt/securecrypt/mls/internal/framing"
	"github.com/securecrypt/securecrypt/mls/internal/schedule"
	"github.com/securecrypt/securecrypt/mls/internal/secrettree"
	"github.com/securecrypt/securecrypt/mls/internal/suite"
	"github.com/securecrypt/securecrypt/mls/internal/tree"
	"github.com/securecrypt/securecrypt/mls/internal/treemath"
	"github.com/securecrypt/securecrypt/mls/internal/wire"
)

//go:generate go test -run ^TestGenerateVectors$ -mls.generate .

var generate = flag.Bool("mls.generate", false, "add vectors of post-quantum suites to testdata that are missing there")

// TestGenerateVectors writes vectors of the post-quantum suites, in the format of the MLS
// working group: all kinds for the default suite, for the others those that depend most on
// their parts. The committed ones are kept: later versions must read them.
func TestGenerateVectors(t *testing.T) {
	if !*generate {
		return
	}
	ok(t, os.MkdirAll("testdata", 0o755))
	for _, cs := range []CipherSuite{
		DefaultCipherSuite, SuiteXWingAES128, SuiteMLKEM768P256AES128, SuiteMLKEM768P256AES256,
		SuiteMLKEM1024P384AES256, SuiteMLKEM768Ed25519, SuiteMLKEM768P256, SuiteMLKEM1024P384,
	} {
		s, err := lookup(cs)
		ok(t, err)
		g := &vectorMaker{t, s}
		g.add("crypto-basics.json", func() []any { return []any{g.basics()} })
		g.add("message-protection.json", func() []any { return []any{g.protection()} })
		g.add("welcome.json", func() []any { return []any{g.welcome()} })
		if cs != DefaultCipherSuite {
			continue
		}
		g.add("key-schedule.json", func() []any { return []any{g.keySchedule()} })
		g.add("psk_secret.json", func() []any { return []any{g.psk(0), g.psk(1), g.psk(5)} })
		g.add("secret-tree.json", func() []any { return []any{g.secretTree(1), g.secretTree(8)} })
		g.add("transcript-hashes.json", func() []any { return []any{g.transcript()} })
		g.add("tree-operations.json", g.treeOperations)
		g.add("tree-validation.json", g.treeValidation)
		g.add("treekem.json", func() []any { return []any{g.treeKEM()} })
		g.add("passive-client-welcome.json", func() []any { return []any{g.passive(false, 0), g.passive(true, 0)} })
		g.add("passive-client-handling-commit.json", func() []any { return []any{g.passive(true, 6)} })
		g.add("passive-client-outside.json", func() []any { return []any{g.outside()} })
	}
}

// add appends vectors to a file, unless it has some of the suite.
func (g *vectorMaker) add(name string, vectors func() []any) {
	path := filepath.Join("testdata", name)
	var all []any
	if kept, err := os.ReadFile(path); err == nil {
		var list []json.RawMessage
		ok(g.t, json.Unmarshal(kept, &list))
		for _, raw := range list {
			var of struct {
				Suite uint16 `json:"cipher_suite"`
			}
			ok(g.t, json.Unmarshal(raw, &of))
			if of.Suite == g.s.ID {
				return
			}
			all = append(all, raw)
		}
	}
	b, err := json.MarshalIndent(append(all, vectors()...), "", " ")
	ok(g.t, err)
	ok(g.t, os.WriteFile(path, append(b, '\n'), 0o644))
}

type vectorMaker struct {
	t *testing.T
	s *suite.Suite
}

func (g *vectorMaker) random(n int) hexBytes {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}

func (g *vectorMaker) secret() hexBytes { return g.random(g.s.HashSize()) }

func (g *vectorMaker) signer() *suite.SigningKey {
	k, err := suite.NewSigningKey(g.s.Scheme, rand.Reader)
	ok(g.t, err)
	return k
}

func (g *vectorMaker) basics() *cryptoBasics {
	s, c := g.s, &cryptoBasics{CipherSuite: g.s.ID}
	c.RefHash.Label, c.RefHash.Value = "RefHash", g.secret()
	c.RefHash.Out = s.RefHash("RefHash", c.RefHash.Value)
	e := &c.ExpandWithLabel
	e.Secret, e.Label, e.Context, e.Length = g.secret(), "ExpandWithLabel", g.secret(), 16
	e.Out = hexBytes(s.ExpandWithLabel(suite.Secret(e.Secret), e.Label, e.Context, e.Length))
	d := &c.DeriveSecret
	d.Secret, d.Label = g.secret(), "DeriveSecret"
	d.Out = hexBytes(s.DeriveSecret(suite.Secret(d.Secret), d.Label))
	r := &c.DeriveTreeSecret
	r.Secret, r.Label, r.Generation, r.Length = g.secret(), "DeriveTreeSecret", 0xabcd0123, 16
	r.Out = hexBytes(s.DeriveTreeSecret(suite.Secret(r.Secret), r.Label, r.Generation, r.Length))
	key := g.signer()
	w := &c.SignWithLabel
	w.Priv, w.Pub, w.Content, w.Label = hexBytes(key.Bytes()), key.Public, g.secret(), "SignWithLabel"
	signature, err := s.Sign(key, w.Label, w.Content)
	ok(g.t, err)
	w.Signature = signature
	n := &c.EncryptWithLabel
	private, public, err := newKeyPair(s, rand.Reader)
	ok(g.t, err)
	n.Priv, n.Pub, n.Label, n.Context, n.Plaintext = hexBytes(private), public, "EncryptWithLabel", g.secret(), g.secret()
	parsed, err := s.PublicKey(public)
	ok(g.t, err)
	kem, ct, err := s.Encrypt(parsed, n.Label, n.Context, n.Plaintext)
	ok(g.t, err)
	n.KEMOutput, n.Ciphertext = kem, ct
	return c
}

func (g *vectorMaker) keySchedule() *keySchedule {
	c := &keySchedule{CipherSuite: g.s.ID, GroupID: g.secret(), InitialInitSecret: g.secret()}
	init := schedule.NewInit(g.s, suite.Secret(c.InitialInitSecret))
	for i := range 5 {
		context := &wire.GroupContext{
			Version: wire.Version, CipherSuite: g.s.ID, GroupID: c.GroupID, Epoch: uint64(i),
			TreeHash: g.secret(), ConfirmedTranscriptHash: g.secret(),
		}
		c.Epochs = append(c.Epochs, keyScheduleEpoch{})
		e := &c.Epochs[i]
		e.TreeHash, e.ConfirmedTranscriptHash, e.GroupContext = context.TreeHash, context.ConfirmedTranscriptHash, context.Bytes()
		e.CommitSecret, e.PSKSecret = g.secret(), g.secret()
		joiner := init.Commit(suite.Secret(e.CommitSecret), context)
		member := joiner.PSK(schedule.RawPSK(suite.Secret(e.PSKSecret)))
		x := member.Epoch(context)
		e.JoinerSecret, e.WelcomeSecret, e.InitSecret = hexBytes(joiner.Secret()), hexBytes(member.WelcomeSecret()), hexBytes(x.Init)
		e.SenderDataSecret, e.EncryptionSecret, e.ExporterSecret = hexBytes(x.SenderData), hexBytes(x.Encryption), hexBytes(x.Exporter)
		e.EpochAuthenticator, e.ExternalSecret, e.ConfirmationKey = hexBytes(x.Authenticator), hexBytes(x.External), hexBytes(x.Confirmation)
		e.MembershipKey, e.ResumptionPSK = hexBytes(x.Membership), hexBytes(x.Resumption)
		external, err := x.ExternalKey()
		ok(g.t, err)
		e.ExternalPub = external.PublicKey().Bytes()
		e.Exporter.Label, e.Exporter.Context, e.Exporter.Length = "exporter", g.secret(), 32
		e.Exporter.Secret = hexBytes(x.Export(e.Exporter.Label, e.Exporter.Context, e.Exporter.Length))
		init = x.Next()
	}
	return c
}

func (g *vectorMaker) psk(n int) *pskSecret {
	c := &pskSecret{CipherSuite: g.s.ID}
	var inputs []schedule.PSKInput
	for range n {
		p := pskCase{g.secret(), g.secret(), g.secret()}
		c.PSKs = append(c.PSKs, p)
		inputs = append(inputs, schedule.PSKInput{
			ID: wire.PSKID{Type: wire.PSKExternal, ID: p.ID, Nonce: p.Nonce}, Secret: suite.Secret(p.PSK),
		})
	}
	c.PSKSecret = hexBytes(schedule.CombinePSKs(g.s, inputs).Secret())
	return c
}

func (g *vectorMaker) secretTree(leaves int) *secretTreeCase {
	c := &secretTreeCase{CipherSuite: g.s.ID, EncryptionSecret: g.secret()}
	c.SenderData.Secret, c.SenderData.Ciphertext = g.secret(), g.random(77)
	key := framing.SenderDataKey(g.s, suite.Secret(c.SenderData.Secret), c.SenderData.Ciphertext)
	c.SenderData.Key, c.SenderData.Nonce = hexBytes(key.Key), hexBytes(key.Nonce)
	tr := &secrettree.Tree{Suite: g.s, Leaves: uint32(leaves), Limits: secrettree.Limits{MaxForward: 100, OutOfOrder: 100}}
	st := records{}
	tr.Init(st, append(suite.Secret(nil), c.EncryptionSecret...))
	for i := range leaves {
		var keys []secretTreeKeyCase
		for _, generation := range []uint32{1, 15} {
			h, err := tr.Take(st, secrettree.Handshake, treemath.Leaf(i), generation)
			ok(g.t, err)
			a, err := tr.Take(st, secrettree.Application, treemath.Leaf(i), generation)
			ok(g.t, err)
			keys = append(keys, secretTreeKeyCase{generation, hexBytes(h.Key), hexBytes(h.Nonce), hexBytes(a.Key), hexBytes(a.Nonce)})
		}
		c.Leaves = append(c.Leaves, keys)
	}
	return c
}

func (g *vectorMaker) transcript() *transcriptHashes {
	c := &transcriptHashes{CipherSuite: g.s.ID, ConfirmationKey: g.secret(), InterimBefore: g.secret()}
	content := &wire.AuthenticatedContent{Format: wire.FormatPrivate, Content: wire.FramedContent{
		GroupID: g.secret(), Sender: wire.Sender{Type: wire.SenderMember}, Type: wire.ContentCommit, Commit: &wire.Commit{},
	}, Auth: wire.AuthData{Signature: g.random(64)}}
	c.ConfirmedAfter = schedule.ConfirmedHash(g.s, c.InterimBefore, content)
	content.Auth.ConfirmationTag = g.s.MAC(suite.Secret(c.ConfirmationKey), c.ConfirmedAfter)
	c.AuthenticatedContent = content.Bytes()
	c.InterimAfter = schedule.InterimHash(g.s, c.ConfirmedAfter, content.Auth.ConfirmationTag)
	return c
}

func (g *vectorMaker) protection() *messageProtection {
	key := g.signer()
	c := &messageProtection{
		CipherSuite: g.s.ID, GroupID: g.secret(), Epoch: 0x123456, TreeHash: g.secret(), ConfirmedTranscriptHash: g.secret(),
		SignaturePriv: hexBytes(key.Bytes()), SignaturePub: key.Public, EncryptionSecret: g.secret(),
		SenderDataSecret: g.secret(), MembershipKey: g.secret(), Application: g.secret(),
	}
	var w tlsenc.Writer
	(&wire.Commit{Proposals: []wire.ProposalOrRef{{Ref: g.secret()}}}).Marshal(&w)
	c.Commit = w.Bytes()
	remove := &wire.Proposal{Type: wire.Remove, Remove: 1}
	c.Proposal = remove.Bytes()
	context := c.context().Bytes()
	for _, x := range []struct {
		kind            wire.ContentType
		public, private *hexBytes
	}{
		{wire.ContentProposal, &c.ProposalPub, &c.ProposalPriv},
		{wire.ContentCommit, &c.CommitPub, &c.CommitPriv},
		{wire.ContentApplication, nil, &c.ApplicationPriv},
	} {
		for _, format := range []wire.Format{wire.FormatPublic, wire.FormatPrivate} {
			content := &wire.AuthenticatedContent{Format: format, Content: wire.FramedContent{
				GroupID: c.GroupID, Epoch: c.Epoch, Sender: wire.Sender{Type: wire.SenderMember, Index: 1}, Type: x.kind,
				Application: c.Application, Proposal: remove, Commit: wire.ReadCommit(tlsenc.NewReader(c.Commit)),
			}}
			ok(g.t, framing.Sign(g.s, key, content, context))
			content.Auth.ConfirmationTag = g.secret()
			if format == wire.FormatPublic {
				if x.public != nil {
					m, err := framing.SealPublic(g.s, suite.Secret(c.MembershipKey), content, context)
					ok(g.t, err)
					*x.public = (&wire.Message{Public: m}).Bytes()
				}
				continue
			}
			tr, st := c.secretTree(g.s)
			key, generation, err := tr.Next(st, kindOf(x.kind), 1)
			ok(g.t, err)
			m, err := framing.SealPrivate(g.s, suite.Secret(c.SenderDataSecret), content, key, framing.SenderData{Leaf: 1, Generation: generation}, 0)
			ok(g.t, err)
			*x.private = (&wire.Message{Private: m}).Bytes()
		}
	}
	return c
}

// member is a client of a generated group.
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
