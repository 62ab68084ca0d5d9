// SPDX-License-Identifier: AGPL-3.0-or-later

package client_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/client"
	"github.com/securecrypt/securecrypt/client/attach"
	"github.com/securecrypt/securecrypt/client/backend"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/files/disk"
	"github.com/securecrypt/securecrypt/client/internal/fakeserver"
)

// received returns a client that was sent a file and has a disk.
func received(t *testing.T, name, host string, plain []byte) *client.Sent {
	t.Helper()
	c := client.SendFile(t, name, host, plain)
	c.Use(disk.Files{})
	return c
}

func names(t *testing.T, dir string) (all []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

// A file lands in its folder under a harmless name, beside what is there.
func TestSavedFilesStayInTheirFolder(t *testing.T) {
	for name, want := range map[string]string{
		"../../evil.txt": "_.._evil.txt", "/etc/passwd": "_etc_passwd", "a/b\\c.txt": "a_b_c.txt", ".bashrc": "bashrc", "": "attachment", "file.txt": "file.txt",
	} {
		c := received(t, name, "here", []byte("content"))
		outer := t.TempDir()
		dir := filepath.Join(outer, "in")
		for i, expected := range []string{want, strings.TrimSuffix(want, ".txt") + " (2)" + map[bool]string{true: ".txt"}[strings.HasSuffix(want, ".txt")]} {
			path, err := c.Files().Save(t.Context(), c.Conv, c.ID, c.Index, dir)
			must(t, err)
			if path != filepath.Join(dir, expected) {
				t.Errorf("%q was saved %d as %q, want %q", name, i, path, expected)
			}
			if b, err := os.ReadFile(path); err != nil || string(b) != "content" {
				t.Errorf("%q holds %q, %v", path, b, err)
			}
		}
		if got := names(t, outer); !slices.Equal(got, []string{"in"}) {
			t.Errorf("%q left %q", name, got)
		}
		if got := names(t, dir); len(got) != 2 {
			t.Errorf("%q left %q", name, got)
		}
	}
}

func TestSaveFollowsNoLinks(t *testing.T) {
	c := received(t, "file.txt", "here", []byte("content"))
	dir, elsewhere := t.TempDir(), filepath.Join(t.TempDir(), "precious")
	must(t, os.WriteFile(elsewhere, []byte("precious"), 0o600))
	part := filepath.Join(dir, "."+c.ID.String()[:16]+"-"+string(rune('0'+c.Index))+".part")
	must(t, os.Symlink(elsewhere, part))
	must(t, os.Symlink(elsewhere, filepath.Join(dir, "file.txt")))
	if _, err := c.Files().Save(t.Context(), c.Conv, c.ID, c.Index, dir); err == nil {
		t.Error("a link was written through")
	}
	must(t, os.Remove(part))
	path, err := c.Files().Save(t.Context(), c.Conv, c.ID, c.Index, dir)
	if err != nil || filepath.Base(path) != "file (2).txt" {
		t.Errorf("%q, %v", path, err)
	}
	if b, err := os.ReadFile(elsewhere); err != nil || string(b) != "precious" {
		t.Errorf("the other file holds %q, %v", b, err)
	}
}

// A download that ends early goes on from there; one that was tampered with
// leaves nothing that looks like the file.
func TestDownloadsResumeAndNoticeChanges(t *testing.T) {
	plain := bytes.Repeat([]byte("0123456789"), 30_000)
	c := received(t, "file", "here", plain)
	blob := c.Blob
	dir := t.TempDir()
	blob.Cut = 150_000
	if _, err := c.Files().Save(t.Context(), c.Conv, c.ID, c.Index, dir); err == nil {
		t.Error("half a file was saved")
	}
	if got := names(t, dir); len(got) != 1 || !strings.HasSuffix(got[0], ".part") {
		t.Errorf("half a file left %q", got)
	}
	blob.Data[200_000] ^= 1
	blob.Cut = 0
	if _, err := c.Files().Save(t.Context(), c.Conv, c.ID, c.Index, dir); !errors.Is(err, attach.ErrCorrupt) {
		t.Errorf("a changed blob: %v", err)
	}
	if got := names(t, dir); len(got) != 0 {
		t.Errorf("a changed blob left %q", got)
	}
	blob.Data[200_000] ^= 1
	blob.Cut = 150_000
	if _, err := c.Files().Save(t.Context(), c.Conv, c.ID, c.Index, dir); err == nil {
		t.Error("half a file was saved")
	}
	blob.Cut = 0
	clear(blob.Data[:100]) // which is not asked for again
	path, err := c.Files().Save(t.Context(), c.Conv, c.ID, c.Index, dir)
	must(t, err)
	if b, err := os.ReadFile(path); err != nil || !bytes.Equal(b, plain) {
		t.Errorf("%d bytes, %v", len(b), err)
	}
}

// An attachment elsewhere is not fetched: that server would see who reads it.
func TestAttachmentsElsewhereAreNotFetched(t *testing.T) {
	c := received(t, "file", "tracker.example", []byte("x"))
	if _, err := c.Files().Save(t.Context(), c.Conv, c.ID, c.Index, t.TempDir()); err == nil {
		t.Error("it was fetched")
	}
	if len(c.Blob.Hosts) > 0 {
		t.Errorf("asked %q", c.Blob.Hosts)
	}
}

// What lies on the disk, unchanged, is opened there and not fetched.
func TestFilesOnDiskAreOpenedThere(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := fakeserver.NewNet()
		a, b := join(t, net, "alice", host), join(t, net, "bob", host)
		id := group(t, a, b)
		path, plain := filepath.Join(t.TempDir(), "file"), photo('a')
		must(t, os.WriteFile(path, plain, 0o600))
		m, err := a.Send(t.Context(), id, chat.Draft{Files: []string{path}})
		must(t, err)
		pass(time.Minute)
		theirs := b.history(id)[0]
		_, err = b.Files().Save(t.Context(), id, theirs.ID, theirs.Attachments[0].Index, t.TempDir())
		must(t, err)
		offline(net)
		own, err := a.Messages().Message(id, m.ID)
		must(t, err)
		a.wantOpened(own, plain)
		b.wantOpened(theirs, plain)
		must(t, os.WriteFile(path, []byte("something else"), 0o600))
		if _, err := a.opened(own); !errors.Is(err, backend.ErrOffline) {
			t.Errorf("a changed file: %v", err)
		}
		online(net)
		a.wantOpened(own, plain)
		if a.Kept(t) != 1 || b.Kept(t) != 0 {
			t.Errorf("alice keeps %d, bob %d", a.Kept(t), b.Kept(t))
		}
	})
}
