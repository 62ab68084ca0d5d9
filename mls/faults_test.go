// SPDX-License-Identifier: Apache-2.0

package mls_test

import (
	"errors"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/mls"
)

var errDisk = errors.New("disk")

// failing is a store that fails from the n-th read on.
type failing struct {
	memory
	left *int
}

func (f failing) Get(key string) ([]byte, error) {
	if *f.left == 0 {
		return nil, errDisk
	}
	*f.left--
	return f.memory.Get(key)
}

// TestReaderFails lets every read fail in turn: the call fails, nothing changes,
// and once the reader works again so does the group.
func TestReaderFails(t *testing.T) {
	a, b := pair(t)
	messages := [][]byte{a.send("one"), a.send("two")}
	b.process(messages[1])
	for n := range 100 {
		left := n
		g, err := mls.LoadGroup(failing{b.db, &left}, b.cfg)
		if err == nil {
			if n == 0 {
				t.Fatal("nothing was read")
			}
			left = 0 // the ratchets are read on demand
			if _, _, err := g.Process(messages[0], testNow); !errors.Is(err, errDisk) {
				t.Fatal(err)
			}
			left = -1
			if _, _, err := g.Process(messages[0], testNow); err != nil {
				t.Fatal(err)
			}
			return
		}
		if !errors.Is(err, errDisk) {
			t.Fatal(err)
		}
	}
	t.Fatal("loading never ends")
}

// TestLateDelivery takes up a commit whose new leaf has expired on the way, and refuses
// one that took too long.
func TestLateDelivery(t *testing.T) {
	a, b := pair(t)
	c := newClient(t, quick, "c")
	s := a.stage(mls.CommitOptions{Add: []*mls.KeyPackage{c.kp}})
	expired := testLifetime().NotAfter
	if _, _, err := b.Process(s.Message(), expired.Add(mls.DefaultLateDelivery+time.Hour)); mls.BrokenRule(err) != "7.3-lifetime-received" {
		t.Fatal(err)
	}
	if _, _, err := b.Process(s.Message(), testNow.Add(-24*time.Hour)); mls.BrokenRule(err) != "7.3-lifetime-received" {
		t.Fatal(err)
	}
	if _, _, err := b.Process(s.Message(), expired.Add(24*time.Hour)); err != nil {
		t.Fatal(err)
	}
}
