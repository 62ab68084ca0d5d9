// SPDX-License-Identifier: AGPL-3.0-or-later

package bench

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"time"

	"github.com/securecrypt/securecrypt/protocol"
	"github.com/securecrypt/securecrypt/server"
	"github.com/securecrypt/securecrypt/server/blob/folder"
	"github.com/securecrypt/securecrypt/server/fairness"
	"github.com/securecrypt/securecrypt/server/store/pebble"
)

// The things to measure.
const (
	KindServer = "server"
	KindBare   = "bare"
	KindNATS   = "nats"
)

// Serve runs one of them in a folder, tells ready its URL, and serves until
// ctx ends.
func Serve(ctx context.Context, kind, dir string, ready func(url string)) error {
	if kind == KindNATS {
		url, stop, err := NewNATS(dir)
		if err != nil {
			return err
		}
		ready(url)
		<-ctx.Done()
		stop()
		return nil
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	h, stop, err := handlerFor(kind, dir, &ln)
	if err != nil {
		return err
	}
	go func() { _ = h.Serve(ln) }() // ends with Close
	ready("http://" + ln.Addr().String())
	<-ctx.Done()
	return errors.Join(stop(), h.Close())
}

func handlerFor(kind, dir string, ln *net.Listener) (*http.Server, func() error, error) {
	switch kind {
	case KindBare:
		b, err := NewBare(dir)
		if err != nil {
			return nil, nil, err
		}
		mux := http.NewServeMux()
		mux.Handle(protocol.WebSocketPath, b)
		return &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}, func() error { return nil }, nil
	case KindServer:
		store, err := pebble.Open(filepath.Join(dir, "store"), pebble.Options{})
		if err != nil {
			return nil, nil, err
		}
		blobs, err := folder.New(filepath.Join(dir, "blobs"), nil)
		if err != nil {
			return nil, nil, err
		}
		limits := fairness.DefaultLimits()
		limits.LiftRates()
		limits.MaxConnections, limits.MaxAddressConnections = 1<<20, 1<<20
		limits.MaxChannelEntries, limits.MaxChannelBytes = 1<<40, 1<<50
		s, err := server.New(server.Config{Host: "bench.example", Store: store, Blobs: blobs, Now: time.Now, Random: rand.Reader, Limits: &limits})
		if err != nil {
			return nil, nil, err
		}
		*ln = s.Guard(*ln)
		stop := func() error {
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			defer cancel()
			return errors.Join(s.Close(ctx), store.Close())
		}
		return s.HTTPServer(), stop, nil
	}
	return nil, nil, fmt.Errorf("bench: unknown kind %q", kind)
}
