// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"testing"

	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/records"
)

func fatal(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// place returns where a conversation that the client knows has its records.
func (c *Client) place(id chat.ConversationID) records.CID {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ids[id]
}
