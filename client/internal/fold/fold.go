// SPDX-License-Identifier: AGPL-3.0-or-later

// Package fold makes texts comparable for a search: without regard to case and
// accents, so that "cafe" finds "CAFÉ", and "strasse" finds "Straße".
//
// It folds more simply than Unicode's normal forms would, whose tables are
// larger than all the rest of a search in a browser: Latin, Greek and Cyrillic
// letters with marks become their base letters, and combining marks of any
// script are left out. It is not for comparing names or identifiers.
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
ي ئ`

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
	var out strings.Builder
	out.Grow(len(s))
	for _, r := range s {
		r = unicode.ToLower(r)
		switch base, ok := t[r]; {
		case ok:
			out.WriteString(base)
		case r < utf8.RuneSelf || !unicode.Is(unicode.Mn, r):
			out.WriteRune(r)
		}
	}
	return out.String()
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
