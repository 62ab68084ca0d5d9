// SPDX-License-Identifier: AGPL-3.0-or-later

package termtext_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/securecrypt/securecrypt/internal/product/termtext"
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

func TestWriterLetsNothingThroughThatActs(t *testing.T) {
	var b strings.Builder
	w := termtext.NewWriter(&b)
	n, err := w.Write([]byte("a\tb\r\n\x1b]0;PWNED\a\u202e\xff\n"))
	if want := "a\tb\n\ufffd]0;PWNED\ufffd\ufffd\ufffd\n"; err != nil || n != 20 || b.String() != want {
		t.Errorf("%d, %v: %q", n, err, b.String())
	}
}

// JSON stays JSON, has the same value, and nothing in it acts.
func TestJSONIsEscaped(t *testing.T) {
	var all strings.Builder
	for r := rune(0); r < 0x2100; r++ {
		all.WriteRune(r)
	}
	for _, indent := range []string{"", "\t"} {
		raw, err := json.MarshalIndent(map[string]string{"key\u202e\u009b": all.String()}, "", indent)
		if err != nil {
			t.Fatal(err)
		}
		escaped := termtext.JSON(raw)
		var got map[string]string
		if err := json.Unmarshal(escaped, &got); err != nil || got["key\u202e\u009b"] != all.String() {
			t.Errorf("not the same value: %v", err)
		}
		for _, r := range string(escaped) {
			if termtext.Clean(string(r)) != string(r) && r != '\n' && r != '\t' {
				t.Errorf("%U is there as it is", r)
			}
		}
	}
}
