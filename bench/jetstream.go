// SPDX-License-Identifier: AGPL-3.0-or-later

package bench

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// NewNATS starts a NATS server with JetStream that syncs each message, and
// returns its URL.
func NewNATS(dir string) (url string, stop func(), err error) {
	s, err := natsserver.NewServer(&natsserver.Options{
		Host: "127.0.0.1", Port: -1, JetStream: true, StoreDir: dir, SyncAlways: true, NoLog: true, NoSigs: true,
		JetStreamMaxStore: 16 << 30, JetStreamMaxMemory: 1 << 30,
	})
	if err != nil {
		return "", nil, err
	}
	go s.Start()
	if !s.ReadyForConnections(10 * time.Second) {
		return "", nil, errors.New("bench: NATS did not start")
	}
	return s.ClientURL(), func() { s.Shutdown(); s.WaitForShutdown() }, nil
}

// RunNATS generates the same load for NATS: each channel is a stream of one
// subject, with one connection that publishes, acknowledged asynchronously,
// and one that has an ordered consumer.
func (l Load) RunNATS(ctx context.Context) (Result, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	n := &natsLoad{Load: l, start: time.Now()}
	defer n.close()
	for i := range l.Channels {
		if err := n.channel(ctx, i); err != nil {
			return Result{}, err
		}
	}
	err := pause(ctx, l.Warmup)
	acked, delivered, began := n.acked.Load(), n.delivered.Load(), time.Now()
	n.counting.Store(true)
	err = errors.Join(err, pause(ctx, l.Duration))
	n.counting.Store(false)
	seconds := time.Since(began).Seconds()
	if refused := n.refused.Load(); refused != nil {
		return Result{}, fmt.Errorf("bench: publishing: %w", *refused)
	}
	cancel()
	r := Result{Posted: float64(n.acked.Load()-acked) / seconds, Delivered: float64(n.delivered.Load()-delivered) / seconds}
	n.mu.Lock()
	defer n.mu.Unlock()
	slices.Sort(n.latencies)
	if k := len(n.latencies); k > 0 {
		r.P50, r.P99 = n.latencies[k/2], n.latencies[k*99/100]
	}
	return r, err
}

type natsLoad struct {
	Load
	start            time.Time
	acked, delivered atomic.Int64
	refused          atomic.Pointer[error] // the first refusal
	counting         atomic.Bool
	conns            []*nats.Conn
	wait             sync.WaitGroup

	mu        sync.Mutex
	latencies []time.Duration
}

func (n *natsLoad) close() {
	for _, c := range n.conns {
		c.Close()
	}
	n.wait.Wait()
}

func (n *natsLoad) connect() (*nats.Conn, jetstream.JetStream, error) {
	c, err := nats.Connect(n.URL)
	if err != nil {
		return nil, nil, err
	}
	n.conns = append(n.conns, c)
	js, err := jetstream.New(c, jetstream.WithPublishAsyncMaxPending(n.Window+16))
	return c, js, err
}

func (n *natsLoad) channel(ctx context.Context, i int) error {
	_, pub, err := n.connect()
	if err != nil {
		return err
	}
	_, sub, err := n.connect()
	if err != nil {
		return err
	}
	name := fmt.Sprintf("c%d-%d", i, n.start.UnixNano())
	stream, err := sub.CreateStream(ctx, jetstream.StreamConfig{Name: name, Subjects: []string{name}, Storage: jetstream.FileStorage})
	if err != nil {
		return err
	}
	consumer, err := stream.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{})
	if err != nil {
		return err
	}
	if _, err := consumer.Consume(n.arrived); err != nil {
		return err
	}
	n.wait.Go(func() { n.publish(ctx, pub, name) })
	return nil
}

func (n *natsLoad) arrived(m jetstream.Msg) {
	if n.delivered.Add(1)%16 != 0 || !n.counting.Load() {
		return
	}
	d := time.Since(n.start) - time.Duration(binary.BigEndian.Uint64(m.Data()))
	n.mu.Lock()
	defer n.mu.Unlock()
	n.latencies = append(n.latencies, d)
}

func (n *natsLoad) publish(ctx context.Context, js jetstream.JetStream, subject string) {
	futures := make(chan jetstream.PubAckFuture, n.Window) // bounds what is unacknowledged
	n.wait.Go(func() {
		for f := range futures {
			select {
			case <-f.Ok():
				n.acked.Add(1)
			case err := <-f.Err():
				n.refused.CompareAndSwap(nil, &err)
			case <-ctx.Done():
			}
		}
	})
	defer close(futures)
	every := time.Duration(0)
	if n.Rate > 0 {
		every = time.Duration(float64(time.Second) * float64(n.Channels) / n.Rate)
	}
	due := time.Now()
	for ctx.Err() == nil {
		stamp := time.Now()
		if every > 0 {
			if pause(ctx, time.Until(due)) != nil {
				return
			}
			stamp, due = due, due.Add(every)
		}
		payload := make([]byte, n.Size)
		binary.BigEndian.PutUint64(payload, uint64(stamp.Sub(n.start)))
		f, err := js.PublishAsync(subject, payload)
		if err != nil {
			return
		}
		select {
		case futures <- f:
		case <-ctx.Done():
			return
		}
	}
}
