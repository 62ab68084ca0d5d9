// SPDX-License-Identifier: AGPL-3.0-or-later

package vaults

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/securecrypt/securecrypt/protocol"
	"github.com/securecrypt/securecrypt/server/fairness"
	"github.com/securecrypt/securecrypt/server/internal/metrics"
	"github.com/securecrypt/securecrypt/server/internal/origin"
	"github.com/securecrypt/securecrypt/server/internal/pace"
)

// A Caller is the device in whose name a request is made.
type Caller struct {
	Name    string
	Device  protocol.DeviceID
	Session protocol.VaultSessionID
}

// An Object is what is known about an object of a vault.
type Object struct {
	Name    string
	Content protocol.BlobID
	Size    uint64
	Hash    [32]byte // SHA-256
}

// A Reader looks up vaults. Its methods return a refusal if the caller's device is
// not one of the account any more.
type Reader interface {
	// Key returns the signature key of a device.
	Key(ctx context.Context, name string, device protocol.DeviceID) (protocol.AccessKey, error)
	List(context.Context, Caller) (protocol.VaultList, error)
	Object(ctx context.Context, c Caller, vault uint8, name string) (Object, error)
	// Objects returns a page of the objects whose names begin with prefix and follow
	// after.
	Objects(ctx context.Context, c Caller, vault uint8, prefix, after string) ([]protocol.VaultObject, error)
	Deletions(ctx context.Context, c Caller, vault uint8, after uint64) ([]protocol.VaultDeletion, error)
}

// A Writer changes vaults. What a method did is durable when it returns.
type Writer interface {
	// Store stores an object whose content is durable. With onlyNew it refuses a name
	// that is taken; otherwise the object before becomes a deletion.
	Store(ctx context.Context, c Caller, vault uint8, o Object, onlyNew bool) error
	Delete(ctx context.Context, c Caller, vault uint8, name string) error
	// Undelete takes back the last deletions of a session up to a number.
	Undelete(ctx context.Context, c Caller, vault uint8, u protocol.VaultUndelete) (protocol.VaultUndeleted, error)
}

// An Index knows what is in vaults.
type Index interface {
	Reader
	Writer
	// Stored returns how many bytes all vaults have.
	Stored(context.Context) (int64, error)
}

// Content keeps the content of objects.
type Content interface {
	Write(ctx context.Context, id protocol.BlobID, offset uint64, r io.Reader) (n uint64, err error)
	Open(ctx context.Context, id protocol.BlobID) (io.ReadSeekCloser, error)
	Delete(ctx context.Context, id protocol.BlobID) error
}

// Config is what a [Handler] is made from. All fields must be set.
type Config struct {
	Context  context.Context // ends when the server stops
	Host     string          // in the addresses of accounts
	Index    Index
	Content  Content
	Now      func() time.Time
	Random   io.Reader
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

// A Handler answers requests about vaults.
type Handler struct {
	Config
	began time.Time
	key   [32]byte // authenticates tokens and challenges

	mu      sync.Mutex
	pending map[protocol.BlobID]bool // content that no object has yet; guarded by mu
	arrived int64                    // bytes of it; guarded by mu
}

// New returns a handler.
func New(c Config) (*Handler, error) {
	h := &Handler{Config: c, began: c.Now(), pending: map[protocol.BlobID]bool{}}
	_, err := io.ReadFull(c.Random, h.key[:])
	return h, err
}

// Pending reports whether content is being received. An object may have it at any
// moment afterwards.
func (h *Handler) Pending(id protocol.BlobID) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.pending[id]
}

// Register adds the handler's paths to those of a server.
func (h *Handler) Register(mux *http.ServeMux) {
	one := protocol.VaultPath + "/{vault}"
	object := one + "/objects/{object...}"
	for pattern, serve := range map[string]handler{
		"GET " + protocol.VaultPath + "/challenge": h.challenge,
		"POST " + protocol.VaultPath + "/sessions": h.signIn,
		"GET " + protocol.VaultPath:                h.identified(h.list),
		"PUT " + object:                            h.identified(h.transfer(h.put)),
		"GET " + object:                            h.identified(h.transfer(h.get)),
		"HEAD " + object:                           h.identified(h.head),
		"DELETE " + object:                         h.identified(h.delete),
		"GET " + one + "/objects":                  h.identified(h.objects),
		"POST " + one + "/hashes":                  h.identified(h.transfer(h.hashes)),
		"GET " + one + "/deletions":                h.identified(h.deletions),
		"POST " + one + "/undeletions":             h.identified(h.undelete),
	} {
		mux.Handle(pattern, pace.Brief(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			h.serve(w, r, serve)
		}), h.Now, h.Limits.HeaderTimeout, h.Limits.WriteTimeout))
	}
}

type (
	// handler answers a request, or returns why not.
	handler func(http.ResponseWriter, *http.Request, *fairness.Origin) error
	// call is a handler for requests with a token.
	call func(http.ResponseWriter, *request) error
)

// A request is one that was made with a token.
type request struct {
	*http.Request
	from   *fairness.Origin
	caller Caller
	vault  uint8
}

// identified answers requests that have a valid token.
func (h *Handler) identified(serve call) handler {
	return func(w http.ResponseWriter, r *http.Request, from *fairness.Origin) error {
		caller, err := h.callerOf(r)
		if err != nil {
			return err
		}
		req := &request{Request: r, from: from, caller: caller}
		if text := r.PathValue("vault"); text != "" {
			n, err := strconv.ParseUint(text, 10, 8)
			if err != nil || protocol.CheckVault(n) != nil {
				return refuse(protocol.BlobNotFound)
			}
			req.vault = uint8(n)
		}
		return serve(w, req)
	}
}

// transfer lets a call that moves or reads content run while its origin has a place
// for it.
func (h *Handler) transfer(serve call) call {
	return func(w http.ResponseWriter, r *request) error {
		if !h.Shares.Take(r.from, fairness.Transfers, 1) {
			return later(protocol.BlobUnavailable, unavailableFor)
		}
		defer h.Shares.Give(r.from, fairness.Transfers, 1)
		return serve(w, r)
	}
}

// serve does what all requests about vaults have in common.
func (h *Handler) serve(w http.ResponseWriter, r *http.Request, serve handler) {
	w.Header().Set("Cache-Control", "no-store")
	from := h.Resolver.Enter(r)
	defer from.Leave()
	end, running := h.Begin()
	defer end()
	err := error(nil)
	switch wait, ok := from.Take(fairness.RateVault, 1, h.Now()); {
	case !running:
		err = later(protocol.BlobUnavailable, unavailableFor)
	case h.Limits.VaultQuota == 0:
		err = refuse(protocol.VaultsOff)
	case !ok:
		err = later(protocol.BlobRateLimited, wait)
	default:
		err = serve(w, r, from)
	}
	if err != nil {
		h.writeProblem(w, err)
	}
}

// unavailableFor is how long clients are asked to wait when the server cannot
// store.
const unavailableFor = 5 * time.Second

func refuse(r protocol.BlobRefusal) error { return &protocol.BlobError{Refusal: r} }

func later(r protocol.BlobRefusal, wait time.Duration) error {
	return &protocol.BlobError{Refusal: r, RetryAfter: wait}
}

func (h *Handler) writeProblem(w http.ResponseWriter, err error) {
	p := new(protocol.BlobError)
	if !errors.As(err, &p) {
		p = &protocol.BlobError{Refusal: h.Refusal(err)}
		if p.Refusal == protocol.BlobUnavailable {
			p.RetryAfter = unavailableFor
		}
	}
	header := w.Header()
	header.Del("Content-Length")
	header.Set("Content-Type", protocol.ProblemType)
	if p.RetryAfter > 0 {
		header.Set(protocol.HeaderRetryAfter, protocol.RetryAfter(p.RetryAfter))
	}
	w.WriteHeader(p.Refusal.Status())
	_, _ = w.Write(p.Refusal.Problem()) // the client may have gone
}

// answer writes a body of a form of its own.
func answer(w http.ResponseWriter, body any) error {
	w.Header().Set("Content-Type", protocol.VaultType)
	_, _ = w.Write(protocol.EncodeVault(body)) // the client may have gone
	return nil
}

// readBody decodes the body of a request, which is short.
func (h *Handler) readBody(w http.ResponseWriter, r *http.Request, body any) error {
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil || protocol.DecodeVault(b, body) != nil {
		return refuse(protocol.BlobMalformed)
	}
	return nil
}

// maxBody bounds the bodies of requests, but for objects.
const maxBody = 16 << 10
