// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/securecrypt/securecrypt/client/attach"
	"github.com/securecrypt/securecrypt/client/keyring"
	"github.com/securecrypt/securecrypt/content"
	"github.com/securecrypt/securecrypt/protocol"
)

// oneBlob is a transport with one blob at every address.
type oneBlob struct {
	nowhere
	hosts []string
	data  []byte
	cut   int // bytes after which a download ends, 0 for none
}

func (o *oneBlob) Blobs(host string) Blobs {
	o.hosts = append(o.hosts, host)
	return oneBlobs{o}
}

type oneBlobs struct{ *oneBlob }

func (o oneBlobs) Create(context.Context, protocol.UploadToken, int64, time.Duration) (int64, error) {
	return 0, nil
}

func (o oneBlobs) Append(ctx context.Context, _ protocol.UploadToken, _ int64, body io.Reader) error {
	buf := make([]byte, 1000)
	if _, err := io.ReadFull(body, buf); err != nil {
		return err
	}
	<-ctx.Done() // and reads no further
	return context.Cause(ctx)
}

func (o oneBlobs) Fetch(_ context.Context, _ protocol.BlobID, offset int64) (io.ReadCloser, error) {
	data := o.data[offset:]
	if o.cut > 0 {
		data = data[:min(o.cut, len(data))]
	}
	return io.NopCloser(bytes.NewReader(data)), nil
}

// attached returns a client that was sent a file, the file's place, and its
// transport.
func attached(t *testing.T, name, host string, plain []byte) (*Client, *oneBlob, ConversationID, content.MessageID, int) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "source")
	fatal(t, os.WriteFile(path, plain, 0o600))
	u, err := prepareUpload(path)
	fatal(t, err)
	u.Name = name
	keys, err := attach.DeriveKeys(u.Secret, u.Hash)
	fatal(t, err)
	box, err := attach.Seal(keys, plain)
	fatal(t, err)
	blob := &oneBlob{data: box}
	c := lonely(t)
	c.config.Transport = blob
	part, err := u.part(host, time.Now().Add(time.Hour))
	fatal(t, err)
	id, err := c.begin(groupState{Group: true, Title: "T"}, "", nil)
	fatal(t, err)
	var m Message
	fatal(t, c.store.update(func(tx *sealedTx) error {
		machine, err := loadConversation(tx, c.self, c.now, c.ids[id])
		if err != nil {
			return err
		}
		machine.begin(tx, &outcome{})
		if err := (commandSend{message: content.Attach("see", part), sent: &m}).step(machine, tx); err != nil {
			return err
		}
		return machine.end(tx)
	}))
	got, err := c.Message(id, m.ID)
	fatal(t, err)
	return c, blob, id, m.ID, got.Attachments[0].Index
}

func names(t *testing.T, dir string) (all []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	fatal(t, err)
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
		c, _, id, m, index := attached(t, name, "here", []byte("content"))
		outer := t.TempDir()
		dir := filepath.Join(outer, "in")
		for i, expected := range []string{want, strings.TrimSuffix(want, ".txt") + " (2)" + map[bool]string{true: ".txt"}[strings.HasSuffix(want, ".txt")]} {
			path, err := c.Save(t.Context(), id, m, index, dir)
			fatal(t, err)
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
	c, _, id, m, index := attached(t, "file.txt", "here", []byte("content"))
	dir, elsewhere := t.TempDir(), filepath.Join(t.TempDir(), "precious")
	fatal(t, os.WriteFile(elsewhere, []byte("precious"), 0o600))
	part := filepath.Join(dir, "."+m.String()[:16]+"-"+string(rune('0'+index))+".part")
	fatal(t, os.Symlink(elsewhere, part))
	fatal(t, os.Symlink(elsewhere, filepath.Join(dir, "file.txt")))
	if _, err := c.Save(t.Context(), id, m, index, dir); err == nil {
		t.Error("a link was written through")
	}
	fatal(t, os.Remove(part))
	path, err := c.Save(t.Context(), id, m, index, dir)
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
	c, blob, id, m, index := attached(t, "file", "here", plain)
	dir := t.TempDir()
	blob.cut = 150_000
	if _, err := c.Save(t.Context(), id, m, index, dir); err == nil {
		t.Error("half a file was saved")
	}
	if got := names(t, dir); len(got) != 1 || !strings.HasSuffix(got[0], ".part") {
		t.Errorf("half a file left %q", got)
	}
	blob.data[200_000] ^= 1
	blob.cut = 0
	if _, err := c.Save(t.Context(), id, m, index, dir); !errors.Is(err, attach.ErrCorrupt) {
		t.Errorf("a changed blob: %v", err)
	}
	blob.data[200_000] ^= 1
	clear(blob.data[:100]) // which is not asked for again
	path, err := c.Save(t.Context(), id, m, index, dir)
	fatal(t, err)
	if b, err := os.ReadFile(path); err != nil || !bytes.Equal(b, plain) {
		t.Errorf("%d bytes, %v", len(b), err)
	}
}

// An attachment elsewhere is not fetched: that server would see who reads it.
func TestAttachmentsElsewhereAreNotFetched(t *testing.T) {
	c, blob, id, m, index := attached(t, "file", "tracker.example", []byte("x"))
	if _, err := c.Save(t.Context(), id, m, index, t.TempDir()); err == nil {
		t.Error("it was fetched")
	}
	if len(blob.hosts) > 0 {
		t.Errorf("asked %q", blob.hosts)
	}
}

func TestBadExternalParts(t *testing.T) {
	good := func() *content.External {
		id := protocol.BlobID{1}
		return &content.External{URL: "https://here" + protocol.BlobPath + "/" + id.String(), Key: make([]byte, attach.KeySize), Nonce: make([]byte, attach.NonceSize), Size: 1}
	}
	if _, _, err := blobOf(good()); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*content.External){
		"scheme":      func(e *content.External) { e.URL = strings.Replace(e.URL, "https", "file", 1) },
		"no host":     func(e *content.External) { e.URL = strings.Replace(e.URL, "here", "", 1) },
		"other path":  func(e *content.External) { e.URL += "/../x" },
		"no url":      func(e *content.External) { e.URL = "" },
		"short key":   func(e *content.External) { e.Key = e.Key[1:] },
		"no key":      func(e *content.External) { e.Key = nil },
		"long nonce":  func(e *content.External) { e.Nonce = make([]byte, 12) },
		"huge":        func(e *content.External) { e.Size = attach.MaxSize + 1 },
		"most bits":   func(e *content.External) { e.Size = 1 << 63 },
		"broken url":  func(e *content.External) { e.URL = "https://%zz" },
		"credentials": func(e *content.External) { e.URL = "https://here@there/v1/blobs/x" },
	} {
		e := good()
		change(e)
		if host, _, err := blobOf(e); err == nil {
			t.Errorf("%s: accepted, at %q", name, host)
		}
	}
}

func TestOnlyFilesAreAttached(t *testing.T) {
	dir := t.TempDir()
	for _, path := range []string{dir, filepath.Join(dir, "none"), "/dev/null"} {
		if _, err := prepareUpload(path); err == nil {
			t.Errorf("%s was taken", path)
		}
	}
}

// An upload to a server that does not take it ends, to be tried again.
func TestStalledUploadsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "file")
		fatal(t, os.WriteFile(path, make([]byte, 100_000), 0o600))
		u, err := prepareUpload(path)
		fatal(t, err)
		cfg := Config{Store: newMapStore(), Key: keyring.StoreKey{1}, Transport: &oneBlob{}}
		c := &Client{config: cfg}
		began := time.Now()
		if err := c.upload(t.Context(), "here", u, 0); !retryable(err) {
			t.Errorf("a stalled upload ended with %v", err)
		}
		if err := c.uploadStash(t.Context(), "here", u.Token, make([]byte, 2000)); !retryable(err) {
			t.Errorf("a stalled stash ended with %v", err)
		}
		if took := time.Since(began); took > 10*time.Minute {
			t.Errorf("it took %v", took)
		}
	})
}
