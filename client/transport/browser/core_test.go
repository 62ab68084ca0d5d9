// SPDX-License-Identifier: AGPL-3.0-or-later

//go:build js && wasm

package browser_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"testing"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/keyring"
	"github.com/securecrypt/securecrypt/client/store/indexeddb"
)

// The parts of TestCoreInBrowser, each in a worker of its own.

func config(t *testing.T) (client.Config, <-chan chat.Event) {
	t.Helper()
	store, err := indexeddb.Open(t.Context(), "core", func() {})
	must(t, err)
	t.Cleanup(func() { _ = store.Close() })
	events := make(chan chat.Event, 1000)
	return client.Config{Store: store, Key: keyring.StoreKey{1}, Transport: transport, OnEvent: func(e chat.Event) {
		select {
		case events <- e:
		default: // nobody listens any more
		}
	}}, events
}

func TestPartQueue(t *testing.T) {
	cfg, _ := config(t)
	_, err := client.Create(cfg, client.CreateParams{Address: account.Address{Name: "alice", Host: os.Getenv("SERVER")}})
	must(t, err)
	c, err := client.Open(cfg)
	must(t, err)
	must(t, c.ConnectAll())
	must(t, c.Sync(t.Context()))
	bob, err := account.ParseAddress(os.Getenv("BOB"))
	must(t, err)
	id, err := c.Direct(t.Context(), bob)
	must(t, err)
	file, err := c.Files().Attach(t.Context(), "photo.webp", "image/webp", bytes.NewReader(someFile(1)))
	must(t, err)
	_, err = c.Send(t.Context(), id, chat.Draft{Text: "see", Attached: []chat.FileID{file}})
	must(t, err)
	fmt.Println("queued")
	<-t.Context().Done() // the page is left
}

func TestPartArrive(t *testing.T) {
	cfg, events := config(t)
	c, err := client.Open(cfg)
	must(t, err)
	defer c.Close()
	must(t, c.ConnectAll())
	for e := range events {
		m, ok := e.(chat.MessageEvent)
		if !ok || m.Message.Own || len(m.Message.Attachments) != 1 {
			continue
		}
		f, size, err := c.Files().Open(t.Context(), m.Message.Conversation, m.Message.ID, m.Message.Attachments[0].Index)
		must(t, err)
		got, err := io.ReadAll(f)
		must(t, errors.Join(err, f.Close()))
		if !bytes.Equal(got, someFile(2)) || size != int64(len(got)) {
			t.Errorf("%d bytes came, and others", len(got))
		}
		return
	}
}
