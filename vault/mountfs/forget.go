// SPDX-License-Identifier: AGPL-3.0-or-later

//go:build linux || darwin

package mountfs

import (
	"sync"

	"github.com/hanwen/go-fuse/v2/fs"
)

// maxNames is how many files the kernel may remember before names makes it forget
// some: a walk over a million files would otherwise fill the memory with them.
const maxNames = 50_000

// names makes the kernel forget the files that it has known longest. Directories
// are not forgotten, because a process that works in one would lose its path.
type names struct {
	limit int
	wake  chan struct{} // holds a value when there may be something to forget

	mu    sync.Mutex
	live  int    // files that the kernel knows, at most; guarded by mu
	queue []name // in the order in which they became known; guarded by mu
}

type name struct {
	parent *fs.Inode
	name   string
}

func newNames(limit int) *names { return &names{limit: limit, wake: make(chan struct{}, 1)} }

// add notes a name that the kernel learns.
func (n *names) add(parent *fs.Inode, text string) {
	n.mu.Lock()
	n.live++
	n.queue = append(n.queue, name{parent, text})
	full := n.live > n.limit || len(n.queue) > 2*n.limit
	n.mu.Unlock()
	if full {
		select {
		case n.wake <- struct{}{}:
		default: // it is awake
		}
	}
}

// forget notes that the kernel has forgotten a file.
func (n *names) forget() {
	n.mu.Lock()
	n.live--
	n.mu.Unlock()
}

// run asks the kernel to forget names until done is closed. It is a goroutine of
// its own, because the kernel may hold a lock on a directory while it waits for an
// answer about it.
func (n *names) run(done <-chan struct{}) {
	for {
		select {
		case <-n.wake:
		case <-done:
			return
		}
		for _, x := range n.oldest() {
			_ = x.parent.NotifyEntry(x.name) // it may have been forgotten before
		}
	}
}

// oldest takes a quarter of the limit out of the queue if there are too many names.
// Names are counted as forgotten when the kernel says so, or here, if it did
// before it was asked.
func (n *names) oldest() []name {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.live <= n.limit && len(n.queue) <= 2*n.limit {
		return nil
	}
	take := min(len(n.queue), max(n.limit/4, 1))
	out := n.queue[:take:take]
	n.queue = append([]name(nil), n.queue[take:]...)
	return out
}
