// SPDX-License-Identifier: AGPL-3.0-or-later

package e2e_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client"
	"github.com/securecrypt/securecrypt/client/backend"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/keyring"
	"github.com/securecrypt/securecrypt/client/store/memory"
	"github.com/securecrypt/securecrypt/client/transport/websocket"
)

// patience bounds every wait of these tests.
const patience = 2 * time.Minute

// A person is a client within the test's process.
type person struct {
	*client.Client
	cfg client.Config
	key account.RecoverySecret
	t   testing.TB
	// sawTyping: somebody else typed.
	sawTyping atomic.Bool
}

// newPerson registers an account in a store of its own.
func newPerson(t testing.TB, host, name string, transport backend.Transport) *person {
	t.Helper()
	return registered(t, host, name, client.Config{Store: memory.New(), Key: keyring.NewStoreKey(), Transport: transport})
}

func registered(t testing.TB, host, name string, cfg client.Config) *person {
	t.Helper()
	p := &person{t: t, cfg: cfg}
	p.cfg.OnEvent = func(e chat.Event) {
		if typing, ok := e.(chat.TypingEvent); ok && typing.On {
			p.sawTyping.Store(true)
		}
	}
	address := account.Address{Name: name, Host: host}
	secret, err := client.Create(p.cfg, client.CreateParams{Address: address})
	must(t, err)
	p.key = secret
	p.open()
	p.Account().Connect()
	must(t, p.Sync(soon(t)))
	return p
}

func (p *person) open() {
	c, err := client.Open(p.cfg)
	must(p.t, err)
	p.Client = c
}

func newTransport(t testing.TB) backend.Transport {
	tr := websocket.New()
	t.Cleanup(tr.Close)
	return tr
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func soon(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// accept waits for a request and accepts it.
func (p *person) accept() (id chat.ConversationID) {
	p.t.Helper()
	must(p.t, p.ConnectAll())
	eventually(p.t, func() error {
		all, err := p.Conversations()
		if err != nil {
			return err
		}
		for _, c := range all {
			if c.Status == chat.StatusRequest {
				id = c.ID
				return p.Accept(soon(p.t), c.ID)
			}
		}
		return fmt.Errorf("%s has no request", p.Address())
	})
	return id
}

// say sends a text and waits until the server has it.
func (p *person) say(to chat.ConversationID, text string) {
	p.t.Helper()
	_, err := p.Send(soon(p.t), to, chat.Draft{Text: text})
	must(p.t, err)
	must(p.t, p.WaitUntilSent(soon(p.t), to))
}

// texts returns what others said in a conversation, oldest first.
func (p *person) texts(id chat.ConversationID) []string {
	p.t.Helper()
	var out []string
	must(p.t, p.Messages().History(id, func(m chat.Message) bool {
		if m.Notice == nil {
			out = append([]string{m.Text}, out...)
		}
		return true
	}))
	return out
}

// eventually waits until check returns nil.
func eventually(t testing.TB, check func() error) {
	t.Helper()
	deadline := time.Now().Add(patience)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for err := check(); err != nil; err = check() {
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		<-tick.C
	}
}

func number(prefix string, i int) string { return fmt.Sprintf("%s%04d", prefix, i) }
