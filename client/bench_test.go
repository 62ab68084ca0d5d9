// SPDX-License-Identifier: AGPL-3.0-or-later

package client_test

import (
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/fakeserver"
	"github.com/securecrypt/securecrypt/client/keyring"
	"github.com/securecrypt/securecrypt/client/store/sqlite"
)

// benched is a client with its state on disk.
type benched struct {
	*client.Client
	mu   sync.Mutex // guards seen
	seen int        // messages from others
	more chan struct{}
}

func (p *benched) note(e chat.Event) {
	m, ok := e.(chat.MessageEvent)
	if !ok || !m.New || m.Message.Own || m.Message.Notice != nil {
		return
	}
	p.mu.Lock()
	p.seen++
	p.mu.Unlock()
	select {
	case p.more <- struct{}{}:
	default:
	}
}

func (p *benched) await(n int) {
	for {
		p.mu.Lock()
		seen := p.seen
		p.mu.Unlock()
		if seen >= n {
			return
		}
		<-p.more
	}
}

func newBenched(b *testing.B, net *fakeserver.Net, name string) *benched {
	store, err := sqlite.Open(filepath.Join(b.TempDir(), name))
	must(b, err)
	p := &benched{more: make(chan struct{}, 1)}
	cfg := client.Config{Store: store, Key: keyring.NewStoreKey(), Transport: net.Transport(name), OnEvent: p.note}
	_, err = client.Create(cfg, client.CreateParams{Address: account.Address{Name: name, Host: host}})
	must(b, err)
	p.Client, err = client.Open(cfg)
	must(b, err)
	b.Cleanup(func() { p.Close(); must(b, store.Close()) })
	must(b, p.ConnectAll())
	must(b, p.Sync(b.Context()))
	return p
}

// pair is two people with a conversation.
func pair(b *testing.B) (a, c *benched, id chat.ConversationID) {
	net := fakeserver.NewNet()
	net.Server(host)
	a, c = newBenched(b, net, "alice"), newBenched(b, net, "bob")
	id, err := a.Direct(b.Context(), c.Address())
	must(b, err)
	must(b, a.ConnectConversation(id))
	must(b, a.WaitUntilSent(b.Context(), id))
	for c.Accept(b.Context(), id) != nil {
		time.Sleep(time.Millisecond)
	}
	must(b, c.WaitUntilSent(b.Context(), id))
	return a, c, id
}

// BenchmarkMessage sends messages of 1 KiB from one client to another, state
// on disk included, and reports the CPU time that each of the two spends on a
// message: half of what the process spends, server in memory included. One by
// one, each message is its own transaction; at once, they share some.
func BenchmarkMessage(b *testing.B) {
	text := strings.Repeat("x", 1024)
	for name, atOnce := range map[string]bool{"one by one": false, "at once": true} {
		b.Run(name, func(b *testing.B) {
			a, c, id := pair(b)
			var senders sync.WaitGroup
			began := cpuTime(b)
			b.ResetTimer()
			if atOnce {
				const writers = 8
				for w := range writers {
					senders.Go(func() {
						for i := w; i < b.N; i += writers {
							if _, err := a.Send(b.Context(), id, chat.Draft{Text: text}); err != nil {
								b.Error(err)
							}
						}
					})
				}
			} else {
				for i := range b.N {
					_, err := a.Send(b.Context(), id, chat.Draft{Text: text})
					must(b, err)
					c.await(i + 1)
				}
			}
			senders.Wait()
			c.await(b.N)
			must(b, a.WaitUntilSent(b.Context(), id))
			spent := cpuTime(b) - began
			b.ReportMetric(float64(spent.Microseconds())/float64(2*b.N), "cpu-µs/message/client")
		})
	}
}
