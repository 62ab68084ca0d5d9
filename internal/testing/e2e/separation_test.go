// SPDX-License-Identifier: AGPL-3.0-or-later

package e2e_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client"
	"github.com/securecrypt/securecrypt/client/backend"
	"github.com/securecrypt/securecrypt/client/keyring"
	"github.com/securecrypt/securecrypt/client/store/memory"
	"github.com/securecrypt/securecrypt/protocol"
	"github.com/securecrypt/securecrypt/server/fairness"
	"github.com/securecrypt/securecrypt/server/servertest"
)

// A ledger is a transport that notes what is asked for on each connection.
type ledger struct {
	backend.Transport
	mu    sync.Mutex // guards conns and what they noted
	conns []*notedConn
}

type notedConn struct {
	backend.Conn
	l        *ledger
	host     string
	own      string // the account that it identified itself as
	ops      []protocol.Op
	accounts map[string]bool
	channels map[protocol.ChannelID]bool
}

func (l *ledger) Dial(ctx context.Context, host string) (backend.Conn, error) {
	c, err := l.Transport.Dial(ctx, host)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	n := &notedConn{Conn: c, l: l, host: host, accounts: map[string]bool{}, channels: map[protocol.ChannelID]bool{}}
	l.conns = append(l.conns, n)
	return n, nil
}

func (c *notedConn) Write(ctx context.Context, message []byte) error {
	for rest := message; len(rest) > 0; {
		f, after, err := protocol.ParseFrame(rest)
		if err != nil {
			return err
		}
		rest = after
		body, err := protocol.NewRequest(protocol.Op(f.Code))
		if err == nil {
			err = protocol.DecodeBody(f.Body, body)
		}
		if err != nil {
			return err
		}
		c.note(protocol.Op(f.Code), body)
	}
	return c.Conn.Write(ctx, message)
}

func (c *notedConn) note(op protocol.Op, body protocol.Body) {
	c.l.mu.Lock()
	defer c.l.mu.Unlock()
	switch b := body.(type) {
	case *protocol.Authenticate:
		c.own = b.Name
	case *protocol.AccountGet:
		if slices.Equal(b.Names, []string{c.own}) { // what the account asks of itself
			return
		}
	}
	if !slices.Contains(c.ops, op) {
		c.ops = append(c.ops, op)
	}
	switch b := body.(type) {
	case *protocol.AccountGet:
		for _, n := range b.Names {
			c.accounts[n] = true
		}
	case *protocol.KeyPackagesTake:
		c.accounts[b.Name] = true
	case *protocol.LetterSend:
		c.accounts[b.Name] = true
	case *protocol.ChannelOpen:
		c.channels[b.Channel] = true
	}
}

// kindOf says what a connection is for that a request belongs to.
func kindOf(op protocol.Op) string {
	switch op {
	case protocol.OpAccountGet:
		return "lookups"
	case protocol.OpKeyPackagesTake:
		return "key packages"
	case protocol.OpLetterSend:
		return "letters"
	case protocol.OpWake, protocol.OpWakeKey, protocol.OpWakeRegister, protocol.OpWakeForget:
		return "waking"
	}
	if strings.HasPrefix(op.String(), "channel_") {
		return "channels"
	}
	return "the account"
}

// check returns how many connections of each kind there were, and complains of
// those that were used for more than one.
func (l *ledger) check(t *testing.T) map[string]int {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	n := map[string]int{}
	for _, c := range l.conns {
		kinds := map[string]bool{}
		for _, op := range c.ops {
			kinds[kindOf(op)] = true
		}
		if len(kinds) > 1 || len(c.accounts) > 0 && len(c.channels) > 0 {
			t.Errorf("one connection to %s carried %v, of %d accounts and %d channels", c.host, c.ops, len(c.accounts), len(c.channels))
		}
		for k := range kinds {
			n[k]++
		}
	}
	return n
}

// noted returns somebody whose connections are noted.
func noted(t *testing.T, host, name string) (*person, *ledger) {
	t.Helper()
	l := &ledger{Transport: newTransport(t)}
	p := registered(t, host, name, client.Config{Store: memory.New(), Key: keyring.NewStoreKey(), Transport: l})
	t.Cleanup(p.Close)
	return p, l
}

// No connection ties accounts to channels: people find each other, form groups
// over two servers, talk, add and leave, and what a server sees on any one
// connection is channels, or lookups, or key packages, or letters, or the
// account itself.
func TestNoConnectionTiesAccountsToChannels(t *testing.T) {
	s, other := servertest.Start(t, servertest.Options{Memory: true}), servertest.Start(t, servertest.Options{Memory: true})
	var ledgers []*ledger
	join := func(at *servertest.Instance, name string) *person {
		p, l := noted(t, at.Host, name)
		ledgers = append(ledgers, l)
		must(t, p.ConnectAll())
		return p
	}
	alice, bob, carol, dave, eve := join(s, "alice"), join(s, "bob"), join(other, "carol"), join(s, "dave"), join(s, "eve")
	id, err := alice.CreateGroup(soon(t), "Group", []account.Address{bob.Address(), carol.Address(), dave.Address()})
	must(t, err)
	must(t, alice.WaitUntilSent(soon(t), id))
	for _, p := range []*person{bob, carol, dave} {
		p.accept()
	}
	for i, p := range []*person{alice, bob, carol, dave} {
		p.say(id, fmt.Sprint("text ", i))
	}
	must(t, alice.Groups().Add(soon(t), id, []account.Address{eve.Address()}))
	must(t, alice.WaitUntilSent(soon(t), id))
	eve.accept()
	eve.say(id, "text 4")
	pair, err := bob.Direct(soon(t), carol.Address())
	must(t, err)
	bob.say(pair, "between us")
	must(t, dave.Leave(soon(t), id))
	must(t, dave.WaitUntilSent(soon(t), id))
	for _, p := range []*person{alice, bob, carol, eve} {
		must(t, p.Sync(soon(t)))
		eventually(t, func() error {
			if n := len(p.texts(id)); p != eve && n != 5 {
				return fmt.Errorf("%s has %d texts", p.Address(), n)
			}
			return nil
		})
	}
	for i, l := range ledgers {
		n := l.check(t)
		t.Logf("%d: %v", i, n)
		if n["channels"] == 0 || n["lookups"] == 0 || n["the account"] == 0 {
			t.Errorf("nothing was noted: %v", n)
		}
	}
}

// A hundred people behind one address join a group within seconds, by the
// relay's default limits.
func TestHundredJoinFromOneAddress(t *testing.T) {
	if testing.Short() {
		t.Skip("a hundred clients take half a minute; run without -short")
	}
	const size = 100
	s := servertest.Start(t, servertest.Options{Memory: true, Limits: func(l *fairness.Limits) { *l = fairness.DefaultLimits() }})
	owner := newPerson(t, s.Host, "owner", newTransport(t))
	t.Cleanup(owner.Close)
	var people []*person
	var addresses []account.Address
	l := &ledger{Transport: newTransport(t)}
	for i := range size - 1 {
		p := registered(t, s.Host, number("m", i), client.Config{Store: memory.New(), Key: keyring.NewStoreKey(), Transport: l})
		t.Cleanup(p.Close)
		people, addresses = append(people, p), append(addresses, p.Address())
	}
	dials := len(l.conns)
	began := time.Now()
	id, err := owner.CreateGroup(soon(t), "Everybody", addresses)
	must(t, err)
	must(t, owner.WaitUntilSent(soon(t), id))
	t.Logf("invited in %v", time.Since(began))
	began = time.Now()
	var wait sync.WaitGroup
	for _, p := range people {
		wait.Go(func() { p.accept() })
	}
	wait.Wait()
	took := time.Since(began)
	t.Logf("accepted in %v", took)
	owner.say(id, "welcome")
	for _, p := range people {
		eventually(t, func() error { return agrees(p, id, size, []string{"welcome"}) })
	}
	t.Logf("all heard the first message after %v; %d connections, %v", time.Since(began), len(l.conns)-dials, l.check(t))
	if took > time.Minute {
		t.Errorf("it took %v", took)
	}
}
