// SPDX-License-Identifier: AGPL-3.0-or-later

package servertest

import (
	"crypto/ed25519"
	"crypto/hpke"
	"crypto/rand"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/protocol"
)

// Person is an account with one device.
type Person struct {
	Name      string
	Device    protocol.DeviceID
	Key       ed25519.PrivateKey
	Statement []byte // the account's first
	Recovery  account.RecoverySecret
}

// NewPerson makes up an account, without registering it.
func NewPerson(tb testing.TB, host, name string) Person {
	tb.Helper()
	p, err := MakePerson(host, name)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

// MakePerson is NewPerson for use outside a test's goroutine.
func MakePerson(host, name string) (p Person, err error) {
	addr, err := account.ParseAddress(name + "@" + host)
	if err != nil {
		return p, err
	}
	mailboxKey, err := newMailboxKey()
	if err != nil {
		return p, err
	}
	recovery, err := account.NewRecoverySecret(rand.Reader)
	if err != nil {
		return p, err
	}
	pub, priv, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return p, err
	}
	statement, err := account.Create(account.CreateParams{Address: addr, Time: time.Unix(1_760_000_000, 0), DeviceKey: priv, MailboxKey: mailboxKey, Recovery: recovery})
	if err != nil {
		return p, err
	}
	return Person{Name: name, Device: protocol.DeviceID(account.SignatureKey(pub).ID()), Key: priv, Statement: statement, Recovery: recovery}, nil
}

func newMailboxKey() (account.MailboxKey, error) {
	mailbox, err := hpke.MLKEM768X25519().GenerateKey()
	if err != nil {
		return account.MailboxKey{}, err
	}
	return account.NewMailboxKey(mailbox.PublicKey().Bytes())
}

// Registration returns the request that registers p.
func (p Person) Registration() *protocol.Register {
	return &protocol.Register{Statements: [][]byte{p.Statement}}
}

// Authentication returns the request that identifies a connection as p's.
func (p Person) Authentication(c *Client) *protocol.Authenticate {
	challenge := protocol.AuthenticateChallenge(c.Hello.Host, c.Hello.Nonce, p.Name, p.Device)
	return &protocol.Authenticate{Name: p.Name, Device: p.Device, Signature: protocol.Signature(ed25519.Sign(p.Key, challenge))}
}

// SignIn returns the request that identifies a connection as p's and continues
// the sign-in of the mark previous.
func (p Person) SignIn(c *Client, session, previous protocol.SessionMark) *protocol.Authenticate {
	r := p.Authentication(c)
	r.Session, r.Previous = session, previous
	return r
}

// Register makes up and registers an account and returns an identified
// connection of it.
func Register(tb testing.TB, i *Instance, name string) (Person, *Client) {
	tb.Helper()
	p := NewPerson(tb, i.Host, name)
	c := Dial(tb, i)
	c.Must(protocol.OpRegister, p.Registration(), &protocol.Empty{})
	c.Must(protocol.OpAuthenticate, p.Authentication(c), &protocol.Empty{})
	return p, c
}

// StorageKey returns a new storage key with the signature by which p's device lets
// it use the account's vaults.
func (p Person) StorageKey(tb testing.TB, host string) (ed25519.PrivateKey, protocol.Signature) {
	tb.Helper()
	pub, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	grant := protocol.StorageGrant(host, p.Name, p.Device, protocol.AccessKey(pub))
	return key, protocol.Signature(ed25519.Sign(p.Key, grant))
}
