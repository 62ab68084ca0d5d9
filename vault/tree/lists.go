// SPDX-License-Identifier: AGPL-3.0-or-later

package tree

import "github.com/securecrypt/securecrypt/vault/pack"

// SetContent sets the chunks of a file, as lists that put stores if they are many.
func (e *Entry) SetContent(ids []pack.ID, put func(*List) (pack.ID, error)) error {
	e.Content, e.ContentLists = nil, nil
	if len(ids) <= MaxInline {
		e.Content = ids
		return nil
	}
	for len(ids) > 0 {
		n := min(ListLength, len(ids))
		id, err := put(&List{Content: ids[:n]})
		if err != nil {
			return err
		}
		e.ContentLists, ids = append(e.ContentLists, id), ids[n:]
	}
	return nil
}

// SetExtents sets the parts of a file that are no holes, as SetContent does.
func (e *Entry) SetExtents(extents []Extent, put func(*List) (pack.ID, error)) error {
	e.Extents, e.ExtentLists = nil, nil
	if len(extents) <= MaxInline {
		e.Extents = extents
		return nil
	}
	for len(extents) > 0 {
		n := min(ListLength, len(extents))
		id, err := put(&List{Extents: extents[:n]})
		if err != nil {
			return err
		}
		e.ExtentLists, extents = append(e.ExtentLists, id), extents[n:]
	}
	return nil
}
