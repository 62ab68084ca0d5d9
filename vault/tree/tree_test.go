// SPDX-License-Identifier: AGPL-3.0-or-later

package tree

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/securecrypt/securecrypt/internal/codec/dcbor"
	"github.com/securecrypt/securecrypt/vault/pack"
)

// pages keeps pages by their hash.
type pages struct {
	kept   map[pack.ID][]byte
	stored int
}

func newPages() *pages { return &pages{kept: map[pack.ID][]byte{}} }

func (p *pages) store(b []byte) (pack.ID, error) {
	id := pack.ID(sha256.Sum256(b))
	if p.kept[id] == nil {
		p.stored++
	}
	p.kept[id] = bytes.Clone(b)
	return id, nil
}

func (p *pages) load(id pack.ID) ([]byte, error) {
	if p.kept[id] == nil {
		return nil, errors.New("there is no such page")
	}
	return p.kept[id], nil
}

func noNames(uint32, uint32) (string, string) { return "user", "" }

func build(t testing.TB, p *pages, n, changed int) (pack.ID, bool) {
	t.Helper()
	w := NewWriter([32]byte{1}, noNames, p.store)
	for i := range n {
		e := Entry{Name: fmt.Appendf(nil, "name %07d", i), Mode: 0o644, Seconds: int64(i), Content: []pack.ID{{byte(i)}}, Size: 1}
		if i == changed {
			e.Seconds = -1
		}
		if err := w.Add(e); err != nil {
			t.Fatal(err)
		}
	}
	root, ok, err := w.Finish()
	if err != nil {
		t.Fatal(err)
	}
	return root, ok
}

// TestDirectoriesOfAllSizes covers line 16 in part: pages stay small, all entries
// come back, and one change stores one path from a leaf to the root.
func TestDirectoriesOfAllSizes(t *testing.T) {
	sizes := []int{0, 1, 2, 50, 200, 5000, 60000}
	if !testing.Short() {
		sizes = append(sizes, 1000000)
	}
	for _, n := range sizes {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			p := newPages()
			root, ok := build(t, p, n, -1)
			if ok != (n > 0) {
				t.Fatalf("root: %v", ok)
			}
			for _, b := range p.kept {
				if len(b) > MaxPage {
					t.Fatalf("a page of %d bytes", len(b))
				}
			}
			r, err := NewReader(root, ok, p.load)
			if err != nil {
				t.Fatal(err)
			}
			count := 0
			for {
				e, err := r.Next()
				if err != nil {
					t.Fatal(err)
				}
				if e == nil {
					break
				}
				if user, _ := r.Page.OwnerNames(e); string(e.Name) != fmt.Sprintf("name %07d", count) || user != "user" {
					t.Fatalf("entry %d is %q of %q", count, e.Name, user)
				}
				count++
			}
			if count != n {
				t.Fatalf("%d entries of %d", count, n)
			}
			if n == 0 {
				return
			}
			before := p.stored
			build(t, p, n, n/2)
			if added := p.stored - before; added > 4 {
				t.Errorf("one change stores %d pages of %d", added, before)
			}
		})
	}
}

func TestAnInsertionLeavesOtherPagesAlone(t *testing.T) {
	p := newPages()
	build(t, p, 20000, -1)
	before := p.stored
	w := NewWriter([32]byte{1}, noNames, p.store)
	for i := range 20000 {
		for _, suffix := range []string{"", "x"}[:1+map[bool]int{true: 1}[i == 7777]] {
			e := Entry{Name: fmt.Appendf(nil, "name %07d%s", i, suffix), Mode: 0o644, Seconds: int64(i), Content: []pack.ID{{byte(i)}}, Size: 1}
			if err := w.Add(e); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, _, err := w.Finish(); err != nil {
		t.Fatal(err)
	}
	if added := p.stored - before; added > 5 {
		t.Errorf("one name more stores %d pages of %d", added, before)
	}
}

func TestRefusedEntries(t *testing.T) {
	good := Entry{Name: []byte("a"), Mode: 0o644}
	if err := good.Validate(); err != nil {
		t.Fatal(err)
	}
	for name, e := range map[string]Entry{
		"no name":                 {},
		"dot":                     {Name: []byte(".")},
		"dots":                    {Name: []byte("..")},
		"a slash":                 {Name: []byte("a/b")},
		"a zero byte":             {Name: []byte("a\x00")},
		"a long name":             {Name: bytes.Repeat([]byte("a"), MaxName+1)},
		"an unknown type":         {Name: []byte("a"), Type: 9},
		"mode":                    {Name: []byte("a"), Mode: 0o10000},
		"nanoseconds":             {Name: []byte("a"), Nanos: 1e9},
		"flags":                   {Name: []byte("a"), Flags: 8},
		"a link without target":   {Name: []byte("a"), Type: TypeSymlink},
		"a file with a target":    {Name: []byte("a"), Link: []byte("b")},
		"a directory with bytes":  {Name: []byte("a"), Type: TypeDir, Size: 1},
		"a file with a subtree":   {Name: []byte("a"), Subtree: make([]byte, 32)},
		"a short subtree":         {Name: []byte("a"), Type: TypeDir, Subtree: make([]byte, 31)},
		"a directory of a group":  {Name: []byte("a"), Type: TypeDir, Group: 1},
		"a file with numbers":     {Name: []byte("a"), Major: 1},
		"too much content":        {Name: []byte("a"), Content: make([]pack.ID, MaxInline+1)},
		"content twice":           {Name: []byte("a"), Content: make([]pack.ID, 1), ContentLists: make([]pack.ID, 1)},
		"extents out of order":    {Name: []byte("a"), Size: 10, Extents: []Extent{{Offset: 5, Length: 1}, {Offset: 1, Length: 1}}},
		"extents that touch":      {Name: []byte("a"), Size: 10, Extents: []Extent{{Offset: 0, Length: 1}, {Offset: 1, Length: 1}}},
		"an extent beyond":        {Name: []byte("a"), Size: 10, Extents: []Extent{{Offset: 5, Length: 6}}},
		"an extent that wraps":    {Name: []byte("a"), Size: 10, Extents: []Extent{{Offset: 5, Length: ^uint64(0)}}},
		"an attribute w/o a name": {Name: []byte("a"), Xattrs: []Xattr{{}}},
		"a long attribute":        {Name: []byte("a"), Xattrs: []Xattr{{Name: []byte("x"), Value: make([]byte, MaxXattr+1)}}},
	} {
		if err := e.Validate(); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRefusedPages(t *testing.T) {
	a, b := Entry{Name: []byte("a")}, Entry{Name: []byte("b")}
	child := Child{Last: []byte("a")}
	for name, p := range map[string]Page{
		"nothing":               {},
		"out of order":          {Entries: []Entry{b, a}},
		"a name twice":          {Entries: []Entry{a, a}},
		"a leaf with children":  {Children: []Child{child}},
		"an inner page":         {Level: 1, Entries: []Entry{a}},
		"too high":              {Level: MaxLevel + 1, Children: []Child{child}},
		"children out of order": {Level: 1, Children: []Child{child, child}},
		"owners out of order":   {Entries: []Entry{a}, Users: []Owner{{ID: 2, Name: []byte("x")}, {ID: 1, Name: []byte("y")}}},
		"an owner w/o a name":   {Entries: []Entry{a}, Groups: []Owner{{ID: 2}}},
	} {
		encoded, err := dcbor.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ParsePage(encoded); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestLoopsEnd has pages that lead to themselves.
func TestLoopsEnd(t *testing.T) {
	self := func(pack.ID) ([]byte, error) {
		return (&Page{Level: 1, Children: []Child{{Last: []byte("a"), Page: pack.ID{1}}}}).Encode()
	}
	r, err := NewReader(pack.ID{1}, true, self)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Next(); !errors.Is(err, ErrFormat) {
		t.Errorf("a page below itself: %v", err)
	}
}

func FuzzParsePage(f *testing.F) {
	random := rand.New(rand.NewPCG(1, 1))
	for range 5 {
		p := Page{Entries: []Entry{{Name: []byte("a"), Mode: uint16(random.IntN(4096)), Xattrs: []Xattr{{Name: []byte("user.x"), Value: []byte("v")}}},
			{Name: []byte("b"), Type: TypeDir, Subtree: make([]byte, 32)}}, Users: []Owner{{ID: 0, Name: []byte("root")}}}
		b, err := p.Encode()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := ParsePage(b)
		if err != nil {
			return
		}
		if again, err := p.Encode(); err != nil || !bytes.Equal(again, b) {
			t.Errorf("%x is encoded as %x, %v", b, again, err)
		}
	})
}

func FuzzParseList(f *testing.F) {
	b, err := (&List{Content: make([]pack.ID, 2)}).Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		l, err := ParseList(b)
		if err != nil {
			return
		}
		if again, err := l.Encode(); err != nil || !bytes.Equal(again, b) {
			t.Errorf("%x is encoded as %x, %v", b, again, err)
		}
	})
}

// TestFindAgreesWithReader looks up every name of directories of several levels, and
// names that are not there.
func TestFindAgreesWithReader(t *testing.T) {
	for _, count := range []int{0, 1, 50, 20_000} {
		pages := map[pack.ID][]byte{}
		w := NewWriter([32]byte{1}, func(uid, gid uint32) (string, string) { return "user", "" }, func(b []byte) (pack.ID, error) {
			id := pack.ID(sha256.Sum256(b))
			pages[id] = bytes.Clone(b)
			return id, nil
		})
		for i := range count {
			if err := w.Add(Entry{Name: fmt.Appendf(nil, "%06d", 2*i+1), Type: TypeFile, Size: uint64(i)}); err != nil {
				t.Fatal(err)
			}
		}
		root, ok, err := w.Finish()
		if err != nil {
			t.Fatal(err)
		}
		asked := 0
		page := func(id pack.ID) (*Page, error) {
			asked++
			return ParsePage(pages[id])
		}
		step := max(count/300, 1)
		for i := 0; i <= count; i += step {
			if e, _, err := Find(root, ok, fmt.Appendf(nil, "%06d", 2*i), page); err != nil || e != nil {
				t.Fatalf("of %d names: found %v for one that is not there, %v", count, e, err)
			}
			if i == count {
				break
			}
			asked = 0
			e, leaf, err := Find(root, ok, fmt.Appendf(nil, "%06d", 2*i+1), page)
			if err != nil || e == nil || e.Size != uint64(i) || asked > 4 {
				t.Fatalf("of %d names, number %d: %v, %v, with %d pages", count, i, e, err, asked)
			}
			if user, _ := leaf.OwnerNames(e); user != "user" {
				t.Errorf("the owner is %q", user)
			}
		}
		if count > 50 && len(pages) < 10 {
			t.Errorf("%d names are in %d pages: the test is too small", count, len(pages))
		}
	}
}
