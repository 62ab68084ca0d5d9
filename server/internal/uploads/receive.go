// SPDX-License-Identifier: AGPL-3.0-or-later

package uploads

import (
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/securecrypt/securecrypt/protocol"
	"github.com/securecrypt/securecrypt/server/fairness"
	"github.com/securecrypt/securecrypt/server/internal/pace"
)

func (u *Handler) create(w http.ResponseWriter, r *http.Request, from *fairness.Origin) error {
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
	if length > u.Limits.MaxBlob {
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
	if wait, ok := from.Take(fairness.RateAnnounce, 1, u.Now()); !ok {
		return problemRateLimited.after(wait)
	}
	stored, err := u.Index.Stored(r.Context())
	if err != nil {
		return err
	}
	if int64(length) > u.Shares.Bound(fairness.KeptBlobs)-stored {
		return problemQuota // it could not arrive
	}
	row, err := u.announce(id, length, time.Duration(keep)*time.Second)
	if err != nil {
		return err
	}
	w.Header().Set("Location", protocol.BlobPath+"/"+id.String())
	setProgress(w, row)
	w.WriteHeader(http.StatusCreated)
	return nil
}

// announce stores a new row, or returns the one that the same token made. It
// reserves no room: that is taken as content arrives.
func (u *Handler) announce(id protocol.BlobID, length uint64, keep time.Duration) (Row, error) {
	now := u.Clock.Stamp()
	row, err := u.Index.Create(u.Context, Row{Blob: id, Length: length, Expires: unix(now, keep), UploadUntil: unix(now, u.Limits.AnnounceFor)})
	if err == nil && row.Length != length {
		err = problemExists
	}
	return row, err
}

// unix returns a row's form of t plus d.
func unix(t time.Time, d time.Duration) int64 { return t.Add(d).Unix() }

func (u *Handler) patch(w http.ResponseWriter, r *http.Request, from *fairness.Origin) error {
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
	release := u.writing.acquire(r.Context(), id, func() { _ = rc.SetReadDeadline(u.Now()) })
	if release == nil {
		return problemUnavailable.after(unavailableFor)
	}
	defer release()
	row, err := u.Index.Blob(u.Context, id)
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
	return u.receive(w, r, rc, row, from)
}

// receive stores the body as far as it comes.
func (u *Handler) receive(w http.ResponseWriter, r *http.Request, rc *http.ResponseController, row Row, from *fairness.Origin) error {
	body := &receivedBody{u: u, r: r.Body, from: from, row: &row, hash: resumeHash(&row), pace: pace.NewBody(u.Now, u.Limits.WriteTimeout, rc.SetReadDeadline), left: row.Length - row.Offset}
	n, writeErr := u.Content.Write(u.Context, row.Blob, row.Offset, body)
	u.Metrics.BlobReceived(int64(n))
	var err error
	if errors.Is(body.err, problemTooLarge) { // not what was announced
		n, err = u.Content.Write(u.Context, row.Blob, row.Offset, http.NoBody) // takes back what came
	}
	err = errors.Join(err, u.recordReceived(&row, n, body.hash))
	u.received.Add(-body.kept)
	if stored := int64(n); err != nil || stored < body.kept {
		if err != nil {
			stored = 0
		}
		u.Shares.Unkeep(from, fairness.KeptBlobs, body.kept-stored)
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
func (u *Handler) prolong(row *Row) error {
	if row.UploadUntil > unix(u.Clock.Stamp(), u.Limits.AnnounceFor/2) {
		return nil
	}
	row.UploadUntil = unix(u.Clock.Stamp(), u.Limits.UploadTimeout)
	return u.Index.Update(u.Context, *row)
}

// recordReceived adds n bytes to a blob's row; h has the hash of what was received.
func (u *Handler) recordReceived(row *Row, n uint64, h *contentHash) error {
	if n == 0 {
		return nil
	}
	before := *row
	row.Offset += n
	if err := u.hashContent(u.Context, &before, row, h); err != nil {
		return err
	}
	row.UploadUntil = unix(u.Clock.Stamp(), u.Limits.UploadTimeout)
	return u.Index.Update(u.Context, *row)
}

// receivedBody reads a body that must keep coming, may not exceed what is left
// of the blob, and counts against the sender's rate and share of the room.
type receivedBody struct {
	u    *Handler
	r    io.Reader
	from *fairness.Origin
	row  *Row
	pace pace.Body
	left uint64
	kept int64 // bytes that were counted for the origin
	hash *contentHash
	err  error // how it ended
}

func (b *receivedBody) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	n, err := b.read(p)
	b.err = err
	return n, err
}

func (b *receivedBody) read(p []byte) (int, error) {
	b.pace.Expect()
	if b.left == 0 {
		p = p[:1] // one more byte would be too many
	}
	n, err := b.r.Read(p[:min(uint64(len(p)), max(b.left, 1))])
	if uint64(n) > b.left {
		return 0, problemTooLarge
	}
	b.left -= uint64(n)
	b.hash.add(p[:n])
	b.pace.Moved(n)
	if n > 0 {
		if wait, ok := b.from.Take(fairness.RateUpload, float64(n), b.u.Now()); !ok {
			return 0, problemRateLimited.after(wait)
		}
		if err := b.keep(int64(n)); err != nil {
			return 0, err
		}
		if err := b.u.prolong(b.row); err != nil {
			return 0, err
		}
	}
	if errors.Is(err, io.EOF) {
		b.pace.End()
	} else if err != nil {
		err = problemUnavailable // the connection was cut; nobody reads this
	}
	return n, err
}

// keep counts bytes as kept for the origin, or refuses them.
func (b *receivedBody) keep(n int64) error {
	stored, err := b.u.Index.Stored(b.u.Context)
	if err != nil {
		return err
	}
	if !b.u.Shares.Keep(b.from, fairness.KeptBlobs, n, stored+b.u.received.Load()) {
		return problemQuota
	}
	b.u.received.Add(n)
	b.kept += n
	return nil
}

func (u *Handler) delete(w http.ResponseWriter, r *http.Request, _ *fairness.Origin) error {
	id, err := uploaderOf(r)
	if err != nil {
		return err
	}
	if err := u.Index.Delete(u.Context, id); err != nil {
		return err
	}
	if err := u.Content.Delete(u.Context, id); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
