// SPDX-License-Identifier: AGPL-3.0-or-later

//go:build js && wasm

package browser

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"syscall/js"
	"time"

	"github.com/securecrypt/securecrypt/client/backend"
	"github.com/securecrypt/securecrypt/client/transport/internal/endpoint"
	"github.com/securecrypt/securecrypt/internal/product/jsbridge"
	"github.com/securecrypt/securecrypt/protocol"
)

// Uploads go in pieces, as most browsers cannot send a stream: small ones at
// first and on slow links, so that a cut connection costs little.
const (
	firstPiece = 256 << 10
	lastPiece  = 4 << 20
	quickPiece = time.Second     // after less, the next one is twice as large
	slowPiece  = 5 * time.Second // after more, half
)

type blobs struct{ url, host string }

// Create implements client.Blobs.
func (b blobs) Create(ctx context.Context, token protocol.UploadToken, length int64, expiry time.Duration) (int64, error) {
	resp, err := b.do(ctx, headerTimeout, protocol.BlobCreated, "POST", "", map[string]any{
		"Authorization":                "Bearer " + token.Text(),
		protocol.HeaderTusResumable:    protocol.TusVersion,
		protocol.HeaderUploadLength:    strconv.FormatInt(length, 10),
		protocol.HeaderUploadExpiresIn: strconv.FormatInt(int64(expiry/time.Second), 10),
	}, js.Undefined())
	if err != nil {
		return 0, err
	}
	resp.drop()
	if s := resp.header(protocol.HeaderUploadOffset); s != "" {
		return endpoint.ParseOffset(s, length)
	}
	resp, err = b.do(ctx, headerTimeout, protocol.BlobWhole, "HEAD", "/"+token.BlobID().String(), map[string]any{protocol.HeaderTusResumable: protocol.TusVersion}, js.Undefined())
	if err != nil {
		return 0, err
	}
	resp.drop()
	return endpoint.ParseOffset(resp.header(protocol.HeaderUploadOffset), length)
}

// Append implements client.Blobs.
func (b blobs) Append(ctx context.Context, token protocol.UploadToken, offset int64, body io.Reader) error {
	piece := make([]byte, lastPiece)
	size := firstPiece
	for {
		n, readErr := io.ReadFull(body, piece[:size])
		if n > 0 {
			began := time.Now()
			if err := b.append(ctx, token, offset, piece[:n]); err != nil {
				return err
			}
			offset += int64(n)
			size = nextPiece(size, time.Since(began))
		}
		switch {
		case errors.Is(readErr, io.EOF), errors.Is(readErr, io.ErrUnexpectedEOF):
			return nil
		case readErr != nil:
			return fmt.Errorf("%w: %w", backend.ErrOffline, readErr)
		}
	}
}

func nextPiece(size int, took time.Duration) int {
	switch {
	case took < quickPiece:
		return min(2*size, lastPiece)
	case took > slowPiece:
		return max(size/2, firstPiece/4)
	}
	return size
}

func (b blobs) append(ctx context.Context, token protocol.UploadToken, offset int64, piece []byte) error {
	resp, err := b.do(ctx, 0, protocol.BlobAppended, "PATCH", "/"+token.BlobID().String(), map[string]any{
		"Authorization":             "Bearer " + token.Text(),
		protocol.HeaderTusResumable: protocol.TusVersion,
		protocol.HeaderUploadOffset: strconv.FormatInt(offset, 10),
		"Content-Type":              protocol.UploadType,
	}, jsbridge.Array(piece))
	if err != nil {
		return err
	}
	resp.drop()
	return nil
}

// Fetch implements client.Blobs.
func (b blobs) Fetch(ctx context.Context, id protocol.BlobID, offset int64) (io.ReadCloser, error) {
	header, want := map[string]any{}, protocol.BlobWhole
	if offset > 0 {
		header["Range"] = fmt.Sprintf("bytes=%d-", offset)
		want = protocol.BlobPart
	}
	resp, err := b.do(ctx, headerTimeout, want, "GET", "/"+id.String(), header, js.Undefined())
	if err != nil {
		return nil, err
	}
	if resp.header("Content-Type") != protocol.DownloadType {
		resp.drop()
		return nil, endpoint.ErrForeign
	}
	return resp, nil
}

// do sends a request and turns every answer but the one with status want into an
// error. The answer must come within wait, if that is not zero; its body ends
// with ctx.
func (b blobs) do(ctx context.Context, wait time.Duration, want int, method, path string, header map[string]any, body js.Value) (*response, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	abort := js.Global().Get("AbortController").New()
	context.AfterFunc(ctx, func() { abort.Call("abort") })
	if wait > 0 {
		late := time.AfterFunc(wait, func() { cancel(errors.New("no answer")) })
		defer late.Stop()
	}
	promise, err := jsbridge.Try(func() js.Value {
		return js.Global().Call("fetch", b.url+path, map[string]any{
			"method": method, "headers": header, "body": body, "signal": abort.Get("signal"),
			"mode": "cors", "credentials": "omit", "cache": "no-store", "redirect": "manual", "referrerPolicy": "no-referrer",
		})
	})
	if err == nil {
		var answer js.Value
		if answer, err = jsbridge.Await(ctx, promise); err == nil {
			return accept(ctx, cancel, answer, want)
		}
	}
	if ctx.Err() == nil { // what an exception says is for those who look at the console
		err = errors.New("no answer, or a proxy in between refuses requests by pages")
	}
	cancel(nil)
	return nil, fmt.Errorf("%w: %s: %w", backend.ErrOffline, b.host, err)
}

// accept returns an answer that has the wanted status.
func accept(ctx context.Context, cancel context.CancelCauseFunc, answer js.Value, want int) (*response, error) {
	r := &response{ctx: ctx, cancel: cancel, answer: answer}
	if body := answer.Get("body"); jsbridge.Exists(body) {
		r.reader = body.Call("getReader")
	}
	if r.status() == want {
		return r, nil
	}
	defer r.drop()
	if answer.Get("type").String() == "opaqueredirect" { // the browser tells no more
		return nil, endpoint.Refusal(302, "", "", nil)
	}
	start, err := io.ReadAll(io.LimitReader(r, protocol.MaxProblem))
	if err != nil {
		start = nil // the status has to do
	}
	return nil, endpoint.Refusal(r.status(), r.header("Content-Type"), r.header(protocol.HeaderRetryAfter), start)
}

// A response is an answer whose body is read as it comes.
type response struct {
	ctx    context.Context // of the request and of reading
	cancel context.CancelCauseFunc
	answer js.Value
	reader js.Value // undefined if there is no body
	chunk  js.Value // a Uint8Array, of which at bytes were read
	at     int
	size   int
}

func (r *response) status() int { return r.answer.Get("status").Int() }

func (r *response) header(name string) string {
	v := r.answer.Get("headers").Call("get", name)
	if v.Type() != js.TypeString {
		return ""
	}
	return v.String()
}

// drop gives up what was not read.
func (r *response) drop() { r.cancel(context.Canceled) }

// Close implements io.Closer.
func (r *response) Close() error {
	r.drop()
	return nil
}

// Read implements io.Reader.
func (r *response) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for r.at == r.size {
		if r.reader.IsUndefined() {
			return 0, io.EOF
		}
		part, err := jsbridge.Await(r.ctx, r.reader.Call("read"))
		if err != nil {
			return 0, fmt.Errorf("%w: %w", backend.ErrOffline, err)
		}
		if part.Get("done").Bool() {
			r.reader = js.Undefined()
			return 0, io.EOF
		}
		r.chunk, r.at = part.Get("value"), 0
		r.size = r.chunk.Get("length").Int()
	}
	n := js.CopyBytesToGo(p, r.chunk.Call("subarray", r.at))
	r.at += n
	return n, nil
}
