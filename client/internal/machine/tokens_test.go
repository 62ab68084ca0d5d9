// SPDX-License-Identifier: AGPL-3.0-or-later

package machine

import (
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/records"
)

// The others get the token where they are to wake this device, and nowhere
// else.
func TestWhereTheTokenIsOffered(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	for name, c := range map[string]struct {
		change func(*records.Conversation)
		want   bool
	}{
		"between two":       {func(*records.Conversation) {}, true},
		"in a group":        {func(r *records.Conversation) { r.Members = chat.MaxReporting }, true},
		"put away":          {func(r *records.Conversation) { r.Archived = true }, true},
		"muted before":      {func(r *records.Conversation) { r.MutedUntil = records.Millis(now) }, true},
		"in a larger group": {func(r *records.Conversation) { r.Members = chat.MaxReporting + 1 }, false},
		"alone":             {func(r *records.Conversation) { r.Members = 1 }, false},
		"muted":             {func(r *records.Conversation) { r.MutedUntil = records.Millis(now) + 1 }, false},
		"deleted":           {func(r *records.Conversation) { r.Hidden = true }, false},
	} {
		m := &Conversation{now: func() time.Time { return now }, nudging: nudging{token: []byte{1}}}
		m.rec.Members = 2
		c.change(&m.rec)
		if got := m.offered() != nil; got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
