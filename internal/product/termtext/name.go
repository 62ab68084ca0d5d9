// SPDX-License-Identifier: AGPL-3.0-or-later

package termtext

import (
	"strings"
	"unicode"
)

// Name is Line for names, titles and whatever else others chose that is compared
// by eye: what nobody sees is left out. Joiners and the selectors of emoji stay
// where emoji and scripts need them.
func Name(s string) string {
	all := []rune(strings.Join(strings.Fields(Line(s)), " "))
	var b strings.Builder
	for i, r := range all {
		switch {
		case r == 0x200c, r == 0x200d, r >= 0xfe00 && r <= 0xfe0f:
			if i > 0 && joins(all[i-1]) && (r >= 0xfe00 || i+1 < len(all) && joins(all[i+1])) {
				b.WriteRune(r)
			}
		case !unseen(r):
			b.WriteRune(r)
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

// joins reports whether a joiner or a selector beside r does something.
func joins(r rune) bool {
	return r > unicode.MaxLatin1 && !unicode.IsSpace(r) && (r >= 0xfe00 && r <= 0xfe0f || !unseen(r))
}

// unseen reports whether r has no form of its own: what formats text, fills
// room, or selects variants. The tags of flags go with the rest, the flag stays.
func unseen(r rune) bool {
	switch {
	case unicode.Is(unicode.Cf, r), unicode.Is(unicode.Variation_Selector, r), unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r):
		return true
	}
	return r == 0x2800 // a pattern of no dots
}

var innerQuotes = strings.NewReplacer("“", "'", "”", "'", "„", "'", "‟", "'", "\"", "'", "«", "'", "»", "'", "＂", "'")

// Quote is Name in quotation marks, which it has none of inside: what a program
// says beside it cannot be a part of it.
func Quote(s string) string { return "“" + innerQuotes.Replace(Name(s)) + "”" }
