// SPDX-License-Identifier: Apache-2.0

package mls_test

import (
	"crypto/hpke"
	"crypto/rand"
	"fmt"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/mls"
	"github.com/securecrypt/securecrypt/mls/internal/schedule"
	"github.com/securecrypt/securecrypt/mls/internal/suite"
	"github.com/securecrypt/securecrypt/mls/internal/tree"
	"github.com/securecrypt/securecrypt/mls/internal/treemath"
	"github.com/securecrypt/securecrypt/mls/internal/wire"
	"github.com/securecrypt/securecrypt/mls/tlsenc"
)

// town makes a group of n members whose tree has no blank node that members could have
// filled. All but the last two, who are returned, exist as public keys alone; these two
// join from outside.
func town(t testing.TB, cs mls.CipherSuite, n int) []*client {
	t.Helper()
	s := must[*suite.Suite](t)(suite.Lookup(uint16(cs)))
	b := &townBuilder{t: t, suite: s, group: []byte("town")}
	b.settle(n - 2)
	info := b.info()
	ratchet := b.tree.Bytes()
	c := []*client{newClient(t, cs, "alice"), newClient(t, cs, "bob")}
	for i := range c {
		j := must[*mls.StagedJoin](t)(mls.StageExternalJoin(mls.ExternalJoinParams{
			GroupInfo: must[*mls.GroupInfo](t)(mls.ParseGroupInfo(info)), RatchetTree: ratchet,
			SigningKey: c[i].key, Credential: mls.BasicCredential([]byte(c[i].name)), Now: testNow,
		}, c[i].cfg))
		g, d, err := j.Apply()
		if err != nil {
			t.Fatal(err)
		}
		c[i].Group = g
		c[i].db.apply(d)
		for _, earlier := range c[:i] {
			earlier.applyCommit(earlier.process(j.Message()).(*mls.StagedCommit))
		}
		info, ratchet = must[[]byte](t)(g.GroupInfo(mls.GroupInfoOptions{ExternalPub: true})), g.RatchetTree()
	}
	return c
}

type townBuilder struct {
	t     testing.TB
	suite *suite.Suite
	group []byte
	keys  []*suite.SigningKey
	tree  *tree.Tree
}

func (b *townBuilder) secret() suite.Secret {
	secret := make(suite.Secret, b.suite.HashSize())
	rand.Read(secret)
	return secret
}

// leaf makes a leaf: of a key package, or of a commit if there is a parent hash.
func (b *townBuilder) leaf(i int, parentHash []byte) *tree.Leaf {
	b.t.Helper()
	encryption := must[hpke.PrivateKey](b.t)(b.suite.DeriveKeyPair(b.secret())).PublicKey().Bytes()
	l := &wire.LeafNode{
		EncryptionKey: encryption,
		SignatureKey:  b.keys[i].Public,
		Credential:    wire.Credential{Type: uint16(mls.CredentialBasic), Data: fmt.Append(nil, "citizen ", i)},
		Capabilities: wire.Capabilities{
			Versions: []uint16{wire.Version}, CipherSuites: []uint16{b.suite.ID}, Credentials: []uint16{uint16(mls.CredentialBasic)},
		},
		Source: wire.SourceKeyPackage,
	}
	if parentHash != nil {
		l.Source, l.ParentHash = wire.SourceCommit, parentHash
	} else {
		l.Lifetime = wire.Lifetime{NotBefore: uint64(testNow.Add(-time.Hour).Unix()), NotAfter: uint64(testNow.Add(time.Hour).Unix())}
	}
	l.Seal(must[[]byte](b.t)(b.suite.Sign(b.keys[i], "LeafNodeTBS", l.TBS(b.group, uint32(i)))))
	return tree.NewLeaf(l)
}

// settle fills the tree: everybody is added, and every other member commits.
func (b *townBuilder) settle(n int) {
	b.t.Helper()
	leaves := make([]*tree.Leaf, n)
	for i := range leaves {
		b.keys = append(b.keys, must[*suite.SigningKey](b.t)(suite.NewSigningKey(b.suite.Scheme, rand.Reader)))
		leaves[i] = b.leaf(i, nil)
	}
	b.tree = tree.New(b.suite, leaves[0])
	must[[]treemath.Leaf](b.t)(b.tree.Add(leaves[1:]...))
	for i := 0; i < n; i += 2 {
		_, parentHash, err := b.tree.NewPath(treemath.Leaf(i), b.secret())
		if err != nil {
			b.t.Fatal(err)
		}
		b.tree.SetLeaf(treemath.Leaf(i), b.leaf(i, parentHash))
	}
}

// info describes the group to those who join from outside.
func (b *townBuilder) info() []byte {
	b.t.Helper()
	epoch := schedule.NewEpoch(b.suite, b.secret())
	var external tlsenc.Writer
	external.Opaque(must[hpke.PrivateKey](b.t)(epoch.ExternalKey()).PublicKey().Bytes())
	transcript := b.secret()
	info := &wire.GroupInfo{
		Context: wire.GroupContext{
			Version: wire.Version, CipherSuite: b.suite.ID, GroupID: b.group, Epoch: 7,
			TreeHash: b.tree.Hash(), ConfirmedTranscriptHash: transcript,
		},
		Extensions:      wire.Extensions{{Type: wire.ExtExternalPub, Data: external.Bytes()}},
		ConfirmationTag: epoch.Tag(transcript),
	}
	info.Signature = must[[]byte](b.t)(b.suite.Sign(b.keys[0], "GroupInfoTBS", info.TBS()))
	return (&wire.Message{GroupInfo: info}).Bytes()
}
