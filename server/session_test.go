// SPDX-License-Identifier: AGPL-3.0-or-later

package server

import (
	"io"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/securecrypt/securecrypt/protocol"
	"github.com/securecrypt/securecrypt/server/fairness"
	"github.com/securecrypt/securecrypt/server/internal/connection"
)

// noBlobs fails whatever it is asked.
type noBlobs struct{ Blobs }

// script is a connection that sends one message and keeps what it is sent.
type script struct {
	mu       sync.Mutex
	message  []byte
	received []byte
}

func (s *script) ReadMessage(func()) ([]byte, error) {
	b := s.message
	s.message = nil
	if b == nil {
		return nil, io.EOF
	}
	return b, nil
}

func (s *script) Free([]byte)                   {}
func (s *script) Ping() error                   { return nil }
func (s *script) CloseWith(ws.StatusCode) error { return nil }

func (s *script) WriteMessage(b []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.received = append(s.received, b[connection.HeaderRoom:]...)
	return nil
}

// zeros is a source of nonces.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// FuzzSession feeds a session arbitrary messages: it may not panic, and all
// that it sends must be valid frames.
func FuzzSession(f *testing.F) {
	for _, op := range protocol.Ops() {
		body, err := protocol.NewRequest(op)
		if err != nil {
			f.Fatal(err)
		}
		b, err := protocol.Append(nil, protocol.KindRequest, 1, uint16(op), body)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte{0x84, 0, 1, 12, 0xa3})
	store := newFuzzStore(f)
	limits := fairness.DefaultLimits()
	limits.LiftRates()
	s, err := New(Config{Host: "fuzz.example", Store: store, Blobs: noBlobs{}, Now: time.Now, Random: zeros{}, Limits: &limits})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		if len(message) > protocol.MaxMessage {
			t.Skip("longer than a connection lets through")
		}
		wire := &script{message: message}
		ss, err := newSession(s, wire, s.origins.Enter(netip.MustParseAddr("192.0.2.1"), ""))
		if err != nil {
			t.Fatal(err)
		}
		ss.event(protocol.EventHello, &protocol.Hello{Version: protocol.Version, Host: s.host, Nonce: ss.nonce})
		ss.handleMessage(message)
		ss.out.Drain()
		ss.end()
		wire.mu.Lock()
		defer wire.mu.Unlock()
		for rest := wire.received; len(rest) > 0; {
			var frame protocol.Frame
			if frame, rest, err = protocol.ParseFrame(rest); err != nil || frame.Kind == protocol.KindRequest {
				t.Fatalf("sent an invalid frame: %v", err)
			}
		}
	})
}

func TestServerLinksNothingThatDecrypts(t *testing.T) {
	for _, forbidden := range []string{"securecrypt/client", "securecrypt/mls", "securecrypt/content"} {
		if links(t, forbidden) {
			t.Errorf("the server links %s", forbidden)
		}
	}
}
