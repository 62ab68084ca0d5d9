// SPDX-License-Identifier: AGPL-3.0-or-later

package client_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/files/disk"
	"github.com/securecrypt/securecrypt/content"
)

// What is no UTF-8 does no harm to the profile, whichever way it gets there:
// names of files need not be.
func TestBadStringsAreNotStored(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		x := newTrio(t, false)
		file, err := x.alice.Files().Attach(t.Context(), "a\xff.webp", "image/\xff", bytes.NewReader([]byte("a")))
		must(t, err)
		m, err := x.alice.Send(t.Context(), x.id, chat.Draft{Text: "see\xff", Attached: []chat.FileID{file}})
		must(t, err)
		dir := filepath.Join(t.TempDir(), "\xff")
		if os.Mkdir(dir, 0o700) == nil { // some systems have no such names
			path := filepath.Join(dir, "file")
			must(t, os.WriteFile(path, []byte("b"), 0o600))
			_, err := x.alice.Send(t.Context(), x.id, chat.Draft{Files: []string{path}})
			must(t, err)
		}
		must(t, x.alice.List().SetDraft(t.Context(), x.id, "draft\xff", content.MessageID{}))
		pass(time.Minute)
		must(t, x.alice.Messages().Edit(t.Context(), x.id, m.ID, "edited\xff"))
		must(t, x.alice.Messages().React(t.Context(), x.id, m.ID, "\xff", false))
		pass(time.Minute)
		theirs := x.bob.history(x.id)[0]
		saved, err := x.bob.Files().Save(t.Context(), x.id, m.ID, theirs.Attachments[0].Index, dir)
		must(t, err)
		if !utf8.ValidString(saved) || filepath.Dir(disk.Path(saved)) != dir {
			t.Errorf("it was saved as %q", saved)
		}
		x.alice.restart()
		pass(time.Minute)
		own := x.alice.history(x.id)[0]
		if own.Text != "edited\uFFFD" || own.Attachments[0].Name != "a.webp" || len(own.Reactions) != 1 || x.alice.status(x.id).Draft != "draft\uFFFD" {
			t.Errorf("alice sees %+v", own)
		}
		x.alice.wantOpened(own, []byte("a"))
		if theirs.Text != own.Text || len(theirs.Reactions) != 1 {
			t.Errorf("bob sees %+v", theirs)
		}
		x.talks(t)
	})
}
