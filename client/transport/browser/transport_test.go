// SPDX-License-Identifier: AGPL-3.0-or-later

//go:build js && wasm

package browser_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/client/backend"
	"github.com/securecrypt/securecrypt/client/transport/browser"
	"github.com/securecrypt/securecrypt/client/transport/internal/blobtest"
	"github.com/securecrypt/securecrypt/protocol"
)

var transport browser.Transport

// dial connects to the server that does what it is told.
func dial(t *testing.T, order []byte) backend.Conn {
	t.Helper()
	conn, err := transport.Dial(t.Context(), os.Getenv("SOCKETS"))
	must(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	must(t, conn.Write(t.Context(), order))
	return conn
}

func TestMessagesGoBothWays(t *testing.T) {
	sent := bytes.Repeat([]byte{7}, protocol.MaxMessage)
	conn := dial(t, sent)
	got, err := conn.Read(t.Context())
	if err != nil || !bytes.Equal(got, sent) {
		t.Errorf("%d bytes came back, %v", len(got), err)
	}
	must(t, conn.Close())
	if _, err := conn.Read(t.Context()); err == nil {
		t.Error("a closed connection is read")
	}
	if err := conn.Write(t.Context(), []byte{1}); err == nil {
		t.Error("a closed connection is written to")
	}
}

func TestMessagesComeInOrderBeforeTheEnd(t *testing.T) {
	conn := dial(t, []byte(orderMany))
	for i := range manyMessages {
		got, err := conn.Read(t.Context())
		if want := fmt.Sprint(i); err != nil || string(got) != want {
			t.Fatalf("message %s is %q, %v", want, got, err)
		}
	}
	if _, err := conn.Read(t.Context()); !errors.Is(err, backend.ErrOffline) {
		t.Errorf("after the end: %v", err)
	}
}

func TestBadMessagesEndTheConnection(t *testing.T) {
	for order, want := range map[string]error{
		orderText: protocol.ErrMalformed, orderTooLong: protocol.ErrMalformed, orderEnd: backend.ErrOffline,
	} {
		conn := dial(t, []byte(order))
		if b, err := conn.Read(t.Context()); !errors.Is(err, want) {
			t.Errorf("%s: %d bytes were read, %v", order, len(b), err)
		}
	}
}

func TestReadingEndsWithItsContext(t *testing.T) {
	conn := dial(t, []byte(orderSilence))
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := conn.Read(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("reading ended with %v", err)
	}
}

func TestDialSaysWhereItFails(t *testing.T) {
	for _, host := range []string{os.Getenv("NOWHERE"), os.Getenv("BLOBS"), "not a host"} {
		_, err := transport.Dial(t.Context(), host)
		if !errors.Is(err, backend.ErrOffline) || !strings.Contains(err.Error(), host) {
			t.Errorf("%s: %v", host, err)
		}
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	gone := errors.New("gone")
	cancel(gone)
	if _, err := transport.Dial(ctx, os.Getenv("SOCKETS")); !errors.Is(err, backend.ErrOffline) || !errors.Is(err, gone) {
		t.Errorf("dialling with an ended context: %v", err)
	}
}

func TestRefusalsOfARealServer(t *testing.T) {
	blobtest.TestRefusals(t, transport, func(r protocol.BlobRefusal) string { return os.Getenv("REFUSES_" + string(r)) })
}

func TestForeignAnswersAreSaidToBeForeign(t *testing.T) {
	blobtest.TestForeigns(t, transport, func(n int) string { return os.Getenv(fmt.Sprint("FOREIGN_", n)) })
}

func TestBlobsOfNobody(t *testing.T) {
	for _, host := range []string{os.Getenv("NOWHERE"), os.Getenv("CLOSED")} {
		_, err := transport.Blobs(host).Fetch(t.Context(), protocol.BlobID{}, 0)
		if !errors.Is(err, backend.ErrOffline) || !strings.Contains(err.Error(), host) || strings.Contains(err.Error(), "TypeError") {
			t.Errorf("a server that is not there: %v", err)
		}
	}
}

func TestUploadOffsets(t *testing.T) {
	for n, one := range offsets {
		got, err := transport.Blobs(os.Getenv("BLOBS")).Create(t.Context(), tokenOf(byte(firstOffset+n)), 10, time.Hour)
		if one.want < 0 {
			if !errors.Is(err, backend.ErrOffline) {
				t.Errorf("%q: %d, %v", one.text, got, err)
			}
		} else if err != nil || got != one.want {
			t.Errorf("%q: %d, %v", one.text, got, err)
		}
	}
}

func TestServersWithoutRangesAreNotBelieved(t *testing.T) {
	_, err := transport.Blobs(os.Getenv("BLOBS")).Fetch(t.Context(), blobOf(wholeBlob), 4)
	if !errors.Is(err, backend.ErrOffline) {
		t.Errorf("a server that knows no ranges: %v", err)
	}
}

func TestRealServerSaysHello(t *testing.T) {
	conn, err := transport.Dial(t.Context(), os.Getenv("SERVER"))
	must(t, err)
	defer func() { _ = conn.Close() }()
	b, err := conn.Read(t.Context())
	must(t, err)
	f, _, err := protocol.ParseFrame(b)
	must(t, err)
	var hello protocol.Hello
	must(t, protocol.DecodeBody(f.Body, &hello))
	if hello.Host != os.Getenv("SERVER") {
		t.Errorf("the server is %q", hello.Host)
	}
}

// A file goes up in pieces, resumed after a cut, and down from anywhere.
func TestBlobsOfARealServer(t *testing.T) {
	blobs := transport.Blobs(os.Getenv("SERVER"))
	var token protocol.UploadToken
	_, _ = rand.Read(token[:])
	content := make([]byte, 9<<20+17)
	_, _ = rand.Read(content)
	length := int64(len(content))
	offset, err := blobs.Create(t.Context(), token, length, time.Hour)
	if err != nil || offset != 0 {
		t.Fatalf("%d, %v", offset, err)
	}
	cut := errors.New("cut")
	err = blobs.Append(t.Context(), token, 0, io.MultiReader(bytes.NewReader(content[:3<<20]), broken{cut}))
	if !errors.Is(err, cut) || !errors.Is(err, backend.ErrOffline) {
		t.Errorf("a cut upload: %v", err)
	}
	offset, err = blobs.Create(t.Context(), token, length, time.Hour)
	if err != nil || offset < 1<<20 || offset > 3<<20 {
		t.Fatalf("after the cut: %d, %v", offset, err)
	}
	must(t, blobs.Append(t.Context(), token, offset, bytes.NewReader(content[offset:])))
	for _, from := range []int64{0, 1, length - 1, 5 << 20} {
		body, err := blobs.Fetch(t.Context(), token.BlobID(), from)
		must(t, err)
		got, err := io.ReadAll(body)
		must(t, errors.Join(err, body.Close()))
		if !bytes.Equal(got, content[from:]) {
			t.Errorf("from %d came %d bytes, want %d", from, len(got), length-from)
		}
	}
}

type broken struct{ err error }

func (b broken) Read([]byte) (int, error) { return 0, b.err }

// Whoever no longer wants a download gets out of it at once.
func TestDownloadsEndWithTheirContext(t *testing.T) {
	blobs := transport.Blobs(os.Getenv("SERVER"))
	var token protocol.UploadToken
	_, _ = rand.Read(token[:])
	content := make([]byte, 20<<20)
	_, err := blobs.Create(t.Context(), token, int64(len(content)), time.Hour)
	must(t, err)
	must(t, blobs.Append(t.Context(), token, 0, bytes.NewReader(content)))
	ctx, cancel := context.WithCancelCause(t.Context())
	body, err := blobs.Fetch(ctx, token.BlobID(), 0)
	must(t, err)
	if _, err := io.ReadFull(body, make([]byte, 1000)); err != nil {
		t.Fatal(err)
	}
	enough := errors.New("enough")
	cancel(enough)
	if _, err := io.Copy(io.Discard, body); !errors.Is(err, enough) {
		t.Errorf("it ended with %v", err)
	}
	must(t, body.Close())
}
