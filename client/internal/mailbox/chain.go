// SPDX-License-Identifier: AGPL-3.0-or-later

package mailbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/link"
	"github.com/securecrypt/securecrypt/client/internal/lookup"
	"github.com/securecrypt/securecrypt/client/internal/records"
	"github.com/securecrypt/securecrypt/protocol"
)

// Chain returns the account's own chain as far as the server confirmed it.
func (m *Mailbox) Chain() (chain *account.Chain, err error) {
	err = m.config.Store.View(func(tx *records.Tx) error {
		chain, err = m.chain(tx)
		return err
	})
	return chain, err
}

func (m *Mailbox) chain(tx *records.Tx) (*account.Chain, error) {
	return records.OwnChain(tx, m.config.Self.Address)
}

// ChainWithUnsent returns the account's own chain as it is once the server has taken
// the statement that is kept for it. A statement that the chain cannot take is left out.
func (m *Mailbox) ChainWithUnsent() (chain *account.Chain, err error) {
	err = m.config.Store.View(func(tx *records.Tx) error {
		var rec records.Profile
		if _, err := tx.Load([]byte(records.TableProfile), &rec); err != nil {
			return err
		}
		if chain, err = m.chain(tx); err != nil || len(rec.Unsent) == 0 {
			return err
		}
		if next, err := chain.Append(rec.Unsent, m.config.ServerNow()); err == nil {
			chain = next
		}
		return nil
	})
	return chain, err
}

// errOtherAccount says that the server shows another account than this one at its
// address.
var errOtherAccount = fmt.Errorf("%w: your server shows another account at your address than yours; tell its operator, and your contacts in another way", chat.ErrImpostor)

// SyncChain brings the account's chain at the server and on this device to the same
// state: what the server has is kept, what it lost is appended again, and then a
// statement of this device that the server does not have yet. It returns the chain.
func (m *Mailbox) SyncChain(ctx context.Context) (*account.Chain, error) {
	select {
	case m.syncing <- struct{}{}:
		defer func() { <-m.syncing }()
	case <-ctx.Done():
		return nil, m.unreached(ctx)
	}
	return m.syncChain(ctx)
}

// syncChainAlone is SyncChain, unless that is under way already.
func (m *Mailbox) syncChainAlone(ctx context.Context) error {
	select {
	case m.syncing <- struct{}{}:
		defer func() { <-m.syncing }()
	default:
		return nil
	}
	_, err := m.syncChain(ctx)
	return err
}

func (m *Mailbox) syncChain(ctx context.Context) (*account.Chain, error) {
	chain, err := m.Chain()
	if err != nil {
		return nil, err
	}
	shown, err := m.fetchChain(ctx, chain)
	switch {
	case err != nil:
		return nil, err
	case shown.Extends(chain.Head()):
		chain = shown
		err = m.config.Store.Update(func(tx *records.Tx) error { return records.PinChain(tx, shown) })
	default:
		lost, ok := chain.Since(shown.Head())
		if !ok {
			return nil, errOtherAccount
		}
		for _, statement := range lost {
			if err := m.append(ctx, statement); err != nil {
				return nil, err
			}
		}
	}
	if err != nil {
		return nil, err
	}
	return m.sendUnsent(ctx, chain)
}

func (m *Mailbox) fetchChain(ctx context.Context, known *account.Chain) (*account.Chain, error) {
	self := m.config.Self.Address
	found := lookup.At(ctx, m.link.Call, lookup.Request{
		Accounts: []account.Address{self}, Known: map[account.Address]*account.Chain{self: known}, Older: m.config.Net.IsOlder(self.Host),
	})[self]
	if found.Err != nil && m.config.Net.FindsOlder(self.Host, found.Err) {
		return nil, link.Offline(found.Err)
	}
	return found.Chain, found.Err
}

func (m *Mailbox) append(ctx context.Context, statement []byte) error {
	_, err := m.link.Call(ctx, protocol.OpAccountAppend, &protocol.AccountAppend{Name: m.config.Self.Address.Name, Statement: statement})
	return err
}

// ErrChainChanged: a statement of this device was not taken, because another device
// changed the account first.
var ErrChainChanged = errors.New("the account has changed in the meantime: try again")

// sendUnsent appends the statement that was kept for the server, if there is one. It
// is forgotten once the server has it or can take it no more.
func (m *Mailbox) sendUnsent(ctx context.Context, chain *account.Chain) (*account.Chain, error) {
	rec, err := m.Profile()
	if err != nil || len(rec.Unsent) == 0 {
		return chain, err
	}
	forget := func(p *records.Profile) {
		if bytes.Equal(p.Unsent, rec.Unsent) {
			p.Unsent = nil
		}
	}
	sent, err := account.ParseStatement(rec.Unsent)
	if err != nil {
		return nil, err
	}
	if chain.Extends(sent.Head()) { // the answer was lost
		return chain, m.Update(forget)
	}
	next, err := chain.Append(rec.Unsent, m.config.ServerNow())
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%w (%w)", ErrChainChanged, err), m.Update(forget))
	}
	err = m.append(ctx, rec.Unsent)
	if errors.Is(err, &protocol.Error{Code: protocol.CodeStaleChain}) || errors.Is(err, &protocol.Error{Code: protocol.CodeInvalid}) {
		return nil, errors.Join(fmt.Errorf("%w (%w)", ErrChainChanged, err), m.Update(forget))
	}
	if err != nil {
		return nil, err
	}
	err = m.config.Store.Update(func(tx *records.Tx) error {
		return errors.Join(records.PinChain(tx, next), records.UpdateProfile(tx, forget))
	})
	return next, err
}

// KeepUnsent keeps the next statement of the account's chain, which SyncChain sends
// at the next sign-in if nobody does before.
func (m *Mailbox) KeepUnsent(statement []byte) error {
	return m.Update(func(p *records.Profile) { p.Unsent = statement })
}
