// SPDX-License-Identifier: AGPL-3.0-or-later

package server_test

import (
	"bytes"
	"crypto/rand"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/protocol"
	"github.com/securecrypt/securecrypt/server"
	"github.com/securecrypt/securecrypt/server/fairness"
	"github.com/securecrypt/securecrypt/server/servertest"
)

// The hello tells the server's clock, and which life of its data this is: the
// same one after a restart, another one after it was begun again.
func TestHelloTellsIncarnationAndTime(t *testing.T) {
	dir := t.TempDir()
	at := time.Unix(1_800_000_000, 0)
	start := func() (*servertest.Instance, protocol.Hello) {
		i := servertest.Start(t, servertest.Options{Dir: dir, Host: "chat.example", Change: func(c *server.Config) { c.Now = func() time.Time { return at } }})
		return i, servertest.Dial(t, i).Hello
	}
	i, first := start()
	if first.Incarnation == (protocol.Incarnation{}) || first.Time != 1_800_000_000 {
		t.Errorf("%+v", first)
	}
	_, bob := servertest.Register(t, i, "bob")
	bob.Must(protocol.OpKeyPackagesPublish, &protocol.KeyPackagesPublish{KeyPackages: [][]byte{[]byte("a"), []byte("b")}, LastResort: []byte("z")}, &protocol.KeyPackagesStatus{})
	i.Stop(t)
	i, second := start()
	if second.Incarnation != first.Incarnation {
		t.Error("a restart began another life")
	}
	if err := server.BeginIncarnation(t.Context(), i.Store, rand.Reader); err != nil {
		t.Fatal(err)
	}
	i.Stop(t)
	i, third := start()
	if third.Incarnation == first.Incarnation || third.Incarnation == (protocol.Incarnation{}) {
		t.Error("no other life was begun")
	}
	var got protocol.KeyPackages // one that was used since may be among the others
	servertest.Dial(t, i).Must(protocol.OpKeyPackagesTake, &protocol.KeyPackagesTake{Name: "bob"}, &got)
	if len(got.KeyPackages) != 1 || string(got.KeyPackages[0].KeyPackage) != "z" {
		t.Errorf("key packages: %+v", got)
	}
}

func TestKeyPackagesAreReplaced(t *testing.T) {
	i := servertest.Start(t, servertest.Options{Memory: true, Limits: func(l *fairness.Limits) { l.MaxKeyPackages = 2 }})
	_, bob := servertest.Register(t, i, "bob")
	publish := func(replace bool, packages ...string) (status protocol.KeyPackagesStatus, err error) {
		body := &protocol.KeyPackagesPublish{Replace: replace}
		for _, p := range packages {
			body.KeyPackages = append(body.KeyPackages, []byte(p))
		}
		return status, bob.Do(protocol.OpKeyPackagesPublish, body, &status)
	}
	if _, err := publish(false, "a", "b"); err != nil {
		t.Fatal(err)
	}
	wanted := protocol.Error{Code: protocol.CodeQuotaExceeded, Reason: protocol.ReasonKeyPackages}
	if _, err := publish(false, "c"); err == nil || err.Error() != wanted.Error() {
		t.Errorf("a third one: %v", err)
	}
	if status, err := publish(true, "c"); err != nil || status.Count != 1 {
		t.Errorf("in place of the others: %+v, %v", status, err)
	}
	var got protocol.KeyPackages
	servertest.Dial(t, i).Must(protocol.OpKeyPackagesTake, &protocol.KeyPackagesTake{Name: "bob"}, &got)
	if len(got.KeyPackages) != 1 || string(got.KeyPackages[0].KeyPackage) != "c" {
		t.Errorf("%+v", got)
	}
}

// The state of a channel marks the entry at the client's cursor.
func TestChannelStateMarksTheCursor(t *testing.T) {
	m := new(machine)
	i := servertest.Start(t, servertest.Options{Memory: true, Change: func(c *server.Config) { c.Now = m.now }})
	c := servertest.Dial(t, i)
	channel := protocol.ChannelID{1}
	c.Create(channel)
	c.Open(channel, 0, 0)
	c.Must(protocol.OpChannelPost, &protocol.ChannelPost{Channel: channel, Ciphertext: []byte("one"), ExpireIn: 60}, &protocol.Posted{})
	c.Post(channel, 0, "two")
	for after, want := range map[uint64][]byte{0: nil, 1: protocol.EntryMark([]byte("one")), 2: protocol.EntryMark([]byte("two")), 3: nil} {
		if state := c.Open(channel, 0, after); !bytes.Equal(state.Mark, want) || state.Last != 2 {
			t.Errorf("after %d: %+v", after, state)
		}
	}
	m.pass(time.Hour)
	if err := i.Server.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if state := c.Open(channel, 0, 1); state.Mark != nil {
		t.Errorf("of an entry that is gone: %+v", state)
	}
	forged := c.OpenBody(channel, 0, 2)
	forged.Signature[0] ^= 1
	c.Refused(protocol.CodeForbidden, protocol.OpChannelOpen, forged)
}

// Members create a channel again at the epoch where a server lost it.
func TestChannelBeginsAtAnEpoch(t *testing.T) {
	i := servertest.Start(t, servertest.Options{})
	c := servertest.Dial(t, i)
	channel := protocol.ChannelID{1}
	create := &protocol.ChannelCreate{Channel: channel, Key: servertest.Public(channel, 7), Epoch: 7}
	c.Must(protocol.OpChannelCreate, create, &protocol.Empty{})
	c.Refused(protocol.CodeExists, protocol.OpChannelCreate, create)
	for _, epoch := range []uint64{0, 6, 8} {
		c.Refused(protocol.CodeForbidden, protocol.OpChannelOpen, c.OpenBody(channel, epoch, 0))
	}
	if state := c.Open(channel, 7, 0); state.Epoch != 7 || state.Last != 0 {
		t.Errorf("%+v", state)
	}
	c.Post(channel, 7, "first")
	if err := c.Do(protocol.OpChannelPost, &protocol.ChannelPost{Channel: channel, Epoch: 4, Ciphertext: []byte("late")}, &protocol.Posted{}); err != nil {
		t.Errorf("of a recent epoch: %v", err)
	}
	c.Commit(channel, 7)
	if state := c.Open(channel, 8, 3); state.Epoch != 8 || state.Last != 3 {
		t.Errorf("after a commit: %+v", state)
	}
}

func TestMailboxStateTellsTheHighestNumber(t *testing.T) {
	i := servertest.Start(t, servertest.Options{Memory: true})
	p, bob := servertest.Register(t, i, "bob")
	open := func() uint64 {
		bob.Must(protocol.OpMailboxOpen, &protocol.MailboxOpen{After: 2}, &protocol.Empty{})
		return servertest.Next[*protocol.MailboxState](bob).Last
	}
	if last := open(); last != 0 {
		t.Errorf("before any letter: %d", last)
	}
	for n := range byte(2) {
		servertest.Dial(t, i).Must(protocol.OpLetterSend, &protocol.LetterSend{Name: "bob", Device: p.Device, Letter: []byte("x"), ID: [16]byte{n}}, &protocol.Empty{})
	}
	bob.Must(protocol.OpMailboxDelete, &protocol.MailboxDelete{UpTo: 2}, &protocol.Empty{})
	if last := open(); last != 2 {
		t.Errorf("after two that are gone: %d", last)
	}
}
