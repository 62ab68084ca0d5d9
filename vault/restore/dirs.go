// SPDX-License-Identifier: AGPL-3.0-or-later

package restore

import (
	"sync"

	"github.com/securecrypt/securecrypt/vault/localfs"
)

// openDirs bounds how many directories are open without being in use.
const openDirs = 128

// dirs opens the directories of the target by their numbers, from their parents
// on, and keeps those that were used last open. It is safe for concurrent use.
type dirs struct {
	target string
	mu     sync.Mutex // guards all
	all    []dirName
	opened map[uint32]*openDir
	idle   []uint32 // open and not in use, the oldest first
}

type dirName struct {
	parent uint32
	name   string
}

type openDir struct {
	dir   *localfs.Dir
	users int
}

func newDirs(target string) *dirs {
	return &dirs{target: target, all: []dirName{{}}, opened: map[uint32]*openDir{}}
}

// add returns the number of a directory in a directory. The target is 0.
func (d *dirs) add(parent uint32, name string) uint32 {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.all = append(d.all, dirName{parent, name})
	return uint32(len(d.all) - 1)
}

// open opens a directory; put gives it back.
func (d *dirs) open(number uint32) (*localfs.Dir, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.openLocked(number)
}

func (d *dirs) openLocked(number uint32) (*localfs.Dir, error) {
	if o := d.opened[number]; o != nil {
		if o.users == 0 {
			for i, n := range d.idle {
				if n == number {
					d.idle = append(d.idle[:i], d.idle[i+1:]...)
					break
				}
			}
		}
		o.users++
		return o.dir, nil
	}
	var dir *localfs.Dir
	var err error
	if number == 0 {
		dir, err = localfs.OpenDir(d.target)
	} else {
		var parent *localfs.Dir
		if parent, err = d.openLocked(d.all[number].parent); err != nil {
			return nil, err
		}
		dir, err = parent.Sub(d.all[number].name)
		d.putLocked(d.all[number].parent)
	}
	if err != nil {
		return nil, err
	}
	d.opened[number] = &openDir{dir, 1}
	return dir, nil
}

// put gives a directory back that open returned.
func (d *dirs) put(number uint32) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.putLocked(number)
}

func (d *dirs) putLocked(number uint32) {
	o := d.opened[number]
	if o.users--; o.users > 0 {
		return
	}
	d.idle = append(d.idle, number)
	if len(d.idle) > openDirs {
		_ = d.opened[d.idle[0]].dir.Close() // its entries are on the disk or are flushed at the end
		delete(d.opened, d.idle[0])
		d.idle = d.idle[1:]
	}
}

func (d *dirs) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, o := range d.opened {
		_ = o.dir.Close() // as above
	}
	clear(d.opened)
}
