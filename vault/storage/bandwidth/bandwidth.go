// SPDX-License-Identifier: AGPL-3.0-or-later

package bandwidth

import (
	"context"
	"net"
	"time"

	"golang.org/x/time/rate"
)

// A piece is what passes at once: a quarter of a second of the limit, within these
// sizes in bytes.
const (
	smallestPiece = 1 << 10
	largestPiece  = 256 << 10
)

// Options say what the limits are.
type Options struct {
	// Upload and Download are in bytes a second; 0 is no limit.
	Upload, Download int64
	// Now tells the time, and Wait returns after a duration, or earlier with the
	// error of the context.
	Now  func() time.Time
	Wait func(ctx context.Context, d time.Duration) error
}

// Limits are shared by everything that they limit together. They are safe for
// concurrent use. A nil *Limits limits nothing.
type Limits struct{ up, down *limit }

// limit is one direction; nil for none.
type limit struct {
	*rate.Limiter
	piece   int
	options Options
}

// New returns Limits, nil if the options have none.
func New(o Options) *Limits {
	if o.Upload <= 0 && o.Download <= 0 {
		return nil
	}
	return &Limits{newLimit(o.Upload, o), newLimit(o.Download, o)}
}

func newLimit(bytes int64, o Options) *limit {
	if bytes <= 0 {
		return nil
	}
	piece := int(min(max(bytes/4, smallestPiece), largestPiece))
	return &limit{rate.NewLimiter(rate.Limit(bytes), piece), piece, o}
}

// pass waits until n bytes may pass, at most a piece of them.
func (l *limit) pass(ctx context.Context, n int) error {
	if l == nil || n == 0 {
		return ctx.Err()
	}
	now := l.options.Now()
	r := l.ReserveN(now, n)
	if d := r.DelayFrom(now); d > 0 {
		if err := l.options.Wait(ctx, d); err != nil {
			r.CancelAt(l.options.Now())
			return err
		}
	}
	return ctx.Err()
}

// first returns the first piece of b.
func (l *limit) first(b []byte) []byte {
	if l == nil {
		return b
	}
	return b[:min(len(b), l.piece)]
}

// Upload calls send with the pieces of data, each when it may pass.
func (l *Limits) Upload(ctx context.Context, data []byte, send func([]byte) error) error {
	if l == nil {
		return send(data)
	}
	return l.up.each(ctx, data, send)
}

// Download calls fetch with the pieces of a buffer, each when it may pass.
func (l *Limits) Download(ctx context.Context, b []byte, fetch func([]byte) error) error {
	if l == nil {
		return fetch(b)
	}
	return l.down.each(ctx, b, fetch)
}

func (l *limit) each(ctx context.Context, b []byte, do func([]byte) error) error {
	for {
		piece := l.first(b)
		if err := l.pass(ctx, len(piece)); err != nil {
			return err
		}
		if err := do(piece); err != nil {
			return err
		}
		if b = b[len(piece):]; len(b) == 0 {
			return nil
		}
	}
}

// Longest returns how long n bytes may take, in the direction that takes longer.
func (l *Limits) Longest(n int64) (d time.Duration) {
	if l == nil {
		return 0
	}
	for _, direction := range []*limit{l.up, l.down} {
		if direction != nil {
			d = max(d, time.Duration(float64(n)/float64(direction.Limit())*float64(time.Second)))
		}
	}
	return d
}

// A Dialer opens a connection.
type Dialer = func(ctx context.Context, network, address string) (net.Conn, error)

// Dial returns a Dialer whose connections are limited.
func (l *Limits) Dial(dial Dialer) Dialer {
	if l == nil {
		return dial
	}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return l.Conn(c), nil
	}
}

// Conn limits a connection. Its end ends the waiting.
func (l *Limits) Conn(c net.Conn) net.Conn {
	ctx, cancel := context.WithCancel(context.Background())
	return &conn{c, l, ctx, cancel}
}

type conn struct {
	net.Conn
	limits *Limits
	ctx    context.Context
	cancel context.CancelFunc
}

// Read implements net.Conn. What has arrived waits before it is handed over, so
// that the sender has to wait, too.
func (c *conn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(c.limits.down.first(b))
	if waited := c.limits.down.pass(c.ctx, n); waited != nil && err == nil {
		err = net.ErrClosed
	}
	return n, err
}

// Write implements net.Conn.
func (c *conn) Write(b []byte) (n int, err error) {
	err = c.limits.up.each(c.ctx, b, func(piece []byte) error {
		m, err := c.Conn.Write(piece)
		n += m
		return err
	})
	if c.ctx.Err() != nil {
		err = net.ErrClosed
	}
	return n, err
}

// Close implements net.Conn.
func (c *conn) Close() error {
	c.cancel()
	return c.Conn.Close()
}
