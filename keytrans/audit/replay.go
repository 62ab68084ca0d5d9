// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/securecrypt/securecrypt/keytrans"
	"github.com/securecrypt/securecrypt/keytrans/internal/rule"
	"github.com/securecrypt/securecrypt/keytrans/prefixmap"
)

// DefaultSkew is how far the times of roots may contradict the auditor's clock.
const DefaultSkew = 10 * time.Minute

// A Store has what was stored of a replay.
type Store interface {
	prefixmap.Items
	// Value returns the hash that the map has for a label, and whether it has one.
	Value(keytrans.Label) (keytrans.Hash, bool, error)
	// ResetTime returns the time of the root that covers the label's pending reset
	// request, in Unix seconds, and whether one is pending.
	ResetTime(keytrans.Label) (int64, bool, error)
}

// A Replay is an auditor's state between leaves. It is not for concurrent use.
type Replay struct {
	store Store
	skew  time.Duration
	seen  int64 // bounds of the times of roots, in Unix seconds
	until int64
	err   error // the first violation or failure: nothing goes on after it

	frontier *keytrans.Frontier
	span     []keytrans.Mutation // those since the last root
	values   map[keytrans.Label]keytrans.Hash
	change   *keytrans.Policy // announced since the last root
	ending   bool             // a succession was announced since the last root

	rooted state // after the last root
	// What the store lacks of that state.
	changes prefixmap.Memory
	resets  map[keytrans.Label]reset
}

// A state is what follows from all leaves up to a root.
type state struct {
	frontier *keytrans.Frontier
	items    *prefixmap.Map
	time     int64
	policy   *keytrans.Policy // in force for the next root
	ended    bool
}

type reset struct {
	time    int64
	pending bool
}

// New returns the replay of a log from its first leaf on. The policy is the one
// that the log had first. A skew of 0 is DefaultSkew.
func New(policy *keytrans.Policy, store Store, skew time.Duration) *Replay {
	r := &Replay{store: store, skew: skew}
	if skew == 0 {
		r.skew = DefaultSkew
	}
	r.begin(state{frontier: new(keytrans.Frontier), items: prefixmap.New(), policy: policy})
	return r
}

// begin sets the replay to a state that the store has.
func (r *Replay) begin(s state) {
	r.rooted, r.frontier = s, s.frontier.Clone()
	r.values = make(map[keytrans.Label]keytrans.Hash)
	r.changes, r.resets = prefixmap.Memory{}, make(map[keytrans.Label]reset)
}

// Follow sets the bounds for the times of the roots that come: the leaves
// that follow were not in the log when the auditor looked last, at seen, and are in it now.
// A zero seen means that it did not look before: nothing then says that times were
// not made up. Without a call of Follow, no root is accepted.
func (r *Replay) Follow(seen, now time.Time) {
	r.seen, r.until = 0, now.Add(r.skew).Unix()
	if !seen.IsZero() {
		r.seen = seen.Add(-r.skew).Unix()
	}
}

// Size returns how many leaves were replayed.
func (r *Replay) Size() int64 { return r.frontier.Size() }

// Policy returns the policy in force for the next root.
func (r *Replay) Policy() *keytrans.Policy { return r.rooted.policy }

// Map returns the map of the last root.
func (r *Replay) Map() *prefixmap.Map { return r.rooted.items }

// Add replays the next leaf. After an error the replay is over: every call returns it.
func (r *Replay) Add(encoding []byte) error {
	if r.err != nil {
		return r.err
	}
	index := r.frontier.Size()
	leaf, err := keytrans.ParseLeaf(encoding)
	if err == nil {
		err = r.apply(leaf, index)
	}
	if err != nil {
		r.err = fmt.Errorf("audit: leaf %d: %w", index, err)
		return r.err
	}
	r.frontier.Append(tlog.RecordHash(encoding))
	if root, ok := leaf.(keytrans.Root); ok {
		r.rooted.frontier, r.rooted.time = r.frontier.Clone(), root.Time
	}
	return nil
}

func (r *Replay) apply(leaf keytrans.Leaf, index int64) error {
	if r.rooted.ended {
		return rule.Broken("audit-ended", "a leaf follows the end of the log")
	}
	switch leaf := leaf.(type) {
	case keytrans.Mutation:
		return r.mutate(leaf)
	case keytrans.Root:
		return r.applyRoot(leaf, index)
	case keytrans.PolicyChange:
		if r.change != nil {
			return rule.Broken("audit-policies", "two policies are announced before a root")
		}
		next, err := r.rooted.policy.WithChange(leaf)
		r.change = next
		return err
	case keytrans.Succession:
		_, err := r.rooted.policy.WithSuccession(leaf)
		r.ending = true
		return err
	default:
		return nil // its document is for its own readers
	}
}

// mutate checks a mutation against the value that its label has.
func (r *Replay) mutate(m keytrans.Mutation) error {
	if err := m.Check(); err != nil {
		return err
	}
	current, ok, err := r.value(m.Label)
	if err != nil {
		return err
	}
	if m.Old == nil && ok {
		return rule.Broken("audit-taken", "an account is created under a name that has one")
	}
	if m.Old != nil && !ok {
		return rule.Broken("audit-unknown", "a mutation of an account that the log does not have")
	}
	if m.Old != nil && m.Old.Hash() != current {
		return rule.Broken("audit-old", "a mutation is of another value than the account has")
	}
	r.values[m.Label] = m.New.Hash()
	r.span = append(r.span, m)
	return nil
}

// value returns the hash that a label has after all leaves so far.
func (r *Replay) value(l keytrans.Label) (keytrans.Hash, bool, error) {
	if h, ok := r.values[l]; ok {
		return h, true, nil
	}
	if h, ok := r.changes.Get(l); ok {
		return h, true, nil
	}
	h, ok, err := r.store.Value(l)
	if err != nil {
		return h, false, fmt.Errorf("reading a value: %w", err)
	}
	return h, ok, nil
}

// applyRoot checks a root and makes its state the last one.
func (r *Replay) applyRoot(root keytrans.Root, index int64) error {
	if err := r.checkRoot(root); err != nil {
		return err
	}
	if root.First != r.rooted.frontier.Size() || root.First > index {
		return rule.Broken("audit-first", "a root does not cover the leaves since the root before")
	}
	changes := make([]prefixmap.Item, 0, len(r.values))
	for label, value := range r.values {
		changes = append(changes, prefixmap.Item{Label: label, Value: value})
	}
	items, err := r.rooted.items.With(prefixmap.Overlay{Base: r.store, Changes: &r.changes}, changes)
	if err != nil {
		return err
	}
	if root.Map != items.Root() {
		return rule.Broken("audit-map", "a root states another map than the mutations make")
	}
	if root.Size != items.Size() {
		return rule.Broken("audit-map-size", "a root states another number of accounts")
	}
	for _, m := range r.span {
		if err := r.applyResets(m, root.Time); err != nil {
			return err
		}
	}
	r.changes.Set(changes...)
	r.rooted.items, r.rooted.ended = items, r.ending
	if r.change != nil {
		r.rooted.policy = r.change
	}
	r.values, r.span, r.change = make(map[keytrans.Label]keytrans.Hash), r.span[:0], nil
	return nil
}

// checkRoot checks what a root says besides the map.
func (r *Replay) checkRoot(root keytrans.Root) error {
	if root.Config != r.rooted.policy.Config().Hash() {
		return rule.Broken("audit-config", "a root has another configuration than was announced")
	}
	if root.Time < r.rooted.time {
		return rule.Broken("audit-time-back", "the time of a root is before that of the root before")
	}
	if root.Time < r.seen {
		return rule.Broken("audit-backdated", "the time of a root is before the auditor looked last")
	}
	if root.Time > r.until {
		return rule.Broken("audit-ahead", "the time of a root is ahead of the auditor's clock")
	}
	return nil
}

// applyResets checks the statements of a mutation that are about resets. The mutation
// is covered by a root of this time.
func (r *Replay) applyResets(m keytrans.Mutation, time int64) error {
	for _, kind := range m.Kinds {
		if kind != keytrans.KindResetRequest && kind != keytrans.KindResetVeto && kind != keytrans.KindResetCommit {
			continue
		}
		current, err := r.reset(m.Label)
		if err != nil {
			return err
		}
		if kind == keytrans.KindResetRequest {
			if current.pending {
				return rule.Broken("audit-two-resets", "a reset is requested while another one is pending")
			}
			r.resets[m.Label] = reset{time, true}
			continue
		}
		if !current.pending {
			return rule.Broken("audit-no-reset", "a reset is vetoed or carried out that was not requested")
		}
		if kind == keytrans.KindResetCommit && time-current.time < int64(keytrans.ResetWait.Seconds()) {
			return rule.Broken("audit-reset-wait", "a reset is carried out before its time")
		}
		r.resets[m.Label] = reset{}
	}
	return nil
}

func (r *Replay) reset(l keytrans.Label) (reset, error) {
	if current, ok := r.resets[l]; ok {
		return current, nil
	}
	t, pending, err := r.store.ResetTime(l)
	if err != nil {
		return reset{}, fmt.Errorf("reading a reset: %w", err)
	}
	return reset{t, pending}, nil
}

// Check returns nil if a checkpoint is that of exactly the leaves that were replayed. Then
// the auditor may cosign it.
func (r *Replay) Check(s *keytrans.SignedCheckpoint) error {
	if r.err != nil {
		return r.err
	}
	c := s.Checkpoint()
	if c.Size != r.frontier.Size() || c.Size == 0 {
		return rule.Broken("audit-size", "the checkpoint has %d leaves, of which %d were replayed", c.Size, r.frontier.Size())
	}
	if c.Hash != r.frontier.Root() {
		return rule.Broken("audit-tree", "the checkpoint is of another tree than the leaves make")
	}
	if r.rooted.frontier.Size() != c.Size {
		return rule.Broken("audit-last", "the last leaf under the checkpoint is not a root")
	}
	return nil
}

// errSpan reports a Replay whose state cannot be stored.
var errSpan = errors.New("audit: the state of a replay that failed is not to be stored")
