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
	"github.com/securecrypt/securecrypt/server/fairness"
	"github.com/securecrypt/securecrypt/server/internal/pace"
)

func (s *Server) handleBlobs(mux *http.ServeMux) {
	one := protocol.BlobPath + "/{blob}"
	for pattern, serve := range map[string]blobHandler{
		"POST " + protocol.BlobPath:    s.createBlob,
		"HEAD " + one:                  s.headBlob,
		"PATCH " + one:                 s.transfer(s.patchBlob),
		"POST " + one:                  s.overrideMethod,
		"GET " + one:                   s.transfer(s.getBlob),
		"DELETE " + one:                s.deleteBlob,
		"OPTIONS " + protocol.BlobPath: s.describeUploads,
		"OPTIONS " + one:               s.describeUploads,
	} {
		mux.Handle(pattern, s.limitRequestTime(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			s.serveBlob(w, r, serve)
		})))
	}
}

// blobHandler answers a request about a blob, or returns why not.
type blobHandler func(http.ResponseWriter, *http.Request, *fairness.Origin) error

// transfer lets a handler that moves content run while its origin has a place
// for it. Requests that move none need no place, and are answered even if all
// are taken.
func (s *Server) transfer(serve blobHandler) blobHandler {
	return func(w http.ResponseWriter, r *http.Request, from *fairness.Origin) error {
		if !s.shares.Take(from, fairness.Transfers, 1) {
			return problemUnavailable.after(unavailableFor)
		}
		defer s.shares.Give(from, fairness.Transfers, 1)
		return serve(w, r, from)
	}
}

// serveBlob does what all requests about blobs have in common. No cookie or
// other ambient right exists, so that pages of any origin may ask.
func (s *Server) serveBlob(w http.ResponseWriter, r *http.Request, serve blobHandler) {
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin") // for pages that demand it (COEP)
	h.Set("Access-Control-Expose-Headers", exposedHeaders)
	if !followsTus(w, r) {
		return
	}
	from := s.resolver.Enter(r)
	defer from.Leave()
	s.work.begin()
	defer s.work.end(1)
	if s.ctx.Err() != nil || s.sessions.isStopping() {
		s.writeProblem(w, problemUnavailable.after(unavailableFor))
		return
	}
	if err := serve(w, r, from); err != nil {
		s.writeProblem(w, err)
	}
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

func (s *Server) createBlob(w http.ResponseWriter, r *http.Request, from *fairness.Origin) error {
	id, err := tokenOf(r)
	if err != nil {
		return err
	}
	length, err := headerNumber(r, protocol.HeaderUploadLength)
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
	if r.Header.Get(protocol.HeaderUploadExpiresIn) != "" {
		asked, err := headerNumber(r, protocol.HeaderUploadExpiresIn)
		if err != nil || asked > keep {
			return problemMalformed
		}
		if asked != 0 {
			keep = asked
		}
	}
	if wait, ok := from.Take(fairness.RateAnnounce, 1, s.now()); !ok {
		return problemRateLimited.after(wait)
	}
	usage, err := s.usage(r.Context())
	if err != nil {
		return err
	}
	if int64(length) > s.shares.Bound(fairness.KeptBlobs)-int64(usage.BlobBytes) {
		return problemQuota // it could not arrive
	}
	row, err := s.announceBlob(id, length, time.Duration(keep)*time.Second)
	if err != nil {
		return err
	}
	w.Header().Set("Location", protocol.BlobPath+"/"+id.String())
	setProgress(w, row)
	w.WriteHeader(http.StatusCreated)
	return nil
}

// announceBlob stores a new row, or returns the one that the same token made. It
// reserves no room: that is taken as content arrives.
func (s *Server) announceBlob(id protocol.BlobID, length uint64, keep time.Duration) (row BlobRow, err error) {
	err = s.store.Update(s.ctx, func(tx WriteTx) error {
		row, err = tx.Blobs().Blob(id)
		if err == nil {
			if row.Length != length {
				return problemExists
			}
			return nil
		}
		if !errors.Is(err, ErrNotFound) {
			return err
		}
		row = BlobRow{Blob: id, Length: length, Expires: unix(s.clock.Stamp(), keep), UploadUntil: unix(s.clock.Stamp(), s.limits.AnnounceFor)}
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
	if err == nil && row.Due() <= s.clock.Expiry().Unix() {
		err = ErrNotFound
	}
	return row, err
}

func (s *Server) headBlob(w http.ResponseWriter, r *http.Request, _ *fairness.Origin) error {
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

func (s *Server) patchBlob(w http.ResponseWriter, r *http.Request, from *fairness.Origin) error {
	id, err := uploaderOf(r)
	if err != nil {
		return err
	}
	if r.Header.Get("Content-Type") != protocol.UploadType {
		return problemMediaType
	}
	offset, err := headerNumber(r, protocol.HeaderUploadOffset)
	if err != nil {
		return err
	}
	rc := http.NewResponseController(w)
	release := s.uploading.acquire(r.Context(), id, func() { _ = rc.SetReadDeadline(s.now()) })
	if release == nil {
		return problemUnavailable.after(unavailableFor)
	}
	defer release()
	row, err := s.blob(s.ctx, id)
	if err != nil {
		return err
	}
	setProgress(w, row)
	if row.Offset != offset {
		return problemWrongOffset
	}
	if r.ContentLength > int64(row.Length-row.Offset) {
		return problemTooLarge
	}
	return s.receive(w, r, rc, row, from)
}

// receive stores the body as far as it comes.
func (s *Server) receive(w http.ResponseWriter, r *http.Request, rc *http.ResponseController, row BlobRow, from *fairness.Origin) error {
	body := &uploadReader{s: s, r: r.Body, from: from, row: &row, hash: resumeHash(&row), pace: pace.NewBody(s.now, s.limits.WriteTimeout, rc.SetReadDeadline), left: row.Length - row.Offset}
	n, writeErr := s.blobs.Write(s.ctx, row.Blob, row.Offset, body)
	s.metrics.BlobReceived(int64(n))
	var err error
	if errors.Is(body.err, problemTooLarge) { // not what was announced
		n, err = s.blobs.Write(s.ctx, row.Blob, row.Offset, http.NoBody) // takes back what came
	}
	err = errors.Join(err, s.recordReceived(&row, n, body.hash))
	s.received.Add(-body.kept)
	if stored := int64(n); err != nil || stored < body.kept {
		if err != nil {
			stored = 0
		}
		s.shares.Unkeep(from, fairness.KeptBlobs, body.kept-stored)
	}
	switch {
	case errors.Is(body.err, problemTooLarge):
		return problemTooLarge
	case err != nil:
		return err
	}
	setProgress(w, row)
	switch {
	case body.err != nil && !errors.Is(body.err, io.EOF):
		return body.err
	case writeErr != nil:
		return writeErr
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// prolong gives an upload of which something arrives more time when its own
// runs out: one request may take hours.
func (s *Server) prolong(row *BlobRow) error {
	if row.UploadUntil > unix(s.clock.Stamp(), s.limits.AnnounceFor/2) {
		return nil
	}
	row.UploadUntil = unix(s.clock.Stamp(), s.limits.UploadTimeout)
	return s.putBlob(row)
}

// recordReceived adds n bytes to a blob's row; h has the hash of what was received.
func (s *Server) recordReceived(row *BlobRow, n uint64, h *contentHash) error {
	if n == 0 {
		return nil
	}
	before := *row
	row.Offset += n
	if err := s.hashContent(s.ctx, &before, row, h); err != nil {
		return err
	}
	row.UploadUntil = unix(s.clock.Stamp(), s.limits.UploadTimeout)
	return s.putBlob(row)
}

// putBlob stores the row of a blob that is being uploaded.
func (s *Server) putBlob(row *BlobRow) error {
	return s.store.Update(s.ctx, func(tx WriteTx) error {
		if _, err := tx.Blobs().Blob(row.Blob); err != nil {
			return err // deleted meanwhile
		}
		return tx.Blobs().Put(*row)
	})
}

// uploadReader reads a body that must keep coming, may not exceed what is left
// of the blob, and counts against the sender's rate and share of the room.
type uploadReader struct {
	s    *Server
	r    io.Reader
	from *fairness.Origin
	row  *BlobRow
	pace pace.Body
	left uint64
	kept int64 // bytes that were counted for the origin
	hash *contentHash
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
	u.pace.Expect()
	if u.left == 0 {
		p = p[:1] // one more byte would be too many
	}
	n, err := u.r.Read(p[:min(uint64(len(p)), max(u.left, 1))])
	if uint64(n) > u.left {
		return 0, problemTooLarge
	}
	u.left -= uint64(n)
	u.hash.add(p[:n])
	u.pace.Moved(n)
	if n > 0 {
		if wait, ok := u.from.Take(fairness.RateUpload, float64(n), u.s.now()); !ok {
			return 0, problemRateLimited.after(wait)
		}
		if err := u.keep(int64(n)); err != nil {
			return 0, err
		}
		if err := u.s.prolong(u.row); err != nil {
			return 0, err
		}
	}
	if errors.Is(err, io.EOF) {
		u.pace.End()
	} else if err != nil {
		err = problemUnavailable // the connection was cut; nobody reads this
	}
	return n, err
}

// keep counts bytes as kept for the origin, or refuses them.
func (u *uploadReader) keep(n int64) error {
	usage, err := u.s.usage(u.s.ctx)
	if err != nil {
		return err
	}
	if !u.s.shares.Keep(u.from, fairness.KeptBlobs, n, int64(usage.BlobBytes)+u.s.received.Load()) {
		return problemQuota
	}
	u.s.received.Add(n)
	u.kept += n
	return nil
}

func (s *Server) getBlob(w http.ResponseWriter, r *http.Request, _ *fairness.Origin) error {
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
	if startsAfterEnd(r.Header.Get("Range"), row.Length) {
		return problemRange
	}
	content, err := s.blobs.Open(r.Context(), id)
	if err != nil {
		return err
	}
	defer func() { _ = content.Close() }() // only read from
	h := w.Header()
	h.Set("Content-Type", protocol.DownloadType)
	h.Set("Cache-Control", "private, no-transform, immutable, max-age="+strconv.FormatInt(max(0, min(86400, row.Expires-s.clock.Expiry().Unix())), 10))
	h.Set("ETag", `"`+id.String()+`"`)
	http.ServeContent(w, r, "", time.Time{}, &countedReader{s: s, ReadSeeker: content})
	return nil
}

// startsAfterEnd reports whether a Range starts after the end of a blob. net/http
// handles ranges that our clients do not send.
func startsAfterEnd(text string, length uint64) bool {
	from, ok := strings.CutPrefix(text, "bytes=")
	from, rest, open := strings.Cut(from, "-")
	n, err := strconv.ParseUint(from, 10, 64)
	return ok && open && rest == "" && err == nil && n >= length
}

// countedReader counts what is sent of a blob.
type countedReader struct {
	io.ReadSeeker
	s *Server
}

func (c *countedReader) Read(b []byte) (int, error) {
	n, err := c.ReadSeeker.Read(b)
	c.s.metrics.BlobSent(int64(n))
	return n, err
}

func (s *Server) deleteBlob(w http.ResponseWriter, r *http.Request, _ *fairness.Origin) error {
	id, err := uploaderOf(r)
	if err != nil {
		return err
	}
	err = s.store.Update(Freeing(s.ctx), func(tx WriteTx) error { return tx.Blobs().Delete(id) })
	if err != nil {
		return err
	}
	if err := s.blobs.Delete(s.ctx, id); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
