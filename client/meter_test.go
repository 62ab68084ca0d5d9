// SPDX-License-Identifier: AGPL-3.0-or-later

package client_test

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/securecrypt/securecrypt/client/backend"
	"github.com/securecrypt/securecrypt/protocol"
)

// swallowTime is how long the network takes to say that a host does not answer.
const swallowTime = 20 * time.Second

// A meter counts whom a client contacts. Hosts that swallow packets let it wait.
type meter struct {
	backend.Transport
	mu       sync.Mutex // guards what follows
	swallows func(host string) bool
	dials    map[string]int
	open     map[string]int // connections, by host
	most     int            // connections and dials to other hosts than here.example at a time
	fetched  int64          // bytes of blobs
	blobs    map[string]int // requests for blobs, by host
}

// metered has a person's client counted.
func (p *person) metered() *meter {
	m := &meter{Transport: p.cfg.Transport, dials: map[string]int{}, open: map[string]int{}, blobs: map[string]int{}, swallows: func(string) bool { return false }}
	p.Close()
	p.cfg.Transport = m
	p.open()
	must(p.t, p.ConnectAll())
	must(p.t, p.Sync(soon(p.t)))
	return m
}

func (m *meter) count(host string, n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if n > 0 {
		m.dials[host]++
	}
	m.open[host] += n
	foreign := 0
	for h, k := range m.open {
		if h != "here.example" {
			foreign += k
		}
	}
	m.most = max(m.most, foreign)
}

func (m *meter) Dial(ctx context.Context, host string) (backend.Conn, error) {
	m.count(host, 1)
	m.mu.Lock()
	swallows := m.swallows(host)
	m.mu.Unlock()
	if swallows {
		defer m.count(host, -1)
		select {
		case <-time.After(swallowTime):
			return nil, fmt.Errorf("%w: no answer", backend.ErrOffline)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	c, err := m.Transport.Dial(ctx, host)
	if err != nil {
		m.count(host, -1)
		return nil, err
	}
	return &meteredConn{Conn: c, done: sync.OnceFunc(func() { m.count(host, -1) })}, nil
}

type meteredConn struct {
	backend.Conn
	done func()
}

func (c *meteredConn) Close() error {
	c.done()
	return c.Conn.Close()
}

func (m *meter) Blobs(host string) backend.Blobs {
	return meteredBlobs{m.Transport.Blobs(host), m, host}
}

type meteredBlobs struct {
	backend.Blobs
	m    *meter
	host string
}

func (b meteredBlobs) Fetch(ctx context.Context, id protocol.BlobID, offset int64) (io.ReadCloser, error) {
	b.m.mu.Lock()
	b.m.blobs[b.host]++
	b.m.mu.Unlock()
	body, err := b.Blobs.Fetch(ctx, id, offset)
	if err != nil {
		return nil, err
	}
	return &meteredBody{body, b.m}, nil
}

type meteredBody struct {
	io.ReadCloser
	m *meter
}

func (b *meteredBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.m.mu.Lock()
	defer b.m.mu.Unlock()
	b.m.fetched += int64(n)
	return n, err
}

// foreign returns how often other hosts than the own one were dialled since it
// was last called.
func (m *meter) foreign() (n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for h, k := range m.dials {
		if h != host {
			n += k
		}
	}
	for h, k := range m.blobs {
		if h != host {
			n += k
		}
	}
	clear(m.dials)
	clear(m.blobs)
	return n
}

// present returns how many connections to other hosts there are.
func (m *meter) present() (n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for h, k := range m.open {
		if h != host {
			n += k
		}
	}
	return n
}
