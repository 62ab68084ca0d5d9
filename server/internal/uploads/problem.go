// SPDX-License-Identifier: AGPL-3.0-or-later

package uploads

import (
	"errors"
	"net/http"
	"time"

	"github.com/securecrypt/securecrypt/protocol"
)

// A problem is a refusal of the HTTP interface to blobs.
type problem struct {
	refusal    protocol.BlobRefusal
	retryAfter time.Duration // in a header
}

// Error returns what the refusal says to people.
func (p *problem) Error() string { return p.refusal.String() }

// The problems. Two are the same if they are the same pointer.
var (
	problemMalformed    = &problem{refusal: protocol.BlobMalformed}
	problemUnauthorized = &problem{refusal: protocol.BlobUnauthorized}
	problemNotFound     = &problem{refusal: protocol.BlobNotFound}
	problemExists       = &problem{refusal: protocol.BlobExists}
	problemWrongOffset  = &problem{refusal: protocol.BlobWrongOffset}
	problemTooLarge     = &problem{refusal: protocol.BlobTooLarge}
	problemMediaType    = &problem{refusal: protocol.BlobMediaType}
	problemRange        = &problem{refusal: protocol.BlobRange}
	problemRateLimited  = &problem{refusal: protocol.BlobRateLimited}
	problemQuota        = &problem{refusal: protocol.BlobQuotaExceeded}
	problemUnavailable  = &problem{refusal: protocol.BlobUnavailable}
)

// after returns the problem with the wait that the client is asked for.
func (p *problem) after(d time.Duration) *problem {
	return &problem{p.refusal, d}
}

// unavailableFor is how long clients are asked to wait when the server cannot
// store.
const unavailableFor = 5 * time.Second

func (u *Handler) problemOf(err error) *problem {
	var p *problem
	if errors.As(err, &p) {
		return p
	}
	p = &problem{refusal: u.Refusal(err)}
	if p.refusal == protocol.BlobUnavailable {
		return p.after(unavailableFor)
	}
	return p
}

func (u *Handler) writeProblem(w http.ResponseWriter, err error) {
	p := u.problemOf(err)
	w.Header().Set("Content-Type", protocol.ProblemType)
	if p.retryAfter > 0 {
		w.Header().Set(protocol.HeaderRetryAfter, protocol.RetryAfter(p.retryAfter))
	}
	w.WriteHeader(p.refusal.Status())
	_, _ = w.Write(p.refusal.Problem()) // the client may have gone
}
