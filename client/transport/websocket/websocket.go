// SPDX-License-Identifier: AGPL-3.0-or-later

// Package websocket reaches servers from native programs: WebSockets for the
// protocol, HTTP for blobs, both by TLS except on the machine itself.
package websocket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	"code.dny.dev/ssrf"
	ws "github.com/coder/websocket"

	"github.com/securecrypt/securecrypt/client/backend"
	"github.com/securecrypt/securecrypt/client/transport/internal/endpoint"
	"github.com/securecrypt/securecrypt/protocol"
)

const (
	dialTimeout   = 20 * time.Second
	headerTimeout = 30 * time.Second
	// continueTimeout is how long an upload waits for a refusal before it sends.
	continueTimeout = 2 * time.Second
)

// Transport is a client.Transport. The zero value is not usable.
type Transport struct {
	http *http.Client
	near *gate
}

// New returns a transport. It uses the proxy that the environment names: see
// proxyFromEnvironment.
func New() *Transport {
	g := newGate(net.DefaultResolver)
	return &Transport{near: g, http: &http.Client{
		Transport: &http.Transport{
			Proxy:                 g.proxy,
			DialContext:           g.dial,
			TLSHandshakeTimeout:   dialTimeout,
			ResponseHeaderTimeout: headerTimeout,
			ExpectContinueTimeout: continueTimeout,
			MaxIdleConnsPerHost:   4,
			IdleConnTimeout:       time.Minute,
			WriteBufferSize:       64 << 10,
			ReadBufferSize:        64 << 10,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// SetHome implements client.HomeTransport.
func (t *Transport) SetHome(host string) { t.near.setHome(host) }

// Close releases idle connections.
func (t *Transport) Close() { t.http.CloseIdleConnections() }

// Loopback reports whether host is the machine itself, to which connections
// are made without TLS.
func Loopback(host string) bool { return endpoint.Loopback(host) }

// Dial implements client.Transport.
func (t *Transport) Dial(ctx context.Context, host string) (backend.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	c, resp, err := ws.Dial(ctx, endpoint.URL("ws", host, protocol.WebSocketPath), &ws.DialOptions{
		HTTPClient:      t.http,
		CompressionMode: ws.CompressionDisabled,
	})
	if err != nil {
		if resp != nil && resp.StatusCode != http.StatusSwitchingProtocols {
			return nil, endpoint.Unconnected(resp.StatusCode, resp.Header.Get(protocol.HeaderRetryAfter))
		}
		return nil, failed(host, err)
	}
	c.SetReadLimit(protocol.MaxMessage)
	return conn{c}, nil
}

// failed is what an attempt to connect ended with.
func failed(host string, err error) error {
	if errors.Is(err, ssrf.ErrProhibitedIP) {
		return fmt.Errorf("%s: %w", host, backend.ErrPrivateHost)
	}
	return fmt.Errorf("%w: %w", backend.ErrOffline, shorten(err))
}

// shorten takes the repetition out of an error of net/http.
func shorten(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return op
	}
	return err
}

type conn struct{ c *ws.Conn }

func (c conn) Read(ctx context.Context) ([]byte, error) {
	kind, b, err := c.c.Read(ctx)
	if err == nil && kind != ws.MessageBinary {
		return nil, fmt.Errorf("%w: a text message", protocol.ErrMalformed)
	}
	return b, err
}

func (c conn) Write(ctx context.Context, b []byte) error {
	return c.c.Write(ctx, ws.MessageBinary, b)
}

func (c conn) Close() error { return c.c.CloseNow() }

// Blobs implements client.Transport.
func (t *Transport) Blobs(host string) backend.Blobs {
	return blobs{http: t.http, host: host, url: endpoint.URL("http", host, protocol.BlobPath)}
}

type blobs struct {
	http      *http.Client
	host, url string
}

func (b blobs) Create(ctx context.Context, token protocol.UploadToken, length int64, expiry time.Duration) (int64, error) {
	header := http.Header{
		"Authorization":                {"Bearer " + token.Text()},
		protocol.HeaderTusResumable:    {protocol.TusVersion},
		protocol.HeaderUploadLength:    {strconv.FormatInt(length, 10)},
		protocol.HeaderUploadExpiresIn: {strconv.FormatInt(int64(expiry/time.Second), 10)},
	}
	resp, err := b.do(ctx, http.MethodPost, "", header, nil, protocol.BlobCreated)
	if err != nil {
		return 0, err
	}
	defer func() { _ = resp.Body.Close() }()
	if s := resp.Header.Get(protocol.HeaderUploadOffset); s != "" {
		return endpoint.ParseOffset(s, length)
	}
	return b.offset(ctx, token.BlobID(), length)
}

func (b blobs) offset(ctx context.Context, id protocol.BlobID, length int64) (int64, error) {
	resp, err := b.do(ctx, http.MethodHead, "/"+id.String(), http.Header{protocol.HeaderTusResumable: {protocol.TusVersion}}, nil, protocol.BlobWhole)
	if err != nil {
		return 0, err
	}
	_ = resp.Body.Close()
	return endpoint.ParseOffset(resp.Header.Get(protocol.HeaderUploadOffset), length)
}

func (b blobs) Append(ctx context.Context, token protocol.UploadToken, offset int64, body io.Reader) error {
	header := http.Header{
		"Authorization":             {"Bearer " + token.Text()},
		protocol.HeaderTusResumable: {protocol.TusVersion},
		protocol.HeaderUploadOffset: {strconv.FormatInt(offset, 10)},
		"Content-Type":              {protocol.UploadType},
		"Expect":                    {"100-continue"}, // a refusal comes before the body goes
	}
	resp, err := b.do(ctx, http.MethodPatch, "/"+token.BlobID().String(), header, body, protocol.BlobAppended)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

func (b blobs) Fetch(ctx context.Context, id protocol.BlobID, offset int64) (io.ReadCloser, error) {
	header, want := http.Header{}, protocol.BlobWhole
	if offset > 0 {
		header.Set("Range", fmt.Sprintf("bytes=%d-", offset))
		want = protocol.BlobPart
	}
	resp, err := b.do(ctx, http.MethodGet, "/"+id.String(), header, nil, want)
	if err != nil {
		return nil, err
	}
	if resp.Header.Get("Content-Type") != protocol.DownloadType {
		_ = resp.Body.Close()
		return nil, endpoint.ErrForeign
	}
	return resp.Body, nil
}

// do sends a request and turns every answer but the wanted one into an error.
func (b blobs) do(ctx context.Context, method, path string, header http.Header, body io.Reader, want int) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, b.url+path, body)
	if err != nil {
		return nil, fmt.Errorf("websocket: %w", err)
	}
	if header != nil {
		req.Header = header
	}
	resp, err := b.http.Do(req)
	if err != nil {
		return nil, failed(b.host, err)
	}
	if resp.StatusCode == want {
		return resp, nil
	}
	defer func() { _ = resp.Body.Close() }()
	start, err := io.ReadAll(io.LimitReader(resp.Body, protocol.MaxProblem))
	if err != nil {
		start = nil // the status has to do
	}
	return nil, endpoint.Refusal(resp.StatusCode, resp.Header.Get("Content-Type"), resp.Header.Get(protocol.HeaderRetryAfter), start)
}
