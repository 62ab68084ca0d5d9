// SPDX-License-Identifier: AGPL-3.0-or-later

package tree

import (
	"slices"

	"github.com/securecrypt/securecrypt/vault/pack"
)

// Clone returns a Writer that goes on from the same state, and has store keep its
// pages. What is added to one of them later is not in the other.
func (w *Writer) Clone(store func([]byte) (pack.ID, error)) *Writer {
	c := NewWriter(w.cutKey, w.owners, store)
	for _, l := range w.levels {
		page := Page{Level: l.page.Level, Entries: slices.Clone(l.page.Entries), Children: slices.Clone(l.page.Children)}
		c.levels = append(c.levels, &level{page: page, size: l.size})
	}
	return c
}
