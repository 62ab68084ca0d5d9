// SPDX-License-Identifier: AGPL-3.0-or-later

package uploads

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/securecrypt/securecrypt/protocol"
	"github.com/securecrypt/securecrypt/server/fairness"
)

// What pages of other origins may read and send.
var (
	exposedHeaders = strings.Join([]string{
		"Location", "Content-Range", protocol.HeaderRetryAfter, protocol.HeaderUploadLength, protocol.HeaderUploadOffset, protocol.HeaderUploadExpires,
		protocol.HeaderTusResumable, protocol.HeaderTusVersion, protocol.HeaderTusExtension, protocol.HeaderTusMaxSize,
	}, ", ")
	allowedHeaders = strings.Join([]string{
		"Authorization", "Content-Type", "Range", protocol.HeaderTusResumable, protocol.HeaderMethodOverride,
		protocol.HeaderUploadLength, protocol.HeaderUploadOffset, protocol.HeaderUploadExpiresIn,
	}, ", ")
)

// followsTus says in the answer which version of tus it follows. It answers a
// request that follows another one, and returns false; one that names none is
// taken as it is.
func followsTus(w http.ResponseWriter, r *http.Request) bool {
	if r.Method == http.MethodOptions {
		return true
	}
	h := w.Header()
	h.Set(protocol.HeaderTusResumable, protocol.TusVersion)
	if version := r.Header.Get(protocol.HeaderTusResumable); version == "" || version == protocol.TusVersion {
		return true
	}
	h.Set(protocol.HeaderTusVersion, protocol.TusVersion)
	w.WriteHeader(http.StatusPreconditionFailed)
	return false
}

// describeUploads answers what a client may ask before it uploads, and what a
// browser asks before a page of another origin may.
func (u *Handler) describeUploads(w http.ResponseWriter, _ *http.Request, _ *fairness.Origin) error {
	h := w.Header()
	h.Set(protocol.HeaderTusVersion, protocol.TusVersion)
	h.Set(protocol.HeaderTusExtension, protocol.TusExtensions)
	h.Set(protocol.HeaderTusMaxSize, strconv.FormatUint(u.Limits.MaxBlob, 10))
	h.Set("Access-Control-Allow-Methods", "GET, HEAD, POST, PATCH, DELETE")
	h.Set("Access-Control-Allow-Headers", allowedHeaders)
	h.Set("Access-Control-Max-Age", "86400")
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// overrideMethod serves a POST by which a client means another method.
func (u *Handler) overrideMethod(w http.ResponseWriter, r *http.Request, from *fairness.Origin) error {
	switch r.Header.Get(protocol.HeaderMethodOverride) {
	case http.MethodPatch:
		return u.transfer(u.patch)(w, r, from)
	case http.MethodDelete:
		return u.delete(w, r, from)
	}
	return problemMalformed
}

// setProgress says how much of a blob is there and, of one that is not whole,
// when it is given up.
func setProgress(w http.ResponseWriter, row Row) {
	h := w.Header()
	h.Set(protocol.HeaderUploadOffset, strconv.FormatUint(row.Offset, 10))
	h.Set(protocol.HeaderUploadLength, strconv.FormatUint(row.Length, 10))
	h.Del(protocol.HeaderUploadExpires)
	if !row.Complete() {
		h.Set(protocol.HeaderUploadExpires, time.Unix(row.UploadUntil, 0).UTC().Format(http.TimeFormat))
	}
}
