// SPDX-License-Identifier: AGPL-3.0-or-later

package backup

import (
	"sync"
	"sync/atomic"

	"github.com/securecrypt/securecrypt/vault"
	"github.com/securecrypt/securecrypt/vault/keys"
	"github.com/securecrypt/securecrypt/vault/localfs"
	"github.com/securecrypt/securecrypt/vault/pack"
	"github.com/securecrypt/securecrypt/vault/tree"
)

// batchSize is how many entries of a directory wait for each other: a larger
// directory is written in batches while it is still being read.
const batchSize = 1024

// node is a directory that is being read. Its batches are completed by workers in
// any order and written in theirs.
type node struct {
	run    *run
	parent *slot // where its entry goes; nil for the root
	path   string
	dir    *localfs.Dir
	users  atomic.Int32 // of dir: the walker, and jobs

	mu      sync.Mutex // guards the rest
	writer  *tree.Writer
	worker  *vault.Worker // that pages are added with at the moment
	batches []*batch
	closed  bool // there are no further batches
	partial bool // some of its names could not be read
	done    bool
	root    pack.ID
	some    bool // root is set
}

// batch is a run of entries of a directory. The walker fills items while workers
// complete them and others look at those that are complete.
type batch struct {
	node    *node
	items   []item
	used    atomic.Int32 // of items, those that the walker has filled
	pending atomic.Int32 // entries that are not complete, and the walker
}

// item is an entry of a directory. Whoever completes it writes its fields before
// it sets ready.
type item struct {
	entry tree.Entry
	omit  bool // leaves the entry out
	ready atomic.Bool
	// node is set for a directory that is being walked. Then only Subtree and
	// Flags still change, and are guarded by the mutex of the batch's node.
	node atomic.Pointer[node]
}

// slot is the place of an entry in a batch.
type slot struct {
	batch *batch
	*item
}

// complete tells that the entry is final.
func (s *slot) complete(k *vault.Worker) {
	s.ready.Store(true)
	s.batch.finish(k)
}

func (r *run) newNode(path string, dir *localfs.Dir, parent *slot) *node {
	n := &node{run: r, parent: parent, path: path, dir: dir}
	n.users.Store(1)
	n.writer = tree.NewWriter(r.pageKey, r.owners.Names, func(page []byte) (pack.ID, error) { return n.worker.Add(keys.KindTree, page) })
	if parent != nil {
		parent.node.Store(n)
	}
	return n
}

// release closes the directory once nobody needs it.
func (n *node) release() {
	if n.users.Add(-1) == 0 && n.dir != nil {
		_ = n.dir.Close() // it was only read
	}
}

// newBatch begins a batch for at most count entries.
func (n *node) newBatch(count int) *batch {
	b := &batch{node: n, items: make([]item, count)}
	b.pending.Store(1)
	n.mu.Lock()
	n.batches = append(n.batches, b)
	n.mu.Unlock()
	return b
}

// add adds an entry, of at most as many as the batch was made for. It is complete
// once complete is called on its slot.
func (b *batch) add(e tree.Entry) *slot {
	i := &b.items[b.used.Load()]
	i.entry = e
	b.pending.Add(1)
	b.used.Add(1)
	return &slot{b, i}
}

// finish counts one entry, or the walker, as complete.
func (b *batch) finish(k *vault.Worker) {
	if b.pending.Add(-1) == 0 {
		b.node.advance(k)
	}
}

// close tells that there are no further batches.
func (n *node) close(k *vault.Worker) {
	n.mu.Lock()
	n.closed = true
	n.mu.Unlock()
	n.advance(k)
}

// advance writes the batches at the front that are complete, and the directory if
// it is complete. It goes on with the directories above in turn.
func (n *node) advance(k *vault.Worker) {
	for n != nil {
		finished, err := n.step(k)
		if err != nil {
			n.run.fail(err)
			return
		}
		if !finished || n.parent == nil {
			return
		}
		b := n.parent.batch
		b.node.mu.Lock()
		if n.some {
			n.parent.entry.Subtree = n.root[:]
		}
		n.parent.entry.Flags |= n.flags()
		b.node.mu.Unlock()
		n.parent.ready.Store(true)
		n.parent.node.Store(nil)
		if b.pending.Add(-1) != 0 {
			return
		}
		n = b.node
	}
}

// step does the work of advance for one directory, and reports whether it has
// just become complete.
func (n *node) step(k *vault.Worker) (finished bool, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.worker = k
	for len(n.batches) > 0 && n.batches[0].pending.Load() == 0 {
		b := n.batches[0]
		n.batches[0], n.batches = nil, n.batches[1:]
		for i := range b.items[:b.used.Load()] {
			if b.items[i].omit {
				continue
			}
			if err := n.writer.Add(b.items[i].entry); err != nil {
				return false, err
			}
		}
	}
	if !n.closed || n.done || len(n.batches) > 0 {
		return false, nil
	}
	n.done = true
	n.root, n.some, err = n.writer.Finish()
	n.writer = nil
	return err == nil, err
}

// flags returns the flags of a directory that is complete.
func (n *node) flags() tree.Flag {
	if n.partial {
		return tree.FlagPartial
	}
	return 0
}

// result returns the root page of a complete directory.
func (n *node) result() (*pack.ID, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.some {
		return nil, nil
	}
	return &n.root, nil
}
