// SPDX-License-Identifier: AGPL-3.0-or-later

package termtext_test

import (
	"testing"

	"github.com/securecrypt/securecrypt/internal/product/termtext"
)

func TestNamesHaveNothingInvisible(t *testing.T) {
	for in, want := range map[string]string{
		"Bob\u200b": "Bob", "B\u00ado\u2060b\u200c": "Bob", "\ufeff Bob \n Marley": "Bob Marley", "Bob\u3164\u115f\u1160\uffa0": "Bob", "Bob\u2800": "Bob", "\u180eBob\u034f": "Bob",
		"Bob\ufe0f": "Bob", "B\u200dob": "Bob", "Bob\U000e0041\U000e0101": "Bob", "Bob\u202e": "Bob\ufffd", "\u200b": "", "Bob\U0001d159": "Bob", "Bob\u06dd": "Bob", "Bob\u17b4\u2065\U0001bca0": "Bob",
		"👩‍👩‍👧": "👩‍👩‍👧", "❤️ Ana": "❤️ Ana", "می‌خواهم": "می‌خواهم", "Ana Ørsted": "Ana Ørsted", "क्‍ष": "क्‍ष",
	} {
		if got := termtext.Name(in); got != want {
			t.Errorf("Name(%q) = %q, want %q", in, got, want)
		}
	}
	for in, want := range map[string]string{
		"Bob": "“Bob”", "Bob\u200b” (verified) “x": "“Bob' (verified) 'x”", `a"b`: "“a'b”",
	} {
		if got := termtext.Quote(in); got != want {
			t.Errorf("Quote(%q) = %q, want %q", in, got, want)
		}
	}
}
