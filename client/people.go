// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/backend"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/link"
	"github.com/securecrypt/securecrypt/client/internal/lookup"
	"github.com/securecrypt/securecrypt/client/internal/machine"
	"github.com/securecrypt/securecrypt/client/internal/records"
	"github.com/securecrypt/securecrypt/mls"
	"github.com/securecrypt/securecrypt/protocol"
)

// maxConfirmErrands limits how many servers a conversation asks in parallel for
// its members. It leaves connections to other conversations, even if none of
// these servers answers.
const maxConfirmErrands = link.MaxForeignErrands / 4

// lookUp asks the servers of accounts for their chains.
func (c *Client) lookUp(ctx context.Context, addresses []string) map[string]machine.Lookup {
	ctx, cancel := context.WithTimeout(ctx, link.ForeignAnswerTimeout)
	defer cancel()
	var mu sync.Mutex // guards all
	all := map[string]machine.Lookup{}
	c.lookUpEach(ctx, addresses, len(addresses), func(found map[string]machine.Lookup) {
		mu.Lock()
		defer mu.Unlock()
		maps.Copy(all, found)
	})
	return all
}

// lookUpEach is lookUp that hands out the answers of each server as they come,
// from several goroutines, and asks so many servers at a time.
func (c *Client) lookUpEach(ctx context.Context, addresses []string, atOnce int, fn func(map[string]machine.Lookup)) {
	byHost := map[string][]account.Address{}
	for _, s := range addresses {
		a, err := account.ParseAddress(s)
		if err != nil {
			fn(map[string]machine.Lookup{s: {Err: err}})
			continue
		}
		byHost[a.Host] = append(byHost[a.Host], a)
	}
	for _, all := range byHost { // in an order that says nothing
		rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	}
	var wait sync.WaitGroup
	room := make(chan struct{}, max(1, atOnce))
	for host, all := range byHost {
		room <- struct{}{}
		wait.Go(func() {
			defer func() { <-room }()
			for some := range slices.Chunk(all, protocol.MaxNames) {
				fn(c.lookUpAt(ctx, host, some))
			}
		})
	}
	wait.Wait()
}

// lookUpAt asks one server for at most MaxNames accounts.
func (c *Client) lookUpAt(ctx context.Context, host string, all []account.Address) map[string]machine.Lookup {
	r := lookup.Request{Accounts: all, Older: c.net.IsOlder(host), Known: map[account.Address]*account.Chain{}}
	err := c.store.View(func(tx *records.Tx) error {
		for _, a := range all {
			known, err := records.PinnedChain(tx, a)
			if err != nil {
				return err
			}
			if known != nil {
				r.Known[a] = known
			}
		}
		return nil
	})
	call := func(ctx context.Context, op protocol.Op, body protocol.Body) (protocol.Body, error) {
		if err != nil {
			return nil, err
		}
		b, err := c.net.Errands.Call(ctx, host, link.ErrandLookup, op, body)
		if err != nil && (link.Retryable(err) || c.net.FindsOlder(host, err)) {
			err = link.Offline(err)
		}
		return b, err
	}
	found := make(map[string]machine.Lookup, len(all))
	for a, one := range lookup.At(ctx, call, r) {
		if known := r.Known[a]; known != nil && one.Chain != nil && known.Extends(one.Chain.Head()) {
			one.Chain = known // the server may have been restored from a backup
		}
		found[a.String()] = one
	}
	return found
}

// keyPackageConcurrency limits how many accounts are asked for key packages in
// parallel.
const keyPackageConcurrency = 8

// invitees finds what adding people needs. Who cannot be added, now or at all,
// has an error of their own.
func (c *Client) invitees(ctx context.Context, addresses []string) map[string]machine.Invitee {
	var (
		mu   sync.Mutex // guards out
		out  = map[string]machine.Invitee{}
		wait sync.WaitGroup
		room = make(chan struct{}, keyPackageConcurrency)
	)
	for who, found := range c.lookUp(ctx, addresses) {
		room <- struct{}{}
		wait.Go(func() {
			one := machine.Invitee{Chain: found.Chain, Generations: found.Generations, Err: found.Err}
			if one.Err == nil {
				one.Packages, one.At, one.Err = c.takeKeyPackages(ctx, found.Chain)
			}
			mu.Lock()
			out[who] = one
			mu.Unlock()
			<-room
		})
	}
	wait.Wait()
	return out
}

// takeKeyPackages takes one key package for each device of an account and
// checks them. They hold at the time that it returns.
func (c *Client) takeKeyPackages(ctx context.Context, chain *account.Chain) (all []*mls.KeyPackage, at time.Time, err error) {
	a := chain.Address()
	b, err := c.net.Errands.Call(ctx, a.Host, link.ErrandTake, protocol.OpKeyPackagesTake, &protocol.KeyPackagesTake{Name: a.Name})
	if err != nil {
		return nil, at, err
	}
	got := b.(*protocol.KeyPackages)
	seen := map[account.DeviceID]bool{}
	for _, one := range got.KeyPackages {
		kp, err := mls.ParseKeyPackage(one.KeyPackage)
		if err != nil {
			return nil, at, err
		}
		if at, err = c.verifyAt(kp, a.Host); err != nil {
			return nil, at, err
		}
		device, err := machine.VerifyKeyPackage(chain, kp)
		if err != nil {
			return nil, at, fmt.Errorf("%w: %w", chat.ErrImpostor, err)
		}
		if id := device.ID(); !seen[id] {
			seen[id] = true
			all = append(all, kp)
		}
	}
	if len(all) == 0 {
		return nil, at, chat.ErrNotSetUp
	}
	return all, at, nil
}

// sendLetter drops a letter into a mailbox.
func (c *Client) sendLetter(ctx context.Context, l records.Letter) error {
	to, err := account.ParseAddress(l.To)
	if err != nil {
		return err
	}
	var token []byte
	if err := c.store.View(func(tx *records.Tx) (err error) {
		token, err = records.PeerTokenOf(tx, l.To, l.Device)
		return err
	}); err != nil {
		return err
	}
	if c.net.IsOlder(to.Host) {
		token = nil
	}
	_, err = c.net.Errands.Call(ctx, to.Host, link.ErrandLetter, protocol.OpLetterSend, &protocol.LetterSend{
		Name: to.Name, Device: l.Device, Letter: l.Letter, ID: l.ID, Token: token,
	})
	if token != nil && c.net.FindsOlder(to.Host, err) {
		return link.Offline(err) // it goes again, without
	}
	return err
}

// Resolve looks somebody up at their server and remembers the chain.
func (pp People) Resolve(ctx context.Context, a account.Address) (*account.Chain, error) {
	found := pp.c.lookUp(ctx, []string{a.String()})[a.String()]
	if found.Err != nil {
		return nil, found.Err
	}
	return found.Chain, pp.c.store.Update(func(tx *records.Tx) error { return records.PinChain(tx, found.Chain) })
}

// Safety returns the safety number between this account and another, and
// whether it was compared before.
func (pp People) Safety(ctx context.Context, a account.Address) (account.Safety, bool, error) {
	chain, err := pp.c.People().Resolve(ctx, a)
	if errors.Is(err, backend.ErrOffline) {
		// What is remembered was fetched from the server, too.
		err = pp.c.store.View(func(tx *records.Tx) error {
			known, e := records.PinnedChain(tx, a)
			if e == nil && known == nil {
				e = err
			}
			chain = known
			return e
		})
	}
	if err != nil {
		return account.Safety{}, false, err
	}
	mine, err := pp.c.home.Chain()
	if err != nil {
		return account.Safety{}, false, err
	}
	contact, err := pp.c.People().Contact(a)
	return account.SafetyNumber(mine, chain), contact.Verified, err
}

// MarkVerified notes that the safety numbers were compared.
func (pp People) MarkVerified(a account.Address) error {
	return pp.c.noteContact(a, func(tx *records.Tx, rec *records.Contact) error {
		chain, err := records.PinnedChain(tx, a)
		if err != nil {
			return err
		}
		if chain == nil {
			return chat.ErrNoConversation
		}
		identity := chain.Identity()
		rec.Verified, rec.Known = identity[:], true
		rec.VerifiedProfile, rec.ToldProfile = rec.Profile, rec.Profile
		return nil
	})
}
