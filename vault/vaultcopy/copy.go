// SPDX-License-Identifier: AGPL-3.0-or-later

package vaultcopy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/securecrypt/securecrypt/vault"
	"github.com/securecrypt/securecrypt/vault/oplog"
	"github.com/securecrypt/securecrypt/vault/pack"
	"github.com/securecrypt/securecrypt/vault/tree"
)

// ErrSameVault is returned for a vault that is to be copied into itself.
var ErrSameVault = errors.New("vaultcopy: it is the same vault")

// Options say what is copied and how.
type Options struct {
	// Snapshots are the numbers of those that are copied. If there are none, all
	// live ones are that are not partial and were never copied before.
	Snapshots []uint64
	Level     pack.Level
	// VerifyAll decrypts and compares every pack before it is written.
	VerifyAll bool
	// DryRun reads and counts, and writes nothing.
	DryRun bool
	// Warn, if not nil, is called for each file whose data is lost.
	Warn func(path string, err error)
	// Copied, if not nil, is called with the numbers of a snapshot in both vaults
	// once it is copied; the second is meaningless in a dry run.
	Copied func(from, to uint64)
}

// Progress counts what a run did so far. Its fields may be read at any time.
type Progress struct {
	Files, Bytes atomic.Uint64 // that were met, and that were read
	Lost         atomic.Uint64 // files and directories with data that cannot be read
}

// Result is what a run ended with.
type Result struct {
	Copied, Present  uint64 // snapshots that were copied, and that were there
	NewBytes, Stored uint64 // bytes of chunks that the second vault did not have, and of its packs
}

// attempts bounds how often a snapshot is begun again because another device
// deleted what it relied on.
const attempts = 5

// Run copies snapshots in the order of the log, whose times they keep.
func Run(ctx context.Context, from, to *vault.Vault, o Options, p *Progress) (*Result, error) {
	if from.ID() == to.ID() {
		return nil, ErrSameVault
	}
	if p == nil {
		p = new(Progress)
	}
	chosen, err := choose(from, &o)
	if err != nil {
		return nil, err
	}
	r := &run{ctx: ctx, from: from, to: to, options: &o, progress: p, result: new(Result)}
	defer r.close()
	for _, s := range chosen {
		if there(to, tagOf(from, s), len(o.Snapshots) == 0) {
			r.result.Present++
			continue
		}
		seq, err := r.snapshot(s)
		if err != nil {
			return r.result, fmt.Errorf("snapshot %d: %w", s.Seq, err)
		}
		r.result.Copied++
		if o.Copied != nil {
			o.Copied(s.Seq, seq)
		}
	}
	r.close()
	return r.result, nil
}

// A run copies several snapshots with one writer.
type run struct {
	ctx      context.Context
	from, to *vault.Vault
	options  *Options
	progress *Progress
	result   *Result
	copier   *copier // nil until it is needed
}

// close ends the writer, and counts what it wrote.
func (r *run) close() {
	if r.copier == nil {
		return
	}
	w := r.copier.writer
	w.Close()
	r.result.NewBytes, r.result.Stored = r.result.NewBytes+w.NewBytes.Load(), r.result.Stored+w.Stored.Load()
	r.copier = nil
}

// snapshot copies a snapshot, and begins again if data was deleted that it relied on.
func (r *run) snapshot(s *oplog.Snapshot) (seq uint64, err error) {
	for attempt := 1; ; attempt++ {
		if r.copier == nil {
			if r.copier, err = newCopier(r.ctx, r.from, r.to, r.options, r.progress); err != nil {
				return 0, err
			}
		}
		seq, err = r.once(s)
		if !errors.Is(err, vault.ErrSwept) || attempt == attempts {
			return seq, err
		}
		r.close()
		if err := r.to.Refresh(r.ctx); err != nil {
			return 0, err
		}
	}
}

func (r *run) once(s *oplog.Snapshot) (uint64, error) {
	c, body := r.copier, s.Body
	body.Parent, body.Index, body.Root = 0, nil, []byte{}
	body.Tags = append(slices.Clone(body.Tags), tagOf(r.from, s))
	var before pair
	if a, b := parents(r.from, r.to, s); b != nil {
		c.writer.RelyOn(b.Seq)
		body.Parent = b.Seq + 1
		before = pair{rootOf(a), rootOf(b)}
	}
	lost := r.progress.Lost.Load()
	top := tree.Entry{Type: tree.TypeDir}
	if err := c.subdir("/", &top, rootOf(s), before); err != nil {
		return 0, err
	}
	if top.Flags != 0 {
		return 0, fmt.Errorf("%w: its first directory", vault.ErrDamaged)
	}
	if len(top.Subtree) > 0 {
		body.Root = top.Subtree
	}
	body.Counts.Unreadable += r.progress.Lost.Load() - lost
	if r.options.DryRun {
		_, err := c.writer.Finish(c.worker)
		return 0, err
	}
	return r.to.PublishCopy(r.ctx, c.writer, c.worker, body, s.Time)
}

// choose returns the snapshots to copy, in the order of the log.
func choose(from *vault.Vault, o *Options) (out []*oplog.Snapshot, err error) {
	if len(o.Snapshots) == 0 {
		return slices.DeleteFunc(from.State().Live(), func(s *oplog.Snapshot) bool { return s.Body.Partial }), nil
	}
	for _, seq := range slices.Compact(slices.Sorted(slices.Values(o.Snapshots))) {
		s, err := from.Snapshot(fmt.Sprint(seq))
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

// tagOf returns the tag of copies of a snapshot. Times and counts would not do: two
// snapshots may have the same.
func tagOf(from *vault.Vault, s *oplog.Snapshot) string {
	return fmt.Sprintf("copy of %.16s/%d", from.ID(), s.Seq)
}

// there reports whether a snapshot was copied before: it may also be forgotten since.
func there(to *vault.Vault, tag string, forgotten bool) bool {
	is := func(t *oplog.Snapshot) bool { return slices.Contains(t.Body.Tags, tag) }
	return slices.ContainsFunc(to.State().Live(), is) || forgotten && slices.ContainsFunc(to.State().Forgotten(), is)
}

// parents returns the newest snapshot before s, of the same host and paths, that this
// device copied as a whole, and its copy; nil if there is none. Nobody else's is
// taken: a stolen device could have it lead to other data.
func parents(from, to *vault.Vault, s *oplog.Snapshot) (a, b *oplog.Snapshot) {
	live := to.State().Live()
	for _, a := range slices.Backward(from.State().Live()) {
		if a.Seq >= s.Seq || a.Body.Host != s.Body.Host || !slices.EqualFunc(a.Body.Paths, s.Body.Paths, bytes.Equal) {
			continue
		}
		tag := tagOf(from, a)
		for _, b := range live {
			if to.Own(b) && slices.Contains(b.Body.Tags, tag) && a.Body.Counts.Unreadable == b.Body.Counts.Unreadable {
				return a, b
			}
		}
	}
	return nil, nil
}
