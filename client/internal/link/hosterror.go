// SPDX-License-Identifier: AGPL-3.0-or-later

package link

import (
	"errors"

	"github.com/securecrypt/securecrypt/client/backend"
	"github.com/securecrypt/securecrypt/client/chat"
)

// named says which server an error of the network is about.
func (l *Link) named(err error) error {
	err = Offline(err)
	if !errors.Is(err, backend.ErrOffline) || errors.As(err, new(*chat.HostError)) {
		return err
	}
	return &chat.HostError{Host: l.host, Own: l.own, Err: err}
}
