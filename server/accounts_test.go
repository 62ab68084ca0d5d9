// SPDX-License-Identifier: AGPL-3.0-or-later

package server_test

import (
	"context"
	"crypto/rand"
	"errors"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/protocol"
	"github.com/securecrypt/securecrypt/server"
	"github.com/securecrypt/securecrypt/server/fairness"
	"github.com/securecrypt/securecrypt/server/internal/invites"
	"github.com/securecrypt/securecrypt/server/servertest"
)

func TestRegistration(t *testing.T) {
	i := servertest.Start(t, servertest.Options{Memory: true})
	c := servertest.Dial(t, i)
	bob := servertest.NewPerson(t, i.Host, "bob")
	c.Must(protocol.OpRegister, bob.Registration(), &protocol.Empty{})
	c.Must(protocol.OpRegister, bob.Registration(), &protocol.Empty{}) // the answer may have been lost
	c.Refused(protocol.CodeExists, protocol.OpRegister, servertest.NewPerson(t, i.Host, "bob").Registration())
	c.Refused(protocol.CodeInvalid, protocol.OpRegister, servertest.NewPerson(t, "elsewhere.example", "eve").Registration())
	forged := servertest.NewPerson(t, i.Host, "eve")
	forged.Statement[len(forged.Statement)-1] ^= 1
	c.Refused(protocol.CodeInvalid, protocol.OpRegister, forged.Registration())
	var got protocol.Accounts
	c.Must(protocol.OpAccountGet, &protocol.AccountGet{Names: []string{"eve", "bob", "nobody"}}, &got)
	if len(got.Accounts) != 1 || got.Accounts[0].Name != "bob" || string(got.Accounts[0].Statements[0]) != string(bob.Statement) {
		t.Errorf("got %+v", got)
	}
}

func TestRegistrationByInvitation(t *testing.T) {
	i := servertest.Start(t, servertest.Options{Memory: true, Change: func(c *server.Config) { c.Registration = server.RegistrationInvite }})
	codes, err := invites.Create(context.Background(), i.Store, rand.Reader, time.Now(), 1, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	c := servertest.Dial(t, i)
	register := func(name, code string) error {
		r := servertest.NewPerson(t, i.Host, name).Registration()
		r.Invite = code
		return c.Do(protocol.OpRegister, r, &protocol.Empty{})
	}
	wanted := &protocol.Error{Code: protocol.CodeInviteRequired}
	if err := register("alice", ""); !errors.Is(err, wanted) {
		t.Errorf("without a code: %v", err)
	}
	if err := register("alice", "wrong"); !errors.Is(err, wanted) {
		t.Errorf("with a wrong code: %v", err)
	}
	if err := register("alice", codes[0]); err != nil {
		t.Errorf("with a code: %v", err)
	}
	if err := register("bob", codes[0]); !errors.Is(err, wanted) {
		t.Errorf("with a used code: %v", err)
	}
	if left, err := invites.List(context.Background(), i.Store, time.Now()); err != nil || len(left) != 0 {
		t.Errorf("a used code is still stored: %v %v", left, err)
	}
}

// A client that lost the answer to its registration repeats it, when the
// invitation is used, the rate is used up and nobody else may register any more.
func TestRepeatedRegistration(t *testing.T) {
	dir := t.TempDir()
	host := "chat.example"
	bob := servertest.NewPerson(t, host, "bob")
	for _, registration := range []server.Registration{server.RegistrationInvite, server.RegistrationClosed} {
		i := servertest.Start(t, servertest.Options{
			Dir: dir, Host: host,
			Change: func(c *server.Config) { c.Registration = registration },
			Limits: func(l *fairness.Limits) { l.Register, l.MaxAccounts = fairness.Rate{Burst: 1, PerSecond: 1e-6}, 1 },
		})
		c := servertest.Dial(t, i)
		r := bob.Registration()
		if registration == server.RegistrationInvite {
			codes, err := invites.Create(t.Context(), i.Store, rand.Reader, time.Now(), 1, time.Hour)
			if err != nil {
				t.Fatal(err)
			}
			r.Invite = codes[0]
			c.Must(protocol.OpRegister, r, &protocol.Empty{})
		}
		for range 3 {
			c.Must(protocol.OpRegister, r, &protocol.Empty{})
		}
		if err := c.Do(protocol.OpRegister, servertest.NewPerson(t, host, "bob").Registration(), &protocol.Empty{}); err == nil {
			t.Errorf("%s: another person takes the name", registration)
		}
		i.Stop(t)
	}
}

func TestClosedRegistration(t *testing.T) {
	i := servertest.Start(t, servertest.Options{Memory: true, Change: func(c *server.Config) { c.Registration = server.RegistrationClosed }})
	servertest.Dial(t, i).Refused(protocol.CodeRegistrationClosed, protocol.OpRegister, servertest.NewPerson(t, i.Host, "bob").Registration())
}

func TestAuthenticationIsBoundToTheConnection(t *testing.T) {
	i := servertest.Start(t, servertest.Options{Memory: true})
	bob, first := servertest.Register(t, i, "bob")
	second := servertest.Dial(t, i)
	second.Refused(protocol.CodeUnauthenticated, protocol.OpAuthenticate, bob.Authentication(first))
	stranger := servertest.NewPerson(t, i.Host, "eve")
	second.Refused(protocol.CodeNotFound, protocol.OpAuthenticate, stranger.Authentication(second))
	stolen := bob.Authentication(second)
	stolen.Device = stranger.Device
	second.Refused(protocol.CodeNotFound, protocol.OpAuthenticate, stolen)
	second.Must(protocol.OpAuthenticate, bob.Authentication(second), &protocol.Empty{})
}

// TestOperationsHaveHandlers compares the protocol's table with the server's.
func TestOperationsHaveHandlers(t *testing.T) {
	for _, op := range protocol.Ops() {
		if !server.HasHandler(op) {
			t.Errorf("%v has no handler", op)
		}
	}
	if n := server.HandlerCount(); n != len(protocol.Ops()) {
		t.Errorf("%d handlers for %d operations", n, len(protocol.Ops()))
	}
}

// TestKindsOfConnection checks who may ask what, for every operation of the
// protocol's table.
func TestKindsOfConnection(t *testing.T) {
	i := servertest.Start(t, servertest.Options{Memory: true})
	bob, identified := servertest.Register(t, i, "bob")
	channel := protocol.ChannelID{1}
	eve := servertest.NewPerson(t, i.Host, "eve")
	// The requests that cannot be empty.
	bodies := map[protocol.Op]protocol.Body{
		protocol.OpRegister:        eve.Registration(),
		protocol.OpAuthenticate:    eve.Authentication(identified), // of another connection
		protocol.OpAccountGet:      &protocol.AccountGet{Names: []string{"bob"}},
		protocol.OpAccountAppend:   &protocol.AccountAppend{Name: "bob", Statement: []byte("x")},
		protocol.OpRecoveryPut:     &protocol.RecoveryPut{Counter: 1, Data: []byte("x")},
		protocol.OpKeyPackagesTake: &protocol.KeyPackagesTake{Name: "bob"},
		protocol.OpLetterSend:      &protocol.LetterSend{Name: "bob", Device: bob.Device, Letter: []byte("x")},
		protocol.OpChannelPost:     &protocol.ChannelPost{Channel: channel, Ciphertext: []byte("x")},
		protocol.OpChannelCommit:   &protocol.ChannelCommit{Channel: channel, Ciphertext: []byte("x")},
		protocol.OpChannelSignal:   &protocol.ChannelSignal{Channel: channel, Ciphertext: []byte("x")},
		protocol.OpWakeRegister:    &protocol.WakeRegister{Endpoint: "https://push.example/1"},
	}
	for _, op := range protocol.Ops() {
		body := bodies[op]
		if body == nil {
			var err error
			if body, err = protocol.NewRequest(op); err != nil {
				t.Fatal(err)
			}
		}
		result, err := protocol.NewResult(op)
		if err != nil {
			t.Fatal(err)
		}
		c := servertest.Dial(t, i)
		switch op.Audience() {
		case protocol.Identified:
			c.Refused(protocol.CodeUnauthenticated, op, body)
		case protocol.Anonymous:
			identified.Refused(protocol.CodeIdentified, op, body)
			_ = c.Do(op, body, result) // whatever comes of it
			c.Refused(protocol.CodeInvalid, protocol.OpAuthenticate, bob.Authentication(c))
		case protocol.Anyone:
			_ = c.Do(op, body, result) // whatever comes of it
			c.Must(protocol.OpAuthenticate, bob.Authentication(c), &protocol.Empty{})
		}
	}
}
