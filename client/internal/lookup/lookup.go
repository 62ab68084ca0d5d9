// SPDX-License-Identifier: AGPL-3.0-or-later

// Package lookup asks a server for account chains and verifies what it answers.
//
// It asks for what is not known yet, in as many requests as the answer takes.
// Whether a chain continues the one that was known is for the caller to check: a
// server that was restored from a backup shows a shorter one.
package lookup

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/backend"
	"github.com/securecrypt/securecrypt/client/internal/machine"
	"github.com/securecrypt/securecrypt/protocol"
)

// A Call makes a request to the server.
type Call func(ctx context.Context, op protocol.Op, body protocol.Body) (protocol.Body, error)

// A Request is a lookup of accounts at one server.
type Request struct {
	// Accounts are at most protocol.MaxNames.
	Accounts []account.Address
	// Known has the chains that were verified before.
	Known map[account.Address]*account.Chain
	// Older: the server is of an earlier version and knows neither parts of
	// answers nor generations.
	Older bool
}

// At carries out a request and returns what it found of each account.
func At(ctx context.Context, call Call, r Request) map[account.Address]machine.Lookup {
	found := make(map[account.Address]machine.Lookup, len(r.Accounts))
	begun := map[account.Address]*account.Chain{} // chains of which a part has come
	for rest := r.Accounts; len(rest) > 0; {
		got, err := ask(ctx, call, r, rest, begun)
		if err != nil {
			for _, a := range rest {
				found[a] = machine.Lookup{Err: err}
			}
			break
		}
		covered := len(rest) - int(got.Rest)
		var unfinished []account.Address
		for _, a := range rest[:covered] {
			one, more := r.read(a, got, begun[a])
			if more {
				begun[a] = one.Chain
				unfinished = append(unfinished, a)
			} else {
				found[a] = one
			}
		}
		rest = append(unfinished, rest[covered:]...)
	}
	return found
}

// ask makes one request. Its answer covers at least one of the accounts.
func ask(ctx context.Context, call Call, r Request, accounts []account.Address, begun map[account.Address]*account.Chain) (*protocol.Accounts, error) {
	body := &protocol.AccountGet{Generations: !r.Older, Parts: !r.Older}
	for _, a := range accounts {
		body.Names = append(body.Names, a.Name)
		known := begun[a]
		if known == nil {
			known = r.Known[a]
		}
		if known != nil && !r.Older {
			body.Known = append(body.Known, protocol.KnownChain{Name: a.Name, Length: uint64(known.Len()), Head: protocol.ChainHead(known.Head())})
		}
	}
	b, err := call(ctx, protocol.OpAccountGet, body)
	if err != nil {
		return nil, err
	}
	got := b.(*protocol.Accounts)
	if got.Rest >= uint64(len(accounts)) {
		return nil, fmt.Errorf("%w: an answer that answers nothing", protocol.ErrMalformed)
	}
	return got, nil
}

// read verifies what an answer says of an account, and reports whether the chain
// goes on. Begun is the part of the chain that came before, if any.
func (r Request) read(a account.Address, got *protocol.Accounts, begun *account.Chain) (out machine.Lookup, more bool) {
	i := slices.IndexFunc(got.Accounts, func(one protocol.Account) bool { return one.Name == a.Name })
	if i < 0 {
		return machine.Lookup{Err: fmt.Errorf("%s: %w", a, &protocol.Error{Code: protocol.CodeNotFound})}, false
	}
	one, known := got.Accounts[i], begun
	if known == nil {
		known = r.Known[a]
	}
	chain, err := extend(a, known, one)
	if err == nil && one.More && len(one.Statements) == 0 {
		err = fmt.Errorf("%w: a part of a chain without statements", protocol.ErrMalformed)
	}
	if err != nil {
		return machine.Lookup{Err: err}, false
	}
	if one.More {
		return machine.Lookup{Chain: chain}, true
	}
	return machine.Lookup{Chain: chain, Generations: one.Generations}, false
}

// extend returns the chain that an answer's statements lead to.
func extend(a account.Address, known *account.Chain, one protocol.Account) (*account.Chain, error) {
	published := make([]time.Time, len(one.Statements))
	for i, at := range one.Published {
		if i < len(published) && at > 0 && at <= account.MaxTime {
			published[i] = time.Unix(int64(at), 0)
		}
	}
	if one.From == 0 {
		return account.Verify(a, one.Statements, published...)
	}
	if known == nil || one.From != uint64(known.Len()) {
		return nil, fmt.Errorf("%w: statements that follow others than those known", protocol.ErrMalformed)
	}
	for i, b := range one.Statements {
		next, err := known.Append(b, published[i])
		if err != nil {
			return nil, err
		}
		known = next
	}
	return known, nil
}

// Servers knows which servers are of an earlier version.
type Servers interface {
	IsOlder(host string) bool
	FindsOlder(host string, err error) bool
}

// One asks for the chain of one account, of which known, if not nil, was verified
// before. What waits for another attempt wraps backend.ErrOffline.
func One(ctx context.Context, call Call, a account.Address, known *account.Chain, servers Servers) (*account.Chain, error) {
	r := Request{Accounts: []account.Address{a}, Known: map[account.Address]*account.Chain{}, Older: servers.IsOlder(a.Host)}
	if known != nil {
		r.Known[a] = known
	}
	found := At(ctx, call, r)[a]
	if found.Err != nil && servers.FindsOlder(a.Host, found.Err) {
		return nil, fmt.Errorf("%w: %w", backend.ErrOffline, found.Err)
	}
	return found.Chain, found.Err
}
