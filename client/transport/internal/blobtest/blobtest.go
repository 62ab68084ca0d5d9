// SPDX-License-Identifier: AGPL-3.0-or-later

// Package blobtest has every transport's blobs refused in every way that the
// protocol knows, by the real servers that server/servertest prepares, and
// answered in every way that proxies know.
package blobtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/client/backend"
	"github.com/securecrypt/securecrypt/protocol"
)

// provocations does what a server prepared for a refusal refuses.
var provocations = map[protocol.BlobRefusal]func(context.Context, backend.Blobs) error{
	protocol.BlobMalformed:    func(ctx context.Context, b backend.Blobs) error { return create(ctx, b, 1, 0) },
	protocol.BlobUnauthorized: func(ctx context.Context, b backend.Blobs) error { return create(ctx, b, 2, 1) },
	protocol.BlobNotFound:     func(ctx context.Context, b backend.Blobs) error { return fetch(ctx, b, 3, 0) },
	protocol.BlobWrongOffset:  func(ctx context.Context, b backend.Blobs) error { return upload(ctx, b, 4, 10, 5, 5) },
	protocol.BlobExists: func(ctx context.Context, b backend.Blobs) error {
		return errors.Join(create(ctx, b, 5, 10), create(ctx, b, 5, 11))
	},
	protocol.BlobTooLarge:  func(ctx context.Context, b backend.Blobs) error { return create(ctx, b, 6, protocol.MaxBlob+1) },
	protocol.BlobMediaType: func(ctx context.Context, b backend.Blobs) error { return upload(ctx, b, 7, 10, 0, 10) },
	protocol.BlobRange: func(ctx context.Context, b backend.Blobs) error {
		return errors.Join(upload(ctx, b, 8, 10, 0, 10), fetch(ctx, b, 8, 10))
	},
	protocol.BlobRateLimited: func(ctx context.Context, b backend.Blobs) error {
		return errors.Join(create(ctx, b, 9, 10), create(ctx, b, 10, 10))
	},
	protocol.BlobInternal:      func(ctx context.Context, b backend.Blobs) error { return upload(ctx, b, 11, 10, 0, 10) },
	protocol.BlobUnavailable:   func(ctx context.Context, b backend.Blobs) error { return upload(ctx, b, 12, 10, 0, 10) },
	protocol.BlobQuotaExceeded: func(ctx context.Context, b backend.Blobs) error { return upload(ctx, b, 13, 1000, 0, 1000) },
}

func create(ctx context.Context, b backend.Blobs, token byte, length int64) error {
	_, err := b.Create(ctx, protocol.UploadToken{token}, length, time.Hour)
	return err
}

func upload(ctx context.Context, b backend.Blobs, token byte, length, offset, n int64) error {
	if err := create(ctx, b, token, length); err != nil {
		return err
	}
	return b.Append(ctx, protocol.UploadToken{token}, offset, bytes.NewReader(make([]byte, n)))
}

func fetch(ctx context.Context, b backend.Blobs, token byte, offset int64) error {
	body, err := b.Fetch(ctx, protocol.UploadToken{token}.BlobID(), offset)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, body)
	return errors.Join(err, body.Close())
}

// TestRefusals has each refusal given by the server that hostOf names for it.
func TestRefusals(t *testing.T, transport backend.Transport, hostOf func(protocol.BlobRefusal) string) {
	for _, r := range protocol.BlobRefusals() {
		if slices.Contains([]protocol.BlobRefusal{protocol.VaultsOff, protocol.VaultDamaged, protocol.VaultDeletedFull}, r) {
			continue // of vaults alone: package vault/storage/relay meets them
		}
		provoke := provocations[r]
		if provoke == nil {
			t.Errorf("nothing is done to meet %s", r)
			continue
		}
		err := provoke(t.Context(), transport.Blobs(hostOf(r)))
		var refused *protocol.BlobError
		if !errors.As(err, &refused) || refused.Refusal != r || !errors.Is(err, &protocol.Error{Code: r.Code()}) {
			t.Errorf("instead of %q: %v", r, err)
			continue
		}
		var general *protocol.Error
		waits := r == protocol.BlobRateLimited || r == protocol.BlobUnavailable
		if !errors.As(err, &general) || general.RetryAfter != refused.RetryAfter || waits != (refused.RetryAfter > 0) {
			t.Errorf("%s: wait %v, or %v", r, refused.RetryAfter, general)
		}
	}
}

// A Foreign is an answer of something that is no server, and what a transport
// has to make of it.
type Foreign struct {
	Status     int
	Type       string
	Body       string
	RetryAfter string
	Location   string
	Want       error
	Wait       time.Duration
}

const page = "<html>\r\n<head><title>sorry</title></head>\r\n<body>\x1b[31mraw words</body>\r\n</html>"

// Foreigns are what proxies, networks and broken servers answer.
var Foreigns = []Foreign{
	{Status: 200, Type: "text/html", Body: page, Want: backend.ErrOffline},
	{Status: 204, Want: backend.ErrOffline},
	{Status: 302, Location: "/elsewhere", Want: backend.ErrOffline},
	{Status: 308, Location: "https://login.example/", Want: backend.ErrOffline},
	{Status: 400, Type: "text/html", Body: page, Want: backend.ErrOffline},
	{Status: 401, Type: "application/json", Body: `{"code":-1}`, Want: backend.ErrOffline},
	{Status: 403, Type: "text/html", Body: page, Want: backend.ErrOffline},
	{Status: 404, Type: "text/html", Body: page, Want: backend.ErrOffline},
	{Status: 410, Want: backend.ErrOffline},
	{Status: 413, Type: "text/html", Body: page, Want: &protocol.Error{Code: protocol.CodeTooLarge}},
	{Status: 413, Type: "application/json", Body: `{"code":"not_found"}`, Want: &protocol.Error{Code: protocol.CodeTooLarge}},
	{Status: 429, RetryAfter: "7", Want: &protocol.Error{Code: protocol.CodeRateLimited}, Wait: 7 * time.Second},
	{Status: 429, RetryAfter: "999999999", Want: &protocol.Error{Code: protocol.CodeRateLimited}},
	{Status: 500, Type: "text/html", Body: string(make([]byte, 1<<20)), Want: backend.ErrOffline},
	{Status: 502, Type: "text/html", Body: page, Want: backend.ErrOffline},
	{Status: 503, Type: "text/html", Body: page, RetryAfter: "30", Want: &protocol.Error{Code: protocol.CodeUnavailable}, Wait: 30 * time.Second},
	{Status: 503, RetryAfter: "nonsense", Want: &protocol.Error{Code: protocol.CodeUnavailable}},
	{Status: 504, Type: "text/html", Body: page, Want: backend.ErrOffline},
	{Status: 511, Type: "text/html", Body: page, Want: backend.ErrOffline},
	// A server of another version: by the status, and by no code that does not fit it.
	{Status: 503, Type: protocol.ProblemType, Body: `{"code":"new"}`, RetryAfter: "3", Want: &protocol.Error{Code: protocol.CodeUnavailable}, Wait: 3 * time.Second},
	{Status: 503, Type: protocol.ProblemType, Body: `{"code":"not_found"}`, Want: &protocol.Error{Code: protocol.CodeUnavailable}},
	{Status: 404, Type: protocol.ProblemType + "; charset=utf-8", Body: "not json", Want: &protocol.Error{Code: protocol.CodeNotFound}},
	{Status: 599, Type: protocol.ProblemType, Body: `{"code":11}`, Want: &protocol.Error{Code: protocol.CodeInternal}},
	{Status: 418, Type: protocol.ProblemType, Body: `{"code":"not_found"}`, Want: backend.ErrOffline},
}

// TestForeigns has each of Foreigns answered by the server that hostOf names for
// it. Fetch expects 200, and Append 204: those two are right for them.
func TestForeigns(t *testing.T, transport backend.Transport, hostOf func(n int) string) {
	for n, one := range Foreigns {
		blobs := transport.Blobs(hostOf(n))
		calls := map[string]func() error{
			"create": func() error { return create(t.Context(), blobs, 1, 10) },
			"fetch":  func() error { return fetch(t.Context(), blobs, 1, 0) },
			"middle": func() error { return fetch(t.Context(), blobs, 1, 4) },
			"append": func() error {
				return blobs.Append(t.Context(), protocol.UploadToken{1}, 0, bytes.NewReader([]byte{1}))
			},
		}
		if one.Status == protocol.BlobAppended {
			delete(calls, "append")
		}
		for name, call := range calls {
			one.check(t, fmt.Sprintf("%s, status %d %.20q", name, one.Status, one.Body), call())
		}
	}
}

func (f Foreign) check(t *testing.T, what string, err error) {
	t.Helper()
	if !errors.Is(err, f.Want) {
		t.Errorf("%s: %v, want %v", what, err, f.Want)
		return
	}
	var refused *protocol.Error
	if errors.As(err, &refused) && refused.RetryAfter != f.Wait {
		t.Errorf("%s: wait %v, want %v", what, refused.RetryAfter, f.Wait)
	}
	if text := err.Error(); bytes.ContainsAny([]byte(text), "\x1b<{") {
		t.Errorf("%s: raw words: %q", what, text)
	}
}
