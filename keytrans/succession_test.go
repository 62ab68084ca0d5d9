// SPDX-License-Identifier: Apache-2.0

package keytrans_test

import (
	"testing"

	"github.com/securecrypt/securecrypt/keytrans"
)

// TestKnownValues has a client know a value of alice's, and the log show another one. In a log that
// succeeded the one that showed it, counters are not compared.
func TestKnownValues(t *testing.T) {
	value := func(head byte, statements, counter uint64, state keytrans.State) keytrans.Value {
		return keytrans.Value{Head: hash(head), Statements: statements, Counter: counter, State: state}
	}
	known := value(1, 5, 3, keytrans.Active)
	closed := value(1, 5, 3, keytrans.Closed)
	cases := []struct {
		name         string
		old, next    keytrans.Value
		same, others string // the rules in the same log and in others
	}{
		{"the same", known, known, "", ""},
		{"one mutation more", known, value(2, 6, 4, keytrans.Active), "", ""},
		{"a mutation of many statements", known, value(2, 9, 4, keytrans.Active), "", ""},
		{"a close", known, value(2, 6, 4, keytrans.Closed), "", ""},
		{"another head", known, value(2, 5, 3, keytrans.Active), "K2-same", ""},
		{"another state", known, value(1, 5, 3, keytrans.Moved), "K2-same", ""},
		{"more statements without a mutation", known, value(2, 6, 3, keytrans.Active), "K2-same", ""},
		{"a mutation without statements", known, value(2, 5, 4, keytrans.Active), "K2-back", ""},
		{"more mutations than statements", known, value(2, 6, 5, keytrans.Active), "K2-back", ""},
		{"a lower counter", known, value(2, 6, 2, keytrans.Active), "K2-back", ""},
		{"a shorter chain", known, value(2, 4, 4, keytrans.Active), "K2-shorter", "K2-shorter"},
		{"closed as before", closed, closed, "", ""},
		{"revived", closed, value(2, 6, 4, keytrans.Active), "K2-revived", "K2-revived"},
		{"moved after it was closed", closed, value(2, 6, 4, keytrans.Moved), "K2-revived", "K2-revived"},
		{"closed once more", closed, value(2, 6, 4, keytrans.Closed), "K2-revived", "K2-revived"},
		{"revived with its head", closed, value(1, 5, 3, keytrans.Active), "K2-same", "K2-revived"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			l := newLog()
			l.Set(l.Label(alice), c.next)
			l.Root(start)
			config := l.Policy.Config()
			otherKey := config.VRFKey
			otherKey[0]++
			for _, k := range []struct {
				origin string
				key    [keytrans.VRFKeySize]byte
				rule   string
			}{
				{config.Origin, config.VRFKey, c.same},
				{"old.example/log", config.VRFKey, c.others},
				{config.Origin, otherKey, c.others},
			} {
				q := keytrans.Query{Name: alice, Known: &keytrans.Known{Label: l.Label(alice), Origin: k.origin, VRFKey: k.key, Value: &c.old}}
				_, err := ask(q, l.Lookup(alice, l.NewestHead(start)), l.Policy, start)
				if keytrans.BrokenRule(err) != k.rule || k.rule == "" && err != nil {
					t.Errorf("known from %q: %v, not %q", k.origin, err, k.rule)
				}
			}
		})
	}
}
