// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/link"
	"github.com/securecrypt/securecrypt/client/internal/records"
	"github.com/securecrypt/securecrypt/protocol"
)

// registerAttempts is how often a server may fail to answer before Register
// gives up.
const registerAttempts = 3

// Register waits until the account's server knows it. The error wraps ErrOffline
// if nobody answers, ErrUnanswered, too, if the account may be there already,
// and is the server's *protocol.Error if it refuses.
func (acc Account) Register(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	acc.c.Account().Connect()
	var failures atomic.Int32
	stop := acc.c.home.link.Watch(link.Watcher{Down: func(error) {
		if failures.Add(1) >= registerAttempts {
			cancel()
		}
	}})
	defer stop()
	err := acc.c.home.sync(ctx)
	if err == nil {
		return nil
	}
	rec, lost := acc.c.home.profile()
	if lost == nil && rec.Asked {
		return fmt.Errorf("%w (%w)", chat.ErrUnanswered, err)
	}
	return err
}

// refused decides what the refusal of a registration means. The account may be
// there from an earlier attempt.
func (m *mailbox) refused(ctx context.Context, rec records.Profile, refusal *protocol.Error) error {
	exists := refusal.Code == protocol.CodeExists
	if rec.Asked || exists {
		ours, err := m.isOurs(ctx, rec)
		if err != nil && link.Retryable(err) {
			return err
		}
		if ours {
			return nil
		}
	} else if refusal.Code == protocol.CodeInternal || refusal.Code == protocol.CodeUnavailable {
		return refusal // after what it did, or before
	}
	return errors.Join(refusal, m.update(func(p *records.Profile) { p.Asked = false }))
}

// isOurs reports whether the server has this very account.
func (m *mailbox) isOurs(ctx context.Context, rec records.Profile) (bool, error) {
	b, err := m.link.Call(ctx, protocol.OpAccountGet, &protocol.AccountGet{Names: []string{m.client.self.address.Name}})
	if err != nil {
		return false, err
	}
	got, ok := b.(*protocol.Accounts)
	return ok && len(got.Accounts) == 1 && slices.EqualFunc(got.Accounts[0].Statements, [][]byte{rec.Statement}, slices.Equal), nil
}
