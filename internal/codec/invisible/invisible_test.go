// SPDX-License-Identifier: AGPL-3.0-or-later

package invisible

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"unicode"
)

// TestTableIsUnicodes compares each class with the properties that it stands for.
func TestTableIsUnicodes(t *testing.T) {
	for i := 1; i < len(table); i++ {
		if table[i].First <= table[i-1].Last || table[i].First > table[i].Last {
			t.Errorf("%U comes after %U", table[i].First, table[i-1].Last)
		}
	}
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if got, want := ClassOf(r), classByProperties(r); got != want {
			t.Errorf("%U is of class %#x, want %#x", r, got, want)
		}
	}
	if All&Format == 0 || All>>1&Format != 0 {
		t.Errorf("All is %#x", All)
	}
}

// classByProperties derives the class of a character from Unicode's properties.
func classByProperties(r rune) Class {
	is := unicode.Is
	switch {
	case is(unicode.Cc, r):
		return Control
	case is(unicode.Zl, r), is(unicode.Zp, r):
		return LineEnd
	case r == 0x061c, r == 0x200e, r == 0x200f:
		return Mark
	case is(unicode.Bidi_Control, r):
		return Direction
	case is(unicode.Join_Control, r):
		return Joiner
	case is(unicode.Variation_Selector, r) && r&^0xf == 0xfe00:
		return Selector
	case is(unicode.Variation_Selector, r):
		return Variant
	case 0xe0000 <= r && r <= 0xe007f:
		return Tag
	case is(unicode.Prepended_Concatenation_Mark, r), 0x13430 <= r && r <= 0x1343f:
		return Format
	case is(unicode.Other_Default_Ignorable_Code_Point, r) && is(unicode.Lo, r):
		return Filler
	case is(unicode.Other_Default_Ignorable_Code_Point, r), is(unicode.Cf, r):
		return Ignorable
	case r == 0x2800, r == 0x1d159:
		return Blank
	}
	return 0
}

// Adjoining ranges are joined, and no character of a class is lost.
func TestRanges(t *testing.T) {
	for _, classes := range []Class{Control, InText, All, All &^ InText} {
		ranges := Ranges(classes)
		for i, r := range ranges {
			if i > 0 && ranges[i-1].Last+1 >= r.First {
				t.Errorf("%#x: %U follows %U", classes, r.First, ranges[i-1].Last)
			}
		}
		for r := rune(0); r <= unicode.MaxRune; r++ {
			in := false
			for _, one := range ranges {
				in = in || one.First <= r && r <= one.Last
			}
			if in != Is(r, classes) {
				t.Fatalf("%#x: %U", classes, r)
			}
		}
	}
}

//go:generate go test -run ^TestTypeScript$ -invisible.generate .

var generate = flag.Bool("invisible.generate", false, "write the TypeScript file")

// TestTypeScript fails if the page's regular expressions are not those of the table.
func TestTypeScript(t *testing.T) {
	const name = "../../../web/src/model/invisible.gen.ts"
	made := typeScript()
	if *generate {
		if err := os.WriteFile(name, made, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	kept, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(kept, made) {
		t.Error("web/src/model/invisible.gen.ts is not up to date: go generate ./internal/codec/invisible")
	}
}

func typeScript() []byte {
	var text, tags, compared strings.Builder
	for _, r := range Ranges(InText) {
		if r.First == 0 { // but for tab, line feed and carriage return
			writeRange(&text, 0, '\t'-1)
			writeRange(&text, '\n'+1, '\r'-1)
			r.First = '\r' + 1
		}
		writeRange(&text, r.First, r.Last)
	}
	for _, r := range Ranges(Tag) {
		writeRange(&tags, r.First, r.Last)
	}
	for _, r := range Ranges(All &^ Control) { // without those that \p{Cf} and \p{M} have
		for first := r.First; first <= r.Last; first++ {
			last := first
			for last <= r.Last && !unicode.In(last, unicode.Cf, unicode.M) {
				last++
			}
			if last > first {
				writeRange(&compared, first, last-1)
				first = last
			}
		}
	}
	return fmt.Appendf(nil, `// SPDX-License-Identifier: AGPL-3.0-or-later

// Made by go generate ./internal/codec/invisible, which has the table and its reasons.

/** What is taken out of every text. */
export const invisible =
  /[%s]/gu;

/** Tags are letters that nobody sees; only the flags of some countries, the group, are made of them (UTS #51, emoji tag sequences). */
export const tags = /(\u{1f3f4}[\u{e0030}-\u{e0039}\u{e0061}-\u{e007a}]{2,6}\u{e007f})|[%s]/gu;

/** What changes a text for programs, and little or nothing for eyes. */
export const unseen =
  /[\p{Cf}\p{M}%s]/gu;
`, text.String(), tags.String(), compared.String())
}

func writeRange(b *strings.Builder, first, last rune) {
	writeRune(b, first)
	if last > first+1 {
		b.WriteByte('-')
	}
	if last > first {
		writeRune(b, last)
	}
}

func writeRune(b *strings.Builder, r rune) {
	if r > 0xffff {
		fmt.Fprintf(b, `\u{%x}`, r)
	} else {
		fmt.Fprintf(b, `\u%04x`, r)
	}
}
