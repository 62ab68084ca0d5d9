// SPDX-License-Identifier: Apache-2.0

package audit_test

import (
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/keytrans"
	"github.com/securecrypt/securecrypt/keytrans/audit"
	"github.com/securecrypt/securecrypt/keytrans/logtest"
)

const victim = "victim@example.org"

// attacks are what a log may do to an account's entry. Each returns after its last root.
var attacks = map[string]struct {
	act  func(l *logtest.Log)
	rule string
}{
	"swap without a leaf": {func(l *logtest.Log) {
		l.Set(l.Label(victim), forged(2, 2))
		l.Root(start)
	}, "audit-map"},
	"swap with a leaf that names another old value": {func(l *logtest.Log) {
		old := forged(1, 1)
		l.Store(keytrans.Mutation{Label: l.Label(victim), Old: &old, New: forgedAgain(2, 2), Kinds: []keytrans.Kind{keytrans.KindAddDevice}})
		l.Root(start)
	}, "audit-old"},
	"swap for a new account": {func(l *logtest.Log) {
		l.Store(keytrans.Mutation{Label: l.Label(victim), New: forged(1, 1), Kinds: []keytrans.Kind{keytrans.KindCreate}})
		l.Root(start)
	}, "audit-taken"},
	"swap for a chain from its create statement on": {func(l *logtest.Log) {
		old := l.Values[l.Label(victim)]
		l.Store(keytrans.Mutation{Label: l.Label(victim), Old: &old, New: forged(1, 2), Kinds: []keytrans.Kind{keytrans.KindCreate}})
		l.Root(start)
	}, "K10-create"},
	"swap and swap back within a span, without leaves for it": {func(l *logtest.Log) {
		old := l.Values[l.Label(victim)]
		l.Mutate(victim, keytrans.KindAddDevice)
		l.Set(l.Label(victim), old)
		l.Root(start)
	}, "audit-map"},
	"swap back to the old value": {func(l *logtest.Log) {
		l.Mutate(victim, keytrans.KindAddDevice)
		before := l.Values[l.Label(victim)]
		l.Mutate(victim, keytrans.KindAddDevice)
		l.Root(start)
		swapped := l.Values[l.Label(victim)]
		l.Store(keytrans.Mutation{Label: l.Label(victim), Old: &swapped, New: before, Kinds: []keytrans.Kind{keytrans.KindAddDevice}})
		l.Root(start)
	}, "K2-counter"},
	"swap back to the old chain": {func(l *logtest.Log) {
		l.Mutate(victim, keytrans.KindAddDevice, keytrans.KindAddDevice, keytrans.KindAddDevice)
		before := l.Values[l.Label(victim)]
		l.Mutate(victim, keytrans.KindAddDevice)
		l.Root(start)
		swapped := l.Values[l.Label(victim)]
		back := before
		back.Counter = swapped.Counter + 1
		l.Store(keytrans.Mutation{Label: l.Label(victim), Old: &swapped, New: back, Kinds: []keytrans.Kind{keytrans.KindAddDevice}})
		l.Root(start)
	}, "K10-statements"},
	"counter set back": {func(l *logtest.Log) {
		old := l.Values[l.Label(victim)]
		l.Store(keytrans.Mutation{Label: l.Label(victim), Old: &old, New: forged(old.Statements+1, old.Counter), Kinds: []keytrans.Kind{keytrans.KindAddDevice}})
		l.Root(start)
	}, "K2-counter"},
	"root without mutations": {func(l *logtest.Log) {
		root := l.NextRoot(start)
		root.Map[0]++
		l.StoreRoot(root)
	}, "audit-map"},
	"revived name": {func(l *logtest.Log) {
		l.Mutate(victim, keytrans.KindClose)
		l.Root(start)
		old := l.Values[l.Label(victim)]
		l.Store(keytrans.Mutation{Label: l.Label(victim), Old: &old, New: forged(old.Statements+1, old.Counter+1), Kinds: []keytrans.Kind{keytrans.KindAddDevice}})
		l.Root(start)
	}, "K10-name"},
	"revived name as a new account": {func(l *logtest.Log) {
		l.Mutate(victim, keytrans.KindMove)
		l.Root(start)
		l.Store(keytrans.Mutation{Label: l.Label(victim), New: forged(1, 1), Kinds: []keytrans.Kind{keytrans.KindCreate}})
		l.Root(start)
	}, "audit-taken"},
	"name that disappears": {func(l *logtest.Log) {
		root := l.NextRoot(start)
		root.Size--
		l.StoreRoot(root)
	}, "audit-map-size"},
	"reset before its time": {func(l *logtest.Log) {
		l.Mutate(victim, keytrans.KindResetRequest)
		l.Root(start)
		l.Mutate(victim, keytrans.KindResetCommit)
		l.Root(start.Add(71 * time.Hour))
	}, "audit-reset-wait"},
	"reset requested and carried out at once": {func(l *logtest.Log) {
		l.Mutate(victim, keytrans.KindResetRequest, keytrans.KindResetCommit)
		l.Root(start)
	}, "audit-reset-wait"},
	"reset carried out after a veto": {func(l *logtest.Log) {
		l.Mutate(victim, keytrans.KindResetRequest)
		l.Mutate(victim, keytrans.KindResetVeto)
		l.Root(start)
		l.Mutate(victim, keytrans.KindResetCommit)
		l.Root(start.Add(80 * time.Hour))
	}, "audit-no-reset"},
	"two pending resets": {func(l *logtest.Log) {
		l.Mutate(victim, keytrans.KindResetRequest)
		l.Root(start)
		l.Mutate(victim, keytrans.KindResetRequest)
		l.Root(start.Add(time.Hour))
	}, "audit-two-resets"},
	"second request that ends the wait of the first": {func(l *logtest.Log) {
		l.Mutate(victim, keytrans.KindResetRequest)
		l.Root(start)
		l.Mutate(victim, keytrans.KindResetVeto, keytrans.KindResetRequest)
		l.Root(start.Add(time.Hour))
		l.Mutate(victim, keytrans.KindResetCommit)
		l.Root(start.Add(keytrans.ResetWait))
	}, "audit-reset-wait"},
}

func forged(statements, counter uint64) keytrans.Value {
	return keytrans.Value{Head: keytrans.Hash{0xf0}, Statements: statements, Counter: counter, State: keytrans.Active}
}

func forgedAgain(statements, counter uint64) keytrans.Value {
	v := forged(statements, counter)
	v.Head[0]++
	return v
}

// TestAuditorCatches lets a log attack an account: right after an honest beginning that is stored,
// and after a restart too.
func TestAuditorCatches(t *testing.T) {
	for name, attack := range attacks {
		t.Run(name, func(t *testing.T) {
			l, store := logtest.New("example.org/log"), new(audit.Memory)
			l.Mutate(victim, keytrans.KindCreate)
			l.Mutate("other@example.org", keytrans.KindCreate)
			l.Root(start)
			r := audit.New(l.Policy, store, 0)
			r.Follow(time.Time{}, start)
			for _, leaf := range l.Leaves {
				ok(t, r.Add(leaf))
			}
			ok(t, r.Flush(store.Save))
			resumed, err := audit.Resume(store.Last.State, store.Last.Policy, store, 0)
			ok(t, err)
			attack.act(l)
			for _, replay := range []*audit.Replay{r, resumed} {
				replay.Follow(start, start.Add(100*time.Hour))
				var err error
				for _, leaf := range l.Leaves[replay.Size():] {
					if err = replay.Add(leaf); err != nil {
						break
					}
				}
				if keytrans.BrokenRule(err) != attack.rule {
					t.Errorf("caught by %q, not by %q: %v", keytrans.BrokenRule(err), attack.rule, err)
				}
			}
		})
	}
}
