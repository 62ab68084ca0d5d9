// SPDX-License-Identifier: AGPL-3.0-or-later

package websocket_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	ws "github.com/coder/websocket"

	"github.com/securecrypt/securecrypt/client"
	"github.com/securecrypt/securecrypt/client/transport/websocket"
	"github.com/securecrypt/securecrypt/protocol"
)

// serve starts a server and returns its host.
func serve(t *testing.T, h http.HandlerFunc) (host string, transport *websocket.Transport) {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	transport = websocket.New()
	t.Cleanup(transport.Close)
	return strings.TrimPrefix(s.URL, "http://"), transport
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestMessagesGoBothWays(t *testing.T) {
	host, transport := serve(t, func(w http.ResponseWriter, r *http.Request) {
		c, err := ws.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer func() { _ = c.CloseNow() }()
		c.SetReadLimit(protocol.MaxMessage)
		_, b, err := c.Read(r.Context())
		if err == nil {
			_ = c.Write(r.Context(), ws.MessageBinary, b)
		}
		_, _, _ = c.Read(r.Context()) // until the client goes
	})
	conn, err := transport.Dial(t.Context(), host)
	must(t, err)
	sent := bytes.Repeat([]byte{7}, protocol.MaxMessage)
	must(t, conn.Write(t.Context(), sent))
	got, err := conn.Read(t.Context())
	if err != nil || !bytes.Equal(got, sent) {
		t.Errorf("%d bytes came back, %v", len(got), err)
	}
	must(t, conn.Close())
	if _, err := conn.Read(t.Context()); err == nil {
		t.Error("a closed connection is read")
	}
}

func TestBadMessagesEndTheConnection(t *testing.T) {
	for name, send := range map[string]func(context.Context, *ws.Conn) error{
		"text": func(ctx context.Context, c *ws.Conn) error { return c.Write(ctx, ws.MessageText, []byte("hello")) },
		"too long": func(ctx context.Context, c *ws.Conn) error {
			return c.Write(ctx, ws.MessageBinary, make([]byte, protocol.MaxMessage+1))
		},
		"the end": func(_ context.Context, c *ws.Conn) error { return c.CloseNow() },
	} {
		host, transport := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if c, err := ws.Accept(w, r, nil); err == nil {
				_ = send(r.Context(), c)
			}
		})
		conn, err := transport.Dial(t.Context(), host)
		must(t, err)
		if b, err := conn.Read(t.Context()); err == nil {
			t.Errorf("%s: %d bytes were read", name, len(b))
		}
		_ = conn.Close()
	}
}

func TestDialSaysWhyItFails(t *testing.T) {
	refused, transport := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	moved, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://"+refused+"/", http.StatusFound)
	})
	for host, want := range map[string]string{refused: "503", moved: "302", "127.0.0.1:1": "refused"} {
		_, err := transport.Dial(t.Context(), host)
		if !errors.Is(err, client.ErrOffline) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", host, err, want)
		}
	}
}

func TestRefusalsOfBlobsAreErrors(t *testing.T) {
	var status int
	var body, retry string
	host, transport := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		if retry != "" {
			w.Header().Set("Retry-After", retry)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	})
	blobs := transport.Blobs(host)
	calls := map[string]func() error{
		"create": func() error { _, err := blobs.Create(t.Context(), protocol.UploadToken{}, 1, time.Hour); return err },
		"append": func() error { return blobs.Append(t.Context(), protocol.UploadToken{}, 0, strings.NewReader("x")) },
		"fetch":  func() error { _, err := blobs.Fetch(t.Context(), protocol.BlobID{}, 0); return err },
	}
	for _, one := range []struct {
		status      int
		body, retry string
		want        error
		wait        time.Duration
	}{
		{429, `{"code":11}`, "7", &protocol.Error{Code: protocol.CodeRateLimited}, 7 * time.Second},
		{503, fmt.Sprintf(`{"code":%d}`, protocol.CodeUnavailable), "nonsense", &protocol.Error{Code: protocol.CodeUnavailable}, 0},
		{503, fmt.Sprintf(`{"code":%d}`, protocol.CodeUnavailable), "999999999", &protocol.Error{Code: protocol.CodeUnavailable}, 0},
		{404, "", "", &protocol.Error{Code: protocol.CodeNotFound}, 0},
		{410, "not json", "", &protocol.Error{Code: protocol.CodeNotFound}, 0},
		{413, `{"code":0}`, "", &protocol.Error{Code: protocol.CodeTooLarge}, 0},
		{429, "", "", &protocol.Error{Code: protocol.CodeRateLimited}, 0},
		{500, strings.Repeat("x", 1<<20), "", client.ErrOffline, 0},
		{302, "", "", client.ErrOffline, 0},
		{401, `{"code":-1}`, "", client.ErrOffline, 0},
	} {
		status, body, retry = one.status, one.body, one.retry
		for name, call := range calls {
			err := call()
			if !errors.Is(err, one.want) {
				t.Errorf("%s, %d %.20s: %v, want %v", name, one.status, one.body, err, one.want)
			}
			var refused *protocol.Error
			if errors.As(err, &refused) && refused.RetryAfter != one.wait {
				t.Errorf("%s, %d: wait %v, want %v", name, one.status, refused.RetryAfter, one.wait)
			}
		}
	}
	for name, call := range map[string]func() error{
		"create": func() error {
			_, err := transport.Blobs("127.0.0.1:1").Create(t.Context(), protocol.UploadToken{}, 1, 0)
			return err
		},
		"fetch": func() error {
			_, err := transport.Blobs("127.0.0.1:1").Fetch(t.Context(), protocol.BlobID{}, 0)
			return err
		},
	} {
		if err := call(); !errors.Is(err, client.ErrOffline) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestUploadOffsets(t *testing.T) {
	var offset string
	host, transport := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && r.Header.Get("Upload-Expires-In") != "3600" {
			t.Errorf("expiry %q", r.Header.Get("Upload-Expires-In"))
		}
		w.Header().Set("Upload-Offset", offset)
		w.WriteHeader(http.StatusCreated)
	})
	for text, want := range map[string]int64{"0": 0, "5": 5, "10": 10, "11": -1, "-1": -1, "x": -1, "": -1, strconv.FormatUint(1<<63, 10): -1} {
		offset = text
		got, err := transport.Blobs(host).Create(t.Context(), protocol.UploadToken{}, 10, time.Hour)
		if want < 0 {
			if !errors.Is(err, client.ErrOffline) {
				t.Errorf("%q: %d, %v", text, got, err)
			}
			continue
		}
		if err != nil || got != want {
			t.Errorf("%q: %d, %v", text, got, err)
		}
	}
}

func TestFetchFromTheMiddle(t *testing.T) {
	content := []byte("0123456789")
	ranges := true
	host, transport := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if !ranges {
			r.Header.Del("Range")
		}
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
	})
	body, err := transport.Blobs(host).Fetch(t.Context(), protocol.BlobID{}, 4)
	must(t, err)
	got, err := io.ReadAll(body)
	must(t, errors.Join(err, body.Close()))
	if string(got) != "456789" {
		t.Errorf("got %q", got)
	}
	ranges = false
	if _, err := transport.Blobs(host).Fetch(t.Context(), protocol.BlobID{}, 4); !errors.Is(err, client.ErrOffline) {
		t.Errorf("a server that knows no ranges: %v", err)
	}
}
