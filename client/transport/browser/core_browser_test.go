// SPDX-License-Identifier: AGPL-3.0-or-later

//go:build !js

package browser_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/keyring"
	"github.com/securecrypt/securecrypt/client/store/memory"
	"github.com/securecrypt/securecrypt/client/transport/websocket"
	"github.com/securecrypt/securecrypt/internal/testing/browsertest"
	"github.com/securecrypt/securecrypt/server/servertest"
)

// The core at work in a worker, over IndexedDB and this transport, with
// somebody who is not in a browser. The page is left as soon as a message with
// a file is in the outbox, and everything arrives all the same.
func TestCoreInBrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("builds for the browser")
	}
	page := browsertest.Open(t)
	page.Expect(`WebSocket is closed before|WebSocket connection to .* failed|net::ERR`) // as the page is left
	server := servertest.Start(t, servertest.Options{Memory: true})
	bob, events := native(t, server.Host, "bob")
	env := map[string]string{"SERVER": server.Host, "BOB": bob.Address().String()}
	suite := browsertest.Build(t, ".")
	queued := make(chan struct{})
	running := suite.Start(page, browsertest.Options{Run: "^TestPartQueue$", Env: env, OnLine: func(line string) {
		if strings.HasPrefix(line, "queued") {
			close(queued)
		}
	}})
	running.WaitFor(t, queued)
	page.Go("about:blank")
	running = suite.Start(page, browsertest.Options{Run: "^TestPartArrive$", Env: env})
	answer(t, bob, events)
	if code := running.Wait(t); code != 0 {
		t.Errorf("in the browser:\n%s", running.Output())
	}
}

// native returns somebody with a registered account, and what happens to them.
func native(t *testing.T, host, name string) (*client.Client, <-chan chat.Event) {
	t.Helper()
	transport := websocket.New()
	t.Cleanup(transport.Close)
	events := make(chan chat.Event, 1000)
	cfg := client.Config{Store: memory.New(), Key: keyring.NewStoreKey(), Transport: transport, OnEvent: func(e chat.Event) {
		select {
		case events <- e:
		default: // nobody listens any more
		}
	}}
	_, err := client.Create(cfg, client.CreateParams{Address: account.Address{Name: name, Host: host}})
	must(t, err)
	c, err := client.Open(cfg)
	must(t, err)
	t.Cleanup(c.Close)
	must(t, c.ConnectAll())
	must(t, c.Sync(t.Context()))
	return c, events
}

// answer accepts what comes, checks the file in it, and sends one back.
func answer(t *testing.T, bob *client.Client, events <-chan chat.Event) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		select {
		case <-ctx.Done():
			t.Fatal("nothing came")
		case e := <-events:
			switch e := e.(type) {
			case chat.ConversationEvent:
				if e.Conversation.Status == chat.StatusRequest {
					// Too early before the sender's server has vouched for
					// her, of which another event tells.
					_ = bob.Accept(ctx, e.Conversation.ID)
				}
			case chat.MessageEvent:
				if m := e.Message; !m.Own && len(m.Attachments) == 1 {
					check(t, bob, m)
					file, err := bob.Files().Attach(ctx, "back.bin", "", bytes.NewReader(someFile(2)))
					must(t, err)
					_, err = bob.Send(ctx, m.Conversation, chat.Draft{Text: "thanks", Attached: []chat.FileID{file}})
					must(t, err)
					must(t, bob.WaitUntilSent(ctx, m.Conversation))
					return
				}
			}
		}
	}
}

func check(t *testing.T, bob *client.Client, m chat.Message) {
	t.Helper()
	f, _, err := bob.Files().Open(t.Context(), m.Conversation, m.ID, m.Attachments[0].Index)
	must(t, err)
	got, err := io.ReadAll(f)
	must(t, errors.Join(err, f.Close()))
	if !bytes.Equal(got, someFile(1)) || m.Attachments[0].Type != "image/webp" {
		t.Errorf("%d bytes of type %s came", len(got), m.Attachments[0].Type)
	}
}
