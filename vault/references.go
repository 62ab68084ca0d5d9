// SPDX-License-Identifier: AGPL-3.0-or-later

package vault

import (
	"sync"

	"github.com/securecrypt/securecrypt/vault/pack"
	"github.com/securecrypt/securecrypt/vault/tree"
)

// references know what the tree pages and lists of a run lead to. A write-only
// device cannot read its pages again, and has to know which chunks its snapshot
// needs: what it sent beside them, such as an earlier state of a file that changed
// while it was read, may be deleted.
type references struct {
	mu sync.Mutex
	of map[chunkKey][]chunkKey // guarded by mu
}

func keyOf(id pack.ID) chunkKey { return chunkKey(id[:]) }

// note keeps what a page or list leads to.
func (r *references) note(id pack.ID, b []byte) {
	out := []chunkKey{}
	add := func(ids []pack.ID) {
		for _, x := range ids {
			out = append(out, keyOf(x))
		}
	}
	if p, err := tree.ParsePage(b); err == nil {
		for i := range p.Children {
			out = append(out, keyOf(p.Children[i].Page))
		}
		for i := range p.Entries {
			e := &p.Entries[i]
			add(e.Content)
			add(e.ContentLists)
			add(e.ExtentLists)
			for j := range e.Xattrs {
				add(e.Xattrs[j].Content)
			}
			if root, ok := e.SubtreeID(); ok {
				out = append(out, keyOf(root))
			}
		}
	} else if l, err := tree.ParseList(b); err == nil {
		add(l.Content)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.of[keyOf(id)] = out
}

// reach returns the beginnings of the identifiers of everything that a root page
// leads to, and its own, in a row.
func (r *references) reach(root []byte) (out []byte) {
	if len(root) != len(pack.ID{}) {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	seen, todo := map[chunkKey]bool{}, []chunkKey{chunkKey(root)}
	for len(todo) > 0 {
		k := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if seen[k] {
			continue
		}
		seen[k] = true
		out = append(out, k[:]...)
		todo = append(todo, r.of[k]...)
	}
	return out
}
