// SPDX-License-Identifier: Apache-2.0

package mls_test

import (
	"crypto/rand"
	"fmt"
	"log"
	"time"

	"github.com/securecrypt/securecrypt/mls"
)

// Two people talk. Deltas, which a program persists before it sends or shows
// anything, are left out here.
func Example() {
	now := time.Now()
	cfg := mls.Config{Rand: rand.Reader}
	lifetime := mls.Lifetime{NotBefore: now.Add(-time.Hour), NotAfter: now.Add(90 * 24 * time.Hour)}

	// Bob publishes a key package.
	bobKey, err := mls.NewSigningKey(mls.DefaultCipherSuite, rand.Reader)
	check(err)
	kp, private, err := mls.NewKeyPackage(mls.KeyPackageParams{
		Suite: mls.DefaultCipherSuite, SigningKey: bobKey, Credential: mls.BasicCredential([]byte("bob")),
		Lifetime: lifetime, Rand: rand.Reader,
	})
	check(err)

	// Alice creates a group and adds him.
	aliceKey, err := mls.NewSigningKey(mls.DefaultCipherSuite, rand.Reader)
	check(err)
	alice, _, err := mls.CreateGroup(mls.GroupParams{
		Suite: mls.DefaultCipherSuite, SigningKey: aliceKey, Credential: mls.BasicCredential([]byte("alice")),
		Lifetime: lifetime,
	}, cfg)
	check(err)
	commit, _, err := alice.Stage(mls.CommitOptions{Now: now, Add: []*mls.KeyPackage{kp}})
	check(err)
	welcome, err := commit.Welcome(kp)
	check(err)
	tree := commit.RatchetTree()
	_, err = alice.Apply(commit) // once the delivery service has accepted it
	check(err)

	// Bob looks at whom he would join, and joins.
	w, err := mls.ParseWelcome(welcome)
	check(err)
	join, err := mls.StageJoin(mls.JoinParams{Welcome: w, KeyPackage: kp, Private: private, RatchetTree: tree, Now: now}, cfg)
	check(err)
	for i, member := range join.Members() {
		fmt.Printf("member %d: %s\n", i, member.Credential().Data)
	}
	bob, _, err := join.Apply()
	check(err)

	// Alice says hello.
	message, _, err := alice.Protect([]byte("hello"), mls.ProtectOptions{Padding: 27})
	check(err)
	received, _, err := bob.Process(message, now)
	check(err)
	switch r := received.(type) {
	case *mls.ApplicationMessage:
		fmt.Printf("%s: %s\n", r.Leaf.Credential().Data, r.Data)
	case *mls.ReceivedProposal, *mls.StagedCommit:
		// Verify credentials and policy; Apply a commit, or refuse it.
	}
	// Output:
	// member 0: alice
	// member 1: bob
	// alice: hello
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
