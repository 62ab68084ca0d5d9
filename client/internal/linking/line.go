// SPDX-License-Identifier: AGPL-3.0-or-later

package linking

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"sync"
	"time"

	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/devicelink"
	"github.com/securecrypt/securecrypt/client/internal/link"
	"github.com/securecrypt/securecrypt/protocol"
)

const (
	// signEvery is how often a device shows that it is there, and silence after how
	// long without a sign the other one gives up.
	signEvery = 8 * time.Second
	silence   = 25 * time.Second
	// farewell bounds what is done at the end.
	farewell = 2 * time.Second
	// retryPause lies between attempts at a request.
	retryPause = 300 * time.Millisecond
	// maxMessages bounds what the other side may say.
	maxMessages = 32
)

// A line is one side's end of a rendezvous.
type line struct {
	side devicelink.Side
	meet *devicelink.Rendezvous
	link *link.Link
	end  context.CancelFunc // of the connection
	turn chan struct{}      // has room for the one who opens the channel

	mu     sync.Mutex // guards what follows
	opened protocol.Nonce
	ever   bool // the channel was open once
	cursor uint64
	known  map[[32]byte]bool // entries that were sent or received
	queue  []devicelink.Message
	said   int // how many messages came
	err    error
	heard  time.Time // when the other side was heard of last
	news   chan struct{}
}

// meetAt opens the channel to which a code leads, which the side that shows the code
// creates.
func meetAt(ctx context.Context, net *link.Network, code devicelink.Code, side devicelink.Side, create bool) (*line, error) {
	meet, err := code.Rendezvous()
	if err != nil {
		return nil, err
	}
	if err := net.CheckHost(code.Host); err != nil {
		return nil, err
	}
	connected, end := context.WithCancel(context.WithoutCancel(ctx))
	l := &line{
		side: side, meet: meet, link: net.DedicatedLink(connected, code.Host), end: end, turn: make(chan struct{}, 1),
		known: map[[32]byte]bool{}, news: make(chan struct{}, 1),
	}
	l.link.Route(meet.Channel, l.event)
	up := make(chan struct{}, 1)
	l.link.Watch(link.Watcher{Up: func(protocol.Hello) { tell(up) }})
	net.Spawn(func() { l.keepOpen(connected, up) })
	err = l.within(ctx, func() error {
		if !create {
			return l.open(ctx)
		}
		key := protocol.AccessKey(meet.Access.Public().(ed25519.PublicKey))
		_, err := l.link.Call(ctx, protocol.OpChannelCreate, &protocol.ChannelCreate{Channel: meet.Channel, Key: key})
		if errors.Is(err, &protocol.Error{Code: protocol.CodeExists}) {
			err = nil // an answer was lost
		}
		if err != nil {
			return err
		}
		return l.open(ctx)
	})
	if err != nil {
		end()
		return nil, err
	}
	return l, nil
}

func tell(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// keepOpen opens the channel on each new connection, and shows that this side is there.
func (l *line) keepOpen(ctx context.Context, up <-chan struct{}) {
	signs := time.NewTicker(signEvery)
	defer signs.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-up:
			l.mu.Lock()
			ever := l.ever
			l.mu.Unlock()
			if ever {
				if err := l.within(ctx, func() error { return l.open(ctx) }); err != nil && ctx.Err() == nil {
					l.fail(err)
				}
			}
		case <-signs.C:
			l.mu.Lock()
			met := !l.heard.IsZero()
			l.mu.Unlock()
			if met {
				l.link.Request(protocol.OpChannelSignal, &protocol.ChannelSignal{Channel: l.meet.Channel, Ciphertext: l.meet.SealSign(l.side)}, func(protocol.Body, error) {})
			}
		}
	}
}

// within tries something until it succeeds or fails for good, or ctx ends.
func (l *line) within(ctx context.Context, try func() error) error {
	for {
		err := try()
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if !link.Retryable(err) {
			return err
		}
		wait := retryPause
		var refused *protocol.Error
		if errors.As(err, &refused) {
			wait = max(wait, refused.RetryAfter)
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// open opens the channel on the connection that there is, once.
func (l *line) open(ctx context.Context) error {
	select {
	case l.turn <- struct{}{}:
		defer func() { <-l.turn }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if err := l.link.Ready(ctx); err != nil {
		return err
	}
	var hello protocol.Hello
	l.link.Revisit(func(h protocol.Hello) { hello = h })
	l.mu.Lock()
	done, after, ever := l.ever && l.opened == hello.Nonce, l.cursor, l.ever
	l.mu.Unlock()
	if done {
		return nil
	}
	challenge := protocol.OpenChallenge(hello.Host, hello.Nonce, l.meet.Channel, 0)
	_, err := l.link.Call(ctx, protocol.OpChannelOpen, &protocol.ChannelOpen{
		Channel: l.meet.Channel, Signature: protocol.Signature(ed25519.Sign(l.meet.Access, challenge)), After: after,
	})
	if errors.Is(err, &protocol.Error{Code: protocol.CodeForbidden}) {
		same := false
		l.link.Revisit(func(h protocol.Hello) { same = h.Nonce == hello.Nonce })
		switch {
		case !same:
			return link.Offline(err) // it was another connection's challenge
		case ever:
			return l.deleted()
		}
		return chat.ErrLinkUnknown
	}
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.opened, l.ever = hello.Nonce, true
	return nil
}

// say posts a message.
func (l *line) say(ctx context.Context, m devicelink.Message) error {
	sealed, err := l.meet.Seal(m)
	if err != nil {
		return err
	}
	l.mu.Lock()
	l.known[sha256.Sum256(sealed)] = true
	l.mu.Unlock()
	return l.within(ctx, func() error {
		if err := l.open(ctx); err != nil {
			return err
		}
		_, err := l.link.Call(ctx, protocol.OpChannelPost, &protocol.ChannelPost{
			Channel: l.meet.Channel, Ciphertext: sealed, ExpireIn: uint64(devicelink.CodeLife / time.Second),
		})
		if err != nil {
			l.mu.Lock()
			l.opened = protocol.Nonce{} // behind a refused post nothing is taken
			l.mu.Unlock()
		}
		if errors.Is(err, &protocol.Error{Code: protocol.CodeForbidden}) {
			return l.deleted()
		}
		return err
	})
}

// deleted returns why there is no channel any more.
func (l *line) deleted() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, m := range l.queue {
		if m.Abort != nil {
			return m.Abort.Reason.Err()
		}
	}
	if l.err != nil {
		return l.err
	}
	return chat.ErrLinkCancelled
}

// event takes what comes in the channel.
func (l *line) event(_ protocol.EventType, body protocol.Body) {
	switch b := body.(type) {
	case *protocol.Signal:
		if from := l.meet.OpenSign(b.Ciphertext); from != 0 && from != l.side {
			l.mu.Lock()
			l.heard = time.Now()
			l.mu.Unlock()
			tell(l.news)
		}
	case *protocol.Entry:
		l.entry(b)
	}
}

func (l *line) entry(e *protocol.Entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer tell(l.news)
	l.cursor = max(l.cursor, e.Seq)
	hash := sha256.Sum256(e.Ciphertext)
	if l.known[hash] || l.err != nil {
		return // the echo, or one that was sent again because its answer was lost
	}
	l.known[hash] = true
	m, err := l.meet.Open(e.Ciphertext)
	l.said++
	switch {
	case err != nil:
		l.err = err
	case m.From() == l.side: // somebody else has the code
		l.err = chat.ErrLinkUsed
	case l.said > maxMessages:
		l.err = chat.ErrLinkChanged
	default:
		l.heard = time.Now()
		l.queue = append(l.queue, m)
	}
}

func (l *line) fail(err error) {
	l.mu.Lock()
	if l.err == nil {
		l.err = err
	}
	l.mu.Unlock()
	tell(l.news)
}

// next returns what the other side says next. If that is that it ends, next returns
// why. Only one goroutine calls it at a time.
func (l *line) next(ctx context.Context) (devicelink.Message, error) {
	for {
		l.mu.Lock()
		err, heard := l.err, l.heard
		if len(l.queue) > 0 {
			m := l.queue[0]
			l.queue = l.queue[1:]
			l.mu.Unlock()
			if m.Abort != nil {
				return m, m.Abort.Reason.Err()
			}
			return m, nil
		}
		l.mu.Unlock()
		if err != nil {
			return devicelink.Message{}, err
		}
		var silent <-chan time.Time
		if !heard.IsZero() {
			left := time.Until(heard.Add(silence))
			if left <= 0 {
				return devicelink.Message{}, l.why(chat.ErrLinkSilent)
			}
			silent = time.After(left)
		}
		select {
		case <-l.news:
		case <-silent:
		case <-ctx.Done():
			return devicelink.Message{}, l.why(context.Cause(ctx))
		}
	}
}

// why returns err, or that the own connection is the reason.
func (l *line) why(err error) error {
	if !errors.Is(err, chat.ErrLinkSilent) && !errors.Is(err, chat.ErrLinkExpired) {
		return err
	}
	if down := l.down(); down != nil {
		return down
	}
	return err
}

// down returns why there is no connection now, nil if there is one.
func (l *line) down() error {
	up := false
	l.link.Revisit(func(protocol.Hello) { up = true })
	if up {
		return nil
	}
	over, cancel := context.WithCancel(context.Background())
	cancel()
	return l.link.Ready(over)
}

// leave ends the line. If err is not nil, it sends the reason to the other side and
// deletes the channel at the server; the channel goes, too, if the linking is over.
func (l *line) leave(ctx context.Context, err error, over bool) {
	defer l.end()
	if l.down() != nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewell)
	defer cancel()
	if err != nil && !errors.Is(err, chat.ErrLinkCancelled) {
		if l.say(ctx, devicelink.Message{Abort: &devicelink.Abort{By: l.side, Reason: reason(err)}}) != nil {
			return
		}
	}
	if err != nil || over {
		if l.open(ctx) == nil {
			_, _ = l.link.Call(ctx, protocol.OpChannelDelete, &protocol.ChannelDelete{Channel: l.meet.Channel}) // else it expires
		}
	}
}

// reason returns the reason that the other side gets for an error.
func reason(err error) devicelink.Reason {
	switch {
	case errors.Is(err, chat.ErrLinkDigits):
		return devicelink.WrongDigits
	case errors.Is(err, chat.ErrLinkUsed):
		return devicelink.SecondUse
	case errors.Is(err, chat.ErrLinkChanged):
		return devicelink.Changed
	}
	return devicelink.Cancelled
}
