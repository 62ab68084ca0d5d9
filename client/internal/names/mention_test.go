// SPDX-License-Identifier: AGPL-3.0-or-later

package names_test

import (
	"slices"
	"testing"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/internal/names"
	"github.com/securecrypt/securecrypt/content"
)

// What a text mentions is what package content finds, however the text is
// made.
func FuzzMentioned(f *testing.F) {
	f.Add("[@bob](mimi://here.example/u/bob) <mimi://here.example/u/eve>, [x](mimi://here.example/u/bob title)")
	f.Add("](mimi://](mimi://a.b/u/cc) <mimi://a.b/u/dd")
	f.Fuzz(func(t *testing.T, text string) {
		var want []account.Address
		for _, uri := range content.Mentions(text, names.MentionScheme) {
			if a, err := account.ParseURI(uri); err == nil {
				want = append(want, a)
			}
		}
		if got := names.Mentioned(text); !slices.Equal(got, want) {
			t.Errorf("%q mentions %v, want %v", text, got, want)
		}
	})
}
