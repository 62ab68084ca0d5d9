// SPDX-License-Identifier: AGPL-3.0-or-later

package enginetest

import (
	"net"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/files/disk"
	"github.com/securecrypt/securecrypt/client/keyring"
	"github.com/securecrypt/securecrypt/client/store/memory"
	"github.com/securecrypt/securecrypt/client/transport/websocket"
	"github.com/securecrypt/securecrypt/internal/product/webapp"
	"github.com/securecrypt/securecrypt/internal/testing/browsertest"
	"github.com/securecrypt/securecrypt/server"
	"github.com/securecrypt/securecrypt/server/servertest"
)

func TestMain(m *testing.M) { browsertest.Main(m) }

// town is a server that serves the page.
type town struct {
	*servertest.Instance
	t   *testing.T
	dir string
	at  string // address that it listens on
}

func newTown(t *testing.T) *town {
	t.Helper()
	if !webapp.Built() {
		t.Skip("the application for browsers is not built; `make web` builds it")
	}
	w := &town{t: t, dir: t.TempDir()}
	w.open("127.0.0.1:0")
	return w
}

// open starts the server, which keeps what it had.
func (w *town) open(at string) {
	w.t.Helper()
	ln, err := net.Listen("tcp", at)
	must(w.t, err)
	w.at = ln.Addr().String()
	w.Instance = servertest.StartOn(w.t, ln, servertest.Options{Dir: w.dir, Change: func(c *server.Config) {
		c.Page = webapp.Handler(webapp.Options{Server: c.Host, Loopback: true})
	}})
}

// friend is somebody with the client of the command line.
type friend struct {
	*client.Client
	t *testing.T
}

func (w *town) friend(name string) friend {
	w.t.Helper()
	transport := websocket.New()
	w.t.Cleanup(transport.Close)
	cfg := client.Config{Store: memory.New(), Key: keyring.NewStoreKey(), Transport: transport, Files: disk.Files{}}
	secret, err := client.Create(cfg, client.CreateParams{Address: account.Address{Name: name, Host: w.Host}})
	must(w.t, err)
	secret.Erase()
	c, err := client.Open(cfg)
	must(w.t, err)
	w.t.Cleanup(c.Close)
	must(w.t, c.Account().Register(w.t.Context()))
	must(w.t, c.ConnectAll())
	return friend{c, w.t}
}

// accepts takes the first request.
func (f friend) accepts() (id chat.ConversationID) {
	f.t.Helper()
	eventually(f.t, "the request", func() bool {
		all, err := f.Conversations()
		must(f.t, err)
		if len(all) > 0 {
			id = all[0].ID
		}
		return len(all) > 0
	})
	must(f.t, f.Accept(f.t.Context(), id))
	return id
}

// reads waits for a message that fits, and returns it.
func (f friend) reads(in chat.ConversationID, what string, fits func(chat.Message) bool) (found chat.Message) {
	f.t.Helper()
	eventually(f.t, what, func() bool {
		there := false
		must(f.t, f.Messages().History(in, func(m chat.Message) bool {
			if m.Notice == nil && fits(m) {
				found, there = m, true
			}
			return !there
		}))
		return there
	})
	return found
}

// hears waits for a text.
func (f friend) hears(in chat.ConversationID, text string) {
	f.t.Helper()
	f.reads(in, text, func(m chat.Message) bool { return !m.Own && m.Text == text })
}

func (f friend) says(in chat.ConversationID, text string) {
	f.t.Helper()
	_, err := f.Send(f.t.Context(), in, chat.Draft{Text: text})
	must(f.t, err)
}

// eventually waits until fn is true.
func eventually(t *testing.T, what string, fn func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for end := time.After(patience); !fn(); {
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
