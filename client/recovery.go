// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"context"
	"errors"
	"fmt"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/backend"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/records"
)

// Recovery returns the recovery secret as text if it is kept, because its
// owner has not noted it yet.
func (acc Account) Recovery() (string, error) {
	rec, err := acc.c.home.Profile()
	return rec.Recovery, err
}

// RecoveryNoted erases the recovery secret from the device.
func (acc Account) RecoveryNoted(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return acc.c.home.Update(func(p *records.Profile) { p.Recovery = "" })
}

// CheckRecovery returns nil if secret is the account's recovery key. Otherwise the
// error is a *chat.ReplacedKeyError or chat.ErrOtherKey. It asks the server for the
// newest state of the account; the error wraps backend.ErrOffline if the key is the
// account's as far as this device knows, and the server does not answer.
func (acc Account) CheckRecovery(ctx context.Context, secret account.RecoverySecret) error {
	chain, offline := acc.sync(ctx)
	if offline != nil && !errors.Is(offline, backend.ErrOffline) {
		return offline
	}
	if chain == nil {
		var err error
		if chain, err = acc.c.home.Chain(); err != nil {
			return err
		}
	}
	return errors.Join(checkRecovery(chain, secret), offline)
}

// sync waits until the account's chain is the same here and at the server.
func (acc Account) sync(ctx context.Context) (chain *account.Chain, err error) {
	acc.Connect()
	err = acc.c.home.WhileItAnswers(ctx, registerAttempts, func(ctx context.Context) error {
		if err := acc.c.home.Sync(ctx); err != nil {
			return err
		}
		chain, err = acc.c.home.SyncChain(ctx)
		return err
	})
	return chain, err
}

func checkRecovery(chain *account.Chain, secret account.RecoverySecret) error {
	key, err := secret.PublicKey()
	if err != nil {
		return err
	}
	for _, known := range chain.State().RecoveryHistory() {
		switch {
		case known.Key != key:
		case known.Replaced == 0:
			return nil
		default:
			return &chat.ReplacedKeyError{At: known.ReplacedAt}
		}
	}
	return chat.ErrOtherKey
}

// ReplaceRecovery puts next in the place of the account's recovery key, current. The
// error is that of CheckRecovery if current is not that key. It wraps
// backend.ErrOffline if the server does not answer: then the change is kept, and
// takes effect when this device reaches the server. Whoever calls has let the owner
// note next, and prove it, before.
func (acc Account) ReplaceRecovery(ctx context.Context, current, next account.RecoverySecret) error {
	chain, err := acc.sync(ctx)
	if err != nil {
		return err
	}
	if err := checkRecovery(chain, current); err != nil {
		return err
	}
	key, err := next.PublicKey()
	if err != nil {
		return err
	}
	draft, err := chain.State().Draft(acc.c.serverNow(), account.RotateRecovery{RecoveryKey: key})
	if err != nil {
		return err
	}
	byCurrent, err := draft.SignRecovery(current)
	if err != nil {
		return err
	}
	byNext, err := draft.SignRecovery(next)
	if err != nil {
		return err
	}
	statement, err := draft.Statement(byCurrent, byNext)
	if err != nil {
		return err
	}
	if _, err := chain.Append(statement, acc.c.serverNow()); err != nil {
		return fmt.Errorf("client: this key cannot be the account's: %w", err)
	}
	if err := acc.c.home.KeepUnsent(statement); err != nil {
		return err
	}
	if _, err = acc.sync(ctx); err != nil {
		return err
	}
	return acc.c.home.Update(func(p *records.Profile) { p.Recovery = "" })
}
