// SPDX-License-Identifier: AGPL-3.0-or-later

package websocket_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	ws "github.com/coder/websocket"

	"github.com/securecrypt/securecrypt/client/backend"
	"github.com/securecrypt/securecrypt/client/transport/internal/blobtest"
	"github.com/securecrypt/securecrypt/client/transport/websocket"
	"github.com/securecrypt/securecrypt/protocol"
	"github.com/securecrypt/securecrypt/server/servertest"
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
	limited, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "47")
		w.WriteHeader(http.StatusTooManyRequests)
	})
	for host, want := range map[string]string{
		refused: "full or off, or has too many connections from your network address (status 503); try again in a minute", moved: "leads elsewhere", "127.0.0.1:1": "refused",
		limited: "the server takes no connections at the moment: too many connections or requests came from your network address (status 429); try again in 47s",
	} {
		_, err := transport.Dial(t.Context(), host)
		if !errors.Is(err, backend.ErrOffline) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", host, err, want)
		}
		if turned := host == refused || host == limited; turned != errors.Is(err, backend.ErrTurnedAway) {
			t.Errorf("%s: %v is an error of being turned away: %v", host, err, !turned)
		}
	}
}

func TestRefusalsOfARealServer(t *testing.T) {
	transport := websocket.New()
	defer transport.Close()
	hosts := servertest.Refusing(t)
	blobtest.TestRefusals(t, transport, func(r protocol.BlobRefusal) string { return hosts[r] })
}

func TestForeignAnswersAreSaidToBeForeign(t *testing.T) {
	var foreign blobtest.Foreign
	host, transport := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		for name, value := range map[string]string{"Content-Type": foreign.Type, "Retry-After": foreign.RetryAfter, "Location": foreign.Location} {
			if value != "" {
				w.Header().Set(name, value)
			}
		}
		w.WriteHeader(foreign.Status)
		_, _ = io.WriteString(w, foreign.Body)
	})
	blobtest.TestForeigns(t, transport, func(n int) string {
		foreign = blobtest.Foreigns[n]
		return host
	})
}

func TestBlobsOfNobody(t *testing.T) {
	transport := websocket.New()
	defer transport.Close()
	_, err := transport.Blobs("127.0.0.1:1").Create(t.Context(), protocol.UploadToken{}, 1, 0)
	if !errors.Is(err, backend.ErrOffline) {
		t.Error(err)
	}
	if _, err := transport.Blobs("127.0.0.1:1").Fetch(t.Context(), protocol.BlobID{}, 0); !errors.Is(err, backend.ErrOffline) {
		t.Error(err)
	}
}

// A refusal comes before the file has gone: nothing of it is read.
func TestRefusedUploadsAreNotSent(t *testing.T) {
	host, transport := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", protocol.ProblemType)
		w.WriteHeader(protocol.BlobQuotaExceeded.Status())
		_, _ = w.Write(protocol.BlobQuotaExceeded.Problem())
	})
	file := &counter{}
	err := transport.Blobs(host).Append(t.Context(), protocol.UploadToken{}, 0, file)
	if !errors.Is(err, &protocol.Error{Code: protocol.CodeQuotaExceeded}) || file.n.Load() > 0 {
		t.Errorf("%v, after %d bytes", err, file.n.Load())
	}
}

// A counter is an endless file that counts what is read of it.
type counter struct{ n atomic.Int64 }

func (c *counter) Read(p []byte) (int, error) {
	c.n.Add(int64(len(p)))
	return len(p), nil
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
			if !errors.Is(err, backend.ErrOffline) {
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
		w.Header().Set("Content-Type", protocol.DownloadType)
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
	if _, err := transport.Blobs(host).Fetch(t.Context(), protocol.BlobID{}, 4); !errors.Is(err, backend.ErrOffline) {
		t.Errorf("a server that knows no ranges: %v", err)
	}
}
