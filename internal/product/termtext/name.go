// SPDX-License-Identifier: AGPL-3.0-or-later

package termtext

import (
	"strings"
	"unicode"

	"github.com/securecrypt/securecrypt/internal/codec/invisible"
)

// Name is Line for names, titles and whatever else others chose that is compared
// by eye: what nobody sees is left out, the tags of flags, too. Joiners and the
// selectors of emoji stay where emoji and scripts need them.
func Name(s string) string {
	all := []rune(strings.Join(strings.Fields(Line(s)), " "))
	var b strings.Builder
	for i, r := range all {
		switch {
		case invisible.Is(r, invisible.Joiner|invisible.Selector):
			selects := invisible.Is(r, invisible.Selector)
			if i > 0 && joins(all[i-1]) && (selects || i+1 < len(all) && joins(all[i+1])) {
				b.WriteRune(r)
			}
		case !invisible.Is(r, invisible.All):
			b.WriteRune(r)
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

// joins reports whether a joiner or a selector beside r does something.
func joins(r rune) bool {
	return r > unicode.MaxLatin1 && !unicode.IsSpace(r) && !invisible.Is(r, invisible.All&^invisible.Selector)
}

var innerQuotes = strings.NewReplacer("“", "'", "”", "'", "„", "'", "‟", "'", "\"", "'", "«", "'", "»", "'", "＂", "'")

// Quote is Name in quotation marks, which it has none of inside: what a program
// says beside it cannot be a part of it.
func Quote(s string) string { return "“" + innerQuotes.Replace(Name(s)) + "”" }
