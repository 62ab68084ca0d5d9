// SPDX-License-Identifier: AGPL-3.0-or-later

package account_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hpke"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/account"
)

// person is all that a test needs of somebody; the same seed yields the same
// person.
type person struct {
	params    account.CreateParams
	statement []byte
	chain     *account.Chain
}

func newPerson(t testing.TB, seed byte, address string) person {
	t.Helper()
	random := rand.NewChaCha8([32]byte{seed})
	draw := func() []byte {
		b := make([]byte, 32)
		if _, err := random.Read(b); err != nil {
			t.Fatal(err)
		}
		return b
	}
	addr, err := account.ParseAddress(address)
	if err != nil {
		t.Fatal(err)
	}
	mailbox, err := hpke.MLKEM768X25519().NewPrivateKey(draw())
	if err != nil {
		t.Fatal(err)
	}
	mailboxKey, err := account.NewMailboxKey(mailbox.PublicKey().Bytes())
	if err != nil {
		t.Fatal(err)
	}
	secret, err := account.NewRecoverySecret(bytes.NewReader(draw()))
	if err != nil {
		t.Fatal(err)
	}
	p := person{params: account.CreateParams{
		Address:    addr,
		Time:       time.Unix(1_760_000_000, 0),
		DeviceKey:  ed25519.NewKeyFromSeed(draw()),
		MailboxKey: mailboxKey,
		Recovery:   secret,
	}}
	if p.statement, err = account.Create(p.params); err != nil {
		t.Fatal(err)
	}
	if p.chain, err = account.Verify(addr, [][]byte{p.statement}); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestCreateYieldsAChain(t *testing.T) {
	p := newPerson(t, 1, "k7q2-m9xd-4tzp@example.org")
	c := p.chain
	if c.Len() != 1 || c.Address() != p.params.Address || !c.Created().Equal(p.params.Time) {
		t.Fatal("length, address or time differ")
	}
	device := c.Devices()[0]
	if !bytes.Equal(device.SignatureKey.Ed25519(), p.params.DeviceKey.Public().(ed25519.PublicKey)) {
		t.Fatal("another signature key")
	}
	if got, ok := c.Device(device.ID()); !ok || got != device {
		t.Fatal("the device is not found by its identifier")
	}
	recovery, err := p.params.Recovery.PrivateKey()
	if err != nil || !bytes.Equal(c.RecoveryKey().Ed25519(), recovery.Public().(ed25519.PublicKey)) {
		t.Fatal("another recovery key", err)
	}
	if !c.Extends(c.Head()) || c.Extends(account.Head{}) {
		t.Fatal("Extends")
	}
	c.Statements()[0][0] ^= 1
	c.Devices()[0].MailboxKey[0] ^= 1
	if !bytes.Equal(c.Statements()[0], p.statement) || c.Devices()[0] != device {
		t.Fatal("a chain changed through what it returned")
	}
}
