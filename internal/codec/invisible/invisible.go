// SPDX-License-Identifier: AGPL-3.0-or-later

package invisible

// A Class is a set of reasons to be in the table. Each character has one.
type Class uint16

// The classes.
const (
	// Control: C0, C1 and DEL (General_Category Cc). Terminals act on them.
	Control Class = 1 << iota
	// LineEnd: the line and the paragraph separator (Zl, Zp).
	LineEnd
	// Mark: the implicit marks of UAX #9, Section 2.6. They order neutral
	// characters beside them, and nothing after those.
	Mark
	// Direction: embeddings, overrides and isolates (UAX #9, Sections 2.1 to
	// 2.5). They turn the text after them around.
	Direction
	// Joiner: ZERO WIDTH NON-JOINER and JOINER (Join_Control). Scripts need them
	// between letters, emoji between their parts.
	Joiner
	// Selector: variation selectors 1 to 16, which emoji need.
	Selector
	// Variant: the other variation selectors, of Mongolian and of ideographs.
	Variant
	// Tag: letters that nobody sees (UTS #51: emoji tag sequences).
	Tag
	// Ignorable: the rest of Default_Ignorable_Code_Point without letters, and
	// annotations, which no program shows.
	Ignorable
	// Filler: letters without a form (Other_Default_Ignorable_Code_Point, Lo).
	Filler
	// Blank: symbols without ink.
	Blank
	// Format: format characters (Cf) that have a form, or arrange others that do.
	Format

	all Class = 1<<iota - 1
)

// Sets of classes.
const (
	// All has every class.
	All = all
	// InText are the classes that the page takes out of every text, but for tab,
	// line feed and carriage return.
	InText = Control | Mark | Direction | Ignorable | Filler
)

// A Range is a range of characters of one class.
type Range struct {
	First, Last rune
	Class       Class
}

// table is in ascending order. It is kept apart from package unicode's tables,
// which a browser would have to load.
var table = [...]Range{
	{0x0000, 0x001f, Control},
	{0x007f, 0x009f, Control},
	{0x00ad, 0x00ad, Ignorable},   // SOFT HYPHEN
	{0x034f, 0x034f, Ignorable},   // COMBINING GRAPHEME JOINER
	{0x0600, 0x0605, Format},      // Arabic signs that span numbers
	{0x061c, 0x061c, Mark},        // ARABIC LETTER MARK
	{0x06dd, 0x06dd, Format},      // ARABIC END OF AYAH
	{0x070f, 0x070f, Format},      // SYRIAC ABBREVIATION MARK
	{0x0890, 0x0891, Format},      // Arabic pound and piastre marks above
	{0x08e2, 0x08e2, Format},      // ARABIC DISPUTED END OF AYAH
	{0x115f, 0x1160, Filler},      // HANGUL CHOSEONG FILLER, HANGUL JUNGSEONG FILLER
	{0x17b4, 0x17b5, Ignorable},   // KHMER VOWEL INHERENT AQ, AA: not to be used
	{0x180b, 0x180d, Variant},     // MONGOLIAN FREE VARIATION SELECTOR ONE to THREE
	{0x180e, 0x180e, Ignorable},   // MONGOLIAN VOWEL SEPARATOR
	{0x180f, 0x180f, Variant},     // MONGOLIAN FREE VARIATION SELECTOR FOUR
	{0x200b, 0x200b, Ignorable},   // ZERO WIDTH SPACE
	{0x200c, 0x200d, Joiner},      // ZERO WIDTH NON-JOINER, ZERO WIDTH JOINER
	{0x200e, 0x200f, Mark},        // LEFT-TO-RIGHT MARK, RIGHT-TO-LEFT MARK
	{0x2028, 0x2029, LineEnd},     // LINE SEPARATOR, PARAGRAPH SEPARATOR
	{0x202a, 0x202e, Direction},   // LRE, RLE, PDF, LRO, RLO
	{0x2060, 0x2065, Ignorable},   // WORD JOINER, invisible operators, one that is reserved
	{0x2066, 0x2069, Direction},   // LRI, RLI, FSI, PDI
	{0x206a, 0x206f, Ignorable},   // deprecated format characters
	{0x2800, 0x2800, Blank},       // BRAILLE PATTERN BLANK
	{0x3164, 0x3164, Filler},      // HANGUL FILLER
	{0xfe00, 0xfe0f, Selector},    // VARIATION SELECTOR-1 to 16
	{0xfeff, 0xfeff, Ignorable},   // ZERO WIDTH NO-BREAK SPACE, the byte order mark
	{0xffa0, 0xffa0, Filler},      // HALFWIDTH HANGUL FILLER
	{0xfff0, 0xfffb, Ignorable},   // reserved as ignorable; interlinear annotations
	{0x110bd, 0x110bd, Format},    // KAITHI NUMBER SIGN
	{0x110cd, 0x110cd, Format},    // KAITHI NUMBER SIGN ABOVE
	{0x13430, 0x1343f, Format},    // joiners and brackets of Egyptian hieroglyphs
	{0x1bca0, 0x1bca3, Ignorable}, // shorthand format controls
	{0x1d159, 0x1d159, Blank},     // MUSICAL SYMBOL NULL NOTEHEAD
	{0x1d173, 0x1d17a, Ignorable}, // beams, ties and phrases of musical notation
	{0xe0000, 0xe007f, Tag},       // LANGUAGE TAG, TAG SPACE to CANCEL TAG, and reserved ones among them
	{0xe0080, 0xe00ff, Ignorable}, // reserved as ignorable
	{0xe0100, 0xe01ef, Variant},   // VARIATION SELECTOR-17 to 256 (UTS #37)
	{0xe01f0, 0xe0fff, Ignorable}, // reserved as ignorable
}

// Is reports whether a character is in one of the classes.
func Is(r rune, classes Class) bool { return ClassOf(r)&classes != 0 }

// ClassOf returns the class of a character, 0 if it is not in the table.
func ClassOf(r rune) Class {
	for i := range table {
		if r <= table[i].Last {
			if r < table[i].First {
				return 0
			}
			return table[i].Class
		}
	}
	return 0
}

// Ranges returns the ranges of some classes, in ascending order. Those that
// adjoin are one, of the class of its first.
func Ranges(classes Class) []Range {
	var ranges []Range
	for _, r := range table {
		n := len(ranges)
		switch {
		case r.Class&classes == 0:
		case n > 0 && ranges[n-1].Last+1 == r.First:
			ranges[n-1].Last = r.Last
		default:
			ranges = append(ranges, r)
		}
	}
	return ranges
}
