// SPDX-License-Identifier: AGPL-3.0-or-later

package backup

import (
	"context"
	"slices"

	"github.com/securecrypt/securecrypt/vault"
	"github.com/securecrypt/securecrypt/vault/oplog"
	"github.com/securecrypt/securecrypt/vault/pack"
	"github.com/securecrypt/securecrypt/vault/tree"
)

// maxParents bounds how many snapshots a run takes unchanged files from.
const maxParents = 4

// parentsOf returns the live snapshots of this device, and of the same host and paths,
// that a run takes unchanged files from, newest first: of runs that did not finish the
// last partial one, up to the newest snapshot of a run that did. Those of other devices
// are left out: a stolen one could have them lead to other data.
func parentsOf(v *vault.Vault, host string, paths [][]byte) (out []*oplog.Snapshot) {
	seen := map[int64]bool{} // when runs began
	live := v.State().Live()
	for _, s := range slices.Backward(live) {
		b := &s.Body
		if len(out) == maxParents || !v.Own(s) || b.Host != host || !slices.EqualFunc(b.Paths, paths, func(a, b []byte) bool { return string(a) == string(b) }) {
			continue
		}
		if !b.Partial {
			return append(out, s)
		}
		if !seen[b.Began] {
			seen[b.Began] = true
			out = append(out, s)
		}
	}
	return out
}

// parentDirs goes through a directory of the parent snapshots beside the walk.
type parentDirs struct {
	dirs  []parentDir // of the newest snapshot first
	found []*tree.Entry
}

type parentDir struct {
	r    *tree.Reader
	next *tree.Entry
}

// add adds the directory with a root page. One that cannot be read is left out:
// everything in it is read again.
func (p *parentDirs) add(ctx context.Context, reader *vault.Reader, root pack.ID, ok bool) {
	r, err := reader.Dir(ctx, root, ok)
	if err != nil {
		return
	}
	d := parentDir{r: r}
	d.advance()
	p.dirs = append(p.dirs, d)
}

func (d *parentDir) advance() {
	d.next = nil
	if e, err := d.r.Next(); err == nil {
		d.next = e
	}
}

// find returns the entries of a name, that of the newest snapshot first. Names are
// asked for in ascending order; the result is valid up to the next call.
func (p *parentDirs) find(name string) []*tree.Entry {
	p.found = p.found[:0]
	for i := range p.dirs {
		d := &p.dirs[i]
		for d.next != nil && string(d.next.Name) < name {
			d.advance()
		}
		if d.next != nil && string(d.next.Name) == name {
			p.found = append(p.found, d.next)
		}
	}
	return p.found
}
