// SPDX-License-Identifier: AGPL-3.0-or-later

package servertest

import (
	"crypto/ed25519"
	"crypto/rand"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/protocol"
)

// A Chain is the chain of an account as its devices make it grow. The server is told
// of a statement by AccountAppend.
type Chain struct {
	*account.Chain
	tb testing.TB
}

// Chain returns the chain that has the account's first statement.
func (p Person) Chain(tb testing.TB) *Chain {
	tb.Helper()
	first, err := account.ParseStatement(p.Statement)
	if err != nil {
		tb.Fatal(err)
	}
	chain, err := account.Verify(first.Content.(account.CreateContent).Address, [][]byte{p.Statement})
	if err != nil {
		tb.Fatal(err)
	}
	return &Chain{Chain: chain, tb: tb}
}

// A Signer signs a statement that is under way.
type Signer func(*account.Draft) (account.Signature, error)

// AsDevice signs with the person's device key.
func (p Person) AsDevice() Signer {
	return func(d *account.Draft) (account.Signature, error) { return d.SignDevice(p.Key) }
}

// AsRecovery signs with a recovery key.
func AsRecovery(secret account.RecoverySecret) Signer {
	return func(d *account.Draft) (account.Signature, error) { return d.SignRecovery(secret) }
}

// Sign returns the next statement of the chain, which stays as it is.
func (c *Chain) Sign(content account.Content, signers ...Signer) []byte {
	c.tb.Helper()
	draft, err := c.State().Draft(time.Now(), content)
	if err != nil {
		c.tb.Fatal(err)
	}
	var signatures []account.Signature
	for _, sign := range signers {
		signature, err := sign(draft)
		if err != nil {
			c.tb.Fatal(err)
		}
		signatures = append(signatures, signature)
	}
	statement, err := draft.Statement(signatures...)
	if err != nil {
		c.tb.Fatal(err)
	}
	return statement
}

// Append adds a statement to the chain and returns the request that adds it to the
// server's.
func (c *Chain) Append(statement []byte) *protocol.AccountAppend {
	c.tb.Helper()
	next, err := c.Chain.Append(statement, time.Now())
	if err != nil {
		c.tb.Fatal(err)
	}
	c.Chain = next
	return &protocol.AccountAppend{Name: c.Address().Name, Statement: statement}
}

// AddDevice adds a new device to the chain, which p lets in. It returns that device
// and the request that adds it to the server's chain.
func (c *Chain) AddDevice(p Person) (Person, *protocol.AccountAppend) {
	c.tb.Helper()
	pub, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		c.tb.Fatal(err)
	}
	mailboxKey, err := newMailboxKey()
	if err != nil {
		c.tb.Fatal(err)
	}
	device := account.Device{SignatureKey: account.SignatureKey(pub), MailboxKey: mailboxKey}
	added := Person{Name: p.Name, Device: protocol.DeviceID(device.ID()), Key: key, Statement: p.Statement, Recovery: p.Recovery}
	return added, c.Append(c.Sign(account.AddDevice{Device: device}, p.AsDevice(), added.AsDevice()))
}

// Revoke takes a device from the chain, as p says. It returns the request that does
// so on the server's.
func (c *Chain) Revoke(p, device Person) *protocol.AccountAppend {
	c.tb.Helper()
	return c.Append(c.Sign(account.RevokeDevice{Device: account.DeviceID(device.Device)}, p.AsDevice()))
}
