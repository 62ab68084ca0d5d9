// SPDX-License-Identifier: AGPL-3.0-or-later

package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/securecrypt/securecrypt/client/transport/websocket"
	"github.com/securecrypt/securecrypt/internal/product/webapp"
	"github.com/securecrypt/securecrypt/server"
	"github.com/securecrypt/securecrypt/server/blob/folder"
	"github.com/securecrypt/securecrypt/server/fairness"
	"github.com/securecrypt/securecrypt/server/store/pebble"
)

// plan is what a folder of the benchmark holds, and how to use it again.
type plan struct {
	Address       string             // that the server listens on
	Conversations int                // of the crowded profile
	Messages      int                // of its longest conversation
	Profiles      map[string]profile // that browsers have, by name
	Bob           terminal           // who writes to them
}

// town is the server of the benchmark, and who is there.
type town struct {
	plan
	dir       string
	host      string
	transport *websocket.Transport
	plant     *planter
	stop      func() error
}

func planFile(dir string) string { return filepath.Join(dir, "plan.json") }

// openTown starts the server of a folder, at the address that it had before.
func openTown(dir string) (*town, error) {
	t := &town{dir: dir, plan: plan{Profiles: map[string]profile{}}, plant: &planter{}}
	raw, err := os.ReadFile(planFile(dir))
	if err == nil {
		err = json.Unmarshal(raw, &t.plan)
	} else if errors.Is(err, os.ErrNotExist) {
		t.Address, err = "127.0.0.1:0", nil
	}
	if err != nil {
		return nil, err
	}
	ln, err := net.Listen("tcp", t.Address)
	if err != nil {
		return nil, err
	}
	t.Address = ln.Addr().String()
	_, port, err := net.SplitHostPort(t.Address)
	if err != nil {
		return nil, err
	}
	t.host, t.transport = "localhost:"+port, websocket.New()
	return t, t.serve(ln)
}

// serve runs the server with the page, and without limits on how often it is
// asked: everybody of this town comes from one address.
func (t *town) serve(ln net.Listener) error {
	store, err := pebble.Open(filepath.Join(t.dir, "store"), pebble.Options{})
	if err != nil {
		return err
	}
	blobs, err := folder.New(filepath.Join(t.dir, "blobs"), nil)
	if err != nil {
		return err
	}
	limits := fairness.DefaultLimits()
	limits.LiftRates()
	limits.MaxOpenings = 1 << 16
	pages := http.NewServeMux()
	pages.Handle("/", webapp.Handler(webapp.Options{Server: t.host, Loopback: true}))
	pages.Handle(plantPath, t.plant)
	s, err := server.New(server.Config{Host: t.host, Store: store, Blobs: blobs, Now: time.Now, Random: rand.Reader, Limits: &limits, Page: pages})
	if err != nil {
		return err
	}
	h := s.HTTPServer()
	go func() { _ = h.Serve(s.Guard(ln)) }() // ends with Close
	t.stop = func() error {
		t.transport.Close()
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		return errors.Join(s.Close(ctx), h.Close(), store.Close())
	}
	return nil
}

// home is the address of the page.
func (t *town) home() string { return "http://" + t.host }

// keep writes the plan down.
func (t *town) keep() error {
	raw, err := json.MarshalIndent(t.plan, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(planFile(t.dir), raw, 0o600)
}

// until calls fn until it is true.
func until(ctx context.Context, what string, fn func() (bool, error)) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if done, err := fn(); done || err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("waited in vain for %s: %w", what, context.Cause(ctx))
		}
	}
}
