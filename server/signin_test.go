// SPDX-License-Identifier: AGPL-3.0-or-later

package server_test

import (
	"errors"
	"os"
	"testing"

	"github.com/securecrypt/securecrypt/protocol"
	"github.com/securecrypt/securecrypt/server"
	"github.com/securecrypt/securecrypt/server/bus/local"
	"github.com/securecrypt/securecrypt/server/servertest"
)

// mark returns the mark of a sign-in.
func mark(counter uint64, id byte) protocol.SessionMark {
	return protocol.SessionMark{Counter: counter, ID: [16]byte{id}}
}

// A copy is a profile as one of several machines has it.
type copyOfProfile struct {
	t        *testing.T
	i        *servertest.Instance
	person   servertest.Person
	previous protocol.SessionMark
	id       byte // tells the random identifiers of copies apart
}

// signIn signs in on a connection of its own.
func (p *copyOfProfile) signIn(takeover bool) (*servertest.Client, error) {
	p.t.Helper()
	c := servertest.Dial(p.t, p.i)
	session := mark(p.previous.Counter+1, p.id)
	r := p.person.SignIn(c, session, p.previous)
	r.Takeover = takeover
	err := c.Do(protocol.OpAuthenticate, r, &protocol.Empty{})
	if err == nil {
		p.previous = session
	}
	return c, err
}

func (p *copyOfProfile) in() *servertest.Client {
	p.t.Helper()
	c, err := p.signIn(false)
	if err != nil {
		p.t.Fatalf("copy %d: %v", p.id, err)
	}
	return c
}

func (p *copyOfProfile) copied() {
	p.t.Helper()
	if _, err := p.signIn(false); !errors.Is(err, &protocol.Error{Code: protocol.CodeProfileCopied}) {
		p.t.Fatalf("copy %d: %v", p.id, err)
	}
}

// ends waits until the server has closed the connection.
func ends(t *testing.T, c *servertest.Client) {
	t.Helper()
	for {
		_, err := c.ReadFrame()
		if errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal("the connection goes on")
		}
		if err != nil {
			return
		}
	}
}

func newProfile(t *testing.T, i *servertest.Instance) *copyOfProfile {
	t.Helper()
	p := &copyOfProfile{t: t, i: i, person: servertest.NewPerson(t, i.Host, "bob"), id: 1}
	servertest.Dial(t, i).Must(protocol.OpRegister, p.person.Registration(), &protocol.Empty{})
	return p
}

// A profile that runs on two machines stops on both, until one takes over.
func TestCopiedProfileStopsBoth(t *testing.T) {
	i := servertest.Start(t, servertest.Options{Memory: true})
	desk := newProfile(t, i)
	desk.in()
	online := desk.in()
	laptop := *desk
	laptop.id = 2
	onLaptop := laptop.in() // nothing tells it from the one that it was copied from
	ends(t, online)         // which signs in again
	desk.copied()
	ends(t, onLaptop)
	laptop.copied()
	desk.copied()
	plain := servertest.Dial(t, i)
	plain.Refused(protocol.CodeProfileCopied, protocol.OpAuthenticate, desk.person.Authentication(plain))

	if _, err := laptop.signIn(true); err != nil {
		t.Fatalf("taking over: %v", err)
	}
	goesOn := laptop.in()
	desk.copied() // does not let the one that lost in, and stops the other again
	ends(t, goesOn)
	if _, err := desk.signIn(true); err != nil {
		t.Fatalf("taking over again: %v", err)
	}
	desk.in()
}

// A profile that was put back from a backup counts from a lower number, also
// after it has taken over: the one that counted further must not pass for a
// device whose server went back.
func TestOldProfileTakesOver(t *testing.T) {
	i := servertest.Start(t, servertest.Options{Memory: true})
	desk := newProfile(t, i)
	desk.in()
	old := *desk
	old.id = 2
	for range 5 {
		desk.in()
	}
	old.copied()
	desk.copied()
	if _, err := old.signIn(true); err != nil {
		t.Fatalf("taking over: %v", err)
	}
	old.in()
	desk.copied()
}

// An answer that was lost, and a server that went back, are not taken for a copy.
func TestSignInsThatAreNoCopies(t *testing.T) {
	i := servertest.Start(t, servertest.Options{Memory: true})
	p := newProfile(t, i)
	p.in()
	before := p.previous
	p.in()
	after := p.previous
	for range 3 { // the answers are lost
		p.previous = before
		p.in()
	}
	if p.previous != after {
		t.Fatalf("the mark is %v", p.previous)
	}
	p.previous, p.id = mark(7, 7), 8 // of sign-ins that this server does not remember
	p.in()
	p.in()
}

func TestMarksMustFollowEachOther(t *testing.T) {
	i := servertest.Start(t, servertest.Options{Memory: true})
	p := newProfile(t, i)
	for what, r := range map[string]protocol.Authenticate{
		"a session that does not count on": {Session: mark(3, 1), Previous: mark(3, 2)},
		"a previous one alone":             {Previous: mark(1, 1)},
		"taking over without a session":    {Takeover: true},
	} {
		c := servertest.Dial(t, i)
		body := p.person.SignIn(c, r.Session, r.Previous)
		body.Takeover = r.Takeover
		if err := c.Do(protocol.OpAuthenticate, body, &protocol.Empty{}); !errors.Is(err, &protocol.Error{Code: protocol.CodeInvalid}) {
			t.Errorf("%s: %v", what, err)
		}
	}
	c := servertest.Dial(t, i) // a client without marks leaves none
	c.Must(protocol.OpAuthenticate, p.person.Authentication(c), &protocol.Empty{})
	if rows := sessionRows(t, i, p.person); len(rows) != 0 {
		t.Errorf("stored: %v", rows)
	}
}

func sessionRows(t *testing.T, i *servertest.Instance, p servertest.Person) (rows []server.SessionRow) {
	t.Helper()
	err := i.Store.View(t.Context(), func(tx server.ReadTx) error {
		row, err := tx.Sessions().Session(server.DeviceRef{Name: p.Name, Device: p.Device})
		if errors.Is(err, server.ErrNotFound) {
			return nil
		}
		rows = append(rows, row)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// Copies of a profile, and a deleted account, are ended on every node.
func TestConnectionsEndOnAllNodes(t *testing.T) {
	bus := new(local.Bus)
	one := servertest.Start(t, servertest.Options{Memory: true, Change: func(c *server.Config) { c.Bus = bus }})
	two := servertest.Start(t, servertest.Options{Memory: true, Host: one.Host, Change: func(c *server.Config) { c.Bus, c.Store = bus, one.Store }})
	desk := newProfile(t, one)
	online := desk.in()
	laptop := *desk
	laptop.i, laptop.id = two, 2
	there := laptop.in()
	ends(t, online)
	if _, err := desk.signIn(true); err != nil {
		t.Fatal(err)
	}
	ends(t, there)
	elsewhere := desk.in()
	desk.i = two
	here := desk.in()
	ends(t, elsewhere)
	other := servertest.Dial(t, one) // of a client without marks, which may have several
	other.Must(protocol.OpAuthenticate, desk.person.Authentication(other), &protocol.Empty{})
	here.Must(protocol.OpAccountDelete, &protocol.Empty{}, &protocol.Empty{})
	ends(t, here)
	ends(t, other)
}

// What an account leaves when it is deleted: a reserved name, which its first
// statement alone takes again.
func TestAccountDeletes(t *testing.T) {
	i := servertest.Start(t, servertest.Options{})
	p := newProfile(t, i)
	c := p.in()
	c.Must(protocol.OpKeyPackagesPublish, &protocol.KeyPackagesPublish{KeyPackages: [][]byte{[]byte("package")}, LastResort: []byte("last")}, &protocol.KeyPackagesStatus{})
	c.Must(protocol.OpMailboxToken, &protocol.MailboxToken{Hash: [32]byte{1}}, &protocol.Empty{})
	anybody := servertest.Dial(t, i)
	letter := &protocol.LetterSend{Name: "bob", Device: p.person.Device, Letter: []byte("letter"), ID: [16]byte{1}}
	anybody.Must(protocol.OpLetterSend, letter, &protocol.Empty{})
	c.Must(protocol.OpAccountDelete, &protocol.Empty{}, &protocol.Empty{})
	ends(t, c)

	letter.ID = [16]byte{2}
	anybody.Refused(protocol.CodeNotFound, protocol.OpLetterSend, letter)
	anybody.Refused(protocol.CodeNotFound, protocol.OpKeyPackagesTake, &protocol.KeyPackagesTake{Name: "bob"})
	late := servertest.Dial(t, i)
	late.Refused(protocol.CodeNotFound, protocol.OpAuthenticate, p.person.Authentication(late))
	late.Refused(protocol.CodeExists, protocol.OpRegister, servertest.NewPerson(t, i.Host, "bob").Registration())
	late.Must(protocol.OpRegister, p.person.Registration(), &protocol.Empty{})
	again := p.in()
	again.Must(protocol.OpMailboxOpen, &protocol.MailboxOpen{}, &protocol.Empty{})
	if state := servertest.Next[*protocol.MailboxState](again); state.Last != 0 {
		t.Errorf("letters of before: %+v", state)
	}
	var status protocol.KeyPackagesStatus
	again.Must(protocol.OpKeyPackagesStatus, &protocol.Empty{}, &status)
	if status != (protocol.KeyPackagesStatus{}) {
		t.Errorf("key packages of before: %+v", status)
	}
	err := i.Store.View(t.Context(), func(tx server.ReadTx) error {
		if _, err := tx.Names().Reserved("bob"); !errors.Is(err, server.ErrNotFound) {
			t.Errorf("the name is reserved still: %v", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Who asks for an account with its generations learns that a copy of the profile
// took over, and is not given the key packages that the other one made.
func TestTakeoverChangesTheGeneration(t *testing.T) {
	i := servertest.Start(t, servertest.Options{Memory: true})
	desk := newProfile(t, i)
	signIn := func(generation byte, takeover bool) *servertest.Client {
		t.Helper()
		c := servertest.Dial(t, i)
		r := desk.person.SignIn(c, mark(desk.previous.Counter+1, generation), desk.previous)
		r.Takeover, r.Generation = takeover, protocol.Generation{generation}
		c.Must(protocol.OpAuthenticate, r, &protocol.Empty{})
		desk.previous = r.Session
		return c
	}
	asker := servertest.Dial(t, i)
	generations := func(asked bool) []protocol.DeviceGeneration {
		t.Helper()
		var got protocol.Accounts
		asker.Must(protocol.OpAccountGet, &protocol.AccountGet{Names: []string{"bob"}, Generations: asked}, &got)
		return got.Accounts[0].Generations
	}
	want := func(generation byte) {
		t.Helper()
		device := protocol.DeviceGeneration{Device: desk.person.Device, Generation: protocol.Generation{generation}}
		if got := generations(true); len(got) != 1 || got[0] != device {
			t.Errorf("%+v, want %+v", got, device)
		}
	}
	if got := generations(true); len(got) != 0 {
		t.Errorf("before the first sign-in: %+v", got)
	}
	publish := &protocol.KeyPackagesPublish{KeyPackages: [][]byte{{1}, {2}}, LastResort: []byte{3}}
	signIn(1, false).Must(protocol.OpKeyPackagesPublish, publish, &protocol.KeyPackagesStatus{})
	want(1)
	if got := generations(false); len(got) != 0 {
		t.Errorf("nobody asked for %+v", got)
	}
	var status protocol.KeyPackagesStatus
	signIn(1, false).Must(protocol.OpKeyPackagesStatus, &protocol.Empty{}, &status)
	if status.Count != 2 {
		t.Errorf("%+v", status)
	}
	signIn(2, true).Must(protocol.OpKeyPackagesStatus, &protocol.Empty{}, &status)
	want(2)
	if status.Count != 0 || !status.LastResort {
		t.Errorf("after another copy took over: %+v", status)
	}
}
