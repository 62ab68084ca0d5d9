// SPDX-License-Identifier: AGPL-3.0-or-later

package linking

import (
	"context"
	"errors"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/link"
	"github.com/securecrypt/securecrypt/client/internal/mailbox"
	"github.com/securecrypt/securecrypt/protocol"
)

// CheckRecovery returns nil if secret is the account's recovery key. Otherwise the
// error is a *chat.ReplacedKeyError or chat.ErrOtherKey.
func CheckRecovery(chain *account.Chain, secret account.RecoverySecret) error {
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

// recoverAttempts is how often the statement is made again because another device appended one
// first.
const recoverAttempts = 3

// Recover makes this device one of the account's by its recovery key alone. The error
// is that of CheckRecovery for another key, and chat.ErrLinkOpen if the account may have
// the device all the same: then Resume finds it out.
func (n Newcomer) Recover(ctx context.Context, a account.Address, secret account.RecoverySecret) error {
	keys, err := NewKeys()
	if err != nil {
		return err
	}
	chain, err := n.lookUpSurely(ctx, a)
	if err != nil {
		return err
	}
	begun := false
	for range recoverAttempts {
		statement, err := recovery(chain, keys, secret, n)
		if err != nil {
			if begun {
				err = errors.Join(err, n.forget())
			}
			return err
		}
		if !begun {
			if err := n.begin(keys, chain); err != nil {
				return err
			}
			begun = true
		}
		err = n.append(ctx, a, statement)
		switch {
		case err == nil || link.Retryable(err):
			patient, cancel := context.WithTimeout(ctx, Patience)
			defer cancel()
			_, err = n.settle(patient, chain, keys.Device.ID(), nil, nil)
			return err
		case !errors.Is(err, &protocol.Error{Code: protocol.CodeStaleChain}):
			return errors.Join(err, n.forget())
		}
		if chain, err = n.lookUp(ctx, a, chain); err != nil {
			return errors.Join(err, n.forget())
		}
		if _, live := chain.Device(keys.Device.ID()); live { // an answer was lost
			return n.finish(chain)
		}
	}
	return errors.Join(mailbox.ErrChainChanged, n.forget())
}

// recovery returns the statement by which the recovery key adds a device.
func recovery(chain *account.Chain, keys Keys, secret account.RecoverySecret, n Newcomer) ([]byte, error) {
	if err := CheckRecovery(chain, secret); err != nil {
		return nil, err
	}
	if err := HasRoom(chain); err != nil {
		return nil, err
	}
	draft, err := chain.State().Draft(n.Now(), account.AddDevice{Device: keys.Device})
	if err != nil {
		return nil, err
	}
	byKey, err := draft.SignRecovery(secret)
	if err != nil {
		return nil, err
	}
	byDevice, err := draft.SignDevice(keys.Signing)
	if err != nil {
		return nil, err
	}
	statement, err := draft.Statement(byKey, byDevice)
	if err != nil {
		return nil, err
	}
	_, err = chain.Append(statement, n.Now())
	return statement, err
}

// append sends a statement until there is an answer, for mailbox.AppendPatience.
func (n Newcomer) append(ctx context.Context, a account.Address, statement []byte) error {
	ctx, cancel := context.WithTimeout(ctx, mailbox.AppendPatience)
	defer cancel()
	for {
		_, err := n.Net.Errands.Call(ctx, a.Host, link.ErrandLookup, protocol.OpAccountAppend, &protocol.AccountAppend{Name: a.Name, Statement: statement})
		err = link.OfflineIfOver(ctx, err)
		if !link.Retryable(err) || !mailbox.Pause(ctx, retryPause) {
			return err
		}
	}
}
