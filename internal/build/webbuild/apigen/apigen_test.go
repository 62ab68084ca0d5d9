// SPDX-License-Identifier: AGPL-3.0-or-later

package apigen_test

import (
	"strings"
	"testing"

	"github.com/securecrypt/securecrypt/client/app"
	"github.com/securecrypt/securecrypt/internal/build/webbuild/apigen"
)

func TestWrite(t *testing.T) {
	var b strings.Builder
	if err := apigen.Write(&b); err != nil {
		t.Fatal(err)
	}
	got := b.String()
	for _, want := range []string{
		"  send: [Send, Sent];\n", "  typing: Typing;\n", "export type Phase = 'none' | 'locked' | 'linking' | 'open';\n",
		"  last: Message | null;\n", "  interface: Record<string, string>;\n", "export interface AttachmentRef {\n",
	} {
		if strings.Count(got, want) != 1 {
			t.Errorf("%q is there %d times", want, strings.Count(got, want))
		}
	}
	if strings.Contains(got, "Body") {
		t.Error("a file is passed as JSON")
	}
	for name := range app.Events {
		if !strings.Contains(got, "\n  "+name+": ") {
			t.Errorf("the event %s is missing", name)
		}
	}
}
