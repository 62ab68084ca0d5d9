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
	codes, err := server.CreateInvites(context.Background(), i.Store, rand.Reader, time.Now(), 1, time.Hour)
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
	if left, err := server.Invites(context.Background(), i.Store, time.Now()); err != nil || len(left) != 0 {
		t.Errorf("a used code is still stored: %v %v", left, err)
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
	second.Refused(protocol.CodeUnauthenticated, protocol.OpAuthenticate, stranger.Authentication(second))
	stolen := bob.Authentication(second)
	stolen.Device = stranger.Device
	second.Refused(protocol.CodeUnauthenticated, protocol.OpAuthenticate, stolen)
	second.Must(protocol.OpAuthenticate, bob.Authentication(second), &protocol.Empty{})
}

// TestKindsOfConnection checks who may ask what, for every operation.
func TestKindsOfConnection(t *testing.T) {
	i := servertest.Start(t, servertest.Options{Memory: true})
	bob, identified := servertest.Register(t, i, "bob")
	channel := protocol.ChannelID{1}
	anonymous := map[protocol.Op]protocol.Body{
		protocol.OpKeyPackagesTake: &protocol.KeyPackagesTake{Name: "bob"},
		protocol.OpLetterSend:      &protocol.LetterSend{Name: "bob", Device: bob.Device, Letter: []byte("x")},
		protocol.OpChannelCreate:   &protocol.ChannelCreate{Channel: channel},
		protocol.OpChannelOpen:     &protocol.ChannelOpen{Channel: channel},
		protocol.OpChannelPost:     &protocol.ChannelPost{Channel: channel, Ciphertext: []byte("x")},
		protocol.OpChannelCommit:   &protocol.ChannelCommit{Channel: channel, Ciphertext: []byte("x")},
		protocol.OpChannelClose:    &protocol.ChannelClose{Channel: channel},
		protocol.OpChannelSignal:   &protocol.ChannelSignal{Channel: channel, Ciphertext: []byte("x")},
		protocol.OpWakeKey:         &protocol.Empty{},
		protocol.OpWakeRegister:    &protocol.WakeRegister{Endpoint: "https://push.example/1"},
		protocol.OpWakeForget:      &protocol.WakeForget{},
		protocol.OpWake:            &protocol.Wake{},
	}
	known := map[protocol.Op]bool{protocol.OpRegister: true, protocol.OpAuthenticate: true, protocol.OpAccountGet: true}
	for op, body := range anonymous {
		known[op] = true
		identified.Refused(protocol.CodeIdentified, op, body)
		c := servertest.Dial(t, i)
		result, err := protocol.NewResult(op)
		if err != nil {
			t.Fatal(err)
		}
		_ = c.Do(op, body, result) // whatever comes of it
		c.Refused(protocol.CodeInvalid, protocol.OpAuthenticate, bob.Authentication(c))
	}
	for op, body := range map[protocol.Op]protocol.Body{
		protocol.OpKeyPackagesPublish: &protocol.KeyPackagesPublish{},
		protocol.OpKeyPackagesStatus:  &protocol.Empty{},
		protocol.OpMailboxOpen:        &protocol.MailboxOpen{},
		protocol.OpMailboxDelete:      &protocol.MailboxDelete{},
		protocol.OpAccountDisclose:    &protocol.AccountDisclose{},
	} {
		known[op] = true
		servertest.Dial(t, i).Refused(protocol.CodeUnauthenticated, op, body)
	}
	for _, op := range protocol.Ops() {
		if !known[op] {
			t.Errorf("%v is not tested", op)
		}
	}
}
