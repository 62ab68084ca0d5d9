// SPDX-License-Identifier: AGPL-3.0-or-later

package uploads

import (
	"context"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/securecrypt/securecrypt/protocol"
	"github.com/securecrypt/securecrypt/server/fairness"
	"github.com/securecrypt/securecrypt/server/internal/clock"
	"github.com/securecrypt/securecrypt/server/internal/metrics"
	"github.com/securecrypt/securecrypt/server/internal/origin"
	"github.com/securecrypt/securecrypt/server/internal/pace"
)

// A Row is what is known about a blob or an upload that is under way. Times are
// in seconds since the Unix epoch.
type Row struct {
	Blob        protocol.BlobID
	Length      uint64
	Offset      uint64 // bytes that are durable
	Expires     int64
	UploadUntil int64  // when the upload is given up, while it is under way
	Hash        []byte // SHA-256 of the content once it is whole
	HashState   []byte // of that hash at Offset, while the upload is under way
}

// Complete reports whether the blob can be fetched.
func (row Row) Complete() bool { return row.Offset == row.Length }

// An Index keeps the rows. Everything that a method returns or stores is durable
// when it returns.
type Index interface {
	// Blob returns the row of a blob that has not expired.
	Blob(context.Context, protocol.BlobID) (Row, error)
	// Create stores a new row, or returns the one that is there, also if it has
	// expired.
	Create(context.Context, Row) (Row, error)
	// Update replaces a row. It fails if the blob was deleted.
	Update(context.Context, Row) error
	// Delete deletes the row, also when the disk has no more room.
	Delete(context.Context, protocol.BlobID) error
	// Stored returns how many bytes of blobs have arrived.
	Stored(context.Context) (int64, error)
}

// Content keeps the content of blobs.
type Content interface {
	// Write stores what r yields as the bytes from offset on, in place of
	// whatever lies there and after. It returns how many bytes are durable,
	// also when it returns an error.
	Write(ctx context.Context, id protocol.BlobID, offset uint64, r io.Reader) (n uint64, err error)
	Open(ctx context.Context, id protocol.BlobID) (io.ReadSeekCloser, error)
	// Delete deletes the content, if there is any.
	Delete(ctx context.Context, id protocol.BlobID) error
}

// Config is what a [Handler] is made from. All fields must be set.
type Config struct {
	Context  context.Context // ends when the server stops
	Index    Index
	Content  Content
	Now      func() time.Time
	Clock    *clock.Clock
	Limits   *fairness.Limits
	Shares   *fairness.Shares
	Resolver *origin.Resolver
	Metrics  *metrics.Metrics
	// Begin is called for each request, and end when it is answered. A request
	// that begins while the server is not running is refused.
	Begin func() (end func(), running bool)
	// Refusal says what an error of Index or Content means to a client.
	Refusal func(error) protocol.BlobRefusal
}

// A Handler answers requests about blobs.
type Handler struct {
	Config
	received atomic.Int64 // bytes of blobs that are not in the index's count yet
	writing  *locks
}

// New returns a handler.
func New(c Config) *Handler { return &Handler{Config: c, writing: newLocks()} }

// Register adds the handler's paths to those of a server.
func (u *Handler) Register(mux *http.ServeMux) {
	one := protocol.BlobPath + "/{blob}"
	for pattern, serve := range map[string]blobHandler{
		"POST " + protocol.BlobPath:    u.create,
		"HEAD " + one:                  u.head,
		"PATCH " + one:                 u.transfer(u.patch),
		"POST " + one:                  u.overrideMethod,
		"GET " + one:                   u.transfer(u.get),
		"DELETE " + one:                u.delete,
		"OPTIONS " + protocol.BlobPath: u.describeUploads,
		"OPTIONS " + one:               u.describeUploads,
	} {
		mux.Handle(pattern, pace.Brief(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			u.serve(w, r, serve)
		}), u.Now, u.Limits.HeaderTimeout, u.Limits.WriteTimeout))
	}
}

// blobHandler answers a request about a blob, or returns why not.
type blobHandler func(http.ResponseWriter, *http.Request, *fairness.Origin) error

// transfer lets a handler that moves content run while its origin has a place
// for it. Requests that move none need no place, and are answered even if all
// are taken.
func (u *Handler) transfer(serve blobHandler) blobHandler {
	return func(w http.ResponseWriter, r *http.Request, from *fairness.Origin) error {
		if !u.Shares.Take(from, fairness.Transfers, 1) {
			return problemUnavailable.after(unavailableFor)
		}
		defer u.Shares.Give(from, fairness.Transfers, 1)
		return serve(w, r, from)
	}
}

// serve does what all requests about blobs have in common. No cookie or
// other ambient right exists, so that pages of any origin may ask.
func (u *Handler) serve(w http.ResponseWriter, r *http.Request, serve blobHandler) {
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin") // for pages that demand it (COEP)
	h.Set("Access-Control-Expose-Headers", exposedHeaders)
	if !followsTus(w, r) {
		return
	}
	from := u.Resolver.Enter(r)
	defer from.Leave()
	end, running := u.Begin()
	defer end()
	if !running {
		u.writeProblem(w, problemUnavailable.after(unavailableFor))
		return
	}
	if err := serve(w, r, from); err != nil {
		u.writeProblem(w, err)
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
