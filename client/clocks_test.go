// SPDX-License-Identifier: AGPL-3.0-or-later

package client_test

import (
	"math"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/content"
)

// claimsToBeSent has a message say when it was sent.
func claimsToBeSent(t *testing.T, m content.Message, at int64) content.Message {
	t.Helper()
	must(t, m.Extensions.Set(content.ExtensionKey{Int: -1}, at))
	return m
}

// Whatever a sender's clock says, interfaces get a time that can be shown.
func TestImplausibleTimesAreNotShown(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		x := newTrio(t, false)
		now := time.Now().UnixMilli()
		dayAhead := now + (24 * time.Hour).Milliseconds()
		for _, claimed := range []int64{math.MinInt64, -1, 0, dayAhead + time.Minute.Milliseconds(), 9e15, math.MaxInt64} {
			x.claim(t, claimsToBeSent(t, content.Text("when"), claimed))
			all := x.bob.history(x.id)
			if m := all[len(all)-1]; !m.SentAt.Equal(m.ReceivedAt) {
				t.Errorf("%d is shown as %v", claimed, m.SentAt)
			}
		}
		for _, claimed := range []int64{1, now - 1, dayAhead} {
			x.claim(t, claimsToBeSent(t, content.Text("when"), claimed))
			all := x.bob.history(x.id)
			if got := all[len(all)-1].SentAt.UnixMilli(); got != claimed {
				t.Errorf("%d is shown as %d", claimed, got)
			}
		}
	})
}
