// SPDX-License-Identifier: AGPL-3.0-or-later

package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/backend"
	"github.com/securecrypt/securecrypt/internal/testing/cddlcheck"
	"github.com/securecrypt/securecrypt/protocol"
	"github.com/securecrypt/securecrypt/server/servertest"
)

// A witness is a transport that shows every frame to the schema's recorder.
type witness struct {
	backend.Transport
	t     *testing.T
	seen  *cddlcheck.Recorder
	conns atomic.Int64
}

func (w *witness) Dial(ctx context.Context, host string) (backend.Conn, error) {
	conn, err := w.Transport.Dial(ctx, host)
	if err != nil {
		return nil, err
	}
	return &witnessConn{conn, w, fmt.Sprint(w.conns.Add(1))}, nil
}

type witnessConn struct {
	backend.Conn
	w    *witness
	name string
}

func (c *witnessConn) Read(ctx context.Context) ([]byte, error) {
	b, err := c.Conn.Read(ctx)
	if err == nil {
		if err := c.w.seen.Server(c.name, b); err != nil {
			c.w.t.Error(err)
		}
	}
	return b, err
}

func (c *witnessConn) Write(ctx context.Context, b []byte) error {
	if err := c.w.seen.Client(c.name, b); err != nil {
		c.w.t.Error(err)
	}
	return c.Conn.Write(ctx, b)
}

// TestTrafficFollowsTheSchema holds all frames of a whole scenario, refusals
// among them, against docs/protocol.cddl.
func TestTrafficFollowsTheSchema(t *testing.T) {
	s := servertest.Start(t, servertest.Options{})
	w := &witness{Transport: newTransport(t), t: t, seen: cddlcheck.NewRecorder()}
	scenario(t, s.Host, w, t.TempDir())
	stranger := newPerson(t, s.Host, "carol", w)
	t.Cleanup(stranger.Close)
	if _, err := stranger.People().Resolve(soon(t), account.Address{Name: "nobody", Host: s.Host}); !errors.Is(err, &protocol.Error{Code: protocol.CodeNotFound}) {
		t.Errorf("nobody: %v", err)
	}
	if _, err := stranger.Account().WakeKey(soon(t)); !errors.Is(err, &protocol.Error{Code: protocol.CodeUnsupported}) {
		t.Errorf("a server that wakes nobody: %v", err)
	}
	samples := w.seen.Samples()
	problems, err := cddlcheck.Check(soon(t), filepath.Join("..", "..", "..", "docs", "protocol.cddl"), samples)
	if errors.Is(err, cddlcheck.ErrMissing) {
		t.Skip(err)
	}
	must(t, err)
	rules := map[string]int{}
	for i, p := range problems {
		rules[samples[i].Rule]++
		if p != "" {
			t.Errorf("%s: %.300s", samples[i].Rule, p)
		}
	}
	t.Logf("%d frames: %v", len(samples), rules)
	for _, rule := range []string{"event-signal", "result-account-disclose", "request-wake-key"} {
		if rules[rule] == 0 {
			t.Errorf("no %s among them", rule)
		}
	}
	if len(rules) < 20 {
		t.Errorf("only %d kinds of frame", len(rules))
	}
}
