// SPDX-License-Identifier: AGPL-3.0-or-later

package server

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"
)

// A problem is a refusal of the HTTP interface to blobs, sent as
// application/problem+json (RFC 9457). The set is closed.
type problem struct {
	Type       string        `json:"type"`
	Title      string        `json:"title"`
	Status     int           `json:"status"`
	Code       string        `json:"code"`
	retryAfter time.Duration // in a header
}

// Error returns the title.
func (p *problem) Error() string { return p.Title }

// The problems.
var (
	problemMalformed    = newProblem(http.StatusBadRequest, "malformed", "a header of the request is missing or wrong")
	problemUnauthorized = newProblem(http.StatusUnauthorized, "unauthorized", "the upload token is missing or is not this blob's")
	problemNotFound     = newProblem(http.StatusNotFound, "not_found", "there is no such blob, or not yet")
	problemConflict     = newProblem(http.StatusConflict, "conflict", "the upload stands elsewhere; ask with HEAD and go on from there")
	problemTooLarge     = newProblem(http.StatusRequestEntityTooLarge, "too_large", "too large for this server, or longer than announced")
	problemMediaType    = newProblem(http.StatusUnsupportedMediaType, "media_type", "an upload has the type application/offset+octet-stream")
	problemRateLimited  = newProblem(http.StatusTooManyRequests, "rate_limited", "too much in too short a time; try again later")
	problemQuota        = newProblem(http.StatusInsufficientStorage, "quota_exceeded", "no room left on the server")
	problemUnavailable  = newProblem(http.StatusServiceUnavailable, "unavailable", "the server is unavailable for the moment")
	problemInternal     = newProblem(http.StatusInternalServerError, "internal", "the server failed")
)

func newProblem(status int, code, title string) *problem {
	return &problem{Type: "about:blank", Title: title, Status: status, Code: code}
}

func (p *problem) after(d time.Duration) *problem {
	q := *p
	q.retryAfter = d
	return &q
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
	w.Header().Set("Content-Type", "application/problem+json")
	if p.retryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(max(1, p.retryAfter.Seconds()))))
	}
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // the client may have gone
}
