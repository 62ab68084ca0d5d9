// SPDX-License-Identifier: Apache-2.0

package mls_test

import (
	"crypto/rand"
	"fmt"
	"time"

	"github.com/securecrypt/securecrypt/mls"
)

// solo creates a group of one, for the examples.
func solo(name string, now time.Time) (*mls.Group, *mls.SigningKey, mls.Delta) {
	key, err := mls.NewSigningKey(mls.DefaultCipherSuite, rand.Reader)
	check(err)
	g, delta, err := mls.CreateGroup(mls.GroupParams{
		Suite: mls.DefaultCipherSuite, SigningKey: key, Credential: mls.BasicCredential([]byte(name)),
		Lifetime: mls.Lifetime{NotBefore: now.Add(-time.Hour), NotAfter: now.Add(90 * 24 * time.Hour)},
	}, mls.Config{Rand: rand.Reader})
	check(err)
	return g, key, delta
}

// Bob joins with what Alice published, loses his state, and joins again.
func ExampleStageExternalJoin() {
	now := time.Now()
	cfg := mls.Config{Rand: rand.Reader}
	alice, _, _ := solo("alice", now)
	bobKey, err := mls.NewSigningKey(mls.DefaultCipherSuite, rand.Reader)
	check(err)

	for range 2 {
		// The delivery service holds a group info of each epoch.
		published, err := alice.GroupInfo(mls.GroupInfoOptions{RatchetTree: true, ExternalPub: true})
		check(err)

		// Bob stages the commit by which he joins. If he was there before, that leaf goes.
		info, err := mls.ParseGroupInfo(published)
		check(err)
		join, err := mls.StageExternalJoin(mls.ExternalJoinParams{
			GroupInfo: info, SigningKey: bobKey, Credential: mls.BasicCredential([]byte("bob")), Now: now,
			Former: func(_ mls.LeafIndex, l *mls.LeafNode) bool { return string(l.Credential().Data) == "bob" },
		}, cfg)
		check(err)

		// Alice looks at who comes in before she lets him.
		received, _, err := alice.Process(join.Message(), now)
		check(err)
		commit := received.(*mls.StagedCommit)
		if joiner, ok := commit.Joiner(); ok {
			_, again := commit.Rejoins()
			fmt.Printf("%s joins, again: %t\n", joiner.Leaf.Credential().Data, again)
		}
		_, err = alice.Apply(commit)
		check(err)

		bob, _, err := join.Apply() // its delta is persisted before the commit is sent
		check(err)
		fmt.Println("epoch", bob.Epoch(), "at leaf", bob.OwnLeaf())
	}
	// Output:
	// bob joins, again: false
	// epoch 1 at leaf 1
	// bob joins, again: true
	// epoch 2 at leaf 1
}

// shelf is a store in memory. A database does the same within one transaction.
type shelf map[string][]byte

func (s shelf) Get(key string) ([]byte, error) { return s[key], nil }

func (s shelf) persist(d mls.Delta) {
	for _, r := range d.Put {
		s[r.Key] = r.Value
	}
	for _, key := range d.Delete {
		delete(s, key)
	}
}

// Each delta is persisted before its result is used, so that a restart finds the group
// as it was.
func ExampleLoadGroup() {
	now := time.Now()
	store := shelf{}
	g, _, delta := solo("alice", now)
	store.persist(delta)

	commit, delta, err := g.Stage(mls.CommitOptions{Now: now})
	check(err)
	store.persist(delta)
	fmt.Println("sending a commit for epoch", commit.Epoch())

	// The program crashes and comes back: the commit still waits for the server's answer.
	g, err = mls.LoadGroup(store, mls.Config{Rand: rand.Reader})
	check(err)
	delta, err = g.Apply(g.PendingCommit())
	check(err)
	store.persist(delta)
	fmt.Println("epoch", g.Epoch())
	// Output:
	// sending a commit for epoch 1
	// epoch 1
}

// A server orders commits by their headers.
func ExampleParseHeader() {
	g, _, _ := solo("alice", time.Now())
	commit, _, err := g.Stage(mls.CommitOptions{Now: time.Now(), WireFormat: mls.PublicWire})
	check(err)
	h, err := mls.ParseHeader(commit.Message())
	check(err)
	if h.ContentType == mls.ContentCommit {
		fmt.Println("a commit of epoch", h.Epoch, "by leaf", h.Sender)
	}
	// Output: a commit of epoch 0 by leaf 0
}
