// SPDX-License-Identifier: AGPL-3.0-or-later

package mailbox

import (
	"errors"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/client/envelope"
	"github.com/securecrypt/securecrypt/client/internal/link"
	"github.com/securecrypt/securecrypt/client/internal/records"
	"github.com/securecrypt/securecrypt/client/keyring"
	"github.com/securecrypt/securecrypt/client/letter"
	"github.com/securecrypt/securecrypt/client/store/memory"
)

func treeOf(seq uint64, sender string, contact bool, size int64) treeJob {
	return treeJob{seq: seq, sender: sender, contact: contact, in: letter.Invitation{Stash: &envelope.Stash{Size: size}}}
}

// A day's fetches are bounded for each sender and for all strangers, and what
// strangers use up is not missing for contacts.
func TestTreeBudget(t *testing.T) {
	const mib = 1 << 20
	count := func(b *treeBudget, n int, job func(i int) treeJob) (taken int) {
		for i := range n {
			if b.take(job(i)) == nil {
				taken++
			}
		}
		return taken
	}
	var b treeBudget
	if n := count(&b, 100, func(int) treeJob { return treeOf(1, "one", false, 1) }); n != senderTrees {
		t.Errorf("%d small trees of one sender", n)
	}
	if n := count(&b, 100, func(i int) treeJob { return treeOf(1, string(rune('a'+i)), false, 10*mib) }); n != 6 {
		t.Errorf("%d trees of 10 MiB of strangers", n)
	}
	if n := count(&b, 100, func(int) treeJob { return treeOf(1, "friend", true, 10*mib) }); n != 6 {
		t.Errorf("%d trees of 10 MiB of a contact", n)
	}
	var one treeBudget
	if n := count(&one, 3, func(int) treeJob { return treeOf(1, "one", false, maxTree) }); n != 1 {
		t.Errorf("%d of the largest trees of one sender", n)
	}
}

// Trees of contacts come before those of strangers, small ones before large
// ones, and strangers never have all places.
func TestTreeQueue(t *testing.T) {
	var q treeQueue
	for seq := range uint64(6) {
		q.add(treeOf(seq, "", false, 100-int64(seq)))
	}
	var got []uint64
	for {
		j, ok := q.next()
		if !ok {
			break
		}
		got = append(got, j.seq)
	}
	q.add(treeOf(7, "friend", true, 1000))
	if j, ok := q.next(); !ok || j.seq != 7 || len(got) != strangerConcurrency || got[0] != 5 {
		t.Errorf("strangers got %v, then came %d", got, j.seq)
	}
	if _, ok := q.next(); ok {
		t.Error("more than may be fetched at a time")
	}
	q.done(treeOf(5, "", false, 1))
	if j, ok := q.next(); !ok || j.seq != 2 {
		t.Errorf("then %d, %v", j.seq, ok)
	}
}

// What was too much for a day may be fetched on the next one, and no tree more
// than five times.
func TestTreesAreChargedByDay(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	store, err := records.NewStore(memory.New(), keyring.StoreKey{1})
	if err != nil {
		t.Fatal(err)
	}
	m := New(Config{Store: store, Now: func() time.Time { return now }})
	fatal := func(t *testing.T, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for seq := range uint64(senderTrees) {
		fatal(t, m.chargeTree(treeOf(seq, "one", false, 1)))
	}
	if err := m.chargeTree(treeOf(99, "one", false, 1)); !errors.Is(err, errTreesSpent) {
		t.Errorf("one more: %v", err)
	}
	fatal(t, m.chargeTree(treeOf(99, "another", false, 1)))
	now = now.Add(24 * time.Hour)
	for range treeTries {
		fatal(t, m.chargeTree(treeOf(100, "one", false, 1)))
	}
	if err := m.chargeTree(treeOf(100, "one", false, 1)); err == nil || errors.Is(err, errTreesSpent) || link.Retryable(err) {
		t.Errorf("after %d attempts: %v", treeTries, err)
	}
}
