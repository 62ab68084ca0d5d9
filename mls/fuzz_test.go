// SPDX-License-Identifier: Apache-2.0

package mls

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/securecrypt/securecrypt/mls/internal/framing"
	"github.com/securecrypt/securecrypt/mls/internal/secrettree"
	"github.com/securecrypt/securecrypt/mls/internal/suite"
	"github.com/securecrypt/securecrypt/mls/internal/tree"
	"github.com/securecrypt/securecrypt/mls/internal/wire"
	"github.com/securecrypt/securecrypt/mls/tlsenc"
)

// seed returns a field of each case of an own vector file.
func seed(f *testing.F, file string, fields ...string) {
	data, err := os.ReadFile(filepath.Join("testdata", file))
	if err != nil {
		f.Fatal(err)
	}
	var cases []map[string]json.RawMessage
	if err := json.Unmarshal(data, &cases); err != nil {
		f.Fatal(err)
	}
	for _, c := range cases {
		for _, name := range fields {
			var v hexBytes
			if json.Unmarshal(c[name], &v) == nil && v != nil {
				f.Add([]byte(v))
			}
		}
	}
}

func FuzzKeyPackage(f *testing.F) {
	seed(f, "welcome.json", "key_package")
	f.Add(fuzzPerson(f).kp.Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		kp, err := ParseKeyPackage(b)
		if err != nil {
			return
		}
		_ = kp.Verify(evilNow)
		kp.LastResort()
		kp.LeafNode().Capabilities()
		kp.LeafNode().Lifetime()
		_, _ = kp.LeafNode().Credential().Certificates()
		again, err := ParseKeyPackage(kp.Bytes())
		if err != nil || !bytes.Equal(again.Ref(), kp.Ref()) {
			t.Fatalf("does not survive: %v", err)
		}
	})
}

func FuzzMessage(f *testing.F) {
	seed(f, "message-protection.json", "proposal_pub", "proposal_priv", "commit_pub", "commit_priv", "application_priv")
	seed(f, "welcome.json", "welcome", "key_package")
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := wire.ParseMessage(b)
		if err == nil && !bytes.Equal(m.Bytes(), b) {
			t.Fatalf("%x has another encoding: %x", b, m.Bytes())
		}
	})
}

func FuzzWelcome(f *testing.F) {
	seed(f, "welcome.json", "welcome")
	seed(f, "passive-client-welcome.json", "welcome")
	p := fuzzPerson(f)
	g, _ := founder(&testing.T{}, Capabilities{})
	if s, _, err := g.Stage(CommitOptions{Now: evilNow, Add: []*KeyPackage{p.kp}}); err == nil {
		f.Add(s.WelcomeAll())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		w, err := ParseWelcome(b)
		if err != nil {
			return
		}
		w.Recipients()
		if len(w.welcome.Secrets) > 0 {
			w.welcome.Secrets[0].NewMember = p.kp.Ref()
		}
		_, _ = StageJoin(JoinParams{Welcome: w, KeyPackage: p.kp, Private: p.private, Now: evilNow}, evilConfig())
	})
}

func fuzzPerson(f *testing.F) *person {
	key, err := NewSigningKey(evilSuite, rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	p := &person{key: key}
	p.kp, p.private, err = NewKeyPackage(KeyPackageParams{
		Suite: evilSuite, SigningKey: key, Credential: BasicCredential(nil), Lifetime: evilLifetime(), Rand: rand.Reader,
	})
	if err != nil {
		f.Fatal(err)
	}
	return p
}

func FuzzGroupInfo(f *testing.F) {
	g, _ := founder(new(testing.T), Capabilities{})
	info, err := g.state.groupInfo(GroupInfoOptions{RatchetTree: true, ExternalPub: true})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(info.Bytes())
	p := fuzzPerson(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		i, err := wire.ParseGroupInfo(b)
		if err != nil {
			return
		}
		if !bytes.Equal(i.Bytes(), b) {
			t.Fatal("has another encoding")
		}
		_, _ = parseRequirements(i.Context.Extensions)
		parsed, err := ParseGroupInfo((&wire.Message{GroupInfo: i}).Bytes())
		if err != nil {
			return
		}
		// What the fuzzer made of it is signed by its signer.
		i.Signature, _ = parsed.suite.Sign(g.state.signer, groupInfoLabel, i.TBS())
		parsed.info = i
		j, err := StageExternalJoin(ExternalJoinParams{GroupInfo: parsed, SigningKey: p.key, Now: evilNow}, evilConfig())
		if err == nil {
			j.Removed()
			_, _, _ = j.Apply()
		}
	})
}

func FuzzHeader(f *testing.F) {
	seed(f, "message-protection.json", "proposal_pub", "proposal_priv", "commit_pub", "commit_priv", "application_priv")
	seed(f, "welcome.json", "welcome", "key_package")
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := ParseHeader(b)
		m, whole := wire.ParseMessage(b)
		switch {
		case whole != nil:
		case err != nil:
			t.Fatalf("a message without a header: %v", err)
		case m.Public != nil && (!bytes.Equal(h.GroupID, m.Public.Content.GroupID) || h.Epoch != m.Public.Content.Epoch):
			t.Fatalf("another header: %+v", h)
		case m.Private != nil && (!bytes.Equal(h.AAD, m.Private.AAD) || h.ContentType != ContentType(m.Private.Type)):
			t.Fatalf("another header: %+v", h)
		}
	})
}

// FuzzExtensions decodes the data of extensions that have a type of their own.
func FuzzExtensions(f *testing.F) {
	f.Add(RequiredCapabilities{Proposals: []ProposalType{ProposalSelfRemove}}.Extension().Data)
	f.Add(ExternalSenders(ExternalSender{SignatureKey: []byte("key"), Credential: BasicCredential([]byte("name"))}).Data)
	f.Add(AppDataDictionary(ComponentData{2, []byte("two")}, ComponentData{1, nil}).Data)
	f.Add(X509Credential([]byte("one"), []byte("two")).Data)
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, err := ParseRequiredCapabilities(b); err == nil && !bytes.Equal(r.Extension().Data, b) {
			t.Fatal("required_capabilities")
		}
		if s, err := ParseExternalSenders(b); err == nil && !bytes.Equal(ExternalSenders(s...).Data, b) {
			t.Fatal("external_senders")
		}
		if d, err := ParseAppDataDictionary(b); err == nil && !bytes.Equal(AppDataDictionary(d...).Data, b) {
			t.Fatal("app_data_dictionary")
		}
		c := Credential{CredentialX509, b}
		if chain, err := c.Certificates(); err == nil && !bytes.Equal(X509Credential(chain...).Data, b) {
			t.Fatal("certificates")
		}
		_ = checkCertificate(&wire.LeafNode{Credential: c.wire()})
	})
}

func FuzzGroupSecrets(f *testing.F) {
	g := wire.GroupSecrets{JoinerSecret: []byte("joiner"), PathSecret: []byte("path"), PSKs: []wire.PSKID{
		{Type: wire.PSKExternal, ID: []byte("id")}, {Type: wire.PSKResumption, Usage: wire.UsageBranch, Epoch: 3},
	}}
	f.Add(g.Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		if g, err := wire.ParseGroupSecrets(b); err == nil && !bytes.Equal(g.Bytes(), b) {
			t.Fatal("has another encoding")
		}
	})
}

func FuzzRatchetTree(f *testing.F) {
	seed(f, "tree-validation.json", "tree")
	seed(f, "tree-operations.json", "tree_before", "tree_after")
	f.Add(newTrio(&testing.T{}).alice.RatchetTree())
	s, err := suite.Lookup(uint16(DefaultCipherSuite))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		nodes, err := wire.ParseTree(b)
		if err != nil {
			return
		}
		tr, err := tree.Parse(s, nodes)
		if err != nil {
			return
		}
		if !bytes.Equal(tr.Bytes(), b) {
			t.Fatal("has another encoding")
		}
		tr.Hash()
		if tr.VerifyStructure() != nil {
			return
		}
		for i := range tr.Members() {
			tr.FilteredPath(i)
			c := tr.Clone()
			c.Remove(i)
			c.Hash()
		}
	})
}

// fuzzGroup is a member's group that others talk to, with its records.
func fuzzGroup(f *testing.F) (*trio, records) {
	w := newTrio(&testing.T{})
	db := records{}
	g := w.bob
	g.store = newStore(nil)
	d := g.foundAgain()
	for _, r := range d.Put {
		db[r.Key] = r.Value
	}
	return w, db
}

// foundAgain writes all records of a group that has not sent or received in its epoch.
func (g *Group) foundAgain() Delta {
	g.past, g.pending = nil, nil
	g.state.secrets.Encryption = make(suite.Secret, g.state.suite.HashSize())
	g.state.secrets.Components = make(suite.Secret, g.state.suite.HashSize())
	g.state.secrets.Confirmation = make(suite.Secret, g.state.suite.HashSize())
	return g.found()
}

func FuzzProcess(f *testing.F) {
	w, _ := fuzzGroup(f)
	msg, _, err := w.alice.Protect([]byte("hello"), ProtectOptions{})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(msg)
	p, _, err := w.alice.ProposeUpdate(LeafUpdate{}, ProposalOptions{WireFormat: PublicWire})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(p)
	join, err := intruder{}.commit(&testing.T{}, w)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(join)
	outside, err := (&ExternalProposer{
		Suite: evilSuite, GroupID: w.bob.GroupID(), Epoch: w.bob.Epoch(), SigningKey: w.keys["alice"].key,
	}).ProposeRemove(2)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(outside)
	f.Fuzz(func(t *testing.T, b []byte) {
		w.bob.pending = nil
		r, _, err := w.bob.Process(b, evilNow)
		if s, isCommit := r.(*StagedCommit); err == nil && isCommit {
			s.Proposals()
			s.Updated()
		}
	})
}

// FuzzHostileMember signs and seals what the fuzzer makes of proposals and commits.
func FuzzHostileMember(f *testing.F) {
	w, _ := fuzzGroup(f)
	s, _, err := w.alice.Stage(CommitOptions{Now: evilNow, WireFormat: PublicWire})
	if err != nil {
		f.Fatal(err)
	}
	m, err := wire.ParseMessage(s.Message())
	if err != nil {
		f.Fatal(err)
	}
	var commit, proposal tlsenc.Writer
	m.Public.Content.Commit.Marshal(&commit)
	(&wire.Proposal{Type: wire.Remove, Remove: 2}).Marshal(&proposal)
	f.Add(true, commit.Bytes())
	f.Add(false, proposal.Bytes())
	for _, p := range []*wire.Proposal{
		reInit, update, discard, {Type: wire.AppEphemeral, Data: []byte("x")}, {Type: 0xF0F0, Data: []byte("x")},
		pskProposal(32, wire.UsageApplication), extensions(ExternalSenders().wire()), {Type: wire.ExternalInit, KEMOutput: make([]byte, 32)},
	} {
		c := wire.Commit{Proposals: value(p)}
		var w tlsenc.Writer
		c.Marshal(&w)
		f.Add(true, w.Bytes())
		f.Add(false, p.Bytes())
	}
	w.bob.cfg.Components = refusal{}
	w.bob.cfg.Proposals = []CustomProposal{{Type: 0xF0F0}}
	f.Fuzz(func(t *testing.T, isCommit bool, b []byte) {
		w.bob.pending = nil
		r := tlsenc.NewReader(b)
		if !isCommit {
			p := wire.ReadProposal(r)
			if r.Done() == nil {
				_ = receive(w.bob, evilProposal(t, w.alice, p))
			}
			return
		}
		c := wire.ReadCommit(r)
		if r.Done() != nil {
			return
		}
		_ = receive(w.bob, evil{noPath: true, format: PublicWire, content: func(a *wire.AuthenticatedContent) {
			a.Content.Commit = c
		}}.commit(t, w.alice))
	})
}

// FuzzOutsider signs what the fuzzer makes of external commits, and of proposals by an external
// sender and a new member.
func FuzzOutsider(f *testing.F) {
	w := newTrio(&testing.T{}, ExternalSenders(ExternalSender{}))
	w.bob.cfg.Policy.OwnAdds = true
	w.bob.cfg.Components = refusal{}
	dave := fuzzPerson(f)
	msg, err := intruder{}.commit(&testing.T{}, w)
	if err != nil {
		f.Fatal(err)
	}
	m, err := wire.ParseMessage(msg)
	if err != nil {
		f.Fatal(err)
	}
	var commit tlsenc.Writer
	m.Public.Content.Commit.Marshal(&commit)
	f.Add(uint8(wire.SenderNewMemberCommit), commit.Bytes())
	for _, p := range []*wire.Proposal{remove, extensions(), reInit, update, {Type: wire.Add, Add: dave.kp.kp}} {
		f.Add(uint8(wire.SenderExternal), p.Bytes())
		f.Add(uint8(wire.SenderNewMemberProposal), p.Bytes())
	}
	st := w.bob.state
	f.Fuzz(func(t *testing.T, sender uint8, b []byte) {
		w.bob.pending = nil
		// The key that the group lists is that of dave, and so is every leaf's.
		st.context.Extensions = wire.Extensions{ExternalSenders(ExternalSender{SignatureKey: dave.key.Public()}).wire()}
		content := &wire.AuthenticatedContent{Format: wire.FormatPublic, Content: wire.FramedContent{
			GroupID: st.context.GroupID, Epoch: st.context.Epoch, Sender: wire.Sender{Type: wire.SenderType(sender)},
		}}
		r := tlsenc.NewReader(b)
		if content.Content.Sender.Type == wire.SenderNewMemberCommit {
			content.Content.Type, content.Content.Commit = wire.ContentCommit, wire.ReadCommit(r)
			if path := content.Content.Commit.Path; r.Err() == nil && path != nil {
				path.Leaf = unsealed(path.Leaf)
				path.Leaf.SignatureKey = dave.key.Public()
				ok(t, signLeaf(st.suite, dave.key.key, path.Leaf, st.context.GroupID, 3))
			}
		} else {
			content.Content.Type, content.Content.Proposal = wire.ContentProposal, wire.ReadProposal(r)
		}
		if r.Done() != nil || sender < uint8(wire.SenderExternal) || sender > uint8(wire.SenderNewMemberCommit) {
			return
		}
		ok(t, framing.Sign(st.suite, dave.key.key, content, st.encoded))
		m := &wire.Message{Public: &wire.PublicMessage{Content: content.Content, Auth: content.Auth}}
		_ = receive(w.bob, m.Bytes())
	})
}

// FuzzState spoils one record of the persisted state.
func FuzzState(f *testing.F) {
	w, db := fuzzGroup(f)
	s, d, err := w.bob.Stage(CommitOptions{Now: evilNow})
	if err != nil {
		f.Fatal(err)
	}
	_ = s
	for _, r := range d.Put {
		db[r.Key] = r.Value
	}
	for key, value := range db {
		f.Add(key, value)
	}
	f.Fuzz(func(t *testing.T, key string, value []byte) {
		spoiled := records{}
		for k, v := range db {
			spoiled[k] = v
		}
		spoiled[key] = value
		g, err := LoadGroup(spoiled, evilConfig())
		if err != nil {
			return
		}
		_, _, _ = g.Protect(nil, ProtectOptions{})
		if c := g.PendingCommit(); c != nil {
			c.Added()
			c.Updated()
			c.RatchetTree()
		}
	})
}

func FuzzRatchetRecord(f *testing.F) {
	s, err := suite.Lookup(uint16(evilSuite))
	if err != nil {
		f.Fatal(err)
	}
	tr := &secrettree.Tree{Suite: s, Leaves: 4, Limits: secrettree.Limits{MaxForward: 9, OutOfOrder: 9}}
	st := records{}
	tr.Init(st, s.Zero())
	if _, err := tr.Take(st, secrettree.Application, 1, 7); err != nil {
		f.Fatal(err)
	}
	exporter := &secrettree.Exporter{Suite: s}
	exporter.Init(st, s.Zero())
	if _, err := exporter.Take(st, 3); err != nil {
		f.Fatal(err)
	}
	for key, value := range st {
		f.Add(key, value, uint32(3))
	}
	f.Fuzz(func(t *testing.T, key string, value []byte, generation uint32) {
		copied := records{}
		for k, v := range st {
			copied[k] = bytes.Clone(v)
		}
		copied[key] = bytes.Clone(value)
		_, _ = tr.Take(copied, secrettree.Application, 1, generation)
		_ = tr.Erase(copied)
		x := &secrettree.Exporter{Suite: s}
		_, _ = x.Take(copied, uint16(generation))
		_ = x.Erase(copied)
	})
}
