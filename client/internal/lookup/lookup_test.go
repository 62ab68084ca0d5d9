// SPDX-License-Identifier: AGPL-3.0-or-later

package lookup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/protocol"
	"github.com/securecrypt/securecrypt/server/fairness"
	"github.com/securecrypt/securecrypt/server/servertest"
)

// TestManyPeopleWithManyDevices looks up 64 people with eleven devices each at a real
// server, of some of whom a part of the chain is known.
func TestManyPeopleWithManyDevices(t *testing.T) {
	i := servertest.Start(t, servertest.Options{Memory: true, Limits: func(l *fairness.Limits) { l.Append = fairness.Rate{Burst: 1e6} }})
	c := servertest.Dial(t, i)
	r := Request{Known: map[account.Address]*account.Chain{}}
	want := map[account.Address]*account.Chain{}
	for n := range protocol.MaxNames {
		p := servertest.NewPerson(t, i.Host, fmt.Sprintf("person%d", n))
		c.Must(protocol.OpRegister, p.Registration(), &protocol.Empty{})
		chain := p.Chain(t)
		a := chain.Address()
		for d := range 10 {
			if d == n%12 {
				r.Known[a] = chain.Chain
			}
			_, added := chain.AddDevice(p)
			c.Must(protocol.OpAccountAppend, added, &protocol.Empty{})
		}
		r.Accounts = append(r.Accounts, a)
		want[a] = chain.Chain
	}
	nobody := account.Address{Name: "nobody", Host: i.Host}
	r.Accounts[7] = nobody
	asked := 0
	got := At(t.Context(), func(_ context.Context, op protocol.Op, body protocol.Body) (protocol.Body, error) {
		asked++
		out := new(protocol.Accounts)
		return out, c.Do(op, body, out)
	}, r)
	for _, a := range r.Accounts {
		one := got[a]
		if a == nobody {
			if !errors.Is(one.Err, &protocol.Error{Code: protocol.CodeNotFound}) {
				t.Errorf("nobody: %v", one.Err)
			}
			continue
		}
		if one.Err != nil || !slices.EqualFunc(one.Chain.Statements(), want[a].Statements(), bytes.Equal) {
			t.Fatalf("%s: %v", a, one.Err)
		}
		if before := r.Known[a]; before == nil && one.Chain.Published()[10].IsZero() {
			t.Errorf("%s: the time of the last statement is not known", a)
		}
	}
	if asked < 2 || asked > 8 {
		t.Errorf("%d requests", asked)
	}
}

// TestAnswersThatDoNotFit has a server answer with what does not continue what was
// asked, or without an end.
func TestAnswersThatDoNotFit(t *testing.T) {
	p := servertest.NewPerson(t, "chat.example", "bob")
	chain := p.Chain(t)
	before := chain.Chain
	for range 3 {
		chain.AddDevice(p)
	}
	a, all := chain.Address(), chain.Statements()
	for name, answer := range map[string]protocol.Accounts{
		"nothing, and more to come":    {Accounts: []protocol.Account{{Name: "bob", From: 1, More: true}}},
		"no account, all to come":      {Rest: 1},
		"more names than were asked":   {Rest: 5},
		"statements of a later place":  {Accounts: []protocol.Account{{Name: "bob", Statements: all[2:], From: 2}}},
		"statements of another place":  {Accounts: []protocol.Account{{Name: "bob", Statements: all[2:], From: 1}}},
		"no first statement":           {Accounts: []protocol.Account{{Name: "bob", Statements: all[1:]}}},
		"no statement":                 {Accounts: []protocol.Account{{Name: "bob"}}},
		"a statement of somebody else": {Accounts: []protocol.Account{{Name: "bob", Statements: [][]byte{servertest.NewPerson(t, "chat.example", "eve").Statement}}}},
	} {
		asked := 0
		got := At(t.Context(), func(context.Context, protocol.Op, protocol.Body) (protocol.Body, error) {
			asked++
			return &answer, nil
		}, Request{Accounts: []account.Address{a}, Known: map[account.Address]*account.Chain{a: before}})
		if got[a].Err == nil || asked > 1 {
			t.Errorf("%s: %d requests, %+v", name, asked, got[a])
		}
	}
	got := At(t.Context(), func(_ context.Context, _ protocol.Op, body protocol.Body) (protocol.Body, error) {
		if b := body.(*protocol.AccountGet); b.Parts || b.Generations || b.Known != nil {
			t.Errorf("a server of before is asked %+v", b)
		}
		return &protocol.Accounts{Accounts: []protocol.Account{{Name: "bob", Statements: all}}}, nil
	}, Request{Accounts: []account.Address{a}, Known: map[account.Address]*account.Chain{a: before}, Older: true})
	if got[a].Err != nil || got[a].Chain.Len() != len(all) {
		t.Errorf("of a server of before: %+v", got[a])
	}
}
