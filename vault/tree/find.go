// SPDX-License-Identifier: AGPL-3.0-or-later

package tree

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/securecrypt/securecrypt/vault/pack"
)

// Find returns the entry of a name in the directory with a root page, if ok, and
// its leaf, which has the names of its owners; nil if there is no such name. It
// asks page for one page of each level. Neither result is to be changed.
func Find(root pack.ID, ok bool, name []byte, page func(pack.ID) (*Page, error)) (*Entry, *Page, error) {
	id, above := root, -1
	for ok {
		p, err := page(id)
		if err != nil {
			return nil, nil, err
		}
		if above >= 0 && int(p.Level) != above-1 {
			return nil, nil, fmt.Errorf("%w: a page of level %d below one of level %d", ErrFormat, p.Level, above)
		}
		if p.Level == 0 {
			i, found := slices.BinarySearchFunc(p.Entries, name, func(e Entry, name []byte) int { return bytes.Compare(e.Name, name) })
			if !found {
				return nil, nil, nil
			}
			return &p.Entries[i], p, nil
		}
		i, _ := slices.BinarySearchFunc(p.Children, name, func(c Child, name []byte) int { return bytes.Compare(c.Last, name) })
		if ok = i < len(p.Children); ok {
			id, above = p.Children[i].Page, int(p.Level)
		}
	}
	return nil, nil, nil
}
