// SPDX-License-Identifier: AGPL-3.0-or-later

package client_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/backend"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/files/disk"
	"github.com/securecrypt/securecrypt/client/internal/fakeserver"
	"github.com/securecrypt/securecrypt/protocol"
)

// refusingFiles makes the server refuse all uploads, and count how often it did.
func (x *trio) refusingFiles(err error) *atomic.Int32 {
	tries := new(atomic.Int32)
	x.net.Server(host).SetFaults(fakeserver.Faults{Blob: func(string, string) error {
		tries.Add(1)
		return err
	}})
	return tries
}

func (x *trio) sendFile(t *testing.T, text string) chat.Message {
	t.Helper()
	m, err := x.alice.Send(t.Context(), x.id, chat.Draft{Text: text, Attached: []chat.FileID{x.alice.attach(text, photo('a'))}})
	must(t, err)
	return m
}

// A file that the server does not take now waits for as long as the server
// asks; what is said after it does not wait.
func TestTextsPassFilesThatWait(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		x := newTrio(t, true)
		tries := x.refusingFiles(&protocol.BlobError{Refusal: protocol.BlobUnavailable, RetryAfter: 90 * time.Second})
		x.sendFile(t, "one file")
		x.sendFile(t, "another file")
		x.alice.say(x.id, "a text")
		pass(2 * time.Second)
		want(t, "bob", x.bob.texts(x.id), []string{"a text"})
		must(t, x.alice.Messages().WaitUntilSentExceptFiles(t.Context(), x.id))
		pass(86 * time.Second)
		if n := tries.Load(); n != 1 {
			t.Errorf("tried %d times in 88 s", n)
		}
		pass(4 * time.Second)
		if n := tries.Load(); n != 2 {
			t.Errorf("tried %d times in 92 s", n)
		}
		x.net.Server(host).SetFaults(fakeserver.Faults{})
		pass(2 * time.Minute)
		want(t, "bob", x.bob.texts(x.id), []string{"a text", "one file", "another file"})
		must(t, x.alice.Idle(x.id))
	})
}

// What is refused for good fails at once, says why, and is the only thing that
// fails.
func TestRefusedFilesSayWhy(t *testing.T) {
	for refusal, cause := range map[protocol.BlobRefusal]error{
		protocol.BlobQuotaExceeded: &protocol.Error{Code: protocol.CodeQuotaExceeded},
		protocol.BlobTooLarge:      &protocol.Error{Code: protocol.CodeTooLarge},
		protocol.BlobUnauthorized:  nil,
	} {
		t.Run(string(refusal), func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				x := newTrio(t, false)
				tries := x.refusingFiles(&protocol.BlobError{Refusal: refusal})
				file := x.sendFile(t, "a file")
				x.alice.say(x.id, "a text")
				pass(2 * time.Second)
				m, err := x.alice.Messages().Message(x.id, file.ID)
				must(t, err)
				if m.State != chat.StateFailed || m.Reason.Text != refusal.String() || !errors.Is(m.Reason.Cause, cause) || tries.Load() != 1 {
					t.Errorf("after %d tries: %v, %+v", tries.Load(), m.State, m.Reason)
				}
				want(t, "bob", x.bob.texts(x.id), []string{"a text"})
				must(t, x.alice.Idle(x.id))
			})
		})
	}
}

// A removal goes before what waits to be sent, such as a file, but not before a commit that is
// under way: the server may have that already.
func TestRemovalWaitsForCommitUnderWay(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		x := newTrio(t, true)
		x.refusingFiles(backend.ErrOffline)
		x.sendFile(t, "a file")
		pass(time.Minute)
		x.alice.way.Delay(10 * time.Second)
		x.alice.way.Cut("")
		pass(time.Minute)
		must(t, x.alice.Groups().Rename(t.Context(), x.id, "walk"))
		pass(time.Second)
		must(t, x.alice.Groups().Remove(t.Context(), x.id, []account.Address{x.mallory.Address()}))
		x.alice.say(x.id, "a text")
		pass(5 * time.Minute)
		want(t, "bob", x.bob.texts(x.id), []string{"a text"})
		members, err := x.bob.Groups().Members(x.id)
		must(t, err)
		if c := x.alice.status(x.id); c.Title != "walk" || c.Status != chat.StatusActive || len(members) != 2 {
			t.Errorf("%q, %s, with %d members", c.Title, c.Status, len(members))
		}
	})
}

// What changes a message comes after it, and whoever is added does not get what
// was said before; removals and titles do not wait.
func TestChangesAndFilesThatWait(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		x := newTrio(t, true)
		x.refusingFiles(backend.ErrOffline)
		file := x.sendFile(t, "a file")
		must(t, x.alice.Messages().Edit(t.Context(), x.id, file.ID, "the file"))
		must(t, x.alice.Messages().React(t.Context(), x.id, file.ID, "👍", false))
		dave := join(t, x.net, "dave", host)
		must(t, x.alice.Groups().Add(t.Context(), x.id, []account.Address{dave.Address()}))
		must(t, x.alice.Groups().Rename(t.Context(), x.id, "walk"))
		must(t, x.alice.Groups().Remove(t.Context(), x.id, []account.Address{x.mallory.Address()}))
		x.alice.say(x.id, "a text")
		pass(5 * time.Second)
		want(t, "bob", x.bob.texts(x.id), []string{"a text"})
		members, err := x.bob.Groups().Members(x.id)
		must(t, err)
		if c := x.bob.status(x.id); c.Title != "walk" || len(members) != 2 {
			t.Errorf("%q with %d members", c.Title, len(members))
		}
		x.net.Server(host).SetFaults(fakeserver.Faults{})
		pass(20 * time.Minute)
		want(t, "bob", x.bob.texts(x.id), []string{"a text", "the file"})
		if r := x.bob.history(x.id)[1].Reactions; len(r) != 1 {
			t.Errorf("reactions %v", r)
		}
		requests, err := dave.Conversations()
		must(t, err)
		if len(requests) != 1 {
			t.Fatalf("dave has %d conversations", len(requests))
		}
		dave.accept()
		pass(time.Minute)
		want(t, "dave", dave.texts(x.id), nil)
		must(t, x.alice.Idle(x.id))
	})
}

// slowFiles takes a second for each read, once it is told to.
type slowFiles struct {
	disk.Files
	slow atomic.Bool
}

func (s *slowFiles) Open(path string) (backend.Source, error) {
	f, err := s.Files.Open(path)
	f.ReadSeekCloser = slowFile{f.ReadSeekCloser, &s.slow}
	return f, err
}

type slowFile struct {
	io.ReadSeekCloser
	slow *atomic.Bool
}

func (f slowFile) Read(p []byte) (int, error) {
	if f.slow.Load() {
		time.Sleep(time.Second)
	}
	return f.ReadSeekCloser.Read(p[:min(len(p), 16<<10)])
}

// What is said about a photo comes after it; a long film does not hold up what
// is said next.
func TestTextsWaitForShortUploadsAlone(t *testing.T) {
	for size, order := range map[int][]string{16 << 10: {"a file", "a text"}, 1 << 20: {"a text", "a file"}} {
		inBubble(t, func(t *testing.T) {
			x := newTrio(t, false)
			files := new(slowFiles)
			x.alice.cfg.Files = files
			x.alice.restart()
			path := filepath.Join(t.TempDir(), "file.bin")
			must(t, os.WriteFile(path, make([]byte, size), 0o600))
			files.slow.Store(true)
			_, err := x.alice.Send(t.Context(), x.id, chat.Draft{Text: "a file", Files: []string{path}})
			must(t, err)
			x.alice.say(x.id, "a text")
			pass(7 * time.Second)
			if got := x.bob.texts(x.id); !slices.Contains(got, "a text") {
				t.Errorf("after 7 s bob has %q", got)
			}
			pass(10 * time.Minute)
			want(t, "bob", x.bob.texts(x.id), order)
			must(t, x.alice.Idle(x.id))
		})
	}
}
