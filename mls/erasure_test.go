// SPDX-License-Identifier: Apache-2.0

package mls

import (
	"bytes"
	"testing"

	"github.com/securecrypt/securecrypt/mls/internal/secrettree"
	"github.com/securecrypt/securecrypt/mls/internal/suite"
	"github.com/securecrypt/securecrypt/mls/internal/wire"
)

// ledger persists deltas.
type ledger struct{ db records }

func (l *ledger) persist(t *testing.T, d Delta) {
	t.Helper()
	for _, r := range d.Put {
		l.db[r.Key] = r.Value
	}
	for _, k := range d.Delete {
		delete(l.db, k)
	}
	put := make(map[string]bool)
	for _, r := range d.Put {
		put[r.Key] = true
	}
	for _, k := range d.Delete {
		if put[k] {
			t.Fatalf("%s is put and deleted at once", k)
		}
	}
}

// holds reports whether a secret is anywhere in the state or in the cache.
func (l *ledger) holds(g *Group, secret []byte) bool {
	for _, v := range l.db {
		if bytes.Contains(v, secret) {
			return true
		}
	}
	for _, v := range g.store.cache {
		if bytes.Contains(v, secret) {
			return true
		}
	}
	return false
}

// TestUsedKeysAreErased derives what bob uses on the side and looks for it afterwards
// (RFC 9420, Section 9.2).
func TestUsedKeysAreErased(t *testing.T) {
	w := newTrio(t)
	l := &ledger{db: records{}}
	w.everyone(t, w.alice, CommitOptions{Now: evilNow})
	bob := w.bob
	l.persist(t, foundNow(bob))
	st := bob.state

	// The secrets of the epoch's tree, as they are before anything is used.
	shadow := records{}
	for k, v := range bob.store.cache {
		shadow[k] = bytes.Clone(v)
	}
	root := shadow["e/"+itoa(st.context.Epoch)+"/n/3"]
	if root == nil || !l.holds(bob, root) {
		t.Fatal("the encryption secret is not where it should be")
	}
	tr := st.secretTree(bob.cfg.Policy)
	var used [][]byte
	for i := range 3 {
		key, err := tr.Take(shadow, secrettree.Application, 0, uint32(i))
		ok(t, err)
		used = append(used, key.Key)
	}
	messages := make([][]byte, 3)
	for i := range messages {
		m, _, err := w.alice.Protect([]byte("m"), ProtectOptions{})
		ok(t, err)
		messages[i] = m
	}
	for _, i := range []int{2, 0, 1} {
		_, d, err := bob.Process(messages[i], evilNow)
		ok(t, err)
		l.persist(t, d)
		if l.holds(bob, used[i]) {
			t.Fatalf("key %d is still there", i)
		}
		if l.holds(bob, root) {
			t.Fatal("the encryption secret is still there")
		}
	}

	// What an epoch leaves behind goes with the next commit.
	e, own := st.secrets, st.private[st.own.Node()].raw
	old := []suite.Secret{
		bytes.Clone(e.Init), bytes.Clone(e.Exporter), bytes.Clone(e.External), bytes.Clone(e.Membership),
		bytes.Clone(e.Authenticator),
	}
	keep := bytes.Clone(own)
	r, _, err := bob.Process(mustStage(t, w.alice), evilNow)
	ok(t, err)
	d, err := bob.Apply(r.(*StagedCommit))
	ok(t, err)
	l.persist(t, d)
	for i, secret := range old {
		if l.holds(bob, secret) {
			t.Fatalf("secret %d of the past epoch is still there", i)
		}
	}
	if !l.holds(bob, keep) {
		t.Fatal("the own leaf's key is lost") // alice's commit does not replace it
	}
	c, d, err := bob.Stage(CommitOptions{Now: evilNow})
	ok(t, err)
	l.persist(t, d)
	d, err = bob.Apply(c)
	ok(t, err)
	l.persist(t, d)
	if l.holds(bob, keep) {
		t.Fatal("the replaced leaf key is still there")
	}
	if l.holds(bob, c.message) {
		t.Fatal("the applied commit is still there")
	}
}

func mustStage(t *testing.T, g *Group) []byte {
	t.Helper()
	s, _, err := g.Stage(CommitOptions{Now: evilNow})
	ok(t, err)
	return s.Message()
}

func itoa(n uint64) string { return epochPrefix(n)[2 : len(epochPrefix(n))-1] }

// foundNow returns all records of a group that has not used a key of its epoch.
func foundNow(g *Group) Delta {
	t := g.store.begin()
	for i := range g.state.tree.Width() {
		if n := g.state.tree.Node(i); n != (wire.Node{}) {
			t.Put(treeKey(i), encodeNode(n))
		}
	}
	for k, v := range g.store.cache {
		t.Put(k, bytes.Clone(v))
	}
	for n, key := range g.state.private {
		t.Put(privateNodeKey(n), encodePrivate(key.raw))
	}
	for _, p := range g.past {
		t.Put(pastKey(p.context.Epoch), p.encode())
	}
	t.Put(groupKey, g.encodeGroup())
	return t.commit()
}
