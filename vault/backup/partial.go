// SPDX-License-Identifier: AGPL-3.0-or-later

package backup

import (
	"time"

	"github.com/securecrypt/securecrypt/vault"
	"github.com/securecrypt/securecrypt/vault/keys"
	"github.com/securecrypt/securecrypt/vault/oplog"
	"github.com/securecrypt/securecrypt/vault/pack"
	"github.com/securecrypt/securecrypt/vault/tree"
)

// DefaultInterval is how often a run publishes what it has finished.
const DefaultInterval = 10 * time.Minute

// tickNames is after how many names the walk looks at the clock.
const tickNames = 64

// tick has a partial snapshot published if it is time. Walker and workers call it
// often, so that neither a long file nor many unchanged ones delay it.
func (r *run) tick() {
	if r.options.Interval <= 0 {
		return
	}
	last, now := r.lastPartial.Load(), int64(r.options.Now().Sub(r.began))
	if now >= last && now-last < int64(r.options.Interval) || !r.lastPartial.CompareAndSwap(last, now) || now < last {
		return // or the clock was put back: it counts from there
	}
	select {
	case r.due <- struct{}{}:
	default: // one is waiting already
	}
}

// startPartials publishes partial snapshots when it is time, beside the walk. stop
// ends that, and returns once the last one is published.
func (r *run) startPartials(v *vault.Vault, body oplog.SnapshotBody) (stop func(), err error) {
	worker, err := r.writer.Worker()
	if err != nil {
		return nil, err
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		p := partialWriter{run: r, worker: worker}
		for range r.due {
			if r.ctx.Err() != nil {
				continue
			}
			if err := p.publish(v, body); err != nil {
				r.fail(err)
			}
		}
	}()
	return func() {
		close(r.due)
		<-ended
	}, nil
}

// partialWriter writes the pages of what a run has finished.
type partialWriter struct {
	*run
	worker *vault.Worker
	last   pack.ID // root page of the last partial snapshot
}

// publish publishes a partial snapshot of all files that were finished, unless
// there is none that the last one lacks.
func (p *partialWriter) publish(v *vault.Vault, body oplog.SnapshotBody) error {
	root := p.root.Load()
	if root == nil {
		return nil
	}
	id, some, _, err := p.dir(root)
	if err != nil || !some || id == p.last {
		return err
	}
	p.last = id
	body.Root, body.Partial = id[:], true
	body.Counts = p.counts()
	seq, err := p.run.publish(v, p.worker, body)
	if err == nil && p.options.Partial != nil {
		p.options.Partial(seq)
	}
	return err
}

// unfinished is an entry that is not in a page of its directory yet.
type unfinished struct {
	entry tree.Entry
	node  *node // of a directory that is being walked, else nil
}

// dir writes the pages of a directory with the entries that are final. flags are
// those of its own entry.
func (p *partialWriter) dir(n *node) (root pack.ID, some bool, flags tree.Flag, err error) {
	n.mu.Lock()
	if n.done {
		defer n.mu.Unlock()
		return n.root, n.some, n.flags(), nil
	}
	w := n.writer.Clone(func(page []byte) (pack.ID, error) { return p.worker.Add(keys.KindTree, page) })
	rest := n.unwritten()
	n.mu.Unlock()
	for _, x := range rest {
		if x.node != nil {
			sub, some, flags, err := p.dir(x.node)
			if err != nil {
				return root, false, 0, err
			}
			if some {
				x.entry.Subtree = sub[:]
			}
			x.entry.Flags |= flags
		}
		if err := w.Add(x.entry); err != nil {
			return root, false, 0, err
		}
	}
	root, some, err = w.Finish()
	return root, some, tree.FlagPartial, err
}

// unwritten returns copies of the entries in batches that are final, and of
// directories that are being walked. The caller holds mu.
func (n *node) unwritten() (out []unfinished) {
	for _, b := range n.batches {
		for i := range b.items[:b.used.Load()] {
			x := &b.items[i]
			switch sub := x.node.Load(); {
			case x.ready.Load():
				if !x.omit {
					out = append(out, unfinished{entry: x.entry})
				}
			case sub != nil:
				out = append(out, unfinished{x.entry, sub})
			}
		}
	}
	return out
}
