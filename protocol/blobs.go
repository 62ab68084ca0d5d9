// SPDX-License-Identifier: AGPL-3.0-or-later

package protocol

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Uploads follow tus, the protocol for resumable uploads, in this version, with
// these of its extensions (https://tus.io/protocols/resumable-upload).
const (
	TusVersion    = "1.0.0"
	TusExtensions = "creation,expiration,termination"
)

// Headers and media types of the HTTP interface to blobs. HeaderUploadExpiresIn
// is our own, HeaderMethodOverride stands in tus; the other headers of uploads
// are those of tus, the rest are HTTP's.
const (
	HeaderTusResumable    = "Tus-Resumable" // the version that a request or an answer follows
	HeaderTusVersion      = "Tus-Version"   // the versions that the server knows
	HeaderTusExtension    = "Tus-Extension"
	HeaderTusMaxSize      = "Tus-Max-Size"           // bytes
	HeaderMethodOverride  = "X-HTTP-Method-Override" // of clients that cannot send PATCH or DELETE
	HeaderUploadLength    = "Upload-Length"          // bytes of the whole blob
	HeaderUploadOffset    = "Upload-Offset"          // bytes that the server has
	HeaderUploadExpires   = "Upload-Expires"         // when an upload is given up, as an HTTP date
	HeaderUploadExpiresIn = "Upload-Expires-In"      // for how long to keep the whole blob, in seconds
	HeaderRetryAfter      = "Retry-After"            // seconds
	// UploadType is the Content-Type of what is uploaded, DownloadType of what
	// is downloaded, ProblemType of a refusal.
	UploadType   = "application/offset+octet-stream"
	DownloadType = "application/octet-stream"
	ProblemType  = "application/problem+json"
)

// The statuses of answers that are no refusals. A client takes any other for
// one by something that is no server.
const (
	BlobCreated  = 201 // POST: announced
	BlobAppended = 204 // PATCH, DELETE: done
	BlobWhole    = 200 // GET, HEAD: the whole blob
	BlobPart     = 206 // GET: what a Range asks for
)

// MaxProblem bounds the body of a refusal, in bytes.
const MaxProblem = 4 << 10

// maxRetryAfter bounds what a client makes of a Retry-After.
const maxRetryAfter = 24 * time.Hour

// A BlobRefusal says why a request about a blob or a vault was refused. Its text is the
// member "code" of a problem document. The set is closed: a server sends no
// other, and a client that meets another goes by the status.
type BlobRefusal string

// The refusals.
const (
	BlobMalformed     BlobRefusal = "malformed"
	BlobUnauthorized  BlobRefusal = "unauthorized"
	BlobNotFound      BlobRefusal = "not_found"
	BlobExists        BlobRefusal = "exists"       // the token announced another length before
	BlobWrongOffset   BlobRefusal = "wrong_offset" // HEAD tells where the upload stands
	BlobTooLarge      BlobRefusal = "too_large"
	BlobMediaType     BlobRefusal = "media_type"
	BlobRange         BlobRefusal = "range" // it begins behind the end of the blob
	BlobRateLimited   BlobRefusal = "rate_limited"
	BlobQuotaExceeded BlobRefusal = "quota_exceeded"
	BlobUnavailable   BlobRefusal = "unavailable"
	BlobInternal      BlobRefusal = "internal"

	// Of vaults alone.
	VaultsOff        BlobRefusal = "vaults_off"
	VaultDamaged     BlobRefusal = "damaged"        // a pack that is not what its name says
	VaultDeletedFull BlobRefusal = "deletions_full" // no more is deleted before something of it is gone for good
)

// blobRefusals has for each refusal the HTTP status, the ErrorCode that says
// the same on a connection, and a sentence for people. Of several with one
// status the first is meant by an answer that has a status alone.
var blobRefusals = []struct {
	refusal BlobRefusal
	status  int
	code    ErrorCode
	text    string
}{
	{BlobMalformed, 400, CodeMalformed, "the server could not read the request"},
	{BlobUnauthorized, 401, CodeForbidden, "the server does not take this upload from this device"},
	{BlobNotFound, 404, CodeNotFound, "the server does not have this file"},
	{BlobWrongOffset, 409, CodeUnavailable, "the server has another part of this file"},
	{BlobExists, 409, CodeExists, "the server knows this upload with another length"},
	{BlobTooLarge, 413, CodeTooLarge, "too large for this server"},
	{BlobMediaType, 415, CodeUnsupported, "the server does not know this kind of upload"},
	{BlobRange, 416, CodeInvalid, "the file on the server is shorter than what was sent"},
	{BlobRateLimited, 429, CodeRateLimited, "too much in too short a time"},
	{BlobInternal, 500, CodeInternal, "the server failed"},
	{BlobUnavailable, 503, CodeUnavailable, "the server is busy at the moment"},
	{BlobQuotaExceeded, 507, CodeQuotaExceeded, "no room left on the server"},
	{VaultsOff, 403, CodeUnsupported, "this server keeps no vaults"},
	{VaultDamaged, 422, CodeInvalid, "what arrived at the server is not what was sent"},
	{VaultDeletedFull, 507, CodeQuotaExceeded, "the server keeps what was deleted for some days, and has no room for more of it"},
}

// BlobRefusals returns all refusals.
func BlobRefusals() []BlobRefusal {
	all := make([]BlobRefusal, 0, len(blobRefusals))
	for _, r := range blobRefusals {
		all = append(all, r.refusal)
	}
	return all
}

// Status returns the HTTP status of a refusal.
func (r BlobRefusal) Status() int {
	for _, one := range blobRefusals {
		if one.refusal == r {
			return one.status
		}
	}
	return 500
}

// Code returns what says the same on a connection. Only CodeRateLimited,
// CodeUnavailable and CodeInternal may pass when the request is repeated.
func (r BlobRefusal) Code() ErrorCode {
	for _, one := range blobRefusals {
		if one.refusal == r {
			return one.code
		}
	}
	return CodeInternal
}

// String returns a sentence for people.
func (r BlobRefusal) String() string {
	for _, one := range blobRefusals {
		if one.refusal == r {
			return one.text
		}
	}
	return BlobInternal.String()
}

// A BlobError is a refusal as a Go error, on either side. It unwraps to the
// [*Error] with the same code.
type BlobError struct {
	Refusal    BlobRefusal
	RetryAfter time.Duration // zero if the server does not say
}

// Error returns the sentence of the refusal and, where there is one, the wait.
func (e *BlobError) Error() string {
	if e.RetryAfter > 0 {
		return fmt.Sprintf("%s; try again in %s", e.Refusal, e.RetryAfter)
	}
	return e.Refusal.String()
}

// Unwrap returns the refusal as one of a connection.
func (e *BlobError) Unwrap() error {
	return &Error{Code: e.Refusal.Code(), RetryAfter: e.RetryAfter}
}

// blobProblem is the body of a refusal: a problem document (RFC 9457).
type blobProblem struct {
	Type   string      `json:"type"`
	Title  string      `json:"title"`
	Status int         `json:"status"`
	Code   BlobRefusal `json:"code"`
}

// Problem returns the refusal as a problem document.
func (r BlobRefusal) Problem() []byte {
	b, err := json.Marshal(blobProblem{Type: "about:blank", Title: r.String(), Status: r.Status(), Code: r})
	if err != nil {
		panic("protocol: " + err.Error()) // texts and a number
	}
	return append(b, '\n')
}

// ParseBlobRefusal reads an answer that refuses. contentType and retryAfter are
// its headers, body its beginning, which an answer to HEAD does not have. It
// returns nil if the answer is not one of a server: then something between
// answered instead.
func ParseBlobRefusal(status int, contentType, retryAfter string, body []byte) *BlobError {
	if kind, _, _ := strings.Cut(contentType, ";"); strings.TrimSpace(kind) != ProblemType {
		return nil
	}
	e := &BlobError{Refusal: refusalOf(status, body), RetryAfter: ParseRetryAfter(retryAfter)}
	if e.Refusal == "" {
		return nil
	}
	return e
}

// refusalOf goes by the body's code if it has one that fits the status, else
// by the status.
func refusalOf(status int, body []byte) (r BlobRefusal) {
	var p blobProblem
	if json.Unmarshal(body, &p) != nil {
		p.Code = ""
	}
	for _, one := range blobRefusals {
		if one.status == status && (r == "" || one.refusal == p.Code) {
			r = one.refusal
		}
	}
	if r == "" && status >= 500 {
		return BlobInternal
	}
	return r
}

// ParseRetryAfter reads a Retry-After in seconds. It returns zero for any other
// text and for times beyond a day.
func ParseRetryAfter(s string) time.Duration {
	n, err := strconv.ParseUint(s, 10, 32)
	if wait := time.Duration(n) * time.Second; err == nil && wait <= maxRetryAfter {
		return wait
	}
	return 0
}

// RetryAfter returns a wait as the text of a Retry-After, at least a second.
func RetryAfter(wait time.Duration) string {
	return strconv.FormatInt(max(1, int64((wait+time.Second-1)/time.Second)), 10)
}
