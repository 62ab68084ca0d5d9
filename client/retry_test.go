// SPDX-License-Identifier: AGPL-3.0-or-later

package client_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/fakeserver"
	"github.com/securecrypt/securecrypt/protocol"
)

// refusing makes the server refuse all posts until it is told not to.
func (x *trio) refusing(code protocol.ErrorCode) (stop func()) {
	x.net.Server(host).SetFaults(fakeserver.Faults{Request: func(_ string, op protocol.Op, _ protocol.Body) fakeserver.Verdict {
		if op == protocol.OpChannelPost {
			return fakeserver.Verdict{Refuse: &protocol.Error{Code: code}}
		}
		return fakeserver.Verdict{}
	}})
	return func() { x.net.Server(host).SetFaults(fakeserver.Faults{}) }
}

// A message that failed goes again when it is told to, with its files and its
// edits, in its place.
func TestRetry(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		x := newTrio(t, false)
		path := filepath.Join(t.TempDir(), "file.txt")
		must(t, os.WriteFile(path, []byte("what the file holds"), 0o600))
		kept, err := x.alice.Files().Attach(t.Context(), "kept.txt", "text/plain", bytes.NewReader([]byte("what was kept")))
		must(t, err)
		stop := x.refusing(protocol.CodeTooLarge)
		m, err := x.alice.Send(t.Context(), x.id, chat.Draft{Text: "one", Files: []string{path}, Attached: []chat.FileID{kept}})
		must(t, err)
		pass(time.Minute)
		if got, err := x.alice.Messages().Message(x.id, m.ID); err != nil || got.State != chat.StateFailed {
			t.Fatalf("%+v, %v", got, err)
		}
		must(t, x.alice.Messages().Edit(t.Context(), x.id, m.ID, "two"))
		pass(time.Minute)
		stop()
		x.net.Server(host).LoseBlobs()
		x.alice.restart()
		x.alice.say(x.id, "later")
		pass(time.Second)
		must(t, x.alice.Messages().Retry(t.Context(), x.id, m.ID))
		if err := x.alice.Messages().Retry(t.Context(), x.id, m.ID); err == nil {
			t.Error("a message was sent again twice")
		}
		pass(time.Minute)
		want(t, "alice", x.alice.texts(x.id), []string{"two", "later"})
		want(t, "bob", x.bob.texts(x.id), []string{"later", "two"})
		if got, err := x.alice.Messages().Message(x.id, m.ID); err != nil || got.State != chat.StateDelivered || got.Reason != (chat.Reason{}) {
			t.Errorf("%+v, %v", got, err)
		}
		for i, want := range []string{"what the file holds", "what was kept"} {
			a := x.bob.history(x.id)[1].Attachments[i]
			f, _, err := x.bob.Files().Open(t.Context(), x.id, m.ID, a.Index)
			must(t, err)
			got, err := io.ReadAll(f)
			must(t, err)
			must(t, f.Close())
			if string(got) != want {
				t.Errorf("%s holds %q", a.Name, got)
			}
		}
		if err := x.alice.Messages().Retry(t.Context(), x.id, m.ID); err == nil {
			t.Error("what was sent was sent again")
		}
		if err := x.bob.Messages().Retry(t.Context(), x.id, m.ID); !errors.Is(err, chat.ErrNotYours) {
			t.Errorf("bob sends alice's message again: %v", err)
		}
		must(t, x.alice.Idle(x.id))
	})
}

// What waits can be taken back without a trace, while its file is on its way,
// too, but not once others may have it.
func TestCancel(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		x := newTrio(t, false)
		x.alice.way.Partition("", true)
		synctest.Wait() // until alice knows: what she sends before may have left
		kept, err := x.alice.Files().Attach(t.Context(), "kept.bin", "", bytes.NewReader(make([]byte, 3<<20)))
		must(t, err)
		first, err := x.alice.Send(t.Context(), x.id, chat.Draft{Text: "first", Attached: []chat.FileID{kept}})
		must(t, err)
		second := x.alice.say(x.id, "second")
		x.alice.say(x.id, "third")
		must(t, x.alice.Messages().Cancel(t.Context(), x.id, second.ID))
		var cut atomic.Bool
		x.net.Server(host).SetFaults(fakeserver.Faults{CutUpload: 1 << 20, Blob: func(string, string) error {
			cut.Store(true)
			return nil
		}})
		x.alice.way.Partition("", false)
		pass(2 * time.Second)
		if !cut.Load() {
			t.Fatal("no upload began")
		}
		must(t, x.alice.Messages().Cancel(t.Context(), x.id, first.ID))
		x.net.Server(host).SetFaults(fakeserver.Faults{})
		pass(10 * time.Minute)
		for _, p := range []*person{x.alice, x.bob} {
			want(t, p.Address().String(), p.texts(x.id), []string{"third"})
		}
		if n := x.alice.Kept(t); n != 0 {
			t.Errorf("%d files are still there", n)
		}
		if err := x.alice.Messages().Cancel(t.Context(), x.id, first.ID); !errors.Is(err, chat.ErrNoMessage) {
			t.Errorf("cancelled twice: %v", err)
		}
		third := x.alice.history(x.id)[0]
		if err := x.alice.Messages().Cancel(t.Context(), x.id, third.ID); !errors.Is(err, chat.ErrTooLate) {
			t.Errorf("cancelled what was sent: %v", err)
		}
		stop := x.refusing(protocol.CodeTooLarge)
		failed := x.alice.say(x.id, "failed")
		pass(time.Minute)
		must(t, x.alice.Messages().Cancel(t.Context(), x.id, failed.ID))
		stop()
		want(t, "alice", x.alice.texts(x.id), []string{"third"})
		must(t, x.alice.Idle(x.id))
	})
}

// An upload tells which message it belongs to, and ends when that is taken
// back.
func TestProgressNamesTheMessage(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		x := newTrio(t, false)
		progress := make(chan chat.ProgressEvent, 100)
		x.alice.Close()
		x.alice.cfg.OnEvent = func(e chat.Event) {
			if p, ok := e.(chat.ProgressEvent); ok {
				progress <- p
			}
		}
		x.alice.open()
		must(t, x.alice.ConnectAll())
		path := filepath.Join(t.TempDir(), "file.bin")
		must(t, os.WriteFile(path, make([]byte, 2<<20), 0o600))
		m, err := x.alice.Send(t.Context(), x.id, chat.Draft{Text: "see", Files: []string{path}})
		must(t, err)
		pass(time.Minute)
		got, err := x.alice.Messages().Message(x.id, m.ID)
		must(t, err)
		p := <-progress
		if p.Conversation != x.id || p.Message != m.ID || p.Index != got.Attachments[0].Index || p.Total == 0 {
			t.Errorf("%+v", p)
		}
	})
}
