// SPDX-License-Identifier: AGPL-3.0-or-later

package mailbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

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

// syncLater has the chain brought up to date after what is under way.
func (m *Mailbox) syncLater() {
	if !m.behind.CompareAndSwap(false, true) {
		return
	}
	m.config.Spawn(func() {
		select {
		case m.syncing <- struct{}{}:
			defer func() { <-m.syncing }()
		case <-m.config.Context.Done():
			return
		}
		m.behind.Store(false) // what changes from here on is another change
		if _, err := m.syncChain(m.config.Context); err != nil && !link.Retryable(err) && m.config.Context.Err() == nil {
			m.config.Emit(chat.FailureEvent{Err: err})
		}
	})
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
		err = m.pin(shown)
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
	return lookup.One(ctx, m.link.Call, m.config.Self.Address, known, m.config.Net)
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
	return next, errors.Join(m.pin(next), m.Update(forget))
}

// pin keeps the account's own chain, and tells if it got longer.
func (m *Mailbox) pin(chain *account.Chain) error {
	longer := false
	err := m.config.Store.Update(func(tx *records.Tx) error {
		before, err := m.chain(tx)
		if err != nil {
			return err
		}
		longer = chain.Len() > before.Len()
		return records.PinChain(tx, chain)
	})
	if err == nil && longer && m.config.ChainChanged != nil {
		m.config.ChainChanged()
	}
	return err
}

// KeepUnsent keeps the next statement of the account's chain, which SyncChain sends
// at the next sign-in if nobody does before.
func (m *Mailbox) KeepUnsent(statement []byte) error {
	return m.Update(func(p *records.Profile) { p.Unsent = statement })
}

// How long an appended statement is sent again if the answer is lost, and the longest
// pause between two attempts.
const (
	AppendPatience = 10 * time.Second
	appendPause    = time.Second
)

// extendAttempts is how often a statement is made again because another device appended one
// first.
const extendAttempts = 3

// Extend appends a statement to the account's chain, which next makes for the chain as
// the server has it, again if another device was faster. It returns the longer chain. If
// no answer comes for AppendPatience, the statement is not sent any more, and the server
// is asked until ctx ends whether it is in the chain: the error is ErrUnknown if that
// is not known then, and ErrNotTaken if it is not there.
func (m *Mailbox) Extend(ctx context.Context, next func(context.Context, *account.Chain) ([]byte, error)) (*account.Chain, error) {
	select {
	case m.syncing <- struct{}{}:
		defer func() { <-m.syncing }()
	case <-ctx.Done():
		return nil, m.unreached(ctx)
	}
	for range extendAttempts {
		chain, err := m.syncChain(ctx)
		if err != nil {
			return nil, err
		}
		statement, err := next(ctx, chain)
		if err != nil {
			return nil, err
		}
		longer, err := chain.Append(statement, m.config.ServerNow())
		if err != nil {
			return nil, err
		}
		err = m.appendSurely(ctx, statement)
		switch {
		case err == nil:
			return longer, m.pin(longer)
		case link.Retryable(err):
			return m.awaitStatement(ctx, longer.Head())
		case !errors.Is(err, &protocol.Error{Code: protocol.CodeStaleChain}):
			return nil, err
		}
		// An earlier attempt may have had success, and another statement followed.
		if now, err := m.syncChain(ctx); err != nil || now.Extends(longer.Head()) {
			return now, err
		}
	}
	return nil, ErrChainChanged
}

// ErrUnknown: whether the account's chain has a statement is not known. ErrNotTaken: it
// has not.
var (
	ErrUnknown  = errors.New("your server did not answer, and the change may have been made: look again once it answers")
	ErrNotTaken = errors.New("your server did not make the change: try again")
)

// appendSurely sends a statement until there is an answer, for AppendPatience.
func (m *Mailbox) appendSurely(ctx context.Context, statement []byte) error {
	ctx, cancel := context.WithTimeout(ctx, AppendPatience)
	defer cancel()
	for {
		err := m.append(ctx, statement)
		if err == nil || !link.Retryable(link.OfflineIfOver(ctx, err)) || !Pause(ctx, appendPause) {
			return link.OfflineIfOver(ctx, err)
		}
	}
}

// awaitStatement asks until ctx ends whether the chain has a statement.
func (m *Mailbox) awaitStatement(ctx context.Context, head account.Head) (*account.Chain, error) {
	for {
		chain, err := m.syncChain(ctx)
		outcome := ErrUnknown
		if err == nil {
			if chain.Extends(head) {
				return chain, nil
			}
			outcome = ErrNotTaken
		}
		if !Pause(ctx, appendPause) {
			return nil, outcome
		}
	}
}

// Pause waits, and reports whether ctx goes on.
func Pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}
