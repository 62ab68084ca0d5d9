// SPDX-License-Identifier: AGPL-3.0-or-later

package tree

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/zeebo/blake3"

	"github.com/securecrypt/securecrypt/internal/codec/dcbor"
	"github.com/securecrypt/securecrypt/vault/pack"
)

// Sizes of pages in bytes.
const (
	MaxPage = 64 << 10
	// minPage is what a page has before a name can end it: small directories are
	// one page.
	minPage  = 8 << 10
	softPage = MaxPage - maxEntry
	// cutMask ends a page after one name in 64 on average.
	cutMask = 63
	// MaxLevel bounds the height of the pages of a directory.
	MaxLevel = 8
)

// Child leads from an inner page to a page below it.
type Child struct {
	_    struct{} `cbor:",toarray"`
	Last []byte   // the last name below
	Page pack.ID
}

// Owner gives the name of a user or group number.
type Owner struct {
	_    struct{} `cbor:",toarray"`
	ID   uint32
	Name []byte
}

// Page is a page of a directory: a leaf has entries, an inner page children.
type Page struct {
	Level    uint8   `cbor:"1,keyasint"` // 0 is a leaf
	Entries  []Entry `cbor:"2,keyasint,omitempty"`
	Children []Child `cbor:"3,keyasint,omitempty"`
	// Users and Groups name the owners of the entries, as far as they have names.
	Users  []Owner `cbor:"4,keyasint,omitempty"`
	Groups []Owner `cbor:"5,keyasint,omitempty"`
}

// Encode returns the page's encoding.
func (p *Page) Encode() ([]byte, error) {
	b, err := dcbor.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("tree: %w", err)
	}
	if len(b) > MaxPage {
		return nil, fmt.Errorf("%w: %d bytes", ErrFormat, len(b))
	}
	return b, nil
}

// ParsePage decodes a page and checks its entries.
func ParsePage(b []byte) (*Page, error) {
	if len(b) > MaxPage {
		return nil, fmt.Errorf("%w: %d bytes", ErrFormat, len(b))
	}
	var p Page
	if err := dcbor.Unmarshal(b, &p); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	if p.Level > MaxLevel || (p.Level == 0) != (len(p.Children) == 0) || (p.Level == 0) == (len(p.Entries) == 0) {
		return nil, fmt.Errorf("%w: entries and children", ErrFormat)
	}
	var last []byte
	for i := range p.Entries {
		if err := p.Entries[i].Validate(); err != nil {
			return nil, err
		}
		if i > 0 && bytes.Compare(last, p.Entries[i].Name) >= 0 {
			return nil, fmt.Errorf("%w: names are out of order", ErrFormat)
		}
		last = p.Entries[i].Name
	}
	for i := range p.Children {
		if !ValidName(p.Children[i].Last) || i > 0 && bytes.Compare(last, p.Children[i].Last) >= 0 {
			return nil, fmt.Errorf("%w: names are out of order", ErrFormat)
		}
		last = p.Children[i].Last
	}
	for _, owners := range [][]Owner{p.Users, p.Groups} {
		for i, o := range owners {
			if len(o.Name) == 0 || len(o.Name) > 255 || i > 0 && owners[i-1].ID >= o.ID {
				return nil, fmt.Errorf("%w: owners", ErrFormat)
			}
		}
	}
	return &p, nil
}

// A List is the chunk that holds part of what is too long for an entry.
type List struct {
	Content []pack.ID `cbor:"1,keyasint,omitempty"`
	Extents []Extent  `cbor:"2,keyasint,omitempty"`
}

// ListLength is how many identifiers or extents a list holds at most.
const ListLength = 28 << 10

// Encode returns the list's encoding.
func (l *List) Encode() ([]byte, error) {
	b, err := dcbor.Marshal(l)
	if err == nil && len(b) > pack.MaxFrame {
		err = ErrFormat
	}
	return b, err
}

// ParseList decodes a list.
func ParseList(b []byte) (*List, error) {
	var l List
	if len(b) > pack.MaxFrame {
		return nil, ErrFormat
	}
	if err := dcbor.Unmarshal(b, &l); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	if len(l.Content) > ListLength || len(l.Extents) > ListLength || (len(l.Content) == 0) == (len(l.Extents) == 0) {
		return nil, fmt.Errorf("%w: list", ErrFormat)
	}
	return &l, nil
}

// A Writer builds the pages of one directory from its entries in the order of
// their names. It holds one page of each level.
type Writer struct {
	// store keeps an encoded page and returns its identifier.
	store  func(page []byte) (pack.ID, error)
	cutKey [32]byte
	owners func(uid, gid uint32) (user, group string)
	levels []*level
}

type level struct {
	page Page
	size int
}

// NewWriter returns a Writer that has store keep the pages. cutKey is that of
// page ends, owners names users and groups, with "" for those without a name.
func NewWriter(cutKey [32]byte, owners func(uid, gid uint32) (user, group string), store func([]byte) (pack.ID, error)) *Writer {
	return &Writer{store: store, cutKey: cutKey, owners: owners}
}

func (w *Writer) level(i int) *level {
	if i == len(w.levels) {
		w.levels = append(w.levels, &level{page: Page{Level: uint8(i)}})
	}
	return w.levels[i]
}

// Add adds the next entry.
func (w *Writer) Add(e Entry) error {
	if err := e.Validate(); err != nil {
		return err
	}
	user, group := w.owners(e.UID, e.GID)
	l, n := w.level(0), entrySize(&e)+len(user)+len(group)
	if n > maxEntry {
		return fmt.Errorf("%w: %q takes %d bytes", ErrFormat, e.Name, n)
	}
	l.page.Entries = append(l.page.Entries, e)
	l.size += n
	if w.ends(e.Name, l.size) {
		return w.flush(0)
	}
	return nil
}

// entrySize bounds the size of an encoded entry from above.
func entrySize(e *Entry) int {
	n := 96 + len(e.Name) + len(e.Link) + 34*(len(e.Content)+len(e.ContentLists)+len(e.ExtentLists)) + 20*len(e.Extents) + len(e.Subtree) + 80
	for i := range e.Xattrs {
		n += 12 + len(e.Xattrs[i].Name) + len(e.Xattrs[i].Value) + 34*len(e.Xattrs[i].Content)
	}
	return n
}

// ends reports whether a page of size bytes ends behind name.
func (w *Writer) ends(name []byte, size int) bool {
	if size >= softPage {
		return true
	}
	return size >= minPage && w.nameHash(name)&cutMask == 0
}

func (w *Writer) nameHash(name []byte) uint64 {
	var sum [32]byte
	blake3.DeriveKey("SecureCrypt vault page ends v1", append(w.cutKey[:len(w.cutKey):len(w.cutKey)], name...), sum[:])
	return binary.BigEndian.Uint64(sum[:])
}

// flush stores the page of a level and adds it to the level above.
func (w *Writer) flush(i int) error {
	l := w.levels[i]
	page := l.page
	l.page, l.size = Page{Level: uint8(i)}, 0
	var last []byte
	if i == 0 {
		last = page.Entries[len(page.Entries)-1].Name
		page.Users, page.Groups = w.names(page.Entries)
	} else {
		last = page.Children[len(page.Children)-1].Last
	}
	b, err := page.Encode()
	if err != nil {
		return err
	}
	id, err := w.store(b)
	if err != nil {
		return err
	}
	if i+1 > MaxLevel {
		return fmt.Errorf("%w: a directory of too many levels", ErrFormat)
	}
	up := w.level(i + 1)
	up.page.Children = append(up.page.Children, Child{Last: last, Page: id})
	up.size += len(last) + 40
	if w.ends(last, up.size) && len(up.page.Children) > 1 {
		return w.flush(i + 1)
	}
	return nil
}

// names returns the owners of entries that have names, sorted by number.
func (w *Writer) names(entries []Entry) (users, groups []Owner) {
	for i := range entries {
		user, group := w.owners(entries[i].UID, entries[i].GID)
		users, groups = addOwner(users, entries[i].UID, user), addOwner(groups, entries[i].GID, group)
	}
	return users, groups
}

func addOwner(owners []Owner, id uint32, name string) []Owner {
	if name == "" || len(name) > 255 {
		return owners
	}
	at := len(owners)
	for at > 0 && owners[at-1].ID >= id {
		if owners[at-1].ID == id {
			return owners
		}
		at--
	}
	owners = append(owners, Owner{})
	copy(owners[at+1:], owners[at:])
	owners[at] = Owner{ID: id, Name: []byte(name)}
	return owners
}

// Finish stores what is left and returns the root page, false for a directory
// without entries.
func (w *Writer) Finish() (root pack.ID, ok bool, err error) {
	for i := 0; i < len(w.levels); i++ {
		l := w.levels[i]
		if i > 0 && i == len(w.levels)-1 && len(l.page.Children) == 1 {
			return l.page.Children[0].Page, true, nil // one page below: it is the root
		}
		if len(l.page.Entries) > 0 || len(l.page.Children) > 0 {
			if err := w.flush(i); err != nil {
				return pack.ID{}, false, err
			}
		}
	}
	return pack.ID{}, false, nil
}

// A Reader goes through the entries of a directory in order. It holds one page
// of each level.
type Reader struct {
	load  func(pack.ID) ([]byte, error)
	stack []*Page // the rest of each page, the root first
	// Page is the leaf of the last entry, with the names of its owners.
	Page *Page
	last []byte
}

// NewReader returns a Reader of the directory with a root page, if ok. load
// returns a page by its identifier.
func NewReader(root pack.ID, ok bool, load func(pack.ID) ([]byte, error)) (*Reader, error) {
	r := &Reader{load: load}
	if !ok {
		return r, nil
	}
	return r, r.push(root, -1)
}

// push loads a page; above is the level of the one that leads to it, -1 for none.
func (r *Reader) push(id pack.ID, above int) error {
	b, err := r.load(id)
	if err != nil {
		return err
	}
	p, err := ParsePage(b)
	if err != nil {
		return err
	}
	if above >= 0 && int(p.Level) != above-1 {
		return fmt.Errorf("%w: a page of level %d below one of level %d", ErrFormat, p.Level, above)
	}
	r.stack = append(r.stack, p)
	return nil
}

// Next returns the next entry, nil behind the last.
func (r *Reader) Next() (*Entry, error) {
	for len(r.stack) > 0 {
		p := r.stack[len(r.stack)-1]
		switch {
		case len(p.Entries) > 0:
			e := &p.Entries[0]
			p.Entries = p.Entries[1:]
			if r.last != nil && bytes.Compare(r.last, e.Name) >= 0 {
				return nil, fmt.Errorf("%w: names are out of order", ErrFormat)
			}
			r.Page, r.last = p, e.Name
			return e, nil
		case len(p.Children) > 0:
			child := p.Children[0].Page
			p.Children = p.Children[1:]
			if err := r.push(child, int(p.Level)); err != nil {
				return nil, err
			}
		default:
			r.stack = r.stack[:len(r.stack)-1]
		}
	}
	return nil, nil
}

// OwnerNames returns the names of an entry's owners, "" where there is none.
func (p *Page) OwnerNames(e *Entry) (user, group string) {
	return ownerName(p.Users, e.UID), ownerName(p.Groups, e.GID)
}

func ownerName(owners []Owner, id uint32) string {
	for _, o := range owners {
		if o.ID == id {
			return string(o.Name)
		}
	}
	return ""
}
