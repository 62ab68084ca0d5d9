// SPDX-License-Identifier: AGPL-3.0-or-later

package vault

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/securecrypt/securecrypt/vault/keys"
	"github.com/securecrypt/securecrypt/vault/oplog"
)

var (
	// ErrKeepsNothing is returned for a policy that would keep no snapshot.
	ErrKeepsNothing = errors.New("vault: this policy keeps no snapshot")
	// ErrReliedOn is returned for a snapshot that a write-only device relies on.
	ErrReliedOn = errors.New("vault: a write-only device relies on this snapshot")
	// ErrTooLate is returned by Undo when data of the snapshots is gone.
	ErrTooLate = errors.New("vault: it is too late to undo: prune has deleted data of these snapshots")
)

// Policy says which snapshots stay: of each group, by device, host and paths, the
// first of each of the newest so many hours, days, weeks, months and years that
// have any, and the newest Last.
type Policy struct {
	Last, Hourly, Daily, Weekly, Monthly, Yearly int
	// Release forgets also the snapshots that precede a suspicious one.
	Release bool
}

// Empty reports whether the policy keeps nothing.
func (p *Policy) Empty() bool {
	return p.Last <= 0 && p.Hourly <= 0 && p.Daily <= 0 && p.Weekly <= 0 && p.Monthly <= 0 && p.Yearly <= 0
}

// Decision says whether a snapshot stays, and why.
type Decision struct {
	Snapshot *oplog.Snapshot
	Keep     bool
	Reasons  []string
}

type group struct {
	device      keys.DeviceID
	host, paths string
}

// Below these a change says nothing: a folder of three files may lose one.
const (
	fewFiles = 10
	fewBytes = 4 << 20
)

// suspicious reports whether a snapshot lost more than 30 percent of the files of
// the one before, or re-wrote more than 30 percent of the bytes with data that
// does not compress: what a thief or ransomware leaves.
func suspicious(before, s *oplog.Snapshot) bool {
	if lostFiles(before, s) {
		return true
	}
	a, b := &before.Body.Counts, &s.Body.Counts
	return b.NewBytes >= fewBytes && b.NewBytes*10 > b.Bytes*3 && b.Stored*100 >= b.NewBytes*97 && a.Bytes > 0
}

// lostFiles reports whether a snapshot has lost more than 30 percent of the files
// of the one before.
func lostFiles(before, s *oplog.Snapshot) bool {
	a, b := &before.Body.Counts, &s.Body.Counts
	return a.Files >= fewFiles && b.Files*10 < a.Files*7
}

// Decide applies a policy to the live snapshots, in the order of the log. Times
// are taken from the snapshots, but never run backwards within a device's
// snapshots and never ahead of now, so that a device that claims other times gains
// nothing by it.
func (v *Vault) Decide(p Policy) ([]Decision, error) {
	if v.WriteOnly() {
		return nil, ErrWriteOnly
	}
	if p.Empty() {
		return nil, fmt.Errorf("%w: say what to keep", ErrKeepsNothing)
	}
	var out []Decision
	groups := map[group][]int{}
	for _, s := range v.state.Live() {
		paths := ""
		for _, path := range s.Body.Paths {
			paths += string(path) + "\x00"
		}
		g := group{s.Device, s.Body.Host, paths}
		groups[g] = append(groups[g], len(out))
		out = append(out, Decision{Snapshot: s})
	}
	for g := range groups {
		groups[g] = decidePartial(out, groups[g])
	}
	relied := v.reliedOn()
	for i := range out {
		if relied[out[i].Snapshot.Seq] {
			out[i].Keep, out[i].Reasons = true, []string{"its write-only device relies on it"}
		}
	}
	now := v.now().Unix()
	for _, members := range groups {
		times, last := make([]int64, len(members)), int64(0)
		for i, m := range members {
			last = max(last, min(out[m].Snapshot.Time, now))
			times[i] = last
		}
		decideGroup(p, out, members, times)
	}
	if len(out) > 0 && !slices.ContainsFunc(out, func(d Decision) bool { return d.Keep }) {
		return out, ErrKeepsNothing
	}
	return out, nil
}

var buckets = []struct {
	name  string
	count func(Policy) int
	of    func(time.Time) string
}{
	{"hourly", func(p Policy) int { return p.Hourly }, func(t time.Time) string { return t.Format("2006-01-02 15") }},
	{"daily", func(p Policy) int { return p.Daily }, func(t time.Time) string { return t.Format("2006-01-02") }},
	{"weekly", func(p Policy) int { return p.Weekly }, func(t time.Time) string {
		year, week := t.ISOWeek()
		return fmt.Sprintf("%d-%d", year, week)
	}},
	{"monthly", func(p Policy) int { return p.Monthly }, func(t time.Time) string { return t.Format("2006-01") }},
	{"yearly", func(p Policy) int { return p.Yearly }, func(t time.Time) string { return t.Format("2006") }},
}

// decideGroup decides about the snapshots of one group, oldest first.
func decideGroup(p Policy, out []Decision, members []int, times []int64) {
	keep := func(i int, reason string) {
		d := &out[members[i]]
		d.Keep, d.Reasons = true, append(d.Reasons, reason)
	}
	for i := max(0, len(members)-p.Last); i < len(members); i++ {
		keep(i, "last")
	}
	for _, b := range buckets {
		left := b.count(p)
		for i := len(members) - 1; i >= 0 && left > 0; i-- {
			name := b.of(time.Unix(times[i], 0).UTC())
			if i == 0 || b.of(time.Unix(times[i-1], 0).UTC()) != name { // the first of its bucket
				keep(i, b.name)
				left--
			}
		}
	}
	for i := 1; i < len(members) && !p.Release; i++ {
		if suspicious(out[members[i-1]].Snapshot, out[members[i]].Snapshot) {
			keep(i-1, "the next one lost or re-wrote much")
		}
	}
}

// reliedOn returns the snapshots whose chunks write-only devices do not send again:
// of each group, the newest complete one and those after it. Such a device does not
// see that a snapshot is forgotten.
func (v *Vault) reliedOn() map[uint64]bool {
	newest, out := map[string][]uint64{}, map[uint64]bool{}
	for _, s := range v.state.Live() {
		d := v.state.Devices[s.Device]
		if d == nil || !d.WriteOnly() || d.Revoked != 0 {
			continue
		}
		g := string(d.ID[:]) + groupOf(&s.Body)
		if !s.Body.Partial {
			newest[g] = nil
		}
		newest[g] = append(newest[g], s.Seq)
	}
	for _, snapshots := range newest {
		for _, seq := range snapshots {
			out[seq] = true
		}
	}
	return out
}

// Forget gives snapshots up. Their data stays until Prune has waited.
func (v *Vault) Forget(ctx context.Context, snapshots []uint64, reason string) (seq uint64, err error) {
	slices.Sort(snapshots)
	snapshots = slices.Compact(snapshots)
	return v.publish(ctx, oplog.KindForget, func() (any, error) {
		var body oplog.ForgetBody
		relied := v.reliedOn()
		for _, n := range snapshots {
			s := v.state.Snapshots[n]
			if s == nil {
				return nil, fmt.Errorf("%w: %d", ErrNoSnapshot, n)
			}
			if relied[n] {
				return nil, fmt.Errorf("%w: %d is the newest of %q", ErrReliedOn, n, v.state.Devices[s.Device].Name)
			}
			if s.Forgotten == 0 && len(body.Snapshots) < oplog.MaxSnapshots {
				body.Snapshots = append(body.Snapshots, n)
			}
		}
		if len(body.Snapshots) == 0 {
			return nil, nil
		}
		body.Reason = oplog.Text(reason, 256)
		return body, nil
	})
}

// Undo takes forget entries back. The error is ErrTooLate if data of their
// snapshots was deleted.
func (v *Vault) Undo(ctx context.Context, forgets []uint64) error {
	slices.Sort(forgets)
	forgets = slices.Compact(forgets)
	_, err := v.publish(ctx, oplog.KindUndo, func() (any, error) {
		for _, n := range forgets {
			if !v.state.CanUndo(n) { // an entry that cannot be would end the log
				return nil, fmt.Errorf("%w: entry %d has forgotten none", ErrNoSnapshot, n)
			}
		}
		v.index = nil // it may have packs that no index lists, and that readers do not know
		x, err := v.loadIndex(ctx, false)
		if err != nil {
			return nil, err
		}
		r := newReach(ctx, newReader(v, x))
		for _, s := range v.state.Forgotten() {
			if !slices.Contains(forgets, s.Forgotten-1) {
				continue
			}
			if err := r.snapshot(s); errors.Is(err, ErrMissing) {
				return nil, fmt.Errorf("%w (snapshot %d)", ErrTooLate, s.Seq)
			} else if err != nil {
				return nil, err
			}
		}
		return oplog.UndoBody{Forgets: forgets}, nil
	})
	return err
}
