// SPDX-License-Identifier: AGPL-3.0-or-later

package bandwidth_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/vault/storage/bandwidth"
)

// clock passes while somebody waits, and never else.
type clock struct {
	mu  sync.Mutex
	now time.Time // guarded by mu
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Wait(ctx context.Context, d time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	return ctx.Err()
}

func (c *clock) passed() time.Duration { return c.Now().Sub(time.Unix(0, 0)) }

func limits(up, down int64) (*clock, *bandwidth.Limits) {
	c := &clock{now: time.Unix(0, 0)}
	return c, bandwidth.New(bandwidth.Options{Upload: up, Download: down, Now: c.Now, Wait: c.Wait})
}

// within fails the test unless a time is within 5 percent below what is expected:
// the first piece need not wait.
func within(t *testing.T, what string, got, want time.Duration) {
	t.Helper()
	if got > want || got < want*95/100 {
		t.Errorf("%s: %v have passed, want %v", what, got, want)
	}
}

func TestPiecesPassAtTheLimit(t *testing.T) {
	for _, limit := range []int64{3000, 100_000, 40 << 20} {
		data, got := make([]byte, 20*limit), 0
		largest := 0
		c, l := limits(limit, 0)
		count := func(b []byte) error {
			got, largest = got+len(b), max(largest, len(b))
			return nil
		}
		if err := l.Upload(t.Context(), data, count); err != nil || got != len(data) {
			t.Fatalf("%d of %d bytes passed: %v", got, len(data), err)
		}
		within(t, "upload", c.passed(), 20*time.Second)
		if largest > 256<<10 || int64(largest) > max(limit/4, 1<<10) {
			t.Errorf("with %d bytes a second, %d passed at once", limit, largest)
		}
		before := c.passed()
		if err := l.Download(t.Context(), data, count); err != nil || c.passed() != before {
			t.Errorf("a download that is not limited took %v: %v", c.passed()-before, err)
		}
		if d := l.Longest(10 * limit); d != 10*time.Second {
			t.Errorf("ten seconds of data take %v at the longest", d)
		}
	}
}

func TestNoLimits(t *testing.T) {
	_, l := limits(0, 0)
	calls := 0
	if err := l.Upload(t.Context(), make([]byte, 1<<20), func(b []byte) error {
		calls++
		return nil
	}); l != nil || err != nil || calls != 1 || l.Longest(1) != 0 {
		t.Errorf("%d pieces without a limit: %v", calls, err)
	}
}

func TestLimitsAreShared(t *testing.T) {
	c, l := limits(0, 10_000)
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			if err := l.Download(t.Context(), make([]byte, 50_000), func([]byte) error { return nil }); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if got := c.passed(); got < 19*time.Second { // waits that overlap pass one after another here
		t.Errorf("four downloads took %v together", got)
	}
}

func TestConnection(t *testing.T) {
	c, l := limits(10_000, 0)
	near, far := net.Pipe()
	limited, err := l.Dial(func(context.Context, string, string) (net.Conn, error) { return near, nil })(t.Context(), "", "")
	if err != nil {
		t.Fatal(err)
	}
	received := make(chan []byte)
	go func() {
		b, _ := io.ReadAll(far) // the length says whether it failed
		received <- b
	}()
	data := bytes.Repeat([]byte("0123456789"), 20_000)
	if n, err := limited.Write(data); n != len(data) || err != nil {
		t.Fatalf("%d bytes were written: %v", n, err)
	}
	if err := limited.Close(); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(<-received, data) {
		t.Error("other bytes arrived")
	}
	within(t, "writing", c.passed(), 20*time.Second)
	if _, err := limited.Write(data); !errors.Is(err, net.ErrClosed) {
		t.Errorf("writing to a closed connection: %v", err)
	}

	c, l = limits(0, 10_000)
	near, far = net.Pipe()
	go func() {
		_, _ = far.Write(data) // the reader notices
		_ = far.Close()
	}()
	limited = l.Conn(near)
	if b, err := io.ReadAll(limited); err != nil || !bytes.Equal(b, data) {
		t.Errorf("%d bytes were read: %v", len(b), err)
	}
	within(t, "reading", c.passed(), 20*time.Second)
}

// TestEndsEndWaiting has a context that is cancelled, and a connection that is closed,
// while data waits.
func TestEndsEndWaiting(t *testing.T) {
	waiting := make(chan struct{}, 1)
	l := bandwidth.New(bandwidth.Options{Upload: 1, Download: 1, Now: func() time.Time { return time.Unix(0, 0) },
		Wait: func(ctx context.Context, _ time.Duration) error {
			waiting <- struct{}{}
			<-ctx.Done()
			return ctx.Err()
		}})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-waiting
		cancel()
	}()
	if err := l.Upload(ctx, make([]byte, 4096), func([]byte) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled upload: %v", err)
	}
	near, far := net.Pipe()
	go func() { _, _ = io.Copy(io.Discard, far) }() // it ends with the connection
	c := l.Conn(near)
	go func() {
		<-waiting
		_ = c.Close() // the writer notices
	}()
	if _, err := c.Write(make([]byte, 4096)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("writing to a connection that is closed meanwhile: %v", err)
	}
	_ = far.Close() // it is closed already
}
