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
)

// noBlobs fails whatever it is asked.
type noBlobs struct{ Blobs }

// script is a connection that sends one message and keeps what it is sent.
type script struct {
	mu       sync.Mutex
	message  []byte
	received []byte
}

func (s *script) readMessage(func()) ([]byte, error) {
	b := s.message
	s.message = nil
	if b == nil {
		return nil, io.EOF
	}
	return b, nil
}

func (s *script) free([]byte)                   {}
func (s *script) ping() error                   { return nil }
func (s *script) closeWith(ws.StatusCode) error { return nil }

func (s *script) writeMessage(b []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.received = append(s.received, b[headerRoom:]...)
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
	limits := DefaultLimits()
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
		ss, err := newSession(s, wire, s.origins.enter(netip.MustParseAddr("192.0.2.1"), ""))
		if err != nil {
			t.Fatal(err)
		}
		ss.event(protocol.EventHello, &protocol.Hello{Version: protocol.Version, Host: s.host, Nonce: ss.nonce})
		ss.handleMessage(message)
		ss.out.drain()
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

func TestBucketsRefillAndAreForgotten(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	limits := DefaultLimits()
	limits.Register = Rate{Burst: 2, PerSecond: 1}
	set := newOriginSet(&limits, newShares(&limits))
	from := set.enter(netip.MustParseAddr("192.0.2.1"), "")
	take := func(at time.Duration) bool {
		_, ok := from.take(rateRegister, 1, now.Add(at))
		return ok
	}
	if first, second, third := take(0), take(0), take(0); !first || !second || third {
		t.Error("a burst of 2 is not 2")
	}
	if wait, ok := from.take(rateRegister, 1, now); ok || wait != time.Second {
		t.Errorf("wait %s", wait)
	}
	if take(900*time.Millisecond) || !take(1100*time.Millisecond) {
		t.Error("refill")
	}
	from.leave()
	set.forget(now.Add(1200 * time.Millisecond))
	if len(set.levels) != 1 {
		t.Error("forgot a bucket in use")
	}
	set.forget(now.Add(time.Hour))
	if len(set.levels) != 0 {
		t.Error("kept a full bucket")
	}
}
