// SPDX-License-Identifier: AGPL-3.0-or-later

package link

import (
	"context"
	"errors"
	"time"

	"github.com/securecrypt/securecrypt/client/backend"
	"github.com/securecrypt/securecrypt/protocol"
)

// Waits between attempts at the same thing.
const (
	RetryFirst = time.Second
	RetryLast  = 5 * time.Minute
)

// A Backoff says when something that failed may be tried again: later each
// time. The zero value is ready.
type Backoff struct {
	Wait  time.Duration // the next one, if not zero
	Until time.Time
}

// Ready reports whether it may be tried again.
func (b *Backoff) Ready(now time.Time) bool { return !now.Before(b.Until) }

// Failed waits at least as long as the refusal asks for. Of several failures
// at a time the first counts.
func (b *Backoff) Failed(now time.Time, err error) {
	wait := max(b.Wait, RetryFirst)
	if b.Ready(now) {
		b.Wait = min(2*wait, RetryLast)
	} else {
		wait = 0
	}
	var refused *protocol.Error
	if errors.As(err, &refused) {
		wait = max(wait, refused.RetryAfter)
	}
	if until := now.Add(wait); until.After(b.Until) {
		b.Until = until
	}
}

// FailedAtOne is failed for one of several servers: what it asks for must not
// keep the others waiting.
func (b *Backoff) FailedAtOne(now time.Time, err error) {
	b.Failed(now, err)
	if last := now.Add(RetryLast); b.Until.After(last) {
		b.Until = last
	}
}

// Reset has the next attempt made at once.
func (b *Backoff) Reset() { *b = Backoff{} }

// Retryable reports whether trying again later may help.
func Retryable(err error) bool {
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

// OfflineIfOver returns err, which wraps backend.ErrOffline if ctx ended before there
// was an answer.
func OfflineIfOver(ctx context.Context, err error) error {
	if err == nil || ctx.Err() == nil || errors.As(err, new(*protocol.Error)) {
		return err
	}
	return Offline(err)
}

// MaxSaveRetryDelay is the longest wait between two attempts to save a
// conversation.
const MaxSaveRetryDelay = time.Minute
