// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"sync"
	"time"

	"github.com/securecrypt/securecrypt/protocol"
)

// How often a device registers anew, how long a token is kept at least after
// somebody went who knows it, and how many tokens wait to be forgotten by the
// server, which forgets them by itself one day.
const (
	wakeRefresh   = 24 * time.Hour
	wakeKeep      = time.Hour
	wakeForgotten = 8
)

// A wakeRecord is how this device is woken while its application is closed. It
// has one token for everybody: one for each conversation would tell the server
// how many there are.
type wakeRecord struct {
	Version uint8 `cbor:"1,keyasint"`
	// Endpoint is where the push service takes pushes, "" if the device is not
	// to be woken.
	Endpoint string `cbor:"2,keyasint,omitempty"`
	// Token is registered; the others know it. Next is to take its place.
	Token []byte `cbor:"3,keyasint,omitempty"`
	Next  []byte `cbor:"4,keyasint,omitempty"`
	// Since is when Token took its place, Registered when it was registered
	// last, 0 if it is to be now; in Unix seconds.
	Since      int64 `cbor:"5,keyasint,omitempty"`
	Registered int64 `cbor:"6,keyasint,omitempty"`
	// Stale: somebody who knows Token should not any more.
	Stale bool `cbor:"7,keyasint,omitempty"`
	// Forget lists tokens that the server is to forget.
	Forget [][]byte `cbor:"8,keyasint,omitempty"`
}

func loadWake(tx *sealedTx) (rec wakeRecord, err error) {
	rec.Version = recordVersion
	_, err = tx.load([]byte(tableWake), &rec)
	return rec, err
}

func (r *wakeRecord) forget(token []byte) {
	if token != nil {
		r.Forget = append(r.Forget, token)
		r.Forget = r.Forget[max(0, len(r.Forget)-wakeForgotten):]
	}
}

// renew has another token take the place of the present one.
func (r *wakeRecord) renew() error {
	r.forget(r.Next)
	r.Next, r.Stale = make([]byte, len(protocol.WakeToken{})), false
	_, err := rand.Read(r.Next)
	return err
}

// WakeKey returns what a browser subscribes to its push service with: a public
// key of P-256, uncompressed. The error is a protocol.Error with
// CodeUnsupported where the account's server wakes nobody.
func (c *Client) WakeKey(ctx context.Context) ([]byte, error) {
	b, err := c.requestOnDedicatedLink(ctx, protocol.OpWakeKey, &protocol.Empty{})
	if err != nil {
		return nil, err
	}
	return b.(*protocol.WakeKey).Key[:], nil
}

// SetWake has this device woken, when somebody writes to it while it is away,
// through the endpoint that a push service gave it; "" ends that. The account's
// server learns of the endpoint, but not whose it is. The error is a
// protocol.Error with CodeInvalid if the server does not use that push service;
// a server that is out of reach is told later.
func (c *Client) SetWake(ctx context.Context, endpoint string) error {
	w := c.waker
	changed, err := w.set(endpoint)
	if err != nil || !changed {
		return err
	}
	if endpoint != "" {
		_, err = w.errands(ctx)
	}
	if err != nil && !retryable(err) {
		_, undo := w.set("")
		err = errors.Join(err, undo)
	} else {
		err = nil
	}
	w.start()
	w.kick()
	return err
}

// Waking reports whether SetWake was given an endpoint.
func (c *Client) Waking() (on bool, err error) {
	err = c.store.view(func(tx *sealedTx) error {
		rec, err := loadWake(tx)
		on = rec.Endpoint != ""
		return err
	})
	return on, err
}

// dedicatedLink returns a connection for one purpose, which lasts until ctx
// ends, so that the server cannot link its requests to conversations.
func (c *Client) dedicatedLink(ctx context.Context, host string) *link {
	l := c.newLink(host, c.errands.foreign)
	c.spawn(func() { l.run(ctx) })
	return l
}

// requestOnDedicatedLink sends a request to the account's server on a connection
// of its own.
func (c *Client) requestOnDedicatedLink(ctx context.Context, op protocol.Op, body protocol.Body) (protocol.Body, error) {
	ctx, cancel := context.WithTimeout(ctx, foreignAnswerTimeout)
	defer cancel()
	return c.dedicatedLink(ctx, c.self.address.Host).call(ctx, op, body)
}

// A waker keeps this device's registration. Conversations tell the token.
type waker struct {
	client *Client
	once   sync.Once
	news   chan struct{}
	turn   sync.Mutex // one errand at a time
}

func newWaker(c *Client) *waker { return &waker{client: c, news: make(chan struct{}, 1)} }

func (w *waker) start() {
	w.once.Do(func() { w.client.spawn(func() { w.run(w.client.ctx) }) })
}

func (w *waker) kick() {
	select {
	case w.news <- struct{}{}:
	default:
	}
}

// set changes the endpoint and reports whether it was another.
func (w *waker) set(endpoint string) (changed bool, err error) {
	err = w.client.store.update(func(tx *sealedTx) error {
		rec, err := loadWake(tx)
		if changed = rec.Endpoint != endpoint; err != nil || !changed {
			return err
		}
		rec.Endpoint, rec.Registered = endpoint, 0
		switch {
		case endpoint == "":
			rec.forget(rec.Token)
			rec.forget(rec.Next)
			rec.Token, rec.Next, rec.Stale = nil, nil, false
		case rec.Token == nil:
			err = rec.renew()
		}
		return errors.Join(err, tx.save([]byte(tableWake), &rec))
	})
	if changed && err == nil {
		w.tell()
	}
	return changed, err
}

// renewWake has the token replaced: at once, or once it was kept for a while.
func renewWake(tx *sealedTx, atOnce bool) error {
	rec, err := loadWake(tx)
	if err != nil || rec.Token == nil || rec.Stale && !atOnce {
		return err
	}
	rec.Stale = true
	if atOnce {
		rec.Since = 0
	}
	return tx.save([]byte(tableWake), &rec)
}

// run does the errands when they are due.
func (w *waker) run(ctx context.Context) {
	var tries backoff
	for {
		wait, err := w.errands(ctx)
		switch {
		case err == nil:
			tries.reset()
		case retryable(err):
			tries.failed(w.client.now(), err)
			wait = tries.until.Sub(w.client.now())
		default: // the server takes it no more; it may one day
			wait = wakeKeep
		}
		var due <-chan time.Time
		if wait > 0 {
			due = time.After(wait)
		}
		select {
		case <-ctx.Done():
			return
		case <-w.news:
		case <-due:
		}
	}
}

// errands tells the server what it is to know, and returns after what time
// there is more to tell, 0 if there is nothing.
func (w *waker) errands(ctx context.Context) (time.Duration, error) {
	w.turn.Lock()
	defer w.turn.Unlock()
	for {
		rec, err := w.plan()
		if err != nil {
			return 0, err
		}
		now := w.client.now()
		refresh := time.Unix(rec.Registered, 0).Add(wakeRefresh)
		switch {
		case rec.Endpoint != "" && (rec.Next != nil || !now.Before(refresh)):
			err = w.register(ctx, rec)
		case len(rec.Forget) > 0:
			err = w.forget(ctx, rec.Forget[0])
		case rec.Endpoint == "":
			return 0, nil
		case rec.Stale:
			return min(refresh.Sub(now), time.Unix(rec.Since, 0).Add(wakeKeep).Sub(now)), nil
		default:
			return refresh.Sub(now), nil
		}
		if err != nil {
			return 0, err
		}
	}
}

// plan returns the record, with another token in it if it is time for that.
func (w *waker) plan() (rec wakeRecord, err error) {
	load := func(tx *sealedTx) error {
		rec, err = loadWake(tx)
		return err
	}
	err = w.client.store.view(load)
	if err != nil || !rec.Stale || w.client.now().Before(time.Unix(rec.Since, 0).Add(wakeKeep)) {
		return rec, err
	}
	err = w.client.store.update(func(tx *sealedTx) error {
		return errors.Join(load(tx), rec.renew(), tx.save([]byte(tableWake), &rec))
	})
	return rec, err
}

func (w *waker) register(ctx context.Context, rec wakeRecord) error {
	token := rec.Next
	if token == nil {
		token = rec.Token
	}
	_, err := w.client.requestOnDedicatedLink(ctx, protocol.OpWakeRegister, &protocol.WakeRegister{
		Token: protocol.WakeToken(token), Endpoint: rec.Endpoint,
	})
	if err != nil {
		return err
	}
	err = w.client.store.update(func(tx *sealedTx) error {
		now, err := loadWake(tx)
		if err != nil || now.Endpoint != rec.Endpoint {
			return err // it was changed meanwhile
		}
		now.Registered = w.client.now().Unix()
		if bytes.Equal(now.Next, token) {
			now.forget(now.Token)
			now.Token, now.Next, now.Since = token, nil, now.Registered
		}
		return tx.save([]byte(tableWake), &now)
	})
	if err == nil {
		w.tell()
	}
	return err
}

func (w *waker) forget(ctx context.Context, token []byte) error {
	_, err := w.client.requestOnDedicatedLink(ctx, protocol.OpWakeForget, &protocol.WakeForget{Token: protocol.WakeToken(token)})
	if err != nil && retryable(err) {
		return err
	}
	return w.client.store.update(func(tx *sealedTx) error {
		rec, err := loadWake(tx)
		if err != nil || len(rec.Forget) == 0 || !bytes.Equal(rec.Forget[0], token) {
			return err // others took its place
		}
		rec.Forget = rec.Forget[1:]
		return tx.save([]byte(tableWake), &rec)
	})
}

// tell has all conversations look at the token.
func (w *waker) tell() {
	w.client.mu.Lock()
	defer w.client.mu.Unlock()
	for _, a := range w.client.actors {
		a.tell(inputToken{}, nil)
	}
}
