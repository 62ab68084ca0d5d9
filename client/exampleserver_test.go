// SPDX-License-Identifier: AGPL-3.0-or-later

package client_test

import (
	"context"
	"crypto/rand"
	"errors"
	"net"
	"os"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/keyring"
	"github.com/securecrypt/securecrypt/client/store/memory"
	"github.com/securecrypt/securecrypt/client/transport/websocket"
	"github.com/securecrypt/securecrypt/server"
	"github.com/securecrypt/securecrypt/server/blob/folder"
	"github.com/securecrypt/securecrypt/server/fairness"
	"github.com/securecrypt/securecrypt/server/store/pebble"
)

// check ends an example that cannot go on.
func check(err error) {
	if err != nil {
		panic(err)
	}
}

// An exampleServer is a real server for the examples, on this machine.
type exampleServer struct {
	host string
	stop func()
}

func startServer() *exampleServer {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	_, port, err := net.SplitHostPort(ln.Addr().String())
	check(err)
	dir, err := os.MkdirTemp("", "example")
	check(err)
	store, err := pebble.OpenMemory()
	check(err)
	blobs, err := folder.New(dir, nil)
	check(err)
	host := "localhost:" + port
	limits := fairness.DefaultLimits()
	s, err := server.New(server.Config{Host: host, Store: store, Blobs: blobs, Now: time.Now, Random: rand.Reader, Limits: &limits})
	check(err)
	h := s.HTTPServer()
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = h.Serve(s.Guard(ln)) // ends with stop
	}()
	return &exampleServer{host, func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		check(errors.Join(s.Close(ctx), h.Shutdown(ctx)))
		<-served
		check(errors.Join(store.Close(), os.RemoveAll(dir)))
	}}
}

func (s *exampleServer) address(name string) account.Address {
	return account.Address{Name: name, Host: s.host}
}

// newProfile makes the keys of an account, registers it, and returns what opens it.
func (s *exampleServer) newProfile(name string) client.Config {
	cfg := client.Config{Store: memory.New(), Key: keyring.NewStoreKey(), Transport: websocket.New()}
	_, err := client.Create(cfg, client.CreateParams{Address: s.address(name)})
	check(err)
	c, err := client.Open(cfg)
	check(err)
	defer c.Close()
	check(c.Account().Register(context.Background()))
	return cfg
}

// A member is somebody in an example.
type member struct {
	*client.Client
	news chan struct{} // has one element if something happened
}

// join opens a new profile and connects it.
func (s *exampleServer) join(ctx context.Context, name string) *member {
	m := &member{news: make(chan struct{}, 1)}
	cfg := s.newProfile(name)
	cfg.OnEvent = func(chat.Event) { notify(m.news) }
	c, err := client.Open(cfg)
	check(err)
	m.Client = c
	check(m.ConnectAll())
	check(m.Sync(ctx))
	return m
}

// wait returns once a condition holds, which is looked at after each event.
func (m *member) wait(ctx context.Context, done func() bool) {
	for !done() {
		select {
		case <-m.news:
		case <-ctx.Done():
			check(context.Cause(ctx))
		}
	}
}

// nextRequest waits for a request.
func (m *member) nextRequest(ctx context.Context) (request chat.Conversation) {
	m.wait(ctx, func() bool {
		all, err := m.Conversations()
		check(err)
		for _, conv := range all {
			if conv.Status == chat.StatusRequest {
				request = conv
			}
		}
		return request.ID != ""
	})
	return request
}

// nextText waits for a message and returns its text.
func (m *member) nextText(ctx context.Context) (text string) {
	m.wait(ctx, func() bool {
		check(m.TakeInbox(func(got chat.Received) error {
			if got.Kind == chat.InboxMessage && text == "" {
				text = got.Message.Text
			}
			return nil
		}))
		return text != ""
	})
	return text
}
