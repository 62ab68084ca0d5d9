// SPDX-License-Identifier: Apache-2.0

package keytrans

import (
	"slices"

	"github.com/securecrypt/securecrypt/keytrans/internal/rule"
)

// NextMutation returns the mutation that a log appends when statements of these kinds
// were appended to an account chain, whose head then is head. Old is the
// label's value before, nil for a new account.
func NextMutation(label Label, old *Value, head Hash, kinds ...Kind) (Mutation, error) {
	m := Mutation{Label: label, Old: old, Kinds: kinds}
	m.New = Value{Head: head, Statements: uint64(len(kinds)), Counter: 1, State: stateAfter(kinds)}
	if old != nil {
		m.New.Statements += old.Statements
		m.New.Counter += old.Counter
	}
	return m, m.Check()
}

// Check refuses a mutation whose parts contradict each other. It needs no more
// than the leaf; what else must hold is checked by package audit.
func (m Mutation) Check() error {
	if len(m.Kinds) == 0 || len(m.Kinds) > MaxKinds {
		return rule.Broken("K10-kinds", "a mutation appends %d statements", len(m.Kinds))
	}
	if (m.Old == nil) != (m.Kinds[0] == KindCreate) || slices.Contains(m.Kinds[1:], KindCreate) {
		return rule.Broken("K10-create", "a create statement is not where an account begins")
	}
	end := slices.IndexFunc(m.Kinds, func(k Kind) bool { return k == KindMove || k == KindClose })
	if end >= 0 && end != len(m.Kinds)-1 {
		return rule.Broken("K10-end", "a statement follows the end of an account")
	}
	if err := m.New.Check(); err != nil {
		return err
	}
	var old Value
	if m.Old != nil {
		old = *m.Old
	}
	if m.Old != nil && old.State != Active {
		return rule.Broken("K10-name", "a name that was moved or closed has a new value")
	}
	if m.New.Counter != old.Counter+1 {
		return rule.Broken("K2-counter", "the counter goes from %d to %d", old.Counter, m.New.Counter)
	}
	if m.New.Statements != old.Statements+uint64(len(m.Kinds)) {
		return rule.Broken("K10-statements", "%d statements are appended to %d, and give %d", len(m.Kinds), old.Statements, m.New.Statements)
	}
	if m.New.Head == old.Head {
		return rule.Broken("K10-head", "statements are appended and the head stays")
	}
	if m.New.State != stateAfter(m.Kinds) {
		return rule.Broken("K10-state", "the state does not follow from the statements")
	}
	return nil
}

// CheckChain returns nil if the statements that the mutation appends are those of an account
// chain, of which kinds and heads has the kind of each statement and the hash of the chain up to
// it. An auditor went by these kinds, and does not see the statements.
func (m Mutation) CheckChain(kinds []Kind, heads []Hash) error {
	end := m.New.Statements
	begin := end - uint64(len(m.Kinds))
	if end > uint64(min(len(kinds), len(heads))) || begin > end || !slices.Equal(kinds[begin:end], m.Kinds) || heads[end-1] != m.New.Head {
		return rule.Broken("K10-chain", "the mutation appends other statements than the account chain has")
	}
	return nil
}

// stateAfter returns the state of an account after statements of these kinds.
func stateAfter(kinds []Kind) State {
	if len(kinds) == 0 {
		return Active
	}
	switch kinds[len(kinds)-1] {
	case KindMove:
		return Moved
	case KindClose:
		return Closed
	default:
		return Active
	}
}
