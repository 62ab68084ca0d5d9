// SPDX-License-Identifier: AGPL-3.0-or-later

package index

import (
	"encoding/binary"
	"errors"

	"github.com/securecrypt/securecrypt/vault/keys"
	"github.com/securecrypt/securecrypt/vault/pack"
)

// ErrFormat reports bytes that are not of the format.
var ErrFormat = errors.New("index: not a valid page")

// PackInfo is what an index knows of a pack.
type PackInfo struct {
	Name  pack.Name
	Class uint8 // the place in pack.Classes
	Head  pack.Head
	Table pack.Table
}

const packHeadSize = 32 + 1 + 4 + 32 + 4

// Page is an index page: packs of one session, with their tables.
type Page struct {
	Sealed [keys.SealedSize]byte // the session's
	Packs  []PackInfo
}

// Size returns the length of the encoding of a pack's part of a page.
func Size(p *PackInfo) int { return packHeadSize + len(pack.AppendTable(nil, p.Table)) }

// HeadSize is the length of a page without packs.
const HeadSize = keys.SealedSize + 4

// Encode returns the page's encoding: the session, the number of packs, and for
// each its name, class, epoch, salt, the length of its table and the table.
func (p *Page) Encode() []byte {
	b := append([]byte{}, p.Sealed[:]...)
	b = binary.BigEndian.AppendUint32(b, uint32(len(p.Packs)))
	for i := range p.Packs {
		x := &p.Packs[i]
		table := pack.AppendTable(nil, x.Table)
		b = append(append(b, x.Name[:]...), x.Class)
		b = binary.BigEndian.AppendUint32(b, x.Head.Epoch)
		b = append(b, x.Head.Salt[:]...)
		b = binary.BigEndian.AppendUint32(b, uint32(len(table)))
		b = append(b, table...)
	}
	return b
}

// ParsePage decodes a page.
func ParsePage(b []byte) (*Page, error) {
	if len(b) < HeadSize || len(b) > pack.MaxFrame {
		return nil, ErrFormat
	}
	p := &Page{Sealed: [keys.SealedSize]byte(b)}
	n := binary.BigEndian.Uint32(b[keys.SealedSize:])
	b = b[HeadSize:]
	if uint64(n)*packHeadSize > uint64(len(b)) {
		return nil, ErrFormat
	}
	for range n {
		if len(b) < packHeadSize {
			return nil, ErrFormat
		}
		x := PackInfo{Name: pack.Name(b), Class: b[32]}
		x.Head.Epoch = binary.BigEndian.Uint32(b[33:])
		copy(x.Head.Salt[:], b[37:])
		x.Head.Sealed = p.Sealed
		length := binary.BigEndian.Uint32(b[69:])
		b = b[packHeadSize:]
		if int(x.Class) >= len(pack.Classes) || uint64(length) > uint64(len(b)) {
			return nil, ErrFormat
		}
		table, err := pack.ParseTable(b[:length])
		if err != nil {
			return nil, ErrFormat
		}
		x.Table, b = table, b[length:]
		p.Packs = append(p.Packs, x)
	}
	if len(b) != 0 {
		return nil, ErrFormat
	}
	return p, nil
}
