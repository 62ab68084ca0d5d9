// SPDX-License-Identifier: AGPL-3.0-or-later

package bench

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/securecrypt/securecrypt/protocol"
)

// Load says what to generate.
type Load struct {
	URL         string
	Channels    int
	Subscribers int           // connections that listen to each channel, besides the one that posts
	Size        int           // bytes of a message
	Window      int           // unacknowledged messages of a channel
	Rate        float64       // messages a second in all; 0: as many as go
	Warmup      time.Duration // before counting
	Duration    time.Duration
}

// Result is what came of it.
type Result struct {
	Posted     float64       // acknowledged messages a second
	Delivered  float64       // messages a second that reached a subscriber
	P50, P99   time.Duration // from posting to arrival at a subscriber
	Incomplete int           // channels whose entries came out of order
}

// Run generates load until its time is over.
func (l Load) Run(ctx context.Context) (Result, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	g := &generator{Load: l, start: time.Now()}
	var posters, listeners []*conn
	defer func() {
		cancel()
		for _, c := range append(posters, listeners...) {
			_ = c.net.Close() // ends its goroutines
		}
		g.wait.Wait()
	}()
	for range l.Channels {
		var id protocol.ChannelID
		_, _ = rand.Read(id[:]) // never fails
		poster, err := dial(ctx, l.URL, 64<<10)
		if err != nil {
			return Result{}, err
		}
		posters = append(posters, poster)
		if err := errors.Join(poster.create(id), poster.open(id)); err != nil {
			return Result{}, err
		}
		for range l.Subscribers {
			c, err := dial(ctx, l.URL, 16<<10)
			if err != nil {
				return Result{}, err
			}
			listeners = append(listeners, c)
			if err := c.open(id); err != nil {
				return Result{}, err
			}
			g.wait.Go(func() { g.listen(c) })
		}
		ch := &channel{id: id, window: make(chan struct{}, l.Window)}
		g.wait.Go(func() { g.acks(poster, ch) })
		g.wait.Go(func() { g.post(ctx, poster, ch) })
	}
	return g.measure(ctx)
}

type channel struct {
	id     protocol.ChannelID
	window chan struct{}
}

// generator counts.
type generator struct {
	Load
	start            time.Time
	acked, delivered atomic.Int64
	disordered       atomic.Int64
	counting         atomic.Bool
	failed           atomic.Pointer[error]
	wait             sync.WaitGroup

	mu        sync.Mutex
	latencies []time.Duration
}

func (g *generator) measure(ctx context.Context) (Result, error) {
	if err := pause(ctx, g.Warmup); err != nil {
		return Result{}, err
	}
	acked, delivered, began := g.acked.Load(), g.delivered.Load(), time.Now()
	g.counting.Store(true)
	err := pause(ctx, g.Duration)
	seconds := time.Since(began).Seconds()
	g.counting.Store(false)
	if p := g.failed.Load(); p != nil {
		err = errors.Join(err, *p)
	}
	r := Result{
		Posted:     float64(g.acked.Load()-acked) / seconds,
		Delivered:  float64(g.delivered.Load()-delivered) / seconds,
		Incomplete: int(g.disordered.Load()),
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	slices.Sort(g.latencies)
	if n := len(g.latencies); n > 0 {
		r.P50, r.P99 = g.latencies[n/2], g.latencies[n*99/100]
	}
	return r, err
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// postBatch is how many bytes the generator sends in one message at most.
const postBatch = 32 << 10

// post sends as the window allows, and no faster than the rate.
func (g *generator) post(ctx context.Context, c *conn, ch *channel) {
	payload := make([]byte, g.Size)
	_, _ = rand.Read(payload) // never fails
	every := time.Duration(0)
	if g.Rate > 0 {
		every = time.Duration(float64(time.Second) * float64(g.Channels) / g.Rate)
	}
	due := time.Now()
	b := make([]byte, maskRoom, postBatch+g.Size+256)
	for id := uint64(10); ; {
		b = b[:maskRoom]
		for len(b) < postBatch {
			if every > 0 && time.Until(due) > 0 {
				if len(b) > maskRoom {
					break
				}
				if pause(ctx, time.Until(due)) != nil {
					return
				}
			}
			if !g.enter(ctx, ch, len(b) == maskRoom) {
				break
			}
			stamp := time.Now()
			if every > 0 {
				stamp, due = due, due.Add(every)
			}
			binary.BigEndian.PutUint64(payload, uint64(stamp.Sub(g.start)))
			id++
			b = appendPost(b, id, &ch.id, payload)
		}
		if ctx.Err() != nil || len(b) == maskRoom || c.write(b) != nil {
			return
		}
	}
}

// enter takes a place in the window; it waits for one if it must.
func (g *generator) enter(ctx context.Context, ch *channel, wait bool) bool {
	select {
	case ch.window <- struct{}{}:
		return true
	default:
	}
	if !wait {
		return false
	}
	select {
	case ch.window <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

// acks reads what comes to the poster; its own entries count for nothing.
func (g *generator) acks(c *conn, ch *channel) {
	var f frame
	for {
		msg, err := c.read()
		if err != nil {
			return
		}
		for len(msg) > 0 {
			if msg, err = next(msg, &f); err != nil {
				g.fail(err)
				return
			}
			switch f.kind {
			case protocol.KindResponse:
				g.acked.Add(1)
				<-ch.window
			case protocol.KindError:
				g.fail(fmt.Errorf("bench: refused with code %d", f.code))
				return
			}
		}
	}
}

func (g *generator) fail(err error) { g.failed.CompareAndSwap(nil, &err) }

// listen counts entries. Every 16th is timed.
func (g *generator) listen(c *conn) {
	var f frame
	last := uint64(0)
	for {
		msg, err := c.read()
		if err != nil {
			return
		}
		n := int64(0)
		for len(msg) > 0 {
			if msg, err = next(msg, &f); err != nil {
				g.fail(err)
				return
			}
			if f.code != uint64(protocol.EventEntry) {
				continue
			}
			n++
			if f.nums[2] != last+1 {
				g.disordered.Add(1)
			}
			last = f.nums[2]
			if last%16 == 0 && g.counting.Load() {
				g.arrived(binary.BigEndian.Uint64(f.ciphertext))
			}
		}
		g.delivered.Add(n)
	}
}

func (g *generator) arrived(stamp uint64) {
	d := time.Since(g.start) - time.Duration(stamp)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.latencies = append(g.latencies, d)
}
