// SPDX-License-Identifier: AGPL-3.0-or-later

package crockford_test

import (
	"testing"

	"github.com/securecrypt/securecrypt/internal/codec/crockford"
)

func TestGroup(t *testing.T) {
	for in, want := range map[string]string{"": "", "abcd": "abcd", "abcde": "abcd-e", "abcdefgh": "abcd-efgh"} {
		if got := crockford.Group(in, 4); got != want {
			t.Errorf("Group(%q): %q, want %q", in, got, want)
		}
	}
}

// TestClean checks that what people make of a code when they write it is undone, and
// that what is no such slip stays to be refused.
func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"K7Q2-m9xd": "k7q2m9xd", " k7 q2\t\r\n": "k7q2", "oOiIlL": "001111", "u$\x00é": "u$\x00é",
	} {
		if got := string(crockford.Clean(in)); got != want {
			t.Errorf("Clean(%q): %q, want %q", in, got, want)
		}
	}
	if n := len(crockford.Alphabet); n != 32 {
		t.Errorf("the alphabet has %d characters", n)
	}
}
