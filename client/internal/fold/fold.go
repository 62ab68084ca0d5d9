// SPDX-License-Identifier: AGPL-3.0-or-later

// Package fold makes texts comparable for a search: without regard to case and
// accents, so that "cafe" finds "CAFÉ", and "strasse" finds "Straße".
//
// It folds more simply than Unicode's normal forms would, whose tables are
// larger than all the rest of a search in a browser: Latin, Greek and Cyrillic
// letters with marks become their base letters, combining marks of any script are
// left out, ligatures and full-width letters become usual ones, and what is typed
// in parts becomes whole: Korean syllables, and Japanese letters with their voice
// marks. It is not for comparing names or identifiers.
package fold

import (
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// letters has on each line what letters are found as, and those letters, in
// lower case: the canonical decompositions of the Unicode Standard, and a few
// letters that people type without their stroke or ligature.
const letters = `ss ß
ff ﬀ
fi ﬁ
fl ﬂ
ffi ﬃ
ffl ﬄ
st ﬅﬆ
ij ĳ
dz ǆǳ
lj ǉ
nj ǌ
a àáâãäåāăąǎǟǡǻȁȃȧḁạảấầẩẫậắằẳẵặ
ae æǣǽ
c çćĉċčḉ
e èéêëēĕėęěȅȇȩḕḗḙḛḝẹẻẽếềểễệ
i ìíîïĩīĭįıǐȉȋḭḯỉị
d ðďđḋḍḏḑḓ
n ñńņňŉŋǹṅṇṉṋ
o òóôõöøōŏőơǒǫǭȍȏȫȭȯȱṍṏṑṓọỏốồổỗộớờởỡợǿ
u ùúûüũūŭůűųưǔǖǘǚǜȕȗṳṵṷṹṻụủứừửữự
y ýÿŷȳẏẙỳỵỷỹ
th þ
g ĝğġģǧǵḡ
h ĥħȟḣḥḧḩḫẖ
j ĵǰ
k ķĸǩḱḳḵ
l ĺļľłḷḹḻḽ
oe œ
r ŕŗřȑȓṙṛṝṟ
s ẛśŝşšſșṡṣṥṧṩ
t ţťŧțṫṭṯṱẗ
w ŵẁẃẅẇẉẘ
z źżžẑẓẕ
f ƒḟ
ι ΐίϊἰἱἲἳἴἵἶἷὶίιῐῑῒΐῖῗ
α άἀἁἂἃἄἅἆἇὰάᾀᾁᾂᾃᾄᾅᾆᾇᾰᾱᾲᾳᾴᾶᾷ
ε έἐἑἒἓἔἕὲέ
η ήἠἡἢἣἤἥἦἧὴήᾐᾑᾒᾓᾔᾕᾖᾗῂῃῄῆῇ
υ ΰϋύὐὑὒὓὔὕὖὗὺύῠῡῢΰῦῧ
σ ς
ο όὀὁὂὃὄὅὸό
ω ώὠὡὢὣὤὥὦὧὼώᾠᾡᾢᾣᾤᾥᾦᾧῲῳῴῶῷ
и йѝӣӥ
е ѐёӗ
г ѓ
і ї
к ќ
у ўӯӱӳ
ѵ ѷ
ж ӂӝ
а ӑӓ
ә ӛ
з ӟ
о ӧ
ө ӫ
э ӭ
ч ӵ
ы ӹ
b ḃḅḇ
m ḿṁṃ
p ṕṗ
v ṽṿ
x ẋẍ
ρ ῤῥ
ا آأإ
و ؤ
ي ئ
ە ۀ
ہ ۂ
ے ۓ
ʒ ǯ
ϒ ϓϔ
う ゔ
ウ ヴ
ワ ヷ
ヰ ヸ
ヱ ヹ
ヲ ヺ`

var table = sync.OnceValue(func() map[rune]string {
	t := map[rune]string{}
	for line := range strings.Lines(letters) {
		base, all, _ := strings.Cut(strings.TrimSpace(line), " ")
		for _, r := range all {
			t[r] = base
		}
	}
	return t
})

// Text returns what a text is found as.
func Text(s string) string {
	if ascii(s) {
		return strings.ToLower(s)
	}
	t := table()
	out := make([]byte, 0, len(s))
	last, at := rune(-1), 0 // the letter written last, and where it begins
	for _, r := range s {
		r = unicode.ToLower(narrow(r))
		if whole := join(last, r); whole != 0 {
			out, last = utf8.AppendRune(out[:at], whole), whole
			continue
		}
		switch base, ok := t[r]; {
		case ok:
			out, last = append(out, base...), -1
		case r < utf8.RuneSelf || !unicode.Is(unicode.Mn, r):
			at, last = len(out), r
			out = utf8.AppendRune(out, r)
		}
	}
	return string(out)
}

// narrow returns the usual form of a full-width letter.
func narrow(r rune) rune {
	switch {
	case r >= 0xff01 && r <= 0xff5e:
		return r - 0xff01 + '!'
	case r == 0x3000:
		return ' '
	}
	return r
}

// Korean (The Unicode Standard, Section 3.12): a syllable is a leading sound, a
// vowel and perhaps a trailing sound.
const (
	leads, vowels, trails = 19, 21, 28
	lead, vowel, trail    = 0x1100, 0x1161, 0x11a7
	syllable              = 0xac00
)

// join returns what two letters are together, 0 if they stay apart.
func join(a, b rune) rune {
	switch s := a - syllable; {
	case b == 0x3099 && voiced(a):
		return a + 1
	case b == 0x309a && (a >= 0x306f && a <= 0x307b || a >= 0x30cf && a <= 0x30db) && voiced(a):
		return a + 2
	case a >= lead && a < lead+leads && b >= vowel && b < vowel+vowels:
		return syllable + ((a-lead)*vowels+b-vowel)*trails
	case s >= 0 && s < leads*vowels*trails && s%trails == 0 && b > trail && b < trail+trails:
		return a + b - trail
	}
	return 0
}

// voiced reports whether a Japanese letter has a voiced form, which comes next.
func voiced(r rune) bool {
	if r >= 0x30a1 && r <= 0x30fd && r != 0x30a6 { // Katakana
		r -= 0x60
	}
	switch {
	case r >= 0x304b && r <= 0x3061:
		return r%2 != 0
	case r >= 0x3064 && r <= 0x3068:
		return r%2 == 0
	case r >= 0x306f && r <= 0x307b:
		return r%3 == 0
	}
	return r == 0x309d
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
