// SPDX-License-Identifier: AGPL-3.0-or-later

package backup

import (
	"sync"

	"github.com/securecrypt/securecrypt/vault"
	"github.com/securecrypt/securecrypt/vault/localfs"
	"github.com/securecrypt/securecrypt/vault/tree"
)

type inode struct{ device, number uint64 }

// linkGroup is a file with several names: one of them has it read.
type linkGroup struct {
	number  uint64
	reading bool
	done    bool
	waiting []*slot
}

// linkGroups are the files with several names that a run met.
type linkGroups struct {
	mu     sync.Mutex
	groups map[inode]*linkGroup // guarded by mu
}

// number returns the number of a file's group: that of the name met first.
func (l *linkGroups) number(r *run, i *localfs.Info, path string) uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.groups == nil {
		l.groups = map[inode]*linkGroup{}
	}
	key := inode{i.Device, i.Inode}
	g := l.groups[key]
	if g == nil {
		g = &linkGroup{number: r.groupNumber(path)}
		l.groups[key] = g
	}
	return g.number
}

// wait reports whether another name has the file read; then the slot is completed
// with it. Otherwise the caller reads it, and calls finish.
func (l *linkGroups) wait(i *localfs.Info, s *slot) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	g := l.groups[inode{i.Device, i.Inode}]
	if !g.reading || g.done {
		// Once it is read, later names read it again: it may have changed, and
		// deduplication makes that cheap to store.
		g.reading, g.done = true, false
		return false
	}
	g.waiting = append(g.waiting, s)
	return true
}

// finish completes the names that wait for a file.
func (l *linkGroups) finish(k *vault.Worker, i *localfs.Info, e *tree.Entry, skip bool) {
	l.mu.Lock()
	g := l.groups[inode{i.Device, i.Inode}]
	waiting := g.waiting
	g.waiting, g.done = nil, true
	l.mu.Unlock()
	for _, s := range waiting {
		to := &s.entry
		to.Size, to.Seconds, to.Nanos, to.Flags = e.Size, e.Seconds, e.Nanos, e.Flags
		to.Content, to.ContentLists, to.Extents, to.ExtentLists = e.Content, e.ContentLists, e.Extents, e.ExtentLists
		s.omit = skip
		s.complete(k)
	}
}
