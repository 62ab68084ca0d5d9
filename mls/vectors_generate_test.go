// SPDX-License-Identifier: Apache-2.0

package mls

import (
	"crypto/rand"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/securecrypt/securecrypt/mls/internal/framing"
	"github.com/securecrypt/securecrypt/mls/internal/schedule"
	"github.com/securecrypt/securecrypt/mls/internal/secrettree"
	"github.com/securecrypt/securecrypt/mls/internal/suite"
	"github.com/securecrypt/securecrypt/mls/internal/treemath"
	"github.com/securecrypt/securecrypt/mls/internal/wire"
	"github.com/securecrypt/securecrypt/mls/tlsenc"
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
