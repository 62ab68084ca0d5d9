// SPDX-License-Identifier: AGPL-3.0-or-later

package fold

import (
	"testing"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

func TestText(t *testing.T) {
	for _, same := range [][]string{
		{"cafe", "Café", "CAFÉ", "cafe\u0301"},
		{"strasse", "Straße", "STRASSE", "STRAẞE"},
		{"aeroskobing", "Ærøskøbing"},
		{"łodz", "Łódź", "lodz"},
		{"nguyen", "Nguyễn", "NGUYÊ\u0303N"},
		{"istanbul", "İstanbul", "ISTANBUL", "ıstanbul"},
		{"οδυσσευσ", "Ὀδυσσεύς", "ΟΔΥΣΣΕΥΣ"},
		{"елка", "Ёлка"},
		{"شكرا", "شُكْرًا"},
		{"שלום", "שָׁלוֹם"},
		{"東京", "東京"},
		{"isi", "ısı", "ISI", "İSİ"},
		{"σοφος", "ΣΟΦΌΣ", "σοφός", "σοφό\u0301ς"},
		{"메시지", "\u1106\u1166\u1109\u1175\u110c\u1175"},
		{"한글", "\u1112\u1161\u11ab\u1100\u1173\u11af", "하\u11ab그\u11af"},
		{"find", "ﬁnd", "ＦＩＮＤ", "ｆｉｎｄ"},
		{"がぱう", "か\u3099は\u309aう\u3099", "がぱゔ"},
		{"ガパウ", "カ\u3099ハ\u309aウ\u3099"},
	} {
		for _, s := range same[1:] {
			if Text(s) != Text(same[0]) {
				t.Errorf("%q is found as %q, %q as %q", s, Text(s), same[0], Text(same[0]))
			}
		}
	}
}

// Letters of alphabets, Korean and Japanese are found whether they were typed
// whole or in parts.
func TestBothFormsAreFoundAsTheSame(t *testing.T) {
	for _, script := range []*unicode.RangeTable{unicode.Latin, unicode.Greek, unicode.Cyrillic, unicode.Hangul, unicode.Hiragana, unicode.Katakana, unicode.Arabic} {
		for _, r16 := range script.R16 {
			for r := rune(r16.Lo); r <= rune(r16.Hi); r++ {
				whole, parts := norm.NFC.String(string(r)), norm.NFD.String(string(r))
				if r >= 0x1d00 && r < 0x1e00 || !unicode.IsLetter(r) {
					continue
				}
				if Text(parts) != Text(whole) {
					t.Errorf("%U %q is found as %q, in parts as %q", r, r, Text(whole), Text(parts))
				}
			}
		}
	}
}

func TestDifferentLettersStayApart(t *testing.T) {
	for _, two := range [][2]string{
		{"가", "나"}, {"カ", "ガ"}, {"ハ", "パ"}} {
		if Text(two[0]) == Text(two[1]) {
			t.Errorf("%q and %q are found as the same", two[0], two[1])
		}
	}
}

// What a text is found as is found as itself, whatever the text.
func FuzzText(f *testing.F) {
	f.Add("Café \xff İ")
	f.Fuzz(func(t *testing.T, s string) {
		once := Text(s)
		if again := Text(once); again != once {
			t.Errorf("%q became %q and then %q", s, once, again)
		}
	})
}

func TestEveryLetterIsFoldedToTheEnd(t *testing.T) {
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if once := Text(string(r)); Text(once) != once {
			t.Errorf("%q becomes %q and then %q", r, once, Text(once))
		}
	}
}
