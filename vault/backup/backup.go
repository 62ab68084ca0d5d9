// SPDX-License-Identifier: AGPL-3.0-or-later

package backup

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/securecrypt/securecrypt/vault"
	"github.com/securecrypt/securecrypt/vault/keys"
	"github.com/securecrypt/securecrypt/vault/localfs"
	"github.com/securecrypt/securecrypt/vault/oplog"
	"github.com/securecrypt/securecrypt/vault/pack"
	"github.com/securecrypt/securecrypt/vault/tree"
)

// Options say what is backed up and how.
type Options struct {
	Paths []string // absolute
	// Source, if not empty, is a directory whose content is backed up as if it were
	// the root of a file system, such as a snapshot of another program that is
	// mounted. Paths then only say what it is.
	Source string
	Host   string
	Tags   []string
	Level  pack.Level
	// Force reads every file, whatever the parent snapshot says.
	Force bool
	// Strict reads a file again unless its time of change is known to be the same:
	// nothing else, such as another inode, explains that it differs. It needs a Cache.
	Strict bool
	// OneFileSystem leaves out what is mounted below the paths.
	OneFileSystem bool
	// VerifyAll decrypts and compares every pack before it is written.
	VerifyAll bool
	// DryRun reads and counts, and writes nothing.
	DryRun bool
	// Skip reports whether a file is to be left out, if it is not nil.
	Skip func(path string, info *localfs.Info) bool
	// Warn, if not nil, is called for each file that could not be read as it is,
	// from several goroutines at a time.
	Warn func(path string, err error)
	// Interval is how often a partial snapshot of what is finished is published,
	// at the least while files are read; 0 for never.
	Interval time.Duration
	// Partial, if not nil, is called with the number of each partial snapshot,
	// from another goroutine.
	Partial func(seq uint64)
	// Cache, if not nil, keeps the times of change of files between runs, so that
	// a file is also read if only that differs.
	Cache Cache
	// Time, if not zero, is that of the snapshot. Otherwise it is that at which the
	// snapshot is published.
	Time time.Time
	// Now tells the time.
	Now func() time.Time
}

// Progress counts what a run did so far. Its fields may be read at any time.
type Progress struct {
	Files, Dirs, Others, Bytes                     atomic.Uint64
	Read, ReadBytes, Changed, Unreadable, Excluded atomic.Uint64
}

// Result is what a run ended with.
type Result struct {
	Seq    uint64 // of the snapshot; meaningless after a dry run
	Counts oplog.Counts
	// Reasons says why files were read or not.
	Reasons Reasons
	// CacheErr is why the Cache could not be read or written; the snapshot is whole.
	CacheErr error
}

// ErrChanged is passed to Warn for a file that changed while it was read.
var ErrChanged = errors.New("the file changed while it was read: what was read is kept and marked")

// attempts bounds how often a run begins again because another device deleted
// what it relied on.
const attempts = 5

// Run makes a snapshot. progress may be nil.
func Run(ctx context.Context, v *vault.Vault, o Options, progress *Progress) (*Result, error) {
	if progress == nil {
		progress = new(Progress)
	}
	plan, err := newPlan(o.Paths)
	if err != nil {
		return nil, err
	}
	if o.Source != "" {
		plan = &planNode{path: o.Source, whole: true}
	}
	began := o.Now()
	for attempt := 1; ; attempt++ {
		r, err := runOnce(ctx, v, &o, plan, progress, began, attempt > 1)
		if !errors.Is(err, vault.ErrSwept) || attempt == attempts {
			return r, err
		}
		if err := v.Refresh(ctx); err != nil {
			return nil, err
		}
	}
}

// A run is one attempt to make a snapshot.
type run struct {
	ctx      context.Context
	options  *Options
	progress *Progress
	writer   *vault.Writer
	reader   *vault.Reader
	owners   *localfs.Owners
	pageKey  [32]byte
	// verify has the chunks of unchanged files looked up one by one.
	verify bool
	ctimes *ctimes // nil without a Cache
	jobs   chan job
	links  linkGroups
	failed atomic.Pointer[error]
	cancel context.CancelFunc

	root        atomic.Pointer[node]
	began       time.Time
	lastPartial atomic.Int64  // when a partial snapshot was due last, in nanoseconds since began
	due         chan struct{} // asks for a partial snapshot
}

func runOnce(ctx context.Context, v *vault.Vault, o *Options, plan *planNode, p *Progress, began time.Time, verify bool) (*Result, error) {
	body := oplog.SnapshotBody{Host: oplog.Text(o.Host, 256), Began: began.Unix(), Paths: [][]byte{}}
	if !o.Time.IsZero() {
		body.Began = o.Time.Unix()
	}
	for _, path := range o.Paths {
		body.Paths = append(body.Paths, []byte(path))
	}
	for _, tag := range o.Tags {
		body.Tags = append(body.Tags, oplog.Text(tag, 256))
	}
	r, err := newRun(ctx, v, o, p, verify)
	if err != nil {
		return nil, err
	}
	defer r.cancel()
	defer r.writer.Close()
	worker, err := r.writer.Worker()
	if err != nil {
		return nil, err
	}
	result := new(Result)
	parents, err := r.relyOn(v, &body, result)
	if err != nil {
		return nil, err
	}
	stop := func() {}
	if o.Interval > 0 && !o.DryRun {
		if stop, err = r.startPartials(v, body); err != nil {
			return nil, err
		}
	}
	w := walker{run: r, worker: worker}
	root, err := w.walk(plan, parents)
	result.Reasons = w.reasons
	stop()
	if err == nil {
		err = r.err()
	}
	if err != nil {
		return nil, err
	}
	if root != nil {
		body.Root = root[:]
	}
	if o.DryRun {
		_, err := r.writer.Finish(worker)
		result.Counts = r.counts()
		return result, err
	}
	body.Counts = r.counts()
	if result.Seq, err = r.publish(v, worker, body); err != nil {
		return nil, err
	}
	result.Counts = r.counts()
	if r.ctimes != nil {
		result.CacheErr = errors.Join(result.CacheErr, r.ctimes.store(o.Cache))
	}
	return result, nil
}

// publish publishes a snapshot, partial or not, with its time.
func (r *run) publish(v *vault.Vault, k *vault.Worker, body oplog.SnapshotBody) (seq uint64, err error) {
	if t := r.options.Time; !t.IsZero() {
		return v.PublishCopy(r.ctx, r.writer, k, body, t.Unix())
	}
	return v.PublishSnapshot(r.ctx, r.writer, k, body)
}

// relyOn finds what the run takes unchanged files from: snapshots, and times of
// change, which may have been lost.
func (r *run) relyOn(v *vault.Vault, body *oplog.SnapshotBody, result *Result) (parents []*oplog.Snapshot, err error) {
	parents = parentsOf(v, body.Host, body.Paths)
	for _, s := range parents {
		r.writer.RelyOn(s.Seq)
	}
	if len(parents) > 0 {
		body.Parent = parents[0].Seq + 1
	}
	if r.options.Cache == nil {
		return parents, nil
	}
	if r.ctimes, result.CacheErr = newCtimes(v.Keys(), r.options.Cache, body.Paths); r.ctimes == nil {
		return nil, result.CacheErr
	}
	return parents, nil
}

func newRun(ctx context.Context, v *vault.Vault, o *Options, p *Progress, verify bool) (*run, error) {
	for _, c := range []*atomic.Uint64{&p.Files, &p.Dirs, &p.Others, &p.Bytes, &p.Read, &p.ReadBytes, &p.Changed, &p.Unreadable, &p.Excluded} {
		c.Store(0)
	}
	r := &run{options: o, progress: p, began: o.Now(), owners: localfs.NewOwners(), verify: verify, jobs: make(chan job, 512), due: make(chan struct{}, 1)}
	r.ctx, r.cancel = context.WithCancel(ctx)
	key, err := v.Keys().PageKey(keys.DomainFiles)
	if err != nil {
		return nil, err
	}
	r.pageKey = [32]byte(key)
	if r.writer, err = v.NewWriter(r.ctx, vault.WriterOptions{Level: o.Level, VerifyAll: o.VerifyAll, DryRun: o.DryRun}); err != nil {
		return nil, err
	}
	r.reader, err = v.Reader(r.ctx)
	return r, err
}

// counts says what the run has met so far.
func (r *run) counts() oplog.Counts {
	p := r.progress
	return oplog.Counts{Files: p.Files.Load(), Dirs: p.Dirs.Load(), Others: p.Others.Load(), Bytes: p.Bytes.Load(), Read: p.Read.Load(),
		ReadBytes: p.ReadBytes.Load(), Changed: p.Changed.Load(), Unreadable: p.Unreadable.Load(), Excluded: p.Excluded.Load(),
		NewBytes: r.writer.NewBytes.Load(), Stored: r.writer.Stored.Load()}
}

// fail ends the run with an error.
func (r *run) fail(err error) {
	r.failed.CompareAndSwap(nil, &err)
	r.cancel()
}

func (r *run) err() error {
	if err := r.failed.Load(); err != nil {
		return *err
	}
	return nil
}

func (r *run) warn(path string, err error) {
	if r.options.Warn != nil {
		r.options.Warn(path, err)
	}
}

// walk walks the plan with workers beside it and returns the root page, nil if
// there is nothing.
func (w *walker) walk(plan *planNode, parents []*oplog.Snapshot) (*pack.ID, error) {
	r := w.run
	type ended struct {
		k   *vault.Worker
		err error
	}
	count := max(2, runtime.GOMAXPROCS(0))
	done := make(chan ended, count)
	for range count {
		k, err := r.newFileReader()
		if err != nil {
			close(r.jobs)
			return nil, err
		}
		go func() {
			for j := range r.jobs {
				if r.ctx.Err() == nil {
					k.do(j)
				} else {
					j.node.release()
				}
			}
			done <- ended{k.worker, k.worker.Flush()}
		}()
	}
	root, err := w.planned(plan, parents)
	if err != nil {
		r.fail(err)
	}
	close(r.jobs)
	for range count {
		if e := <-done; e.err != nil {
			r.fail(e.err)
		}
	}
	if err := r.err(); err != nil {
		return nil, err
	}
	if err := r.ctx.Err(); err != nil {
		return nil, err
	}
	return root.result()
}

// groupNumber derives the number of a file with several names from its first name.
func (r *run) groupNumber(path string) uint64 {
	sum := sha256.Sum256(append(r.pageKey[:], path...))
	n := uint64(0)
	for _, b := range sum[:8] {
		n = n<<8 | uint64(b)
	}
	return n | 1
}

// entryOf returns the entry of a name without its content.
func entryOf(name string, i *localfs.Info) tree.Entry {
	return tree.Entry{Name: []byte(name), Type: i.Type, Mode: i.Mode, UID: i.UID, GID: i.GID, Seconds: i.Seconds, Nanos: i.Nanos,
		Size: i.Size, Major: i.Major, Minor: i.Minor}
}

// vanished reports whether an error says that a name is gone.
func vanished(err error) bool { return errors.Is(err, os.ErrNotExist) }

var errNoPaths = fmt.Errorf("backup: no path was given")
