// SPDX-License-Identifier: AGPL-3.0-or-later

package server

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
	problemInternal     = &problem{refusal: protocol.BlobInternal}
)

// after returns the problem with the wait that the client is asked for.
func (p *problem) after(d time.Duration) *problem {
	return &problem{p.refusal, d}
}

func (s *Server) problemOf(err error) *problem {
	var p *problem
	switch {
	case errors.As(err, &p):
		return p
	case errors.Is(err, ErrNotFound):
		return problemNotFound
	case errors.Is(err, ErrFull), s.ctx.Err() != nil:
		return problemUnavailable.after(unavailableFor)
	}
	s.log.Error("a request about a blob failed inside the server", "kind", errorKind(err))
	return problemInternal
}

func (s *Server) writeProblem(w http.ResponseWriter, err error) {
	p := s.problemOf(err)
	w.Header().Set("Content-Type", protocol.ProblemType)
	if p.retryAfter > 0 {
		w.Header().Set(protocol.HeaderRetryAfter, protocol.RetryAfter(p.retryAfter))
	}
	w.WriteHeader(p.refusal.Status())
	_, _ = w.Write(p.refusal.Problem()) // the client may have gone
}
