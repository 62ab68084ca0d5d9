// SPDX-License-Identifier: AGPL-3.0-or-later

package client_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/securecrypt/securecrypt/client"
	"github.com/securecrypt/securecrypt/client/attach"
	"github.com/securecrypt/securecrypt/client/backend"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/fakeserver"
	"github.com/securecrypt/securecrypt/content"
	"github.com/securecrypt/securecrypt/protocol"
)

// photo returns bytes of more than one piece.
func photo(mark byte) []byte { return bytes.Repeat([]byte{mark, 1, 2, 3, 4, 5, 6}, 200_000) }

func (p *person) attach(name string, plain []byte) chat.FileID {
	p.t.Helper()
	id, err := p.Files().Attach(p.t.Context(), name, "image/webp", bytes.NewReader(plain))
	must(p.t, err)
	return id
}

// opened reads the first attachment of a message.
func (p *person) opened(m chat.Message) ([]byte, error) {
	f, size, err := p.Files().Open(p.t.Context(), m.Conversation, m.ID, m.Attachments[0].Index)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(f)
	if err == nil && int64(len(b)) != size {
		p.t.Errorf("%d bytes were read of %d", len(b), size)
	}
	return b, errors.Join(err, f.Close())
}

func (p *person) wantOpened(m chat.Message, want []byte) {
	p.t.Helper()
	if got, err := p.opened(m); err != nil || !bytes.Equal(got, want) {
		p.t.Errorf("%s opened %d bytes, want %d; %v", p.Address(), len(got), len(want), err)
	}
}

// offline makes every upload and download fail.
func offline(net *fakeserver.Net) {
	net.Server(host).SetFaults(fakeserver.Faults{Blob: func(string, string) error { return backend.ErrOffline }})
}

func online(net *fakeserver.Net) { net.Server(host).SetFaults(fakeserver.Faults{}) }

// A file that was attached is sent whatever stops the program meanwhile, and
// both sides see it without asking the server again.
func TestAttachedFilesAreSentAndOpened(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := fakeserver.NewNet()
		a, b := join(t, net, "alice", host), join(t, net, "bob", host)
		id := group(t, a, b)
		plain := photo('a')
		file := a.attach("sunset.webp", plain)
		a.restart()
		offline(net)
		m, err := a.Send(t.Context(), id, chat.Draft{Text: "see", Attached: []chat.FileID{file}})
		must(t, err)
		pass(time.Minute)
		a.restart()
		own := a.history(id)[0]
		a.wantOpened(own, plain)
		if got := own.Attachments[0]; got.File != file || got.Name != "sunset.webp" || got.Type != "image/webp" || got.Path != "" {
			t.Errorf("the own attachment is %+v", got)
		}
		online(net)
		pass(10 * time.Minute)
		if got, err := a.Messages().Message(id, m.ID); err != nil || got.State != chat.StateDelivered {
			t.Fatalf("state %v, %v", got.State, err)
		}
		theirs := b.history(id)[0]
		b.wantOpened(theirs, plain)
		offline(net)
		b.restart()
		a.wantOpened(own, plain)
		b.wantOpened(theirs, plain)
	})
}

// A file is sent with one message: the same blob in two would tell the server
// that they belong together.
func TestAttachedFilesAreSentOnce(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := fakeserver.NewNet()
		a, b := join(t, net, "alice", host), join(t, net, "bob", host)
		id := group(t, a, b)
		file := a.attach("a", photo('a'))
		for _, files := range [][]chat.FileID{{file, file}, {"nonsense"}, {"0000"}} {
			if _, err := a.Send(t.Context(), id, chat.Draft{Attached: files}); err == nil {
				t.Errorf("%v was sent", files)
			}
		}
		draft := chat.Draft{Attached: []chat.FileID{file}}
		_, err := a.Send(t.Context(), id, draft)
		must(t, err)
		if _, err := a.Send(t.Context(), id, draft); err == nil {
			t.Error("it was sent twice")
		}
		must(t, a.Files().Detach(file)) // too late: it is in a message
		pass(time.Minute)
		b.wantOpened(b.history(id)[0], photo('a'))
		gone := a.attach("b", photo('b'))
		must(t, a.Files().Detach(gone))
		if _, err := a.Send(t.Context(), id, chat.Draft{Attached: []chat.FileID{gone}}); err == nil {
			t.Error("a detached file was sent")
		}
		if n := a.Kept(t); n != 1 {
			t.Errorf("%d files are kept", n)
		}
	})
}

func TestAttachingEndsWithItsSource(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		a := join(t, fakeserver.NewNet(), "alice", host)
		broken := errors.New("broken")
		_, err := a.Files().Attach(t.Context(), "a", "", io.MultiReader(bytes.NewReader(photo('a')), iotest.ErrReader(broken)))
		if !errors.Is(err, broken) {
			t.Errorf("a broken source: %v", err)
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(broken)
		if _, err := a.Files().Attach(ctx, "a", "", bytes.NewReader(photo('a'))); !errors.Is(err, broken) {
			t.Errorf("an ended context: %v", err)
		}
		a.store.Fill(true)
		if _, err := a.Files().Attach(t.Context(), "a", "", bytes.NewReader(photo('a'))); err == nil {
			t.Error("a full disk took it")
		}
		a.store.Fill(false)
		if n := a.Kept(t); n != 0 {
			t.Errorf("%d files are kept", n)
		}
	})
}

// Whatever write fails, a file is attached, sent and opened whole or not at
// all, and trying again helps.
func TestFilesSurviveFailingDisks(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := fakeserver.NewNet()
		a, b := join(t, net, "alice", host), join(t, net, "bob", host)
		id := group(t, a, b)
		plain := photo('a')
		for n, failed := 1, true; failed; n++ {
			a.store.FailAt(n)
			file, err := a.Files().Attach(t.Context(), "a", "", bytes.NewReader(plain))
			failed = err != nil
			a.store.FailAt(0)
			if kept := a.Kept(t); failed && kept != 0 {
				t.Fatalf("after the failure of write %d, %d files are kept", n, kept)
			}
			if !failed {
				_, err := a.Send(t.Context(), id, chat.Draft{Attached: []chat.FileID{file}})
				must(t, err)
			}
		}
		pass(time.Minute)
		m := b.history(id)[0]
		for n, failed := 1, true; failed; n++ {
			b.store.FailAt(n)
			got, err := b.opened(m)
			b.store.FailAt(0)
			if failed = err != nil; !failed && !bytes.Equal(got, plain) {
				t.Errorf("with a failure at write %d it opened %d bytes", n, len(got))
			}
			b.wantOpened(m, plain)
			must(t, b.ForgetFiles(m))
		}
	})
}

// What is kept of a file goes with its message.
// photographed has alice send a file that bob opens, and returns what leads to
// it; afterwards the server has it no more.
// Whoever leads to the file of another message cannot take it away, whether or
// not it was opened there, too. It goes with the last.
// Where it was not noted which messages have a file, it goes with any.
// A size that somebody claims takes no room: what arrives does, and not if it
// cannot fit.
func TestClaimedSizesTakeNoRoom(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		x := newTrio(t, false)
		plain := photo('a')
		x.bob.KeepAtMost(int64(2 * len(plain)))
		_, bobs, ext := x.photographed(t, plain)
		ext.ContentHash = make([]byte, len(ext.ContentHash))
		for i, size := range []uint64{uint64(2 * len(plain)), attach.MaxSize} {
			ext.Size = size
			ext.URL = strings.TrimSuffix(ext.URL, ext.URL[len(ext.URL)-8:]) + "AAAAAAA" + string(rune('A'+4*i))
			x.claim(t, content.Attach("", ext))
			if _, err := x.bob.opened(x.bob.history(x.id)[1+i]); !errors.Is(err, chat.ErrFileGone) {
				t.Errorf("what is not there: %v", err)
			}
			x.bob.wantOpened(bobs, plain)
		}
		large := append(plain, make([]byte, 2*len(plain))...)
		m, err := x.alice.Send(t.Context(), x.id, chat.Draft{Attached: []chat.FileID{x.alice.attach("large", large)}})
		must(t, err)
		pass(time.Minute)
		got, err := x.bob.Messages().Message(x.id, m.ID)
		must(t, err)
		x.bob.wantOpened(got, large)
		x.bob.wantOpened(bobs, plain)
		if n := x.bob.Kept(t); n < 2 {
			t.Errorf("%d files are kept", n)
		}
	})
}

// Nothing of a message that is deleted or expires before it was sent stays.
// There is room for two: what was not opened for longest goes, never what is
// still to be sent.
func TestOldFilesMakeRoom(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := fakeserver.NewNet()
		a, b := join(t, net, "alice", host), join(t, net, "bob", host)
		id := group(t, a, b)
		a.KeepAtMost(int64(2*len(photo(0)) + 10))
		b.KeepAtMost(int64(2*len(photo(0)) + 10))
		for i := range byte(3) {
			_, err := a.Send(t.Context(), id, chat.Draft{Attached: []chat.FileID{a.attach("file", photo(i))}})
			must(t, err)
			pass(2 * time.Hour)
		}
		all := b.history(id)
		for i, m := range all {
			b.wantOpened(m, photo(byte(i)))
			pass(2 * time.Hour)
			b.wantOpened(all[0], photo(0)) // so that the second is the oldest
			pass(2 * time.Hour)
		}
		if a.Kept(t) != 2 || b.Kept(t) != 2 {
			t.Errorf("alice keeps %d, bob %d", a.Kept(t), b.Kept(t))
		}
		offline(net)
		b.wantOpened(all[0], photo(0))
		b.wantOpened(all[2], photo(2))
		if _, err := b.opened(all[1]); !errors.Is(err, backend.ErrOffline) {
			t.Errorf("the second file: %v", err)
		}
		var waiting []chat.FileID
		for i := range byte(3) { // more than there is room for
			waiting = append(waiting, a.attach("file", photo('x'+i)))
		}
		_, err := a.Send(t.Context(), id, chat.Draft{Attached: waiting})
		must(t, err)
		last := a.attach("last", photo('z'))
		online(net)
		pass(10 * time.Minute)
		b.wantOpened(b.history(id)[3], photo('x'))
		_, err = a.Send(t.Context(), id, chat.Draft{Attached: []chat.FileID{last}})
		must(t, err)
	})
}

// A download goes on where it was cut, is made once however many want it, and
// what is not the file that was sent is not shown.
func TestOpeningResumesAndNoticesChanges(t *testing.T) {
	plain := photo('a')
	c := client.SendFile(t, "photo", "here", plain)
	open := func() ([]byte, error) {
		f, _, err := c.Files().Open(t.Context(), c.Conv, c.ID, c.Index)
		if err != nil {
			return nil, err
		}
		return io.ReadAll(f)
	}
	c.Blob.Cut = 1 << 20
	if _, err := open(); err == nil {
		t.Error("half a file was opened")
	}
	c.Blob.Cut = 0
	c.Blob.Data[1_300_000] ^= 1
	if _, err := open(); !errors.Is(err, attach.ErrCorrupt) {
		t.Errorf("a changed blob: %v", err)
	}
	c.Blob.Data[1_300_000] ^= 1
	c.Blob.Cut = 1 << 20
	if _, err := open(); err == nil {
		t.Error("half a file was opened")
	}
	c.Blob.Cut = 0
	clear(c.Blob.Data[:500_000]) // which is not asked for again
	if b, err := open(); err != nil || !bytes.Equal(b, plain) {
		t.Errorf("%d bytes, %v", len(b), err)
	}
	c.Blob.Data = nil // nor is any of it
	if b, err := open(); err != nil || !bytes.Equal(b, plain) {
		t.Errorf("%d bytes, %v", len(b), err)
	}
}

// A file that its server let go of is told apart from an account that there is
// not.
func TestFilesThatAreGone(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		x := newTrio(t, false)
		m, _, _ := x.photographed(t, photo('a'))
		notFound := &protocol.Error{Code: protocol.CodeNotFound}
		theirs, err := x.mallory.Messages().Message(x.id, m.ID)
		must(t, err)
		if _, err := x.mallory.opened(theirs); !errors.Is(err, chat.ErrFileGone) || errors.Is(err, notFound) {
			t.Errorf("opening it: %v", err)
		}
		_, err = x.mallory.Files().Save(t.Context(), x.id, m.ID, theirs.Attachments[0].Index, t.TempDir())
		if !errors.Is(err, chat.ErrFileGone) || errors.Is(err, notFound) {
			t.Errorf("saving it: %v", err)
		}
		x.net.Server(host).SetFaults(fakeserver.Faults{Blob: func(_, method string) error {
			if method == "append" {
				return notFound
			}
			return nil
		}})
		sent, err := x.alice.Send(t.Context(), x.id, chat.Draft{Attached: []chat.FileID{x.alice.attach("b", photo('b'))}})
		must(t, err)
		pass(time.Minute)
		if m, err := x.alice.Messages().Message(x.id, sent.ID); err != nil || !errors.Is(m.Reason.Cause, chat.ErrFileGone) {
			t.Errorf("an upload that the server lost: %+v, %v", m.Reason, err)
		}
	})
}

func TestOpeningFollowsNoOtherServer(t *testing.T) {
	c := client.SendFile(t, "photo", "tracker.example", photo('a'))
	if _, _, err := c.Files().Open(t.Context(), c.Conv, c.ID, c.Index); err == nil {
		t.Error("it was opened")
	}
	if len(c.Blob.Hosts) > 0 {
		t.Errorf("asked %q", c.Blob.Hosts)
	}
}

// Files can be read from the middle, as players of films do.
func TestOpenFilesAreSought(t *testing.T) {
	plain := photo('a')
	c := client.SendFile(t, "film", "here", plain)
	f, size, err := c.Files().Open(t.Context(), c.Conv, c.ID, c.Index)
	must(t, err)
	if err := iotest.TestReader(f, plain); err != nil || size != int64(len(plain)) {
		t.Errorf("%d bytes: %v", size, err)
	}
}

// Without a disk nothing is read from paths, and that is said.
func TestNoFilesWithoutADisk(t *testing.T) {
	c := client.SendFile(t, "photo", "here", photo('a'))
	_, err := c.Send(t.Context(), c.Conv, chat.Draft{Files: []string{"/etc/passwd"}})
	if err == nil || !strings.Contains(err.Error(), "within") {
		t.Errorf("sending: %v", err)
	}
	if _, err := c.Files().Save(t.Context(), c.Conv, c.ID, c.Index, t.TempDir()); err == nil || !strings.Contains(err.Error(), "within") {
		t.Errorf("saving: %v", err)
	}
}

// The store holds no byte of a file that it does not seal.
func TestKeptFilesAreSealed(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		a := join(t, fakeserver.NewNet(), "alice", host)
		mark := bytes.Repeat([]byte("a marked plaintext "), 50_000)
		a.attach("a marked name", mark)
		pieces := 0
		must(t, a.store.View(func(tx backend.Tx) error {
			return tx.Scan(nil, nil, false, func(k, v []byte) (bool, error) {
				if slices.ContainsFunc([][]byte{k, v}, func(b []byte) bool { return bytes.Contains(b, []byte("marked")) }) {
					t.Errorf("the record %q is not sealed", k)
				}
				if len(v) > 100_000 {
					pieces++
				}
				return true, nil
			})
		}))
		if pieces != 2 {
			t.Errorf("%d pieces, want 2", pieces)
		}
	})
}
