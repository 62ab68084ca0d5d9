// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/backend"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/link"
	"github.com/securecrypt/securecrypt/client/internal/linking"
	"github.com/securecrypt/securecrypt/client/internal/mailbox"
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
// newest state of the account. If the server does not answer, the result is what this
// device knows, where a replacement that waits for the server counts, and the error
// wraps backend.ErrOffline, too.
func (acc Account) CheckRecovery(ctx context.Context, secret account.RecoverySecret) error {
	chain, offline, err := acc.newestChain(ctx)
	if err != nil {
		return err
	}
	if err := linking.CheckRecovery(chain, secret); err != nil {
		return errors.Join(err, offline)
	}
	return errors.Join(acc.c.noteSealing(secret), offline)
}

// newestChain returns the account's chain as the server has it. If the server does not
// answer, the chain is as this device knows it, with a statement that waits for the
// server, and offline wraps backend.ErrOffline.
func (acc Account) newestChain(ctx context.Context) (chain *account.Chain, offline, err error) {
	chain, err = acc.sync(ctx)
	if !errors.Is(err, backend.ErrOffline) && !errors.Is(err, context.DeadlineExceeded) {
		return chain, nil, err
	}
	offline = link.Offline(err)
	chain, err = acc.c.home.ChainWithUnsent()
	return chain, offline, err
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

// RecoveryWaits reports whether a replacement of the recovery key waits for the
// server. Another one cannot be made before the server has answered.
func (acc Account) RecoveryWaits() (bool, error) {
	rec, err := acc.c.home.Profile()
	return len(rec.Unsent) > 0, err
}

// ReplaceRecovery puts next in the place of the account's recovery key, current. The
// error is that of CheckRecovery if current is not that key. It wraps
// chat.ErrNewKeyWaits if the change is kept and the server does not have it yet: it
// takes effect when this device reaches the server. After any other error nothing is
// changed. Whoever calls has let the owner note next, and prove it, before.
func (acc Account) ReplaceRecovery(ctx context.Context, current, next account.RecoverySecret) error {
	chain, offline, err := acc.newestChain(ctx)
	if err != nil {
		return err
	}
	if err := linking.CheckRecovery(chain, current); err != nil {
		return err
	}
	waits, err := acc.RecoveryWaits()
	if err != nil {
		return err
	}
	if waits {
		return fmt.Errorf("an earlier replacement of the recovery key waits for your server: try again once this device has reached it: %w", offline)
	}
	statement, err := rotation(chain, current, next, acc.c.serverNow())
	if err != nil {
		return err
	}
	if err := acc.c.home.KeepUnsent(statement); err != nil {
		return err
	}
	if offline == nil {
		_, offline = acc.sync(ctx)
	}
	if errors.Is(offline, mailbox.ErrChainChanged) {
		return offline
	}
	if offline != nil {
		return fmt.Errorf("%w: %w", chat.ErrNewKeyWaits, offline)
	}
	if err := acc.c.home.Update(func(p *records.Profile) { p.Recovery, p.StateHash = "", nil }); err != nil {
		return err
	}
	return acc.c.noteSealing(next)
}

// rotation returns the statement that puts next in the place of the recovery key
// current.
func rotation(chain *account.Chain, current, next account.RecoverySecret, now time.Time) ([]byte, error) {
	key, err := next.PublicKey()
	if err != nil {
		return nil, err
	}
	draft, err := chain.State().Draft(now, account.RotateRecovery{RecoveryKey: key})
	if err != nil {
		return nil, err
	}
	byCurrent, err := draft.SignRecovery(current)
	if err != nil {
		return nil, err
	}
	byNext, err := draft.SignRecovery(next)
	if err != nil {
		return nil, err
	}
	statement, err := draft.Statement(byCurrent, byNext)
	if err != nil {
		return nil, err
	}
	if _, err := chain.Append(statement, now); err != nil {
		return nil, fmt.Errorf("client: this key cannot be the account's: %w", err)
	}
	return statement, nil
}
