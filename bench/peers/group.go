// SPDX-License-Identifier: AGPL-3.0-or-later

package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/securecrypt/securecrypt/internal/testing/interop"
	"github.com/securecrypt/securecrypt/mls"
)

// A group is one implementation's: two of its members, alice and bob, are
// played; a third, the guest, comes and goes. Each runs in a process of its own,
// so that nobody collects another one's garbage.
type group struct {
	alice     interop.Peer
	bob       interop.Peer
	others    interop.Peer
	suite     uint16
	size      int
	populated bool
	crowd     [][]byte // key packages of the other members of a flat group
	messages  int      // that are protected at a time
	memory    bool     // measures memory, not time

	commit    []byte // what bob is to process
	welcome   []byte
	protected [][]byte

	nanos map[string][]int64
	sizes map[string]int
}

// Names of clients.
const (
	alice   = "alice"
	bob     = "bob"
	guest   = "guest"
	founder = "founder" // of a flat group, beside alice
)

// crowd makes key packages of n clients that do nothing else.
func crowd(suite uint16, n int) ([][]byte, error) {
	all := make([][]byte, 0, n)
	capabilities := mls.DefaultCapabilities()
	capabilities.CipherSuites = []mls.CipherSuite{mls.CipherSuite(suite)}
	capabilities.Extensions, capabilities.Proposals = nil, nil
	now := time.Now()
	for i := range n {
		key, err := mls.NewSigningKey(mls.CipherSuite(suite), rand.Reader)
		if err != nil {
			return nil, err
		}
		kp, _, err := mls.NewKeyPackage(mls.KeyPackageParams{
			Suite: mls.CipherSuite(suite), SigningKey: key, Credential: mls.BasicCredential(fmt.Appendf(nil, "citizen %d", i)),
			Capabilities: capabilities, Lifetime: mls.Lifetime{NotBefore: now.Add(-time.Hour), NotAfter: now.Add(30 * 24 * time.Hour)},
			Rand: rand.Reader,
		})
		if err != nil {
			return nil, err
		}
		all = append(all, kp.Bytes())
	}
	return all, nil
}

func (g *group) do(q interop.Request) (interop.Response, error) {
	q.Suite, q.Identity = g.suite, q.Client
	switch {
	case q.Client == alice || q.Client == founder:
		return g.alice.Do(q)
	case q.Client == bob:
		return g.bob.Do(q)
	}
	return g.others.Do(q)
}

func (g *group) close() error {
	return errors.Join(g.alice.Close(), g.bob.Close(), g.others.Close())
}

// note adds how long one operation, of one or more requests, took.
func (g *group) note(name string, rs ...interop.Response) {
	if g.nanos == nil {
		g.nanos = map[string][]int64{}
	}
	var sum int64
	for _, r := range rs {
		for _, n := range r.Nanos {
			sum += n
		}
	}
	g.nanos[name] = append(g.nanos[name], sum)
}

func (g *group) noteEach(name string, r interop.Response) {
	if g.nanos == nil {
		g.nanos = map[string][]int64{}
	}
	g.nanos[name] = append(g.nanos[name], r.Nanos...)
}

func (g *group) noteSize(name string, n int) {
	if g.sizes == nil {
		g.sizes = map[string]int{}
	}
	g.sizes[name] = n
}

// open makes the group, as alice and bob see it. What that took is not noted:
// everything is new to the process.
func (g *group) open() error {
	defer func() { g.nanos = nil }()
	kp, err := g.do(interop.Request{Op: interop.OpKeyPackage, Client: bob})
	if err != nil {
		return err
	}
	g.noteSize(sizeKeyPackage, len(kp.KeyPackage))
	if !g.populated || g.size < 3 {
		return g.openFlat(kp.KeyPackage)
	}
	return g.openTown(kp.KeyPackage)
}

func (g *group) openFlat(keyPackage []byte) error {
	welcome, err := g.addEveryone(alice, keyPackage)
	if err != nil {
		return err
	}
	if _, err := g.join(bob, welcome); err != nil {
		return err
	}
	if g.populated {
		return g.update(bob, alice)
	}
	return nil
}

// addEveryone creates a group and fills it with one commit.
func (g *group) addEveryone(client string, keyPackage []byte) (welcome []byte, err error) {
	created, err := g.do(interop.Request{Op: interop.OpCreate, Client: client, Group: []byte("flat " + client)})
	if err != nil {
		return nil, err
	}
	g.note(opCreate, created)
	r, err := g.committed(opAddEveryone, interop.Request{Client: client, Add: append([][]byte{keyPackage}, g.crowd...), Path: true, NoTree: true})
	return r.Welcome, err
}

func (g *group) openTown(keyPackage []byte) error {
	kp, err := g.do(interop.Request{Op: interop.OpKeyPackage, Client: alice})
	if err != nil {
		return err
	}
	tree, welcome, err := build(g.suite, g.size-1, kp.KeyPackage)
	if err != nil {
		return err
	}
	if _, err := g.do(interop.Request{Op: interop.OpJoin, Client: alice, Welcome: welcome, Tree: tree}); err != nil {
		return err
	}
	if _, err := g.committed("", interop.Request{Client: alice, Path: true}); err != nil {
		return err
	}
	r, err := g.committed("", interop.Request{Client: alice, Add: [][]byte{keyPackage}, Path: true, NoTree: true})
	if err != nil {
		return err
	}
	if _, err := g.join(bob, r.Welcome); err != nil {
		return err
	}
	return g.update(bob, alice)
}

// join lets a client join with alice's tree, which travels beside the welcome:
// every welcome is sealed over the group info, which would hold the tree.
func (g *group) join(client string, welcome []byte) (interop.Response, error) {
	tree, err := g.do(interop.Request{Op: interop.OpTree, Client: alice})
	if err != nil {
		return tree, err
	}
	return g.do(interop.Request{Op: interop.OpJoin, Client: client, Welcome: welcome, Tree: tree.Tree, Memory: g.memory})
}

// committed stages a commit and applies it; both make up the operation.
func (g *group) committed(name string, q interop.Request) (interop.Response, error) {
	q.Op = interop.OpCommit
	r, err := g.do(q)
	if err != nil {
		return r, err
	}
	applied, err := g.do(interop.Request{Op: interop.OpApply, Client: q.Client})
	if err == nil && name != "" {
		g.note(name, r, applied)
	}
	return r, err
}

// update lets one member commit an update that the other processes, unmeasured.
func (g *group) update(from, to string) error {
	r, err := g.committed("", interop.Request{Client: from, Path: true})
	if err != nil {
		return err
	}
	_, err = g.do(interop.Request{Op: interop.OpProcess, Client: to, Message: r.Message})
	return err
}

func (g *group) process(name string) error {
	r, err := g.do(interop.Request{Op: interop.OpProcess, Client: bob, Message: g.commit})
	if err == nil && r.Kind != interop.KindCommit {
		err = fmt.Errorf("a %s is no commit", r.Kind)
	}
	if err == nil && name != "" {
		g.note(name, r)
	}
	return err
}
