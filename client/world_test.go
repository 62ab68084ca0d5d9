// SPDX-License-Identifier: AGPL-3.0-or-later

package client_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/files/disk"
	"github.com/securecrypt/securecrypt/client/internal/fakeserver"
	"github.com/securecrypt/securecrypt/client/keyring"
	"github.com/securecrypt/securecrypt/client/store/memory"
	"github.com/securecrypt/securecrypt/client/store/storetest"
)

const host = "here.example"

// inBubble runs a test with a clock of its own.
func inBubble(t *testing.T, fn func(*testing.T)) {
	t.Helper()
	synctest.Test(t, fn)
}

// pass lets time pass, and everything happen that is due.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// soon bounds what must not take long.
func soon(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// a person is a client on a fake network.
type person struct {
	*client.Client
	t     testing.TB
	cfg   client.Config
	store *storetest.Faulty
	way   *fakeserver.Transport
	key   account.RecoverySecret // of the beginning

	mu       sync.Mutex // guards what follows
	failures []error
	chains   int               // how often the account's chain got longer
	shown    chat.Conversation // of the last that was told of
}

func join(t testing.TB, net *fakeserver.Net, name, host string) *person {
	t.Helper()
	net.Server(host)
	p := &person{t: t, store: storetest.NewFaulty(memory.New()), way: net.Transport(name)}
	p.cfg = client.Config{Store: p.store, Key: keyring.NewStoreKey(), Transport: p.way, Files: disk.Files{}, OnEvent: p.note}
	var err error
	p.key, err = client.Create(p.cfg, client.CreateParams{Address: account.Address{Name: name, Host: host}})
	must(t, err)
	p.open()
	must(t, p.ConnectAll())
	must(t, p.Sync(soon(t)))
	return p
}

func (p *person) note(e chat.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e := e.(type) {
	case chat.FailureEvent:
		p.failures = append(p.failures, e.Err)
	case chat.ConversationEvent:
		p.shown = e.Conversation
	case chat.DevicesEvent:
		p.chains++
	}
}

// heard returns the conversation of the last event, once all events are
// delivered.
func (p *person) heard() chat.Conversation {
	synctest.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.shown
}

// failed returns what could not be done since it was last called, once all
// events are delivered.
func (p *person) failed() []error {
	synctest.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	f := p.failures
	p.failures = nil
	return f
}

func (p *person) open() {
	p.t.Helper()
	c, err := client.Open(p.cfg)
	must(p.t, err)
	p.Client = c
	p.t.Cleanup(c.Close)
}

func (p *person) restart() {
	p.t.Helper()
	p.Close()
	p.open()
	must(p.t, p.ConnectAll())
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// accept accepts all requests.
func (p *person) accept() {
	p.t.Helper()
	all, err := p.Conversations()
	must(p.t, err)
	for _, c := range all {
		if c.Status == chat.StatusRequest {
			must(p.t, p.Accept(p.t.Context(), c.ID))
		}
	}
}

// begins begins a conversation with somebody, on line.
func (p *person) begins(with *person) chat.ConversationID {
	p.t.Helper()
	id, err := p.Direct(p.t.Context(), with.Address())
	must(p.t, err)
	must(p.t, p.ConnectConversation(id))
	return id
}

func (p *person) say(id chat.ConversationID, text string) chat.Message {
	p.t.Helper()
	m, err := p.Send(p.t.Context(), id, chat.Draft{Text: text})
	must(p.t, err)
	return m
}

func (p *person) history(id chat.ConversationID) (all []chat.Message) {
	p.t.Helper()
	must(p.t, p.Messages().History(id, func(m chat.Message) bool {
		if m.Notice == nil {
			all = append(all, m)
		}
		return true
	}))
	slices.Reverse(all)
	return all
}

func (p *person) texts(id chat.ConversationID) (all []string) {
	p.t.Helper()
	for _, m := range p.history(id) {
		all = append(all, m.Text)
	}
	return all
}

func (p *person) status(id chat.ConversationID) chat.Conversation {
	p.t.Helper()
	c, err := p.Conversation(id)
	must(p.t, err)
	return c
}

func want[T comparable](t testing.TB, what string, got, want []T) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// group makes a group of people that all accepted.
func group(t testing.TB, people ...*person) chat.ConversationID {
	t.Helper()
	var others []account.Address
	for _, p := range people[1:] {
		others = append(others, p.Address())
	}
	id, err := people[0].CreateGroup(t.Context(), "Group", others)
	must(t, err)
	must(t, people[0].ConnectConversation(id))
	must(t, people[0].WaitUntilSent(soon(t), id))
	pass(time.Second)
	for _, p := range people[1:] {
		p.accept()
	}
	pass(time.Second)
	return id
}

func TestWorldWorks(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := fakeserver.NewNet()
		a, b, c := join(t, net, "alice", host), join(t, net, "bob", host), join(t, net, "carol", "there.example")
		id := group(t, a, b, c)
		a.say(id, "one")
		pass(time.Second)
		b.say(id, "two")
		pass(time.Second)
		c.say(id, "three")
		pass(time.Second)
		for _, p := range []*person{a, b, c} {
			want(t, p.Address().String(), p.texts(id), []string{"one", "two", "three"})
			must(t, p.Idle(id))
		}
		must(t, c.Leave(t.Context(), id))
		pass(time.Minute)
		members, err := a.Groups().Members(id)
		must(t, err)
		if len(members) != 2 || c.status(id).Status != chat.StatusLeft {
			t.Errorf("%v, and carol's status is %v", members, c.status(id).Status)
		}
	})
}
