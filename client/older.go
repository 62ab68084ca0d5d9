// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"errors"

	"github.com/securecrypt/securecrypt/protocol"
)

// findsOlder reports whether a server refused a request as malformed that has a
// field which servers of an earlier version do not know. Then it gets no such
// fields any more.
func (c *Client) findsOlder(host string, err error) bool {
	if !errors.Is(err, &protocol.Error{Code: protocol.CodeMalformed}) {
		return false
	}
	c.older.Store(host, true)
	return true
}

// isOlder reports whether a server knows neither credit nor delivery tokens, as
// far as that was found out.
func (c *Client) isOlder(host string) bool {
	_, older := c.older.Load(host)
	return older
}
