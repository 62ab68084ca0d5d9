// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"context"
	"errors"

	"github.com/securecrypt/securecrypt/client/backend"
	"github.com/securecrypt/securecrypt/protocol"
)

// Delete has the account's server delete everything that it stores about
// the account. Its name stays reserved for its first statement. Conversations
// are left before, if others are to know. The context bounds how long the
// server is waited for.
func (acc Account) Delete(ctx context.Context) error {
	acc.c.Account().Connect()
	for range disclosureAttempts {
		if err := acc.c.home.sync(ctx); err != nil {
			return err // the connection is identified when letters have come
		}
		_, err := acc.c.home.link.Call(ctx, protocol.OpAccountDelete, &protocol.Empty{})
		switch {
		case errors.Is(err, &protocol.Error{Code: protocol.CodeNotFound}):
			return nil // an earlier attempt did it, and its answer was lost
		case err == nil || !errors.Is(err, backend.ErrOffline) && !errors.Is(err, &protocol.Error{Code: protocol.CodeUnauthenticated}) || ctx.Err() != nil:
			return err
		}
	}
	return backend.ErrOffline
}
