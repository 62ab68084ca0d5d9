// SPDX-License-Identifier: Apache-2.0

package keytrans_test

import (
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/keytrans"
	"github.com/securecrypt/securecrypt/keytrans/audit"
	"github.com/securecrypt/securecrypt/keytrans/logtest"
	"github.com/securecrypt/securecrypt/keytrans/prefixmap"
)

// audited has an auditor replay a log which, after an honest beginning, does what act does.
func audited(act func(*logtest.Log)) func(*testing.T) error {
	return func(t *testing.T) error {
		l := newLog()
		honest := len(l.Leaves)
		act(l)
		r := audit.New(l.Policy, new(audit.Memory), 0)
		r.Follow(time.Time{}, start)
		for _, leaf := range l.Leaves[:honest] {
			ok(t, r.Add(leaf))
		}
		r.Follow(start, start.Add(1000*time.Hour))
		for _, leaf := range l.Leaves[honest:] {
			if err := r.Add(leaf); err != nil {
				return err
			}
		}
		return nil
	}
}

// rooted is like audited for a root that is changed by change after alice added a device.
func rooted(change func(*keytrans.Root)) func(*testing.T) error {
	return audited(func(l *logtest.Log) {
		l.Mutate(alice, keytrans.KindAddDevice)
		root := l.NextRoot(start.Add(time.Minute))
		change(&root)
		l.StoreRoot(root)
	})
}

// checked has an auditor replay a log and compare it with a checkpoint.
func checked(checkpoint func(*logtest.Log) keytrans.Checkpoint) func(*testing.T) error {
	return func(t *testing.T) error {
		l := newLog()
		c := checkpoint(l)
		r := audit.New(l.Policy, new(audit.Memory), 0)
		r.Follow(time.Time{}, start)
		for _, leaf := range l.Leaves {
			ok(t, r.Add(leaf))
		}
		signed, err := l.Policy.OpenCheckpoint(l.Sign(c, start))
		ok(t, err)
		return r.Check(signed)
	}
}

// swapped returns alice's entry with another head, as many statements and as many mutations as
// the arguments say.
func swapped(old keytrans.Value, statements, counter uint64) keytrans.Value {
	return keytrans.Value{Head: keytrans.Hash{0xba}, Statements: statements, Counter: counter, State: keytrans.Active}
}

var auditViolations = map[string]func(*testing.T) error{
	// A name whose account is replaced as if it had none.
	"audit-taken": audited(func(l *logtest.Log) {
		delete(l.Values, l.Label(alice))
		l.Mutate(alice, keytrans.KindCreate)
		l.Root(start)
	}),
	"audit-unknown": audited(func(l *logtest.Log) {
		l.Set(l.Label(carol), keytrans.Value{Statements: 1, Counter: 1, State: keytrans.Active})
		l.Mutate(carol, keytrans.KindAddDevice)
		l.Root(start)
	}),
	// A swap whose leaf names another value than alice had.
	"audit-old": audited(func(l *logtest.Log) {
		label := l.Label(alice)
		l.Set(label, swapped(l.Values[label], 1, 1))
		l.Mutate(alice, keytrans.KindAddDevice)
		l.Root(start)
	}),
	// A root without mutations: the map changed, and no leaf says so.
	"audit-map": audited(func(l *logtest.Log) {
		label := l.Label(alice)
		l.Set(label, swapped(l.Values[label], 2, 2))
		l.Root(start)
	}),
	"audit-map-size":  rooted(func(r *keytrans.Root) { r.Size++ }),
	"audit-first":     rooted(func(r *keytrans.Root) { r.First-- }),
	"audit-config":    rooted(func(r *keytrans.Root) { r.Config[0]++ }),
	"audit-time-back": rooted(func(r *keytrans.Root) { r.Time = start.Unix() - 1 }),
	"audit-ahead":     rooted(func(r *keytrans.Root) { r.Time = start.Add(1001 * time.Hour).Unix() }),
	// Request and commit of a reset, published together with times that are long past.
	"audit-backdated": func(t *testing.T) error {
		l := newLog()
		seen := len(l.Leaves)
		l.Mutate(alice, keytrans.KindResetRequest)
		l.Root(start.Add(time.Hour))
		l.Mutate(alice, keytrans.KindResetCommit)
		l.Root(start.Add(80 * time.Hour))
		r := audit.New(l.Policy, new(audit.Memory), 0)
		r.Follow(time.Time{}, start)
		for _, leaf := range l.Leaves[:seen] {
			ok(t, r.Add(leaf))
		}
		r.Follow(start.Add(79*time.Hour), start.Add(80*time.Hour))
		for _, leaf := range l.Leaves[seen:] {
			if err := r.Add(leaf); err != nil {
				return err
			}
		}
		return nil
	},
	"audit-two-resets": audited(func(l *logtest.Log) {
		l.Mutate(alice, keytrans.KindResetRequest)
		l.Mutate(alice, keytrans.KindResetRequest)
		l.Root(start)
	}),
	"audit-no-reset": audited(func(l *logtest.Log) {
		l.Mutate(alice, keytrans.KindResetCommit)
		l.Root(start)
	}),
	"audit-reset-wait": audited(func(l *logtest.Log) {
		l.Mutate(alice, keytrans.KindResetRequest)
		l.Root(start)
		l.Mutate(alice, keytrans.KindResetCommit)
		l.Root(start.Add(keytrans.ResetWait - time.Second))
	}),
	"audit-policies": audited(func(l *logtest.Log) {
		change := keytrans.PolicyChange{Number: 2, Text: l.Policy.Params().Text}
		l.Append(change)
		l.Append(change)
	}),
	"audit-ended": audited(func(l *logtest.Log) {
		l.Append(succession("example.net/log")(l, l.Policy))
		l.Root(start)
		l.Root(start)
	}),
	"audit-size": checked(func(l *logtest.Log) keytrans.Checkpoint { return l.Checkpoint(2) }),
	"audit-tree": checked(func(l *logtest.Log) keytrans.Checkpoint {
		c := l.Checkpoint(3)
		c.Hash[0]++
		return c
	}),
	"audit-last": checked(func(l *logtest.Log) keytrans.Checkpoint {
		l.Append(keytrans.Bundle{})
		return l.Checkpoint(4)
	}),
	"audit-store": func(t *testing.T) error {
		l, store := newLog(), new(audit.Memory)
		flush(t, l, store)
		store.Set(prefixmap.Item{Label: l.Label(carol)})
		_, err := audit.Resume(store.Last.State, l.Policy, store, 0)
		return err
	},
	"audit-store-policy": func(t *testing.T) error {
		l, store := newLog(), new(audit.Memory)
		flush(t, l, store)
		_, err := audit.Resume(store.Last.State, logtest.New("example.net/log").Policy, store, 0)
		return err
	},
}

// flush has an auditor replay a log and store the result.
func flush(t *testing.T, l *logtest.Log, store *audit.Memory) *audit.Replay {
	r := audit.New(l.Policy, store, 0)
	r.Follow(time.Time{}, start)
	for _, leaf := range l.Leaves {
		ok(t, r.Add(leaf))
	}
	ok(t, r.Flush(store.Save))
	return r
}
