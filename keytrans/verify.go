// SPDX-License-Identifier: Apache-2.0

package keytrans

import (
	"time"

	"github.com/securecrypt/securecrypt/keytrans/internal/mpt"
	"github.com/securecrypt/securecrypt/keytrans/internal/rule"
)

// An Entry is what a log has for a name, verified. Only Verify makes one.
type Entry struct {
	name  string
	label Label
	value *Value
	head  *Head
	age   time.Duration
}

// Name returns the name that was asked for.
func (e *Entry) Name() string { return e.name }

// Label returns the name's place in the map.
func (e *Entry) Label() Label { return e.label }

// Value returns the account's value. It is false if the log has no account of the
// name.
func (e *Entry) Value() (Value, bool) {
	if e.value == nil {
		return Value{}, false
	}
	return *e.value, true
}

// Head returns the head under which the entry was verified, for the client to hold.
func (e *Entry) Head() *Head { return e.head }

// Age returns how long ago, at the time of Verify, the policy's quorum vouched for
// the head being the newest.
func (e *Entry) Age() time.Duration { return e.age }

// IsOld reports whether the age exceeds the policy's WarnAge: it is to be mentioned, and
// refuses nothing.
func (e *Entry) IsOld() bool { return e.age > e.head.policy.params.WarnAge }

// Known returns what to remember for the next query of the name.
func (e *Entry) Known() *Known {
	c := e.head.policy.config
	return &Known{e.label, c.Origin, c.VRFKey, clone(e.value)}
}

// CheckOwn returns nil if the entry has exactly the value that the account's owner
// published last. A counter that is higher shows that somebody else changed the entry,
// even if it was changed back.
func (e *Entry) CheckOwn(published Value) error {
	if e.value == nil || *e.value != published {
		return rule.Broken("K2-own", "the log's entry is not the one that the owner published")
	}
	return nil
}

// CheckChain returns nil if the entry is that of an account chain of this length
// whose last statement has the hash head.
func (e *Entry) CheckChain(head Hash, statements int) error {
	if e.value == nil || e.value.Head != head || e.value.Statements != uint64(statements) {
		return rule.Broken("K2-chain", "the account chain is not the one in the log")
	}
	return nil
}

// Verify returns the entry that a log's answer proves, at the time now. It is
// the one way from bytes of a log to something to rely on:
//
//   - the head is verified (Policy.VerifyHead), unless it is the one that the client holds;
//   - the label is verified, unless the client knows it;
//   - the value, or that there is none, is proved in the map of the head's root;
//   - it does not contradict what the client knew of the name;
//   - the quorum's cosignatures are young enough.
func Verify(u *UnverifiedProof, policy *Policy, now time.Time) (*Entry, error) {
	head, err := u.trustedHead(policy, now)
	if err != nil {
		return nil, err
	}
	age, err := head.Freshness(now)
	if err != nil {
		return nil, err
	}
	label, err := u.prove(policy, head.root)
	if err != nil {
		return nil, err
	}
	if known := u.query.Known; known != nil {
		if err := checkSuccession(known.Value, u.Value, known.isOf(policy)); err != nil {
			return nil, err
		}
	}
	return &Entry{u.query.Name, label, clone(u.Value), head, age}, nil
}

func clone(v *Value) *Value {
	if v == nil {
		return nil
	}
	copied := *v
	return &copied
}

// trustedHead returns the head under which the proof stands.
func (u *UnverifiedProof) trustedHead(policy *Policy, now time.Time) (*Head, error) {
	held := u.query.Held
	if u.Head != nil && held != nil && held.is(u.Head, policy) {
		return held, nil // many contacts carry proofs under one head
	}
	if u.Head != nil {
		return policy.VerifyHead(u.Head, held, now)
	}
	if held == nil || held.Size() != u.HeadSize {
		return nil, rule.Broken("K6-held", "the proof stands under a head that the client does not hold")
	}
	if held.policy != policy {
		return nil, rule.Broken("K6-policy", "the head that the client holds was verified by another policy")
	}
	return held, nil
}

// prove returns the label that the proof is about, if the map of the root has what the
// proof says.
func (u *UnverifiedProof) prove(policy *Policy, root Root) (Label, error) {
	label, err := u.label(policy)
	if err != nil {
		return Label{}, err
	}
	if u.Value == nil {
		err = mpt.VerifyAbsence(mpt.Hash(root.Map), label[:], u.Path)
	} else {
		if err := u.Value.Check(); err != nil {
			return Label{}, err
		}
		hash := u.Value.Hash()
		err = mpt.VerifyPresence(mpt.Hash(root.Map), label[:], hash[:], u.Path)
	}
	if err != nil {
		return Label{}, err
	}
	return label, nil
}

// label returns the label of the query's name, by the proof or by what is known.
func (u *UnverifiedProof) label(policy *Policy) (Label, error) {
	if err := checkName(u.query.Name); err != nil {
		return Label{}, err
	}
	known := u.query.Known
	if known != nil && !known.isOf(policy) {
		known = nil
	}
	if u.VRFProof == nil && known == nil {
		return Label{}, rule.Broken("K5-missing", "the proof does not show the label")
	}
	if u.VRFProof == nil {
		return known.Label, nil
	}
	label, err := policy.vrf.Verify(u.query.Name, u.VRFProof)
	if err != nil {
		return Label{}, err
	}
	if known != nil && known.Label != label {
		return Label{}, rule.Broken("K5-known", "the name has another label than before")
	}
	return label, nil
}

// isOf reports whether the log of a policy showed the entry.
func (k *Known) isOf(p *Policy) bool {
	return k.Origin == p.config.Origin && k.VRFKey == p.config.VRFKey
}

// checkSuccession refuses a value that cannot come after what was known. Counters are compared
// within one log.
func checkSuccession(old, value *Value, sameLog bool) error {
	if old == nil {
		return nil
	}
	if value == nil {
		return rule.Broken("K2-vanished", "the log no longer has the account")
	}
	if value.Statements < old.Statements {
		return rule.Broken("K2-shorter", "the log shows a shorter account chain than before")
	}
	if sameLog && (value.Counter < old.Counter || value.Statements-old.Statements < value.Counter-old.Counter) {
		return rule.Broken("K2-back", "the log shows an older entry than before")
	}
	if sameLog && value.Counter == old.Counter && *value != *old {
		return rule.Broken("K2-same", "the log shows another entry with the same counter")
	}
	if old.State != Active && (value.State != old.State || value.Head != old.Head) {
		return rule.Broken("K2-revived", "the log shows a new entry for a name that was moved or closed")
	}
	return nil
}
