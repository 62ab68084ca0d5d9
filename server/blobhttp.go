// SPDX-License-Identifier: AGPL-3.0-or-later

package server

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/securecrypt/securecrypt/protocol"
)

// Headers of the HTTP interface to blobs.
const (
	headerLength    = "Upload-Length"
	headerOffset    = "Upload-Offset"
	headerExpiresIn = "Upload-Expires-In" // seconds
	uploadType      = "application/offset+octet-stream"
)

func (s *Server) handleBlobs(mux *http.ServeMux) {
	one := protocol.BlobPath + "/{blob}"
	for pattern, serve := range map[string]func(http.ResponseWriter, *http.Request) error{
		"POST " + protocol.BlobPath:    s.createBlob,
		"HEAD " + one:                  s.headBlob,
		"PATCH " + one:                 s.patchBlob,
		"GET " + one:                   s.getBlob,
		"DELETE " + one:                s.deleteBlob,
		"OPTIONS " + protocol.BlobPath: allowOrigins,
		"OPTIONS " + one:               allowOrigins,
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			s.serveBlob(w, r, serve)
		})
	}
}

// serveBlob does what all requests about blobs have in common. No cookie or
// other ambient right exists, so that pages of any origin may ask.
func (s *Server) serveBlob(w http.ResponseWriter, r *http.Request, serve func(http.ResponseWriter, *http.Request) error) {
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin") // for pages that demand it (COEP)
	h.Set("Access-Control-Expose-Headers", "Location, Content-Range, Retry-After, "+headerLength+", "+headerOffset)
	select {
	case s.uploads <- struct{}{}:
		defer func() { <-s.uploads }()
	default:
		s.writeProblem(w, problemUnavailable.after(unavailableFor))
		return
	}
	s.work.begin()
	defer s.work.end(1)
	if s.ctx.Err() != nil || s.sessions.isStopping() {
		s.writeProblem(w, problemUnavailable.after(unavailableFor))
		return
	}
	if err := serve(w, r); err != nil {
		s.writeProblem(w, err)
	}
}

func allowOrigins(w http.ResponseWriter, _ *http.Request) error {
	h := w.Header()
	h.Set("Access-Control-Allow-Methods", "GET, HEAD, POST, PATCH, DELETE")
	h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, Range, "+headerLength+", "+headerOffset+", "+headerExpiresIn)
	h.Set("Access-Control-Max-Age", "86400")
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// tokenOf returns the blob that the request's token uploads.
func tokenOf(r *http.Request) (protocol.BlobID, error) {
	text, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return protocol.BlobID{}, problemUnauthorized
	}
	token, err := protocol.ParseUploadToken(text)
	if err != nil {
		return protocol.BlobID{}, problemUnauthorized
	}
	return token.BlobID(), nil
}

// uploaderOf returns the blob of the path if the request's token is its. The
// comparison is of hashes: its time tells nothing about the token.
func uploaderOf(r *http.Request) (protocol.BlobID, error) {
	id, err := pathBlob(r)
	if err != nil {
		return id, err
	}
	owned, err := tokenOf(r)
	if err == nil && owned != id {
		err = problemUnauthorized
	}
	return id, err
}

func pathBlob(r *http.Request) (protocol.BlobID, error) {
	id, err := protocol.ParseBlobID(r.PathValue("blob"))
	if err != nil {
		return id, problemNotFound
	}
	return id, nil
}

func headerNumber(r *http.Request, name string) (uint64, error) {
	n, err := strconv.ParseUint(r.Header.Get(name), 10, 63)
	if err != nil {
		return 0, problemMalformed
	}
	return n, nil
}

func (s *Server) createBlob(w http.ResponseWriter, r *http.Request) error {
	id, err := tokenOf(r)
	if err != nil {
		return err
	}
	length, err := headerNumber(r, headerLength)
	if err != nil {
		return err
	}
	if length == 0 {
		return problemMalformed
	}
	if length > s.limits.MaxBlob {
		return problemTooLarge
	}
	keep := uint64(protocol.DefaultExpiry / time.Second)
	if r.Header.Get(headerExpiresIn) != "" {
		asked, err := headerNumber(r, headerExpiresIn)
		if err != nil || asked > keep {
			return problemMalformed
		}
		if asked != 0 {
			keep = asked
		}
	}
	if wait, ok := s.limiters.create.take(remoteOf(r), 1, s.now()); !ok {
		return problemRateLimited.after(wait)
	}
	row, err := s.reserveBlob(id, length, time.Duration(keep)*time.Second)
	if err != nil {
		return err
	}
	w.Header().Set("Location", protocol.BlobPath+"/"+id.String())
	w.Header().Set(headerOffset, strconv.FormatUint(row.Offset, 10))
	w.WriteHeader(http.StatusCreated)
	return nil
}

// reserveBlob stores a new row, or returns the one that the same token made.
func (s *Server) reserveBlob(id protocol.BlobID, length uint64, keep time.Duration) (row BlobRow, err error) {
	err = s.store.Update(s.ctx, func(tx WriteTx) error {
		row, err = tx.Blobs().Blob(id)
		if err == nil {
			if row.Length != length {
				return problemConflict
			}
			return nil
		}
		if !errors.Is(err, ErrNotFound) {
			return err
		}
		total, err := tx.Blobs().Bytes()
		if err != nil {
			return err
		}
		if length > s.limits.MaxBlobBytes || total > s.limits.MaxBlobBytes-length {
			return problemQuota
		}
		row = BlobRow{Blob: id, Length: length, Expires: unix(s.now(), keep), UploadUntil: unix(s.now(), s.limits.UploadTimeout)}
		return tx.Blobs().Put(row)
	})
	return row, err
}

// blob returns the row of a blob that has not expired.
func (s *Server) blob(ctx context.Context, id protocol.BlobID) (row BlobRow, err error) {
	err = s.store.View(ctx, func(tx ReadTx) error {
		row, err = tx.Blobs().Blob(id)
		return err
	})
	if err == nil && row.Due() <= s.now().Unix() {
		err = ErrNotFound
	}
	return row, err
}

func (s *Server) headBlob(w http.ResponseWriter, r *http.Request) error {
	id, err := pathBlob(r)
	if err != nil {
		return err
	}
	row, err := s.blob(r.Context(), id)
	if err != nil {
		return err
	}
	setProgress(w, row)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusOK)
	return nil
}

func setProgress(w http.ResponseWriter, row BlobRow) {
	w.Header().Set(headerOffset, strconv.FormatUint(row.Offset, 10))
	w.Header().Set(headerLength, strconv.FormatUint(row.Length, 10))
}

func (s *Server) patchBlob(w http.ResponseWriter, r *http.Request) error {
	id, err := uploaderOf(r)
	if err != nil {
		return err
	}
	if r.Header.Get("Content-Type") != uploadType {
		return problemMediaType
	}
	offset, err := headerNumber(r, headerOffset)
	if err != nil {
		return err
	}
	rc := http.NewResponseController(w)
	release := s.uploading.acquire(r.Context(), id, func() { _ = rc.SetReadDeadline(s.now()) })
	if release == nil {
		return problemUnavailable
	}
	defer release()
	row, err := s.blob(s.ctx, id)
	if err != nil {
		return err
	}
	setProgress(w, row)
	if row.Offset != offset {
		return problemConflict
	}
	if r.ContentLength > int64(row.Length-row.Offset) {
		return problemTooLarge
	}
	return s.receive(w, r, rc, row)
}

// receive stores the body as far as it comes.
func (s *Server) receive(w http.ResponseWriter, r *http.Request, rc *http.ResponseController, row BlobRow) error {
	body := &uploadReader{s: s, r: r.Body, rc: rc, from: remoteOf(r), left: row.Length - row.Offset}
	n, writeErr := s.blobs.Write(s.ctx, row.Blob, row.Offset, body)
	s.metrics.blobReceived(int64(n))
	if errors.Is(body.err, problemTooLarge) {
		return problemTooLarge
	}
	if n > 0 {
		row.Offset += n
		row.UploadUntil = unix(s.now(), s.limits.UploadTimeout)
		err := s.store.Update(s.ctx, func(tx WriteTx) error {
			if _, err := tx.Blobs().Blob(row.Blob); err != nil {
				return err // deleted meanwhile
			}
			return tx.Blobs().Put(row)
		})
		if err != nil {
			return err
		}
		setProgress(w, row)
	}
	switch {
	case body.err != nil && !errors.Is(body.err, io.EOF):
		return body.err
	case writeErr != nil:
		return writeErr
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// uploadReader reads a body that must keep coming, may not exceed what is left
// of the blob, and counts against the sender's rate.
type uploadReader struct {
	s    *Server
	r    io.Reader
	rc   *http.ResponseController
	from origin
	left uint64
	err  error // how it ended
}

func (u *uploadReader) Read(p []byte) (int, error) {
	if u.err != nil {
		return 0, u.err
	}
	n, err := u.read(p)
	u.err = err
	return n, err
}

func (u *uploadReader) read(p []byte) (int, error) {
	_ = u.rc.SetReadDeadline(u.s.now().Add(u.s.limits.WriteTimeout)) // not supported in some tests
	if u.left == 0 {
		p = p[:1] // one more byte would be too many
	}
	n, err := u.r.Read(p[:min(uint64(len(p)), max(u.left, 1))])
	if uint64(n) > u.left {
		return 0, problemTooLarge
	}
	u.left -= uint64(n)
	if n > 0 {
		if wait, ok := u.s.limiters.upload.take(u.from, float64(n), u.s.now()); !ok {
			return 0, problemRateLimited.after(wait)
		}
	}
	if err != nil && !errors.Is(err, io.EOF) {
		err = problemUnavailable // the connection was cut; nobody reads this
	}
	return n, err
}

func (s *Server) getBlob(w http.ResponseWriter, r *http.Request) error {
	id, err := pathBlob(r)
	if err != nil {
		return err
	}
	row, err := s.blob(r.Context(), id)
	if err != nil {
		return err
	}
	if !row.Complete() {
		return problemNotFound
	}
	content, err := s.blobs.Open(r.Context(), id)
	if err != nil {
		return err
	}
	defer func() { _ = content.Close() }() // only read from
	h := w.Header()
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Cache-Control", "private, no-transform, immutable, max-age="+strconv.FormatInt(min(86400, row.Expires-s.now().Unix()), 10))
	h.Set("ETag", `"`+id.String()+`"`)
	paced := &pacedReader{s: s, ReadSeeker: content, rc: http.NewResponseController(w)}
	http.ServeContent(w, r, "", time.Time{}, paced)
	return nil
}

// pacedReader gives a slow reader time for as long as it makes progress.
type pacedReader struct {
	io.ReadSeeker
	s  *Server
	rc *http.ResponseController
}

func (p *pacedReader) Read(b []byte) (int, error) {
	_ = p.rc.SetWriteDeadline(p.s.now().Add(p.s.limits.WriteTimeout)) // not supported in some tests
	n, err := p.ReadSeeker.Read(b)
	p.s.metrics.blobSent(int64(n))
	return n, err
}

func (s *Server) deleteBlob(w http.ResponseWriter, r *http.Request) error {
	id, err := uploaderOf(r)
	if err != nil {
		return err
	}
	err = s.store.Update(s.ctx, func(tx WriteTx) error { return tx.Blobs().Delete(id) })
	if err != nil {
		return err
	}
	if err := s.blobs.Delete(s.ctx, id); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
