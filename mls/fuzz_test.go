// SPDX-License-Identifier: Apache-2.0

package mls

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/securecrypt/securecrypt/internal/tlsenc"
	"github.com/securecrypt/securecrypt/mls/internal/secrettree"
	"github.com/securecrypt/securecrypt/mls/internal/suite"
	"github.com/securecrypt/securecrypt/mls/internal/tree"
	"github.com/securecrypt/securecrypt/mls/internal/wire"
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
	f.Fuzz(func(t *testing.T, b []byte) {
		i, err := wire.ParseGroupInfo(b)
		if err != nil {
			return
		}
		if !bytes.Equal(i.Bytes(), b) {
			t.Fatal("has another encoding")
		}
		_, _ = parseRequirements(i.Context.Extensions)
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
	})
}
