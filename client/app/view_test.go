// SPDX-License-Identifier: AGPL-3.0-or-later

package app

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/securecrypt/securecrypt/client/backend"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/internal/product/termtext/hostile"
	"github.com/securecrypt/securecrypt/protocol"
)

// What is shown of a long text is short, whole in its characters, and tells how
// long the whole is.
func TestBeginningsOfLongTexts(t *testing.T) {
	for _, text := range []string{strings.Repeat("漢", 50_000), strings.Repeat("\n", 50_000), strings.Repeat("a line\n", 500), strings.Repeat("x", longestText+1)} {
		shown, length := beginning(text)
		if length != len(text) || len(shown) > shownText || strings.Count(shown, "\n") > shownLines || !utf8.ValidString(shown) || !strings.HasPrefix(text, shown) || shown == "" {
			t.Errorf("%d bytes of %d, said to be %d", len(shown), len(text), length)
		}
	}
	for _, text := range []string{"", "short", strings.Repeat("x", longestText), strings.Repeat("\n", longestLines)} {
		if shown, length := beginning(text); shown != text || length != 0 {
			t.Errorf("%d bytes of %d, said to be %d", len(shown), len(text), length)
		}
	}
}

// What a server says reaches no page raw.
func TestProblemsAreHarmless(t *testing.T) {
	for _, p := range []*Problem{
		ProblemOf(errors.New(hostile.Text)), ProblemOf(fmt.Errorf("%w: %s", backend.ErrOffline, hostile.Text)),
		reason(chat.Reason{Text: hostile.Text}), reason(chat.Reason{Text: hostile.Text, Cause: chat.ErrClosed}),
	} {
		hostile.Check(t, string(p.Code), p.Text)
	}
	if p := ProblemOf(&protocol.BlobError{Refusal: protocol.BlobQuotaExceeded}); p.Code != CodeNoRoom {
		t.Errorf("no room on the server is %q", p.Code)
	}
}
