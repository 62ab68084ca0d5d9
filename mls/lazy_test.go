// SPDX-License-Identifier: Apache-2.0

package mls_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/securecrypt/securecrypt/mls"
)

// counting is a store that counts the reads of nodes and of other records, and may refuse
// those of nodes.
type counting struct {
	memory
	nodes, others int
	refuse        bool
}

func (c *counting) Get(key string) ([]byte, error) {
	if strings.HasPrefix(key, "t/") {
		c.nodes++
		if c.refuse {
			return nil, errDisk
		}
	} else {
		c.others++
	}
	return c.memory.Get(key)
}

// loaded restores a client's group from a store that counts.
func (c *client) loaded() *counting {
	c.t.Helper()
	db := &counting{memory: c.db}
	c.Group = must[*mls.Group](c.t)(mls.LoadGroup(db, c.cfg))
	return db
}

// TestLoadReadsLittle verifies that messages need a few records of a group, however many
// members it has, and a commit each node once.
func TestLoadReadsLittle(t *testing.T) {
	for _, n := range []int{16, 256} {
		c := town(t, quick, n)
		a, b := c[0], c[1]
		db := b.loaded()
		if db.nodes != 1 || db.others > 20 {
			t.Errorf("%d members: loading reads %d nodes and %d other records", n, db.nodes, db.others)
		}
		a.process(b.send("to a"))
		b.process(a.send("to b"))
		b.process(a.send("to b, again"))
		if db.nodes != 2 || db.others > 60 {
			t.Errorf("%d members: messages read %d nodes and %d other records", n, db.nodes, db.others)
		}
		commit(t, mls.CommitOptions{}, b, []*client{a})
		commit(t, mls.CommitOptions{}, a, []*client{b})
		if all := 2*n + 2; db.nodes > all {
			t.Errorf("%d members: commits read %d nodes", n, db.nodes)
		}
		agree(t, a, b)
	}
}

// TestDeltaIsLogarithmic verifies that a commit changes a number of records that the
// depth of the tree bounds.
func TestDeltaIsLogarithmic(t *testing.T) {
	records := func(d mls.Delta) int { return len(d.Put) + len(d.Delete) }
	for depth, n := range map[int]int{4: 16, 6: 64, 8: 256} {
		c := town(t, quick, n)
		for i := range 8 {
			by, other := c[i%2], c[1-i%2]
			s := by.stage(mls.CommitOptions{})
			f := other.process(s.Message()).(*mls.StagedCommit)
			for client, staged := range map[*client]*mls.StagedCommit{by: s, other: f} {
				d := must[mls.Delta](t)(client.Apply(staged))
				client.db.apply(d)
				if most := 4*depth + 30; records(d) > most {
					t.Errorf("%d members: a commit changes %d records, more than %d", n, records(d), most)
				}
			}
		}
	}
}

// TestLazyEqual verifies that a group whose tree is not read yet answers and does the
// same as one in memory.
func TestLazyEqual(t *testing.T) {
	c := town(t, quick, 33)
	a, b := c[0], c[1]
	eager := b.Group
	b.loaded()
	for i, l := range eager.Members() {
		if m := b.Member(i); m == nil || !bytes.Equal(m.EncryptionKey(), l.EncryptionKey()) || !bytes.Equal(m.SignatureKey(), l.SignatureKey()) {
			t.Fatalf("member %d differs", i)
		}
	}
	if b.Member(33) != nil || b.Member(1000) != nil {
		t.Fatal("a blank leaf is a member")
	}
	b.loaded()
	if !bytes.Equal(b.RatchetTree(), eager.RatchetTree()) {
		t.Fatal("the trees differ")
	}
	for _, use := range []func() error{
		func() error { _, _, err := b.ProposeRemove(0, mls.ProposalOptions{}); return err },
		func() error { _, err := b.GroupInfo(mls.GroupInfoOptions{RatchetTree: true}); return err },
		func() error { _, _, err := b.Process(a.stage(mls.CommitOptions{}).Message(), testNow); return err },
	} {
		b.loaded()
		if err := use(); err != nil {
			t.Fatal(err)
		}
	}
	s := a.PendingCommit()
	a.loaded() // with its own commit
	b.loaded()
	b.applyCommit(b.process(s.Message()).(*mls.StagedCommit))
	a.applyCommit(a.PendingCommit())
	agree(t, a, b)
	talk(t, a, b)
}

// TestLazyPastEpochs reads messages of several epochs after each restart, from one who
// changed its leaf in between and one who did not.
func TestLazyPastEpochs(t *testing.T) {
	c := crowd(t, quick, 9, 3)
	var late [][]byte
	for range 3 {
		late = append(late, c[0].send("a"), c[2].send("c"))
		commit(t, mls.CommitOptions{}, c[0], c[1:])
	}
	for _, m := range late {
		db := c[1].loaded()
		c[1].process(m)
		if db.nodes > 2 {
			t.Errorf("a late message read %d nodes", db.nodes)
		}
	}
	c[1].loaded()
	late = [][]byte{c[0].send("a"), c[2].send("c")}
	commit(t, mls.CommitOptions{}, c[2], c[:2])
	for _, m := range late {
		c[1].process(m)
	}
	agree(t, c...)
	talk(t, c...)
}

// TestDamagedNodes damages each record of the tree in several ways: what needs it fails,
// and works once the record is repaired.
func TestDamagedNodes(t *testing.T) {
	c := town(t, quick, 9)
	a, b := c[0], c[1]
	s, message := a.stage(mls.CommitOptions{}), a.send("to b")
	for key, whole := range b.db {
		if !strings.HasPrefix(key, "t/") {
			continue
		}
		other := b.db["t/0"]
		if key == "t/0" || strings.TrimPrefix(key, "t/")[len(key)-3]%2 == 0 {
			other = b.db["t/7"] // a parent in the place of a leaf
		}
		for _, damaged := range [][]byte{{}, {1}, whole[:len(whole)-1], append(bytes.Clone(whole), 0), other} {
			b.db[key] = damaged
			g, err := mls.LoadGroup(b.db, b.cfg)
			b.db[key] = whole
			if err != nil {
				continue // the own leaf
			}
			b.db[key] = damaged
			if _, _, err := g.Process(s.Message(), testNow); err == nil || !strings.Contains(err.Error(), "corrupt state") {
				t.Fatalf("%s: commit: %v", key, err)
			}
			for range g.Members() {
				t.Fatalf("%s: members of a damaged tree", key)
			}
			if _, _, err := g.Protect(nil, mls.ProtectOptions{}); err == nil {
				t.Fatalf("%s: nobody is told", key)
			}
			if _, _, err := g.Stage(mls.CommitOptions{Now: testNow}); err == nil {
				t.Fatalf("%s: own commit", key)
			}
			if _, _, err := g.Process(message, testNow); err != nil && !strings.Contains(err.Error(), "corrupt state") {
				t.Fatalf("%s: message: %v", key, err)
			}
			b.db[key] = whole
			if _, _, err := g.Process(s.Message(), testNow); err != nil {
				t.Fatalf("%s: after repair: %v", key, err)
			}
		}
	}
}

// TestUnreadableNodes lets reads of nodes fail for a while.
func TestUnreadableNodes(t *testing.T) {
	c := town(t, quick, 9)
	a, b := c[0], c[1]
	db, message := b.loaded(), a.send("to b")
	db.refuse = true
	if _, _, err := b.Process(message, testNow); !errors.Is(err, errDisk) {
		t.Fatal(err)
	}
	if _, _, err := b.Stage(mls.CommitOptions{Now: testNow}); !errors.Is(err, errDisk) {
		t.Fatal(err)
	}
	if b.Member(a.OwnLeaf()) != nil || b.RatchetTree() != nil {
		t.Fatal("what cannot be read is there")
	}
	if _, _, err := b.Protect(nil, mls.ProtectOptions{}); !errors.Is(err, errDisk) {
		t.Fatal("nobody is told")
	}
	db.refuse = false
	b.process(message)
	commit(t, mls.CommitOptions{}, b, []*client{a})
	agree(t, a, b)
}
