// SPDX-License-Identifier: AGPL-3.0-or-later

package fold

import (
	"testing"
	"unicode"
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
	} {
		for _, s := range same[1:] {
			if Text(s) != Text(same[0]) {
				t.Errorf("%q is found as %q, %q as %q", s, Text(s), same[0], Text(same[0]))
			}
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
