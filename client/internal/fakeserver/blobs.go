// SPDX-License-Identifier: AGPL-3.0-or-later

package fakeserver

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"time"

	"github.com/securecrypt/securecrypt/client/backend"
	"github.com/securecrypt/securecrypt/protocol"
)

type blob struct {
	length int64
	data   []byte
}

type blobs struct {
	transport *Transport
	host      string
}

// Blobs implements client.Transport.
func (t *Transport) Blobs(host string) backend.Blobs { return blobs{t, host} }

func (b blobs) server(method string) (*Server, error) {
	if err := b.transport.reaches(b.host); err != nil {
		return nil, err
	}
	b.transport.net.mu.Lock()
	s := b.transport.net.servers[b.host]
	b.transport.net.mu.Unlock()
	if s == nil {
		return nil, fmt.Errorf("%w: no such host", backend.ErrOffline)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.faults.Blob != nil {
		if err := s.faults.Blob(b.transport.name, method); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (b blobs) Create(_ context.Context, token protocol.UploadToken, length int64, _ time.Duration) (int64, error) {
	s, err := b.server("create")
	if err != nil {
		return 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	id := token.BlobID()
	if s.blobs[id] == nil {
		s.blobs[id] = &blob{length: length}
	}
	return int64(len(s.blobs[id].data)), nil
}

func (b blobs) Append(_ context.Context, token protocol.UploadToken, offset int64, body io.Reader) error {
	s, err := b.server("append")
	if err != nil {
		return err
	}
	s.mu.Lock()
	cut := s.faults.CutUpload
	s.mu.Unlock()
	if cut > 0 {
		body = io.LimitReader(body, int64(cut))
	}
	data, err := io.ReadAll(body)
	if err != nil {
		return fmt.Errorf("%w: %w", backend.ErrOffline, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	one := s.blobs[token.BlobID()]
	if one == nil || int64(len(one.data)) != offset {
		return refuse(protocol.CodeNotFound)
	}
	one.data = append(one.data, data...)
	if int64(len(one.data)) < one.length {
		return fmt.Errorf("%w: the upload broke off", backend.ErrOffline)
	}
	return nil
}

func (b blobs) Fetch(ctx context.Context, id protocol.BlobID, offset int64) (io.ReadCloser, error) {
	s, err := b.server("fetch")
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	one, delay := s.blobs[id], s.faults.BlobDelay
	found := one != nil && int64(len(one.data)) >= one.length && offset <= one.length
	var data []byte
	if found {
		data = one.data[offset:]
		s.fetched += int64(len(data))
	}
	s.mu.Unlock()
	if !found {
		return nil, refuse(protocol.CodeNotFound)
	}
	return &download{ctx, time.NewTimer(delay), bytes.NewReader(data)}, nil
}

// download is the body of a blob, all of which comes after a while.
type download struct {
	ctx   context.Context
	ready *time.Timer
	data  *bytes.Reader
}

// Read implements io.Reader.
func (d *download) Read(p []byte) (int, error) {
	if d.ready != nil {
		select {
		case <-d.ready.C:
			d.ready = nil
		case <-d.ctx.Done():
			return 0, context.Cause(d.ctx)
		}
	}
	return d.data.Read(p)
}

// Close implements io.Closer.
func (*download) Close() error { return nil }

// Fetched returns how many bytes of blobs were downloaded.
func (s *Server) Fetched() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fetched
}

// Store keeps a blob as if somebody had uploaded it.
func (s *Server) Store(id protocol.BlobID, data []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.blobs[id] = &blob{length: int64(len(data)), data: data}
}

// LoseBlobs forgets all blobs, also those half uploaded.
func (s *Server) LoseBlobs() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.blobs)
}

// Blobs returns how many blobs there are.
func (s *Server) Blobs() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.blobs)
}
