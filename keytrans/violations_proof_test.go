// SPDX-License-Identifier: Apache-2.0

package keytrans_test

import (
	"slices"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/keytrans"
	"github.com/securecrypt/securecrypt/keytrans/logtest"
)

// lie has the log answer a query for a name with a proof that is changed by change, under its
// newest head.
func lie(name string, change func(*logtest.Log, *keytrans.UnverifiedProof)) func(*testing.T) error {
	return func(*testing.T) error {
		l := newLog()
		u := l.Lookup(name, l.NewestHead(start))
		change(l, u)
		_, err := ask(keytrans.Query{Name: name}, u, l.Policy, start)
		return err
	}
}

// lieAfter is like lie for a client that knew alice's entry and then saw the log lie about it:
// change is done to the log, which then shows what it has.
func lieAfter(change func(*logtest.Log, *keytrans.Value)) func(*testing.T) error {
	return func(t *testing.T) error {
		l := newLog()
		l.Mutate(alice, keytrans.KindAddDevice)
		l.Root(start)
		entry, err := ask(keytrans.Query{Name: alice}, l.Lookup(alice, l.NewestHead(start)), l.Policy, start)
		ok(t, err)
		value, _ := entry.Value()
		change(l, &value)
		l.Set(l.Label(alice), value)
		l.Root(start)
		_, err = ask(keytrans.Query{Name: alice, Known: entry.Known()}, l.Lookup(alice, l.NewestHead(start)), l.Policy, start)
		return err
	}
}

var proofViolations = map[string]func(*testing.T) error{
	// The path of another value, with which the server would swap alice's key.
	"K4-root": lie(alice, func(_ *logtest.Log, u *keytrans.UnverifiedProof) { u.Value.Head[0]++ }),
	// Alice is said to be absent by an empty proof, by her own leaf, by the leaf of somebody
	// else, and by a leaf that the map does not have.
	"K4-empty": lie(alice, func(_ *logtest.Log, u *keytrans.UnverifiedProof) { u.Value, u.Path = nil, nil }),
	"K4-same": lie(alice, func(l *logtest.Log, u *keytrans.UnverifiedProof) {
		u.Path = absenceBy(l, alice, u.Path)
		u.Value = nil
	}),
	"K4-way": lie(alice, func(l *logtest.Log, u *keytrans.UnverifiedProof) {
		u.Path = absenceBy(l, bob, l.Lookup(bob, nil).Path)
		u.Value = nil
	}),
	"K4-absence": lie(carol, func(_ *logtest.Log, u *keytrans.UnverifiedProof) { u.Path[40]++ }),
	"K4-order": lie(alice, func(l *logtest.Log, u *keytrans.UnverifiedProof) {
		u.Path = append(u.Path, u.Path...)
	}),
	"K4-step": lie(alice, func(_ *logtest.Log, u *keytrans.UnverifiedProof) { u.Path = u.Path[:20] }),
	"K4-leaf": lie(carol, func(_ *logtest.Log, u *keytrans.UnverifiedProof) { u.Path = u.Path[:20] }),

	"K5-proof": lie(alice, func(l *logtest.Log, u *keytrans.UnverifiedProof) {
		*u = *l.Lookup(bob, u.Head) // bob's entry for alice's name
	}),
	"K5-encoding": lie(alice, func(_ *logtest.Log, u *keytrans.UnverifiedProof) { u.VRFProof[79] = 0xff }),
	"K5-missing":  lie(alice, func(_ *logtest.Log, u *keytrans.UnverifiedProof) { u.VRFProof = nil }),
	"K5-name": func(*testing.T) error {
		// Under another spelling of her name, alice would have a second label.
		l := newLog()
		label, proof, err := l.VRF.Prove("Alice@example.org")
		if err != nil {
			return err
		}
		if got, err := l.VRF.Public().Verify("Alice@example.org", proof); err != nil || got != label {
			return err
		}
		return nil
	},
	"K5-known": func(*testing.T) error {
		l := newLog()
		known := &keytrans.Known{Label: l.Label(bob), Origin: l.Policy.Origin(), VRFKey: l.Policy.Config().VRFKey}
		_, err := ask(keytrans.Query{Name: alice, Known: known}, l.Lookup(alice, l.NewestHead(start)), l.Policy, start)
		return err
	},
	// All names have one label under the identity element.
	"K5-identity": func(*testing.T) error {
		_, err := keytrans.NewVRFPublicKey(make([]byte, keytrans.VRFKeySize))
		return err
	},
	"K5-key": func(*testing.T) error {
		_, err := keytrans.NewVRFPublicKey(slices.Repeat([]byte{0xff}, keytrans.VRFKeySize))
		return err
	},

	"K6-held": func(t *testing.T) error {
		l := newLog()
		_, err := ask(keytrans.Query{Name: alice}, l.Lookup(alice, nil), l.Policy, start)
		return err
	},
	"K6-policy": func(t *testing.T) error {
		l := newLog()
		head, err := l.Policy.VerifyHead(l.NewestHead(start), nil, start)
		ok(t, err)
		params := l.Policy.Params()
		params.MaxAge = time.Hour
		stricter, err := keytrans.NewPolicy(params)
		ok(t, err)
		_, err = ask(keytrans.Query{Name: alice, Held: head}, l.Lookup(alice, nil), stricter, start)
		return err
	},
}

// absenceBy returns a proof of absence whose leaf is that of a name, which is present.
func absenceBy(l *logtest.Log, name string, path []byte) []byte {
	label, value := l.Label(name), l.Values[l.Label(name)].Hash()
	b := append([]byte{32}, label[:]...)
	b = append(append(b, 32), value[:]...)
	return append(b, path...)
}

var valueViolations = map[string]func(*testing.T) error{
	"K2-range": lie(alice, func(l *logtest.Log, u *keytrans.UnverifiedProof) {
		value := l.Values[l.Label(alice)]
		value.Counter = 2 // of one statement
		l.Set(l.Label(alice), value)
		l.Root(start)
		*u = *l.Lookup(alice, l.NewestHead(start))
	}),
	"K2-vanished": func(t *testing.T) error {
		l := newLog()
		value := l.Values[l.Label(alice)]
		without := logtest.New("example.org/log")
		without.Mutate(bob, keytrans.KindCreate)
		without.Root(start)
		known := &keytrans.Known{Label: l.Label(alice), Origin: l.Policy.Origin(), VRFKey: l.Policy.Config().VRFKey, Value: &value}
		_, err := ask(keytrans.Query{Name: alice, Known: known}, without.Lookup(alice, without.NewestHead(start)), without.Policy, start)
		return err
	},
	"K2-back": lieAfter(func(_ *logtest.Log, v *keytrans.Value) { v.Head[0]++; v.Counter-- }),
	// A log that succeeded another one has a shorter chain than that.
	"K2-shorter": func(t *testing.T) error {
		old, l := logtest.New("old.example/log"), newLog()
		old.Mutate(alice, keytrans.KindCreate, keytrans.KindAddDevice)
		old.Root(start)
		entry, err := ask(keytrans.Query{Name: alice}, old.Lookup(alice, old.NewestHead(start)), old.Policy, start)
		ok(t, err)
		_, err = ask(keytrans.Query{Name: alice, Known: entry.Known()}, l.Lookup(alice, l.NewestHead(start)), l.Policy, start)
		return err
	},
	"K2-same":    lieAfter(func(_ *logtest.Log, v *keytrans.Value) { v.Head[0]++ }),
	"K2-revived": revive,
	// A swap and a swap back, both logged: the head is alice's own, the counter is not.
	"K2-own": func(t *testing.T) error {
		l := newLog()
		published := l.Values[l.Label(alice)]
		forged := l.Mutate(alice, keytrans.KindAddDevice)
		l.Root(start)
		back, err := keytrans.ParseLeaf(l.Leaves[forged])
		ok(t, err)
		swapped := back.(keytrans.Mutation).New
		value := swapped
		value.Head, value.Counter, value.Statements = published.Head, swapped.Counter+1, swapped.Statements+1
		l.Store(keytrans.Mutation{Label: l.Label(alice), Old: &swapped, New: value, Kinds: []keytrans.Kind{keytrans.KindAddDevice}})
		l.Root(start)
		entry, err := ask(keytrans.Query{Name: alice}, l.Lookup(alice, l.NewestHead(start)), l.Policy, start)
		ok(t, err)
		return entry.CheckOwn(published)
	},
	"K2-chain": func(t *testing.T) error {
		l := newLog()
		entry, err := ask(keytrans.Query{Name: alice}, l.Lookup(alice, l.NewestHead(start)), l.Policy, start)
		ok(t, err)
		return entry.CheckChain(keytrans.Hash{1}, 1)
	},
}

func revive(t *testing.T) error {
	l := newLog()
	l.Mutate(alice, keytrans.KindClose)
	l.Root(start)
	closed := l.Values[l.Label(alice)]
	l.Set(l.Label(alice), keytrans.Value{Head: keytrans.Hash{1}, Statements: closed.Statements + 1, Counter: closed.Counter + 1, State: keytrans.Active})
	l.Root(start)
	known := &keytrans.Known{Label: l.Label(alice), Origin: l.Policy.Origin(), VRFKey: l.Policy.Config().VRFKey, Value: &closed}
	_, err := ask(keytrans.Query{Name: alice, Known: known}, l.Lookup(alice, l.NewestHead(start)), l.Policy, start)
	return err
}
