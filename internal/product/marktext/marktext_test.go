// SPDX-License-Identifier: AGPL-3.0-or-later

package marktext_test

import (
	"testing"

	"github.com/securecrypt/securecrypt/internal/product/marktext"
)

func TestText(t *testing.T) {
	for in, want := range map[string]string{
		"Hi [@dana](mimi://localhost:7711/u/dana)!":             "Hi @dana!",
		"[@alice](mimi://evil.example/u/mallory) pays":          "@mallory@evil.example pays",
		"<mimi://home.example/u/dana> came":                     "@dana@home.example came",
		"[the plan](https://x.example/a_b)":                     "the plan (https://x.example/a_b)",
		"[https://x.example](https://x.example)":                "https://x.example",
		"[https://bank.example](https://evil.example)":          "https://bank.example (https://evil.example)",
		"see <https://x.example/>":                              "see https://x.example/",
		"`[a](https://x.example)` and ```\n[b](https://x)\n```": "`[a](https://x.example)` and ```\n[b](https://x)\n```",
		"**bold** [x] (y) 2 < 3":                                "**bold** [x] (y) 2 < 3",
		"![cat](https://x.example/cat.png)":                     "cat (https://x.example/cat.png)",
		"[@dana](mimi://nothing":                                "[@dana](mimi://nothing",
	} {
		if got := marktext.Text(in); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}

func TestLine(t *testing.T) {
	for in, want := range map[string]string{
		"# Plan\n\n- **bring** `salt`\n- ~~pepper~~": "Plan bring salt pepper",
		"snake_case_name and 2*3*4":                  "snake_case_name and 2*3*4",
		"1 \\* 2":                                    "1 * 2",
		"> [@dana](mimi://h/u/dana) said":            "@dana said",
	} {
		if got := marktext.Line(in); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}
