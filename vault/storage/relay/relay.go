// SPDX-License-Identifier: AGPL-3.0-or-later

package relay

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/securecrypt/securecrypt/protocol"
	"github.com/securecrypt/securecrypt/vault/storage"
)

// Storage is a storage.Storage. It is safe for concurrent use.
type Storage struct {
	credentials Credentials
	vault       uint8
	options     Options
	client      *http.Client
	token       token
	reached     atomic.Bool // the server has answered
}

// New returns a vault of an account, whether or not it has objects. It sends nothing.
func New(vault uint8, c Credentials, o Options) *Storage {
	return &Storage{credentials: c, vault: vault, options: o, client: newClient(o)}
}

// Create opens a vault that has no objects yet.
func Create(ctx context.Context, vault uint8, c Credentials, o Options) (*Storage, error) {
	s := New(vault, c, o)
	empty := true
	err := s.List(ctx, "", func(string, int64) error { empty = false; return nil })
	if err == nil && !empty {
		err = fmt.Errorf("relay: the account has a vault %d already: open it with securecrypt vault join, or choose another number, such as server:%d", vault, vault%protocol.MaxVaults+1)
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Open opens a vault that exists.
func Open(ctx context.Context, vault uint8, c Credentials, o Options) (*Storage, error) {
	s := New(vault, c, o)
	_, err := s.Size(ctx, "config")
	if errors.Is(err, storage.ErrNotFound) {
		err = fmt.Errorf("relay: %s@%s has no vault %d: %w", c.Name, c.Host, vault, storage.ErrNotFound)
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Close closes idle connections.
func (s *Storage) Close() error {
	s.client.CloseIdleConnections()
	return nil
}

// Clean does nothing: an upload that was interrupted leaves nothing.
func (s *Storage) Clean(ctx context.Context) error { return ctx.Err() }

func (s *Storage) path(kind string) string { return fmt.Sprintf("/%d/%s", s.vault, kind) }

func (s *Storage) object(name string) string { return s.path("objects/") + name }

// check refuses names that are not valid and contexts that are done.
func check(ctx context.Context, name string) error {
	if !storage.ValidName(name) {
		return fmt.Errorf("%w: %q", storage.ErrName, name)
	}
	return ctx.Err()
}

// call sends a request, and again while the connection or the server fails.
func (s *Storage) call(ctx context.Context, r request) (got *response, err error) {
	err = s.do(ctx, func(token string) (err error) {
		got, err = s.send(ctx, r, token)
		return err
	})
	return got, err
}

// Create implements storage.Storage.
func (s *Storage) Create(ctx context.Context, name string, data []byte) error {
	if err := check(ctx, name); err != nil {
		return err
	}
	unsure := false // whether an attempt may have created the object
	err := s.do(ctx, func(token string) error {
		err := s.put(ctx, name, data, true, token)
		if unsure && refusalOf(err) == protocol.BlobExists {
			switch same, e := s.holds(ctx, name, data, token); {
			case e != nil:
				return e
			case same:
				return nil
			}
		}
		_, transient := isTransient(err)
		unsure = unsure || transient
		return err
	})
	return s.explain("creating", name, err)
}

// Replace implements storage.Storage. What the object had before can be taken back.
func (s *Storage) Replace(ctx context.Context, name string, data []byte) error {
	if err := check(ctx, name); err != nil {
		return err
	}
	return s.explain("replacing", name, s.do(ctx, func(token string) error { return s.put(ctx, name, data, false, token) }))
}

// put stores an object in one request.
func (s *Storage) put(ctx context.Context, name string, data []byte, onlyNew bool, token string) error {
	if len(data) > storage.MaxObject {
		return &refusal{fmt.Errorf("relay: an object has %d bytes at most, not %d", storage.MaxObject, len(data))}
	}
	r := request{method: http.MethodPut, path: s.object(name), header: http.Header{"Content-Type": {protocol.DownloadType}}, body: data}
	if onlyNew {
		r.header.Set("If-None-Match", "*")
	}
	if len(data) == 0 {
		r.body = nil
	}
	_, err := s.send(ctx, r, token)
	return err
}

// holds reports whether an object has the bytes data.
func (s *Storage) holds(ctx context.Context, name string, data []byte, token string) (bool, error) {
	got, err := s.send(ctx, request{method: http.MethodGet, path: s.object(name), limit: storage.MaxObject}, token)
	return err == nil && bytes.Equal(got.body, data), err
}

// Read implements storage.Storage.
func (s *Storage) Read(ctx context.Context, name string, offset, length int64) (b []byte, err error) {
	if err := check(ctx, name); err != nil {
		return nil, err
	}
	if offset < 0 || length < 0 || length > storage.MaxObject {
		return nil, fmt.Errorf("relay: %d bytes at %d of %s: not a possible range", length, offset, name)
	}
	if length == 0 { // no range of HTTP is empty
		n, err := s.Size(ctx, name)
		if err == nil && offset > n {
			err = io.ErrUnexpectedEOF
		}
		return []byte{}, err
	}
	r := request{method: http.MethodGet, path: s.object(name), limit: length, header: http.Header{"Range": {fmt.Sprintf("bytes=%d-%d", offset, offset+length-1)}}}
	err = s.do(ctx, func(token string) error {
		got, err := s.send(ctx, r, token)
		if err != nil {
			return err
		}
		if got.status != http.StatusPartialContent || !strings.HasPrefix(got.header.Get("Content-Range"), fmt.Sprintf("bytes %d-", offset)) {
			return foreign(errors.New("it answers with another range than the one that was asked for"))
		}
		if int64(len(got.body)) != length {
			return errShort
		}
		b = got.body
		return nil
	})
	if err != nil {
		return nil, s.explain("reading", name, err)
	}
	return b, nil
}

// Size implements storage.Storage.
func (s *Storage) Size(ctx context.Context, name string) (int64, error) {
	if err := check(ctx, name); err != nil {
		return 0, err
	}
	got, err := s.call(ctx, request{method: http.MethodHead, path: s.object(name)})
	if err != nil {
		return 0, s.explain("looking for", name, err)
	}
	n, err := strconv.ParseInt(got.header.Get("Content-Length"), 10, 64)
	if err != nil || n < 0 {
		return 0, foreign(errors.New("it tells no length"))
	}
	return n, nil
}

// List implements storage.Storage.
func (s *Storage) List(ctx context.Context, prefix string, each func(string, int64) error) error {
	for last := ""; ; {
		query := url.Values{"prefix": {prefix}, "after": {last}}
		var page []protocol.VaultObject
		if err := s.ask(ctx, http.MethodGet, s.path("objects?")+query.Encode(), nil, &page); err != nil {
			return s.explain("listing", "the vault", err)
		}
		if len(page) == 0 {
			return ctx.Err()
		}
		for _, o := range page {
			if o.Name <= last || !strings.HasPrefix(o.Name, prefix) { // the listing might never end
				return foreign(errors.New("it lists names out of order"))
			}
			last = o.Name
			if !storage.ValidName(o.Name) {
				continue
			}
			if err := each(o.Name, int64(min(o.Size, storage.MaxObject+1))); err != nil {
				return err
			}
		}
	}
}

// ask sends a request whose answer has a form of its own.
func (s *Storage) ask(ctx context.Context, method, path string, body []byte, answer any) error {
	got, err := s.call(ctx, request{method: method, path: path, body: body, limit: protocol.MaxVaultBody})
	if err != nil {
		return err
	}
	return decode(got.body, answer)
}

// Delete implements storage.Storage. What was deleted can be taken back for some
// days.
func (s *Storage) Delete(ctx context.Context, name string) error {
	if err := check(ctx, name); err != nil {
		return err
	}
	_, err := s.call(ctx, request{method: http.MethodDelete, path: s.object(name)})
	return s.explain("deleting", name, err)
}

// Sync implements storage.Storage: what the server acknowledged is on its disk.
func (s *Storage) Sync(ctx context.Context) error { return ctx.Err() }
