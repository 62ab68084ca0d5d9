// SPDX-License-Identifier: AGPL-3.0-or-later

package uploads

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/securecrypt/securecrypt/protocol"
	"github.com/securecrypt/securecrypt/server/fairness"
)

func (u *Handler) head(w http.ResponseWriter, r *http.Request, _ *fairness.Origin) error {
	id, err := pathBlob(r)
	if err != nil {
		return err
	}
	row, err := u.Index.Blob(r.Context(), id)
	if err != nil {
		return err
	}
	setProgress(w, row)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusOK)
	return nil
}

func (u *Handler) get(w http.ResponseWriter, r *http.Request, _ *fairness.Origin) error {
	id, err := pathBlob(r)
	if err != nil {
		return err
	}
	row, err := u.Index.Blob(r.Context(), id)
	if err != nil {
		return err
	}
	if !row.Complete() {
		return problemNotFound
	}
	if startsAfterEnd(r.Header.Get("Range"), row.Length) {
		return problemRange
	}
	content, err := u.Content.Open(r.Context(), id)
	if err != nil {
		return err
	}
	defer func() { _ = content.Close() }() // only read from
	h := w.Header()
	h.Set("Content-Type", protocol.DownloadType)
	h.Set("Cache-Control", "private, no-transform, immutable, max-age="+strconv.FormatInt(max(0, min(86400, row.Expires-u.Clock.Expiry().Unix())), 10))
	h.Set("ETag", `"`+id.String()+`"`)
	http.ServeContent(w, r, "", time.Time{}, &countedReader{u: u, ReadSeeker: content})
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
	u *Handler
}

func (c *countedReader) Read(b []byte) (int, error) {
	n, err := c.ReadSeeker.Read(b)
	c.u.Metrics.BlobSent(int64(n))
	return n, err
}
