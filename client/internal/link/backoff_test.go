// SPDX-License-Identifier: AGPL-3.0-or-later

package link

import (
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/client/backend"
	"github.com/securecrypt/securecrypt/protocol"
)

// Each wait is longer than the one before, up to a bound, and never shorter than a
// server asks for.
func TestBackoff(t *testing.T) {
	now := time.Unix(1000, 0)
	var b Backoff
	if !b.Ready(now) {
		t.Error("not ready at first")
	}
	var total time.Duration
	for range 20 {
		b.Failed(now, backend.ErrOffline)
		for range 50 { // at the same time
			b.Failed(now, backend.ErrOffline)
		}
		wait := b.Until.Sub(now)
		if wait < RetryFirst || wait > RetryLast || b.Ready(now) {
			t.Errorf("waits %v", wait)
		}
		total += wait
		now = b.Until
	}
	if total > 20*RetryLast || total < 10*RetryLast {
		t.Errorf("%v in all", total)
	}
	b.Reset()
	b.Failed(now, &protocol.Error{Code: protocol.CodeRateLimited, RetryAfter: time.Hour})
	if b.Until.Sub(now) != time.Hour {
		t.Errorf("waits %v, asked for an hour", b.Until.Sub(now))
	}
}
