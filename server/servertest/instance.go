// SPDX-License-Identifier: AGPL-3.0-or-later

package servertest

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/securecrypt/securecrypt/server"
	"github.com/securecrypt/securecrypt/server/blob/folder"
	"github.com/securecrypt/securecrypt/server/fairness"
	"github.com/securecrypt/securecrypt/server/store/pebble"
)

// Options say how an instance differs from the default: open registration and
// no rate limits, in a folder of the test's.
type Options struct {
	Dir    string                          // data folder; "": the test's own
	Host   string                          // in addresses; "": localhost:PORT
	Memory bool                            // keep the store in memory
	Change func(*server.Config)            // changes the configuration last
	Limits func(*fairness.Limits)          // changes the limits, which LiftRates has lifted
	Store  func(server.Store) server.Store // wraps the store
}

// Instance is a running server.
type Instance struct {
	URL     string // http://127.0.0.1:PORT
	Host    string // of its accounts' addresses
	Dir     string // data folder
	Server  *server.Server
	Store   server.Store
	Metrics *prometheus.Registry
	Logs    *Logs

	http  *http.Server
	close func() error
	once  sync.Once
}

// Start starts a server, which stops at the end of the test.
func Start(tb testing.TB, o Options) *Instance {
	tb.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	return StartOn(tb, ln, o)
}

// StartOn starts a server on a listener, which a test uses to start one again
// at the same port.
func StartOn(tb testing.TB, ln net.Listener, o Options) *Instance {
	tb.Helper()
	_, port, err := net.SplitHostPort(ln.Addr().String())
	if err != nil {
		tb.Fatal(err)
	}
	if o.Dir == "" {
		o.Dir = tb.TempDir()
	}
	if o.Host == "" {
		o.Host = "localhost:" + port
	}
	i := &Instance{URL: "http://" + ln.Addr().String(), Host: o.Host, Dir: o.Dir, Metrics: prometheus.NewRegistry(), Logs: new(Logs)}
	store := openStore(tb, o)
	i.Store = store
	if o.Store != nil {
		i.Store = o.Store(store)
	}
	blobs, err := folder.New(filepath.Join(o.Dir, "blobs"), nil)
	if err != nil {
		tb.Fatal(err)
	}
	limits := fairness.DefaultLimits()
	limits.LiftRates()
	if o.Limits != nil {
		o.Limits(&limits)
	}
	c := server.Config{
		Host: o.Host, Store: i.Store, Blobs: blobs, Now: time.Now, Random: rand.Reader,
		Log: slog.New(slog.NewTextHandler(i.Logs, nil)), Metrics: i.Metrics, Limits: &limits,
	}
	if o.Change != nil {
		o.Change(&c)
	}
	if i.Server, err = server.New(c); err != nil {
		tb.Fatal(err)
	}
	i.http = i.Server.HTTPServer()
	served := make(chan error, 1)
	go func() { served <- i.http.Serve(i.Server.Guard(ln)) }()
	i.close = func() error {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		err := errors.Join(i.Server.Close(ctx), i.http.Shutdown(ctx))
		if serveErr := <-served; !errors.Is(serveErr, http.ErrServerClosed) {
			err = errors.Join(err, serveErr)
		}
		return errors.Join(err, store.Close())
	}
	tb.Cleanup(func() { i.Stop(tb) })
	return i
}

func openStore(tb testing.TB, o Options) *pebble.Store {
	tb.Helper()
	if o.Memory {
		store, err := pebble.OpenMemory()
		if err != nil {
			tb.Fatal(err)
		}
		return store
	}
	store, err := pebble.Open(filepath.Join(o.Dir, "store"), pebble.Options{Reserve: 1})
	if err != nil {
		tb.Fatal(err)
	}
	return store
}

// Stop stops the server, once.
func (i *Instance) Stop(tb testing.TB) {
	tb.Helper()
	i.once.Do(func() {
		if err := i.close(); err != nil {
			tb.Errorf("stopping the server: %v", err)
		}
	})
}

// Logs is what a server logged.
type Logs struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write implements [io.Writer].
func (l *Logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// String returns all of it.
func (l *Logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// Connections returns how many connections there are now.
func (i *Instance) Connections(tb testing.TB) int {
	tb.Helper()
	return int(i.Metric(tb, "securecrypt_connections"))
}

// Metric returns the value of a gauge; name{label} is that of one label.
func (i *Instance) Metric(tb testing.TB, name string) float64 {
	tb.Helper()
	families, err := i.Metrics.Gather()
	if err != nil {
		tb.Fatal(err)
	}
	name, label, _ := strings.Cut(strings.TrimSuffix(name, "}"), "{")
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			if label == "" || m.GetLabel()[0].GetValue() == label {
				return m.GetGauge().GetValue()
			}
		}
	}
	tb.Fatalf("no metric %s", name)
	return 0
}
