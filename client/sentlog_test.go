// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"testing"

	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/records"
)

// SentFiles counts the files that a client could still send again: their keys
// are in its store.
func SentFiles(t testing.TB, c *Client, conv chat.ConversationID) (n int) {
	t.Helper()
	fatal(t, c.store.View(func(tx *records.Tx) error {
		return records.ScanSent(tx, c.place(conv), func(_ uint64, rec *records.Sent) bool {
			n += len(rec.Uploads)
			return true
		})
	}))
	return n
}
