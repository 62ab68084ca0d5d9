// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"errors"
	"time"

	"github.com/securecrypt/securecrypt/client/backend"
	"github.com/securecrypt/securecrypt/protocol"
)

// Waits between attempts at the same thing.
const (
	retryFirst = time.Second
	retryLast  = 5 * time.Minute
)

// A backoff says when something that failed may be tried again: later each
// time. The zero value is ready.
type backoff struct {
	wait  time.Duration // the next one, if not zero
	until time.Time
}

func (b *backoff) ready(now time.Time) bool { return !now.Before(b.until) }

// failed waits at least as long as the refusal asks for. Of several failures
// at a time the first counts.
func (b *backoff) failed(now time.Time, err error) {
	wait := max(b.wait, retryFirst)
	if b.ready(now) {
		b.wait = min(2*wait, retryLast)
	} else {
		wait = 0
	}
	var refused *protocol.Error
	if errors.As(err, &refused) {
		wait = max(wait, refused.RetryAfter)
	}
	if until := now.Add(wait); until.After(b.until) {
		b.until = until
	}
}

// failedAtOne is failed for one of several servers: what it asks for must not
// keep the others waiting.
func (b *backoff) failedAtOne(now time.Time, err error) {
	b.failed(now, err)
	if last := now.Add(retryLast); b.until.After(last) {
		b.until = last
	}
}

func (b *backoff) reset() { *b = backoff{} }

// retryable reports whether trying again later may help.
func retryable(err error) bool {
	if errors.Is(err, backend.ErrOffline) {
		return true
	}
	var refused *protocol.Error
	if !errors.As(err, &refused) {
		return false
	}
	switch refused.Code {
	case protocol.CodeRateLimited, protocol.CodeUnavailable, protocol.CodeInternal:
		return true
	}
	return false
}
