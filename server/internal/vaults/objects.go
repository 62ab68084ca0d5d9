// SPDX-License-Identifier: AGPL-3.0-or-later

package vaults

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/zeebo/blake3"

	"github.com/securecrypt/securecrypt/protocol"
	"github.com/securecrypt/securecrypt/server/fairness"
	"github.com/securecrypt/securecrypt/server/internal/pace"
)

// objectOf returns the name in a request's path.
func objectOf(r *request) (string, error) {
	name := r.PathValue("object")
	if !protocol.ValidVaultObject(name) {
		return "", refuse(protocol.BlobMalformed)
	}
	return name, nil
}

// put stores an object.
func (h *Handler) put(w http.ResponseWriter, r *request) error {
	name, err := objectOf(r)
	if err != nil {
		return err
	}
	length := r.ContentLength
	switch condition := r.Header.Get("If-None-Match"); {
	case length < 0, condition != "" && condition != "*":
		return refuse(protocol.BlobMalformed)
	case length > protocol.MaxVaultObject:
		return refuse(protocol.BlobTooLarge)
	}
	onlyNew := r.Header.Get("If-None-Match") == "*"
	if onlyNew {
		// What is taken is refused before it is sent.
		_, err := h.Index.Object(r.Context(), r.caller, r.vault, name)
		if err == nil {
			return refuse(protocol.BlobExists)
		}
		if h.refusalOf(err) != protocol.BlobNotFound {
			return err
		}
	}
	if wait, ok := r.from.Take(fairness.RateVaultBytes, float64(length), h.Now()); !ok {
		return later(protocol.BlobRateLimited, wait)
	}
	release, err := h.reserve(r, length)
	if err != nil {
		return err
	}
	o, err := h.receive(w, r, name)
	if err == nil {
		err = h.Index.Store(h.Context, r.caller, r.vault, o, onlyNew)
	}
	release(o.Content, err == nil)
	if err != nil {
		return errors.Join(err, h.Content.Delete(h.Context, o.Content))
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// reserve counts an object's bytes as stored by its origin until release is called,
// or for good if it was stored.
func (h *Handler) reserve(r *request, length int64) (release func(id protocol.BlobID, stored bool), err error) {
	before, err := h.Index.Stored(r.Context())
	if err != nil {
		return nil, err
	}
	h.mu.Lock()
	h.arrived += length
	used := before + h.arrived - length
	h.mu.Unlock()
	give := func(id protocol.BlobID) {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.arrived -= length
		delete(h.pending, id)
	}
	if !h.Shares.Keep(r.from, fairness.KeptVaults, length, used) {
		give(protocol.BlobID{})
		return nil, refuse(protocol.BlobQuotaExceeded)
	}
	return func(id protocol.BlobID, stored bool) {
		if !stored {
			h.Shares.Unkeep(r.from, fairness.KeptVaults, length)
		}
		give(id)
	}, nil
}

// receive makes the body of a request content under an identifier of its own.
func (h *Handler) receive(w http.ResponseWriter, r *request, name string) (o Object, err error) {
	o = Object{Name: name, Size: uint64(r.ContentLength)}
	if _, err := io.ReadFull(h.Random, o.Content[:]); err != nil {
		return o, err
	}
	h.mu.Lock()
	h.pending[o.Content] = true
	h.mu.Unlock()
	rc := http.NewResponseController(w)
	body := &receivedBody{
		r: r.Body, left: r.ContentLength, sum: sha256.New(), named: blake3.New(),
		pace: pace.NewBody(h.Now, h.Limits.WriteTimeout, rc.SetReadDeadline),
	}
	n, err := h.Content.Write(h.Context, o.Content, 0, body)
	h.Metrics.VaultReceived(int64(n))
	switch {
	case err != nil:
		return o, err
	case body.failed, n != o.Size:
		return o, refuse(protocol.BlobMalformed) // the connection was cut; nobody reads this
	}
	// A pack is named by its content: what was damaged on the way is not stored.
	if pack, ok := strings.CutPrefix(name, "packs/"); ok && len(pack) == 64 && pack != hex.EncodeToString(body.named.Sum(nil)) {
		return o, refuse(protocol.VaultDamaged)
	}
	o.Hash = [32]byte(body.sum.Sum(nil))
	return o, nil
}

// receivedBody reads a body that must keep coming, and hashes it.
type receivedBody struct {
	r          io.Reader
	left       int64
	sum, named hash.Hash
	pace       pace.Body
	failed     bool
}

func (b *receivedBody) Read(p []byte) (int, error) {
	if b.left == 0 {
		b.pace.End()
		return 0, io.EOF
	}
	b.pace.Expect()
	n, err := b.r.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	_, _ = b.sum.Write(p[:n]) // they never fail
	_, _ = b.named.Write(p[:n])
	b.pace.Moved(n)
	if err != nil && b.left > 0 {
		b.failed = true
		return n, io.EOF
	}
	return n, nil
}

// get sends an object or a range of it.
func (h *Handler) get(w http.ResponseWriter, r *request) error {
	name, err := objectOf(r)
	if err != nil {
		return err
	}
	o, err := h.Index.Object(r.Context(), r.caller, r.vault, name)
	if err != nil {
		return err
	}
	if text := r.Header.Get("Range"); text != "" && !within(text, o.Size) {
		return refuse(protocol.BlobRange)
	}
	content, err := h.Content.Open(r.Context(), o.Content)
	if err != nil {
		return err
	}
	defer func() { _ = content.Close() }() // only read from
	w.Header().Set("Content-Type", protocol.DownloadType)
	http.ServeContent(w, r.Request, "", time.Time{}, &sentContent{content, h})
	return nil
}

// within reports whether a Range is one of bytes that an object has.
func within(text string, size uint64) bool {
	text, ok := strings.CutPrefix(text, "bytes=")
	first, last, both := strings.Cut(text, "-")
	from, err1 := strconv.ParseUint(first, 10, 63)
	to, err2 := strconv.ParseUint(last, 10, 63)
	return ok && both && err1 == nil && err2 == nil && from <= to && to < size
}

// sentContent counts what is sent.
type sentContent struct {
	io.ReadSeeker
	h *Handler
}

func (c *sentContent) Read(b []byte) (int, error) {
	n, err := c.ReadSeeker.Read(b)
	c.h.Metrics.VaultSent(int64(n))
	return n, err
}

func (h *Handler) head(w http.ResponseWriter, r *request) error {
	name, err := objectOf(r)
	if err != nil {
		return err
	}
	o, err := h.Index.Object(r.Context(), r.caller, r.vault, name)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", protocol.DownloadType)
	w.Header().Set("Content-Length", strconv.FormatUint(o.Size, 10))
	w.WriteHeader(http.StatusOK)
	return nil
}

func (h *Handler) delete(w http.ResponseWriter, r *request) error {
	name, err := objectOf(r)
	if err != nil {
		return err
	}
	if err := h.Index.Delete(h.Context, r.caller, r.vault, name); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// hashes reads objects from the disk, and tells what they are now. Objects that are
// not there, or cannot be read, are left out.
func (h *Handler) hashes(w http.ResponseWriter, r *request) error {
	var names []string
	if err := h.readBody(w, r.Request, &names); err != nil {
		return err
	}
	if len(names) == 0 || len(names) > protocol.MaxVaultNames {
		return refuse(protocol.BlobMalformed)
	}
	var objects []Object
	total := uint64(0)
	for _, name := range names {
		o, err := h.Index.Object(r.Context(), r.caller, r.vault, name)
		if err != nil && h.refusalOf(err) != protocol.BlobNotFound {
			return err
		}
		if err == nil {
			objects, total = append(objects, o), total+o.Size
		}
	}
	if wait, ok := r.from.Take(fairness.RateVaultHash, float64(total), h.Now()); !ok {
		return later(protocol.BlobRateLimited, wait)
	}
	out := []protocol.VaultHash{}
	for _, o := range objects {
		if r.Context().Err() != nil {
			return r.Context().Err()
		}
		if size, sum, err := h.hash(r, o); err == nil {
			out = append(out, protocol.VaultHash{Name: o.Name, Size: size, Hash: sum})
		}
	}
	return answer(w, out)
}

func (h *Handler) hash(r *request, o Object) (size uint64, sum [32]byte, err error) {
	content, err := h.Content.Open(r.Context(), o.Content)
	if err != nil {
		return 0, sum, err
	}
	defer func() { _ = content.Close() }() // only read from
	b3 := blake3.New()
	n, err := io.Copy(b3, content)
	return uint64(n), [32]byte(b3.Sum(nil)), err
}

func (h *Handler) refusalOf(err error) protocol.BlobRefusal {
	var p *protocol.BlobError
	if errors.As(err, &p) {
		return p.Refusal
	}
	return h.Refusal(err)
}
