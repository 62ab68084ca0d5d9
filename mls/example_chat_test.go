// SPDX-License-Identifier: Apache-2.0

package mls_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/securecrypt/securecrypt/mls"
)

// device is one end of a chat: a signing key, a store for each group, here in memory, and
// the group itself.
type device struct {
	name  string
	key   *mls.SigningKey
	store map[string][]byte
	group *mls.Group
}

func newDevice(name string) (*device, error) {
	key, err := mls.NewSigningKey(mls.DefaultCipherSuite, rand.Reader)
	return &device{name: name, key: key, store: make(map[string][]byte)}, err
}

func (d *device) config() mls.Config { return mls.Config{Rand: rand.Reader} }

func (d *device) lifetime() mls.Lifetime {
	return mls.Lifetime{NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(90 * 24 * time.Hour)}
}

// persist keeps a delta, whole or not at all: a database does it in one transaction.
func (d *device) persist(delta mls.Delta) {
	for _, r := range delta.Put {
		d.store[r.Key] = r.Value
	}
	for _, key := range delta.Delete {
		delete(d.store, key)
	}
}

// invite creates a group, adds the owner of a key package and returns a welcome with the
// tree that belongs to it.
func (d *device) invite(kp *mls.KeyPackage) (welcome, tree []byte, err error) {
	if err := kp.Verify(time.Now()); err != nil {
		return nil, nil, err
	}
	var delta mls.Delta
	d.group, delta, err = mls.CreateGroup(mls.GroupParams{
		Suite: mls.DefaultCipherSuite, SigningKey: d.key, Credential: mls.BasicCredential([]byte(d.name)), Lifetime: d.lifetime(),
	}, d.config())
	if err != nil {
		return nil, nil, err
	}
	d.persist(delta)
	commit, delta, err := d.group.Stage(mls.CommitOptions{Now: time.Now(), Add: []*mls.KeyPackage{kp}})
	if err != nil {
		return nil, nil, err
	}
	d.persist(delta)
	if welcome, err = commit.Welcome(kp); err != nil {
		return nil, nil, err
	}
	tree = commit.RatchetTree()
	delta, err = d.group.Apply(commit) // at once, since nobody else is in the group
	if err != nil {
		return nil, nil, err
	}
	d.persist(delta)
	return welcome, tree, nil
}

// join accepts an invitation after a look at who sent it.
func (d *device) join(kp *mls.KeyPackage, private *mls.KeyPackagePrivate, welcome, tree []byte) error {
	w, err := mls.ParseWelcome(welcome)
	if err != nil {
		return err
	}
	join, err := mls.StageJoin(mls.JoinParams{Welcome: w, KeyPackage: kp, Private: private, RatchetTree: tree, Now: time.Now()}, d.config())
	if err != nil {
		return err
	}
	if string(join.Inviter().Leaf.Credential().Data) != "alice" { // here: is the signature key that of alice?
		return errors.New("who is that?")
	}
	var delta mls.Delta
	if d.group, delta, err = join.Apply(); err != nil {
		return err
	}
	d.persist(delta)
	return nil
}

// send protects a message, padded to hide its length.
func (d *device) send(text string) ([]byte, error) {
	message, delta, err := d.group.Protect([]byte(text), mls.ProtectOptions{Padding: 128 - len(text)%128})
	if err != nil {
		return nil, err
	}
	d.persist(delta)
	return message, nil
}

// receive takes up whatever arrives.
func (d *device) receive(message []byte) (string, error) {
	received, delta, err := d.group.Process(message, time.Now())
	if err != nil {
		return "", err
	}
	d.persist(delta)
	switch r := received.(type) {
	case *mls.ApplicationMessage:
		return fmt.Sprintf("%s: %s", r.Leaf.Credential().Data, r.Data), nil
	case *mls.StagedCommit:
		if len(r.Added()) > 0 {
			return "", errors.New("this is a chat of two")
		}
		delta, err := d.group.Apply(r)
		if err != nil {
			return "", err
		}
		d.persist(delta)
		return fmt.Sprintf("%s has new keys", r.Committer().Leaf.Credential().Data), nil
	default:
		return "a proposal", nil
	}
}

// A chat of two: everything that it takes, but for a network and a database.
func Example_chat() {
	alice, err := newDevice("alice")
	check(err)
	bob, err := newDevice("bob")
	check(err)

	// Bob publishes a key package.
	kp, private, err := mls.NewKeyPackage(mls.KeyPackageParams{
		Suite: mls.DefaultCipherSuite, SigningKey: bob.key, Credential: mls.BasicCredential([]byte("bob")),
		Lifetime: bob.lifetime(), Rand: rand.Reader,
	})
	check(err)

	// Alice invites him, and he joins.
	welcome, tree, err := alice.invite(kp)
	check(err)
	check(bob.join(kp, private, welcome, tree))

	// They talk.
	hello, err := alice.send("hello")
	check(err)
	line, err := bob.receive(hello)
	check(err)
	fmt.Println(line)
	answer, err := bob.send("hi")
	check(err)
	line, err = alice.receive(answer)
	check(err)
	fmt.Println(line)

	// From time to time, each of them refreshes the keys.
	commit, delta, err := bob.group.Stage(mls.CommitOptions{Now: time.Now()})
	check(err)
	bob.persist(delta)
	line, err = alice.receive(commit.Message())
	check(err)
	fmt.Println(line)
	delta, err = bob.group.Apply(commit) // now that the server has accepted it
	check(err)
	bob.persist(delta)

	// Alice restarts.
	alice.group, err = mls.LoadGroup(reader(alice.store), alice.config())
	check(err)
	again, err := bob.send("still there?")
	check(err)
	line, err = alice.receive(again)
	check(err)
	fmt.Println(line)
	// Output:
	// alice: hello
	// bob: hi
	// bob has new keys
	// bob: still there?
}

// reader is a store as LoadGroup reads it.
type reader map[string][]byte

func (r reader) Get(key string) ([]byte, error) { return r[key], nil }
