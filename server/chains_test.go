// SPDX-License-Identifier: AGPL-3.0-or-later

package server_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/protocol"
	"github.com/securecrypt/securecrypt/server"
	"github.com/securecrypt/securecrypt/server/bus/local"
	"github.com/securecrypt/securecrypt/server/fairness"
	"github.com/securecrypt/securecrypt/server/servertest"
	"github.com/securecrypt/securecrypt/server/store/pebble"
)

func TestStatementsAreAppended(t *testing.T) {
	i := servertest.Start(t, servertest.Options{})
	desk, c := servertest.Register(t, i, "bob")
	chain := desk.Chain(t)
	before := *chain
	phone, added := chain.AddDevice(desk)
	stranger := servertest.Dial(t, i) // the signatures say who asks
	stranger.Must(protocol.OpAccountAppend, added, &protocol.Empty{})
	stranger.Must(protocol.OpAccountAppend, added, &protocol.Empty{}) // its answer was lost
	second := servertest.Dial(t, i)
	second.Must(protocol.OpAuthenticate, phone.Authentication(second), &protocol.Empty{})

	_, other := before.AddDevice(desk)
	c.Refused(protocol.CodeStaleChain, protocol.OpAccountAppend, other)
	forged := chain.Sign(account.RevokeDevice{Device: account.DeviceID(desk.Device)}, servertest.NewPerson(t, i.Host, "eve").AsDevice())
	for name, statement := range map[string][]byte{"of somebody else": forged, "no statement": []byte("x"), "cut off": added.Statement[:100]} {
		if err := c.Do(protocol.OpAccountAppend, &protocol.AccountAppend{Name: "bob", Statement: statement}, &protocol.Empty{}); !errors.Is(err, &protocol.Error{Code: protocol.CodeInvalid}) {
			t.Errorf("%s: %v", name, err)
		}
	}
	c.Refused(protocol.CodeNotFound, protocol.OpAccountAppend, &protocol.AccountAppend{Name: "nobody", Statement: added.Statement})
	wantChain(t, i, chain)
	if found, err := i.Store.(*pebble.Store).Check(t.Context(), i.Host); err != nil || len(found.Problems) > 0 || found.Rows["statement"] != 2 {
		t.Errorf("%+v, %v", found, err)
	}
}

// TestAnnouncementsAreRefused has a stranger ask for a reset, and a device announce a
// recovery key without the one in force: nobody would notice, and veto, either.
func TestAnnouncementsAreRefused(t *testing.T) {
	i := servertest.Start(t, servertest.Options{Memory: true})
	bob, c := servertest.Register(t, i, "bob")
	chain := bob.Chain(t)
	eve := servertest.NewPerson(t, i.Host, "eve")
	hers := eve.Chain(t)
	key, err := eve.Recovery.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	for name, statement := range map[string][]byte{
		"reset":          chain.Sign(account.ResetRequest{RecoveryKey: key, Device: hers.Devices()[0], Wait: account.Wait}, eve.AsDevice(), servertest.AsRecovery(eve.Recovery)),
		"recovery key":   chain.Sign(account.RotateRecovery{RecoveryKey: key}, bob.AsDevice(), servertest.AsRecovery(eve.Recovery)),
		"end of a reset": chain.Sign(account.ResetCommit{Request: chain.Head()}, eve.AsDevice(), servertest.AsRecovery(eve.Recovery)),
	} {
		if err := c.Do(protocol.OpAccountAppend, &protocol.AccountAppend{Name: "bob", Statement: statement}, &protocol.Empty{}); !errors.Is(err, &protocol.Error{Code: protocol.CodeUnsupported}) {
			t.Errorf("%s: %v", name, err)
		}
	}
	rotated := chain.Append(chain.Sign(account.RotateRecovery{RecoveryKey: key}, servertest.AsRecovery(bob.Recovery), servertest.AsRecovery(eve.Recovery)))
	c.Must(protocol.OpAccountAppend, rotated, &protocol.Empty{})
}

// wantChain checks what the server tells of an account, and that the times at which
// it took statements let what waited for them be verified.
func wantChain(t *testing.T, i *servertest.Instance, chain *servertest.Chain) {
	t.Helper()
	got := lookUp(t, servertest.Dial(t, i), &protocol.AccountGet{Names: []string{chain.Address().Name}})
	one := got[chain.Address().Name]
	if !slices.EqualFunc(one.Statements, chain.Statements(), bytes.Equal) || len(one.Published) != len(one.Statements) {
		t.Errorf("%d statements, %d times", len(one.Statements), len(one.Published))
	}
	for n, at := range one.Published[1:] {
		if since := time.Since(time.Unix(int64(at), 0)); since < -time.Minute || since > time.Minute {
			t.Errorf("statement %d was taken %s ago", n+1, since)
		}
	}
}

// lookUp asks for accounts in as many parts as it takes.
func lookUp(t *testing.T, c *servertest.Client, r *protocol.AccountGet) map[string]protocol.Account {
	t.Helper()
	found := map[string]protocol.Account{}
	for r.Parts = true; len(r.Names) > 0; {
		var got protocol.Accounts
		c.Must(protocol.OpAccountGet, r, &got)
		size := 0
		for _, one := range got.Accounts {
			whole := found[one.Name]
			for _, b := range one.Statements {
				size += len(b)
			}
			whole.Name, whole.Statements, whole.Published = one.Name, append(whole.Statements, one.Statements...), append(whole.Published, one.Published...)
			found[one.Name] = whole
		}
		if size > 300<<10 {
			t.Fatalf("an answer has %d bytes", size)
		}
		r.Names, r.Known = r.Names[len(r.Names)-int(got.Rest):], nil
		if n := len(got.Accounts); n > 0 && got.Accounts[n-1].More {
			whole := found[got.Accounts[n-1].Name]
			last, err := account.ParseStatement(whole.Statements[len(whole.Statements)-1])
			if err != nil {
				t.Fatal(err)
			}
			r.Names = append([]string{whole.Name}, r.Names...)
			r.Known = []protocol.KnownChain{{Name: whole.Name, Length: uint64(len(whole.Statements)), Head: protocol.ChainHead(last.Head())}}
		}
	}
	return found
}

// TestRevokedDeviceIsOut checks that nothing of a revoked device stays, that its
// connections end on all nodes, and that what belongs to the other device stays.
func TestRevokedDeviceIsOut(t *testing.T) {
	bus := new(local.Bus)
	one := servertest.Start(t, servertest.Options{Memory: true, Host: "shared.example", Change: func(c *server.Config) { c.Bus = bus }})
	two := servertest.Start(t, servertest.Options{Memory: true, Host: "shared.example", Change: func(c *server.Config) { c.Bus, c.Store = bus, one.Store }})
	desk, c := servertest.Register(t, one, "bob")
	chain := desk.Chain(t)
	phone, added := chain.AddDevice(desk)
	c.Must(protocol.OpAccountAppend, added, &protocol.Empty{})
	stolen := servertest.Dial(t, two)
	stolen.Must(protocol.OpAuthenticate, phone.Authentication(stolen), &protocol.Empty{})
	anybody := servertest.Dial(t, two)
	for n, on := range map[byte]*servertest.Client{1: c, 2: stolen} {
		device := map[byte]servertest.Person{1: desk, 2: phone}[n].Device
		on.Must(protocol.OpKeyPackagesPublish, &protocol.KeyPackagesPublish{KeyPackages: [][]byte{{n}}, LastResort: []byte{n, n}}, &protocol.KeyPackagesStatus{})
		on.Must(protocol.OpMailboxToken, &protocol.MailboxToken{Hash: [32]byte{n}}, &protocol.Empty{})
		anybody.Must(protocol.OpLetterSend, &protocol.LetterSend{Name: "bob", Device: device, Letter: []byte("letter"), ID: [16]byte{n}}, &protocol.Empty{})
	}

	c.Must(protocol.OpAccountAppend, chain.Revoke(desk, phone), &protocol.Empty{})
	ends(t, stolen)
	var status protocol.KeyPackagesStatus
	c.Must(protocol.OpKeyPackagesStatus, &protocol.Empty{}, &status) // the other device goes on
	if status.Count != 1 || !status.LastResort {
		t.Errorf("the other device's key packages: %+v", status)
	}
	again := servertest.Dial(t, two)
	again.Refused(protocol.CodeNotFound, protocol.OpAuthenticate, phone.Authentication(again))
	anybody.Refused(protocol.CodeNotFound, protocol.OpLetterSend, &protocol.LetterSend{Name: "bob", Device: phone.Device, Letter: []byte("late"), ID: [16]byte{9}})
	var packages protocol.KeyPackages
	anybody.Must(protocol.OpKeyPackagesTake, &protocol.KeyPackagesTake{Name: "bob"}, &packages)
	if len(packages.KeyPackages) != 1 || packages.KeyPackages[0].Device != desk.Device {
		t.Errorf("key packages of %+v", packages.KeyPackages)
	}
	d, err := server.Disclose(t.Context(), one.Store, chain.Address())
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]int{}
	for _, table := range d.Tables {
		rows[table.Table] = len(table.Rows)
		for _, row := range table.Rows {
			if table.Table != "statement" && table.Table != "account" && strings.Contains(fmt.Sprint(row), fmt.Sprintf("%x", phone.Device)) {
				t.Errorf("%s has %v", table.Table, row)
			}
		}
	}
	if rows["statement"] != 3 || rows["letter"] != 1 || rows["key_package"] != 1 || rows["mailbox_token"] != 1 {
		t.Errorf("disclosed: %v", rows)
	}
	if found, err := one.Store.(*pebble.Store).Check(t.Context(), one.Host); err != nil || len(found.Problems) > 0 {
		t.Errorf("%+v, %v", found, err)
	}
}

// TestRevokedDeviceWritesNothing has a device write for which the server's other node
// has not ended the connection yet.
func TestRevokedDeviceWritesNothing(t *testing.T) {
	one := servertest.Start(t, servertest.Options{Memory: true, Host: "shared.example", Change: func(c *server.Config) { c.Bus = new(local.Bus) }})
	two := servertest.Start(t, servertest.Options{Memory: true, Host: "shared.example", Change: func(c *server.Config) { c.Bus, c.Store = new(local.Bus), one.Store }})
	desk, c := servertest.Register(t, one, "bob")
	chain := desk.Chain(t)
	phone, added := chain.AddDevice(desk)
	c.Must(protocol.OpAccountAppend, added, &protocol.Empty{})
	stolen := servertest.Dial(t, two) // which does not hear of what the first node does
	stolen.Must(protocol.OpAuthenticate, phone.Authentication(stolen), &protocol.Empty{})
	c.Must(protocol.OpAccountAppend, chain.Revoke(desk, phone), &protocol.Empty{})
	stolen.Refused(protocol.CodeNotFound, protocol.OpKeyPackagesPublish, &protocol.KeyPackagesPublish{KeyPackages: [][]byte{{1}}})
	stolen.Refused(protocol.CodeNotFound, protocol.OpMailboxToken, &protocol.MailboxToken{Hash: [32]byte{1}})
	if found, err := one.Store.(*pebble.Store).Check(t.Context(), one.Host); err != nil || len(found.Problems) > 0 {
		t.Errorf("%+v, %v", found, err)
	}
}

// TestManyDevicesAreLookedUpInParts asks for 64 people with eleven devices each, whose
// chains together do not fit into one message.
func TestManyDevicesAreLookedUpInParts(t *testing.T) {
	i := servertest.Start(t, servertest.Options{Memory: true, Limits: func(l *fairness.Limits) { l.Append = fairness.Rate{Burst: 1e6} }})
	c := servertest.Dial(t, i)
	r := &protocol.AccountGet{}
	want := map[string][][]byte{}
	for n := range protocol.MaxNames {
		p := servertest.NewPerson(t, i.Host, fmt.Sprintf("person%d", n))
		c.Must(protocol.OpRegister, p.Registration(), &protocol.Empty{})
		chain := p.Chain(t)
		for range 10 {
			_, added := chain.AddDevice(p)
			c.Must(protocol.OpAccountAppend, added, &protocol.Empty{})
		}
		r.Names = append(r.Names, p.Name)
		want[p.Name] = chain.Statements()
	}
	c.Refused(protocol.CodeTooLarge, protocol.OpAccountGet, &protocol.AccountGet{Names: r.Names})
	got := lookUp(t, c, r)
	for name, statements := range want {
		if !slices.EqualFunc(got[name].Statements, statements, bytes.Equal) {
			t.Errorf("%s: %d statements of %d", name, len(got[name].Statements), len(statements))
		}
	}
}

// TestKnownStatementsAreLeftOut asks with heads of a chain, and with one that it
// never had.
func TestKnownStatementsAreLeftOut(t *testing.T) {
	i := servertest.Start(t, servertest.Options{Memory: true})
	bob, c := servertest.Register(t, i, "bob")
	chain := bob.Chain(t)
	heads := []account.Head{chain.Head()}
	for range 3 {
		_, added := chain.AddDevice(bob)
		c.Must(protocol.OpAccountAppend, added, &protocol.Empty{})
		heads = append(heads, chain.Head())
	}
	for _, asked := range []struct {
		length uint64
		head   account.Head
		from   uint64
	}{{1, heads[0], 1}, {3, heads[2], 3}, {4, heads[3], 4}, {4, heads[2], 0}, {2, account.Head{1}, 0}, {5, heads[3], 0}, {1024, heads[3], 0}} {
		var got protocol.Accounts
		known := protocol.KnownChain{Name: "bob", Length: asked.length, Head: protocol.ChainHead(asked.head)}
		c.Must(protocol.OpAccountGet, &protocol.AccountGet{Names: []string{"bob"}, Known: []protocol.KnownChain{known}, Parts: true}, &got)
		one := got.Accounts[0]
		if one.From != asked.from || !slices.EqualFunc(one.Statements, chain.Statements()[asked.from:], bytes.Equal) || one.More {
			t.Errorf("%d statements known: from %d, %d statements, more %t", asked.length, one.From, len(one.Statements), one.More)
		}
	}
}

// TestLongChainRegistersAgain registers an account with all of its statements on a
// server that lost it.
func TestLongChainRegistersAgain(t *testing.T) {
	i := servertest.Start(t, servertest.Options{Memory: true})
	desk := servertest.NewPerson(t, i.Host, "bob")
	chain := desk.Chain(t)
	phone, _ := chain.AddDevice(desk)
	chain.Revoke(phone, desk)
	c := servertest.Dial(t, i)
	c.Must(protocol.OpRegister, &protocol.Register{Statements: chain.Statements()}, &protocol.Empty{})
	c.Must(protocol.OpRegister, desk.Registration(), &protocol.Empty{}) // by a device that knows less
	wantLength := lookUp(t, c, &protocol.AccountGet{Names: []string{"bob"}})["bob"]
	if len(wantLength.Statements) != 3 {
		t.Errorf("%d statements", len(wantLength.Statements))
	}
	c.Refused(protocol.CodeNotFound, protocol.OpAuthenticate, desk.Authentication(c))
	c.Must(protocol.OpAuthenticate, phone.Authentication(c), &protocol.Empty{})
}
