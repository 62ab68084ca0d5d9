// SPDX-License-Identifier: Apache-2.0

package keytrans

import (
	"github.com/securecrypt/securecrypt/keytrans/internal/rule"
)

// ChangePolicy returns the policy that the PolicyChange in a record announces. The record
// was verified under p, so that the quorum of p cosigned the change. What a person
// added for herself stays. Heads of the old policy are to be verified again.
func (p *Policy) ChangePolicy(r *Record) (*Policy, error) {
	change, ok := r.leaf.(PolicyChange)
	if !ok {
		return nil, rule.Broken("policy-leaf", "the record is not a change of the policy")
	}
	if r.head.policy != p {
		return nil, rule.Broken("policy-quorum", "the change was not verified under the policy that it changes")
	}
	return p.WithChange(change)
}

// WithChange returns the policy that a change makes of p. It does not know whether the change
// is in the log: ChangePolicy does.
func (p *Policy) WithChange(change PolicyChange) (*Policy, error) {
	if change.Number != p.config.Number+1 {
		return nil, rule.Broken("policy-number", "the change does not follow the policy in force")
	}
	params := p.params
	params.Number, params.Text = change.Number, change.Text
	next, err := NewPolicy(params)
	if err != nil {
		return nil, err
	}
	if !next.hasLogOf(p) {
		return nil, rule.Broken("policy-log", "a change of the policy changes the log: that takes a succession")
	}
	return next, nil
}

// hasLogOf reports whether two policies name the same keys of one log.
func (p *Policy) hasLogOf(other *Policy) bool {
	if len(p.log) != len(other.log) {
		return false
	}
	for i := range p.log {
		if p.log[i].String() != other.log[i].String() {
			return false
		}
	}
	return true
}

// Succeed returns the policy of the log that the Succession in a record announces. The record
// was verified under p. What a person added for herself stays. In the other log, labels are others
// and counters begin again: an owner compares her chain with her first entry there
// (Entry.CheckChain), and counts from it. Heads of the other log extend none of this one.
func (p *Policy) Succeed(r *Record) (*Policy, error) {
	succession, ok := r.leaf.(Succession)
	if !ok {
		return nil, rule.Broken("policy-succession", "the record is not a succession")
	}
	if r.head.policy != p {
		return nil, rule.Broken("policy-old-quorum", "the succession was not verified under the policy of the log")
	}
	return p.WithSuccession(succession)
}

// WithSuccession returns the policy of the log that a succession announces. It does not know
// whether the succession is in the log: Succeed does.
func (p *Policy) WithSuccession(succession Succession) (*Policy, error) {
	params := p.params
	params.Number, params.Text, params.VRFKey = 1, succession.Text, succession.VRFKey[:]
	next, err := NewPolicy(params)
	if err != nil {
		return nil, err
	}
	if next.hasLogOf(p) {
		return nil, rule.Broken("policy-same-log", "a log succeeds itself")
	}
	return next, nil
}
