// SPDX-License-Identifier: AGPL-3.0-or-later

package s3

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/minio/minio-go/v7"

	"github.com/securecrypt/securecrypt/vault/storage"
)

// folders are the first parts of the names of objects.
var folders = []string{"keys", "log", "packs", "probe"}

// A Storage is a storage.Storage in a bucket.
type Storage struct {
	address Address
	options Options
	client  *minio.Core
	close   func()
	reached atomic.Bool // the service has answered
}

var _ storage.Storage = (*Storage)(nil)

// Create opens a part of a bucket for a new vault. The bucket has to exist; a
// prefix under which there is anything else is refused.
func Create(ctx context.Context, a Address, o Options) (*Storage, error) {
	s, err := connect(a, o)
	if err != nil {
		return nil, err
	}
	exists := false
	err = s.do(ctx, func() (err error) {
		exists, err = s.client.BucketExists(ctx, a.Bucket)
		return err
	})
	if err == nil && !exists {
		err = fmt.Errorf("s3: there is no bucket %s at %s: make it with your provider's tools", a.Bucket, a.Host)
	}
	if err == nil {
		err = s.listKeys(ctx, "", func(key string, _ int64) error {
			folder, _, inFolder := strings.Cut(key, "/")
			switch {
			case key == "config":
				return fmt.Errorf("s3: there is a vault in %s already: choose another prefix, or join that vault with its recovery key", a)
			case !inFolder || !slices.Contains(folders, folder): // others are left by an interrupted Create
				return fmt.Errorf("s3: %s is not empty: choose a new prefix for the vault", a)
			}
			return nil
		})
	}
	if err != nil {
		return nil, errors.Join(s.explain("opening", a.String(), err), s.Close())
	}
	return s, nil
}

// Open opens the part of a bucket that has a vault.
func Open(ctx context.Context, a Address, o Options) (*Storage, error) {
	s, err := connect(a, o)
	if err != nil {
		return nil, err
	}
	_, err = s.Size(ctx, "config")
	if errors.Is(err, storage.ErrNotFound) {
		err = fmt.Errorf("s3: there is no vault in %s: %w", a, storage.ErrNotFound)
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Close closes idle connections.
func (s *Storage) Close() error {
	s.close()
	return nil
}

// Clean does nothing: an upload that was interrupted leaves nothing.
func (s *Storage) Clean(ctx context.Context) error { return ctx.Err() }

func (s *Storage) key(name string) string { return s.address.Prefix + name }

// check refuses names that are not valid and contexts that are done.
func check(ctx context.Context, name string) error {
	if !storage.ValidName(name) {
		return fmt.Errorf("%w: %q", storage.ErrName, name)
	}
	return ctx.Err()
}

// Create implements storage.Storage.
func (s *Storage) Create(ctx context.Context, name string, data []byte) error {
	if err := check(ctx, name); err != nil {
		return err
	}
	unsure := false // whether an attempt may have created the object
	err := s.do(ctx, func() error {
		err := s.put(ctx, name, data, true)
		if unsure && isTaken(err) {
			switch same, e := s.holds(ctx, name, data); {
			case isTransient(e):
				return e
			case same:
				return nil
			}
		}
		unsure = unsure || isTransient(err)
		return err
	})
	if isTaken(err) {
		return fmt.Errorf("%w: %s", storage.ErrExists, name)
	}
	return s.explain("creating", name, err)
}

// Replace implements storage.Storage.
func (s *Storage) Replace(ctx context.Context, name string, data []byte) error {
	if err := check(ctx, name); err != nil {
		return err
	}
	return s.explain("replacing", name, s.do(ctx, func() error { return s.put(ctx, name, data, false) }))
}

// put stores an object in one request.
func (s *Storage) put(ctx context.Context, name string, data []byte, ifNew bool) error {
	if len(data) > storage.MaxObject {
		return refusal{fmt.Errorf("s3: an object has %d bytes at most, not %d", storage.MaxObject, len(data))}
	}
	o := minio.PutObjectOptions{ContentType: "application/octet-stream", DisableMultipart: true}
	if ifNew {
		o.SetMatchETagExcept("*")
	}
	_, err := s.client.Client.PutObject(ctx, s.address.Bucket, s.key(name), bytes.NewReader(data), int64(len(data)), o)
	return err
}

// holds reports whether an object has the bytes data.
func (s *Storage) holds(ctx context.Context, name string, data []byte) (bool, error) {
	n, err := s.size(ctx, name)
	if err != nil || n != int64(len(data)) {
		return false, err
	}
	b, err := s.read(ctx, name, 0, n)
	return err == nil && bytes.Equal(b, data), err
}

// Read implements storage.Storage.
func (s *Storage) Read(ctx context.Context, name string, offset, length int64) (b []byte, err error) {
	if err := check(ctx, name); err != nil {
		return nil, err
	}
	if offset < 0 || length < 0 || length > storage.MaxObject {
		return nil, fmt.Errorf("s3: %d bytes at %d of %s: not a possible range", length, offset, name)
	}
	err = s.do(ctx, func() (err error) {
		b, err = s.read(ctx, name, offset, length)
		return err
	})
	if err != nil {
		return nil, s.explain("reading", name, err)
	}
	return b, nil
}

func (s *Storage) read(ctx context.Context, name string, offset, length int64) ([]byte, error) {
	if length == 0 { // no range of HTTP is empty
		n, err := s.size(ctx, name)
		if err == nil && offset > n {
			err = errShort
		}
		return []byte{}, err
	}
	var o minio.GetObjectOptions
	if err := o.SetRange(offset, offset+length-1); err != nil {
		return nil, err
	}
	body, info, header, err := s.client.GetObject(ctx, s.address.Bucket, s.key(name), o)
	if err != nil {
		if answerOf(err).StatusCode == http.StatusRequestedRangeNotSatisfiable {
			err = errShort
		}
		return nil, err
	}
	defer func() { _ = body.Close() }() // nothing was written
	if got := header.Get("Content-Range"); !strings.HasPrefix(got, fmt.Sprintf("bytes %d-", offset)) && (offset > 0 || got != "") {
		return nil, refusal{errors.New("s3: the service answers with another range than the one that was asked for: a vault cannot be kept there, choose another provider")}
	}
	if info.Size < length {
		return nil, errShort
	}
	b := make([]byte, length)
	if _, err := io.ReadFull(body, b); err != nil {
		return nil, err
	}
	return b, nil
}

// Size implements storage.Storage.
func (s *Storage) Size(ctx context.Context, name string) (n int64, err error) {
	if err := check(ctx, name); err != nil {
		return 0, err
	}
	err = s.do(ctx, func() (err error) {
		n, err = s.size(ctx, name)
		return err
	})
	return n, s.explain("looking for", name, err)
}

func (s *Storage) size(ctx context.Context, name string) (int64, error) {
	info, err := s.client.Client.StatObject(ctx, s.address.Bucket, s.key(name), minio.StatObjectOptions{})
	return info.Size, err
}

// List implements storage.Storage. Keys that are no names of objects are left out.
func (s *Storage) List(ctx context.Context, prefix string, each func(string, int64) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.explain("listing", s.address.String(), s.listKeys(ctx, prefix, func(key string, size int64) error {
		if !storage.ValidName(key) {
			return nil
		}
		return each(key, size)
	}))
}

// listKeys calls each for the keys with a prefix, without that of the address, in
// the order of the service, a page of the listing at a time.
func (s *Storage) listKeys(ctx context.Context, prefix string, each func(string, int64) error) error {
	last := ""
	var stopped error
	err := s.do(ctx, func() error {
		page, cancel := context.WithCancel(ctx)
		defer cancel()
		o := minio.ListObjectsOptions{Prefix: s.key(prefix), Recursive: true, StartAfter: last}
		for object := range s.client.Client.ListObjectsIter(page, s.address.Bucket, o) {
			if object.Err != nil {
				return object.Err
			}
			if object.Key <= last { // the listing might never end
				return refusal{errors.New("s3: the service lists names out of order: a vault cannot be kept there, choose another kind of bucket or provider")}
			}
			last = object.Key
			name, ok := strings.CutPrefix(object.Key, s.address.Prefix)
			if !ok || !strings.HasPrefix(name, prefix) {
				continue
			}
			if stopped = each(name, object.Size); stopped != nil {
				return nil
			}
		}
		return ctx.Err()
	})
	return errors.Join(stopped, err)
}

// Delete implements storage.Storage. In a bucket with versions, the object stays
// as an older version until the bucket's rules remove it.
func (s *Storage) Delete(ctx context.Context, name string) error {
	if err := check(ctx, name); err != nil {
		return err
	}
	err := s.do(ctx, func() error {
		return s.client.Client.RemoveObject(ctx, s.address.Bucket, s.key(name), minio.RemoveObjectOptions{})
	})
	if answerOf(err).Code == minio.NoSuchKey {
		return nil
	}
	return s.explain("deleting", name, err)
}

// Sync implements storage.Storage: what the service acknowledged is on its disks.
func (s *Storage) Sync(ctx context.Context) error { return ctx.Err() }
