// SPDX-License-Identifier: AGPL-3.0-or-later

package machine

import (
	"crypto/ed25519"
	"crypto/hpke"
	"crypto/rand"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/rawmember"
	"github.com/securecrypt/securecrypt/client/internal/records"
	"github.com/securecrypt/securecrypt/client/internal/rules"
	"github.com/securecrypt/securecrypt/client/keyring"
	"github.com/securecrypt/securecrypt/client/store/memory"
	"github.com/securecrypt/securecrypt/mls"
	"github.com/securecrypt/securecrypt/protocol"
)

func fatal(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// newProfile stores a profile of a new account and returns its identity.
func newProfile(t testing.TB, store *records.Store, address string) Identity {
	t.Helper()
	a, err := account.ParseAddress(address)
	fatal(t, err)
	_, device, err := ed25519.GenerateKey(rand.Reader)
	fatal(t, err)
	letterKey, err := hpke.MLKEM768X25519().GenerateKey()
	fatal(t, err)
	mailbox, err := account.NewMailboxKey(letterKey.PublicKey().Bytes())
	fatal(t, err)
	recovery, err := account.NewRecoverySecret(rand.Reader)
	fatal(t, err)
	statement, err := account.Create(account.CreateParams{Address: a, Time: time.Now(), DeviceKey: device, MailboxKey: mailbox, Recovery: recovery})
	fatal(t, err)
	fatal(t, store.Update(func(tx *records.Tx) error {
		return tx.Save([]byte(records.TableProfile), &records.Profile{Version: records.Version, Address: address, Statement: statement, SigningKey: device.Seed()})
	}))
	key, err := mls.ImportSigningKey(mls.DefaultCipherSuite, device.Seed())
	fatal(t, err)
	return Identity{Address: a, Device: account.SignatureKey(key.Public()).ID(), Signing: key}
}

// newConversation returns a group that me@here has just created, alone, and the
// store that it is in.
func newConversation(t testing.TB) (*records.Store, Environment, records.CID) {
	t.Helper()
	store, err := records.NewStore(memory.New(), keyring.StoreKey{1})
	fatal(t, err)
	env := Environment{Self: newProfile(t, store, "me@here"), Now: time.Now}
	channel := protocol.ChannelID{1}
	id := records.CID(store.Index(channel[:]))
	state := rules.State{Version: records.Version, Host: "here", Group: true, Title: "T"}.WithRole("me@here", chat.RoleOwner)
	conv := &records.Conversation{
		Version: records.Version, Channel: channel, Host: "here", Status: chat.StatusActive, Group: true, Title: "T", List: records.List{Members: 1},
	}
	fatal(t, store.Update(func(tx *records.Tx) error { return Create(tx, env, id, conv, state, rawmember.Lifetime(), nil) }))
	return store, env, id
}

// Answers that belong to an earlier connection or another entry are ignored.
func TestLateAnswersAreIgnored(t *testing.T) {
	store, env, id := newConversation(t)
	fatal(t, store.Update(func(tx *records.Tx) error {
		m, err := Load(tx, env, id)
		if err != nil {
			return err
		}
		give := func(inputs ...Input) {
			m.Begin(tx, &Outcome{})
			for _, in := range inputs {
				fatal(t, m.Step(tx, in))
			}
			fatal(t, m.End(tx))
		}
		before := protocol.Hello{Host: "here", Nonce: protocol.Nonce{1}}
		after := protocol.Hello{Host: "here", Nonce: protocol.Nonce{2}}
		m.rec.Created = true
		give(InputUp{before})
		give(InputDown{}, InputUp{after})
		refused := &protocol.Error{Code: protocol.CodeForbidden}
		give(inputOpened{nonce: before.Nonce, err: refused})
		if m.rec.Status != chat.StatusActive || m.phase != phaseOpening {
			t.Errorf("a refusal of the past: %v in phase %v", m.rec.Status, m.phase)
		}
		give(inputOpened{nonce: after.Nonce})
		m.waiting = &protocol.Entry{Seq: 7, Kind: protocol.KindCommit}
		give(InputFetched{Seq: 6, Message: []byte("of another entry")})
		if m.rec.Status != chat.StatusActive || m.waiting == nil {
			t.Errorf("the message of another entry: %v", m.rec.Status)
		}
		m.waiting = nil
		give(InputDown{}, InputUp{after})
		give(inputOpened{nonce: after.Nonce, err: refused})
		if m.rec.Status != chat.StatusActive || m.rec.Refused == 0 {
			t.Errorf("a refusal: %v since %d", m.rec.Status, m.rec.Refused)
		}
		return nil
	}))
}
