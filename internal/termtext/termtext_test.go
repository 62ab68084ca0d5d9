// SPDX-License-Identifier: AGPL-3.0-or-later

package termtext_test

import (
	"testing"

	"github.com/securecrypt/securecrypt/internal/termtext"
)

func TestNothingReachesTheTerminalThatActs(t *testing.T) {
	for in, want := range map[string]string{
		"plain":                "plain",
		"two\r\nlines\tx":      "two\nlines x",
		"\x1b[31mred\x1b[0m":   "\ufffd[31mred\ufffd[0m",
		"\u009b31m":            "\ufffd31m",
		"a\x07b\x00":           "a\ufffdb\ufffd",
		"exe.\u202egpj":        "exe.\ufffdgpj",
		"\u2066x\u2069\u2028y": "\ufffdx\ufffd\ufffdy",
		"👩‍👩‍👧 سلام":           "👩‍👩‍👧 سلام",
	} {
		if got := termtext.Clean(in); got != want {
			t.Errorf("Clean(%q) = %q, want %q", in, got, want)
		}
	}
	if got := termtext.Line("a\nb"); got != "a b" {
		t.Errorf("Line = %q", got)
	}
}
