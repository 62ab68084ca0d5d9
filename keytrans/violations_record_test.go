// SPDX-License-Identifier: Apache-2.0

package keytrans_test

import (
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/keytrans"
	"github.com/securecrypt/securecrypt/keytrans/logtest"
)

// lieRecord has a log show the record of a release, changed by change. The release is leaf 3,
// its root leaf 4; leaf 2 and leaf 5 are roots too.
func lieRecord(change func(*logtest.Log, *keytrans.UnverifiedRecord)) func(*testing.T) error {
	return func(t *testing.T) error {
		l := newLog()
		index := l.Append(keytrans.Release{Version: "1"})
		root := l.Root(start)
		l.Root(start)
		u := l.Record(index, root, start)
		change(l, u)
		parsed, err := keytrans.ParseRecord(u.Marshal())
		ok(t, err)
		_, err = keytrans.VerifyRecord(parsed, l.Policy, nil, start)
		return err
	}
}

// waits returns the records of two mutations of alice's, whose roots are hours apart.
func waits(t *testing.T, request, commit keytrans.Kind, hours int) (first, second *keytrans.Record) {
	l := newLog()
	a := l.Mutate(alice, request)
	rootA := l.Root(start)
	b := l.Mutate(alice, commit)
	rootB := l.Root(start.Add(time.Duration(hours) * time.Hour))
	first, err := keytrans.VerifyRecord(l.Record(a, rootA, start), l.Policy, nil, start)
	ok(t, err)
	second, err = keytrans.VerifyRecord(l.Record(b, rootB, start), l.Policy, nil, start)
	ok(t, err)
	return first, second
}

var recordViolations = map[string]func(*testing.T) error{
	"record-leaf": lieRecord(func(_ *logtest.Log, u *keytrans.UnverifiedRecord) { u.Leaf = keytrans.Release{Version: "2"}.Marshal() }),
	"record-root": lieRecord(func(l *logtest.Log, u *keytrans.UnverifiedRecord) {
		root := l.NextRoot(start.Add(-time.Hour)) // an earlier time than the log has
		root.First = 3
		u.Root = root.Marshal()
	}),
	"record-kind": lieRecord(func(_ *logtest.Log, u *keytrans.UnverifiedRecord) {
		u.Root, u.RootIndex, u.RootInclusion = u.Leaf, u.Index, u.Inclusion
	}),
	"record-covers": lieRecord(func(l *logtest.Log, u *keytrans.UnverifiedRecord) {
		u.Root, u.RootIndex, u.RootInclusion = l.Leaves[5], 5, l.Inclusion(6, 5)
	}),
	"record-reset": func(t *testing.T) error {
		request, commit := waits(t, keytrans.KindAddDevice, keytrans.KindResetCommit, 80)
		return keytrans.CheckWait(request, commit, keytrans.ResetWait)
	},
	// A commit whose request waits for no time at all.
	"record-wait": func(t *testing.T) error {
		request, commit := waits(t, keytrans.KindResetRequest, keytrans.KindResetCommit, 71)
		return keytrans.CheckWait(request, commit, keytrans.ResetWait)
	},
}

// mutated has alice's entry mutated by an added device, and the mutation changed by change.
func mutated(change func(*keytrans.Mutation)) func(*testing.T) error {
	return func(t *testing.T) error {
		old := keytrans.Value{Head: keytrans.Hash{1}, Statements: 3, Counter: 2, State: keytrans.Active}
		m, err := keytrans.NextMutation(keytrans.Label{1}, &old, keytrans.Hash{2}, keytrans.KindAddDevice)
		ok(t, err)
		change(&m)
		return m.Check()
	}
}

var mutationViolations = map[string]func(*testing.T) error{
	"K10-kinds":  mutated(func(m *keytrans.Mutation) { m.Kinds = make([]keytrans.Kind, keytrans.MaxKinds+1) }),
	"K10-create": mutated(func(m *keytrans.Mutation) { m.Kinds[0] = keytrans.KindCreate }),
	"K10-end": mutated(func(m *keytrans.Mutation) {
		m.Kinds = []keytrans.Kind{keytrans.KindClose, keytrans.KindAddDevice}
		m.New.Statements++
	}),
	"K10-name":       mutated(func(m *keytrans.Mutation) { m.Old.State = keytrans.Closed }),
	"K2-counter":     mutated(func(m *keytrans.Mutation) { m.New.Counter = 1 }), // set back
	"K10-statements": mutated(func(m *keytrans.Mutation) { m.New.Statements-- }),
	"K10-head":       mutated(func(m *keytrans.Mutation) { m.New.Head = m.Old.Head }),
	// The log names an added device, and the account chain has a reset.
	"K10-chain": func(t *testing.T) error {
		old := keytrans.Value{Head: keytrans.Hash{1}, Statements: 1, Counter: 1, State: keytrans.Active}
		m, err := keytrans.NextMutation(keytrans.Label{1}, &old, keytrans.Hash{2}, keytrans.KindAddDevice)
		ok(t, err)
		heads := []keytrans.Hash{{1}, {2}}
		ok(t, m.CheckChain([]keytrans.Kind{keytrans.KindCreate, keytrans.KindAddDevice}, heads))
		return m.CheckChain([]keytrans.Kind{keytrans.KindCreate, keytrans.KindResetCommit}, heads)
	},
	"K10-state": mutated(func(m *keytrans.Mutation) { m.New.State = keytrans.Closed }),
}
