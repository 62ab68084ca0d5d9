// SPDX-License-Identifier: AGPL-3.0-or-later

package link

import (
	"errors"

	"github.com/securecrypt/securecrypt/protocol"
)

// FindsOlder reports whether a server refused a request as malformed that has a
// field which servers of an earlier version do not know. Then it gets no such
// fields any more.
func (n *Network) FindsOlder(host string, err error) bool {
	if !errors.Is(err, &protocol.Error{Code: protocol.CodeMalformed}) {
		return false
	}
	n.older.Store(host, true)
	return true
}

// IsOlder reports whether a server knows neither credit nor delivery tokens, as
// far as that was found out.
func (n *Network) IsOlder(host string) bool {
	_, older := n.older.Load(host)
	return older
}
