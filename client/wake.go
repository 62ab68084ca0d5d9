// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/securecrypt/securecrypt/client/internal/link"
	"github.com/securecrypt/securecrypt/client/internal/machine"
	"github.com/securecrypt/securecrypt/client/internal/records"
	"github.com/securecrypt/securecrypt/protocol"
)

// How often a device registers again, and how long a token is kept at least after
// somebody went who knows it.
const (
	wakeRefresh = 24 * time.Hour
	wakeKeep    = time.Hour
)

// WakeKey returns what a browser subscribes to its push service with: a public
// key of P-256, uncompressed. The error is a protocol.Error with
// CodeUnsupported where the account's server wakes nobody.
func (acc Account) WakeKey(ctx context.Context) ([]byte, error) {
	b, err := acc.c.net.RequestOnDedicatedLink(ctx, protocol.OpWakeKey, &protocol.Empty{})
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
func (acc Account) SetWake(ctx context.Context, endpoint string) error {
	w := acc.c.waker
	changed, err := w.set(endpoint)
	if err != nil || !changed {
		return err
	}
	if endpoint != "" {
		_, err = w.errands(ctx)
	}
	if err != nil && !link.Retryable(err) {
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
func (acc Account) Waking() (on bool, err error) {
	err = acc.c.store.View(func(tx *records.Tx) error {
		rec, err := records.LoadWake(tx)
		on = rec.Endpoint != ""
		return err
	})
	return on, err
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
	err = w.client.store.Update(func(tx *records.Tx) error {
		rec, err := records.LoadWake(tx)
		if changed = rec.Endpoint != endpoint; err != nil || !changed {
			return err
		}
		rec.Endpoint, rec.Registered = endpoint, 0
		switch {
		case endpoint == "":
			rec.ForgetToken(rec.Token)
			rec.ForgetToken(rec.Next)
			rec.Token, rec.Next, rec.Stale = nil, nil, false
		case rec.Token == nil:
			err = rec.Renew()
		}
		return errors.Join(err, tx.Save([]byte(records.TableWake), &rec))
	})
	if changed && err == nil {
		w.tell()
	}
	return changed, err
}

// run does the errands when they are due.
func (w *waker) run(ctx context.Context) {
	var tries link.Backoff
	for {
		wait, err := w.errands(ctx)
		switch {
		case err == nil:
			tries.Reset()
		case link.Retryable(err):
			tries.Failed(w.client.now(), err)
			wait = tries.Until.Sub(w.client.now())
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
func (w *waker) plan() (rec records.Wake, err error) {
	load := func(tx *records.Tx) error {
		rec, err = records.LoadWake(tx)
		return err
	}
	err = w.client.store.View(load)
	if err != nil || !rec.Stale || w.client.now().Before(time.Unix(rec.Since, 0).Add(wakeKeep)) {
		return rec, err
	}
	err = w.client.store.Update(func(tx *records.Tx) error {
		return errors.Join(load(tx), rec.Renew(), tx.Save([]byte(records.TableWake), &rec))
	})
	return rec, err
}

func (w *waker) register(ctx context.Context, rec records.Wake) error {
	token := rec.Next
	if token == nil {
		token = rec.Token
	}
	_, err := w.client.net.RequestOnDedicatedLink(ctx, protocol.OpWakeRegister, &protocol.WakeRegister{
		Token: protocol.WakeToken(token), Endpoint: rec.Endpoint,
	})
	if err != nil {
		return err
	}
	err = w.client.store.Update(func(tx *records.Tx) error {
		now, err := records.LoadWake(tx)
		if err != nil || now.Endpoint != rec.Endpoint {
			return err // it was changed meanwhile
		}
		now.Registered = w.client.now().Unix()
		if bytes.Equal(now.Next, token) {
			now.ForgetToken(now.Token)
			now.Token, now.Next, now.Since = token, nil, now.Registered
		}
		return tx.Save([]byte(records.TableWake), &now)
	})
	if err == nil {
		w.tell()
	}
	return err
}

func (w *waker) forget(ctx context.Context, token []byte) error {
	_, err := w.client.net.RequestOnDedicatedLink(ctx, protocol.OpWakeForget, &protocol.WakeForget{Token: protocol.WakeToken(token)})
	if err != nil && link.Retryable(err) {
		return err
	}
	return w.client.store.Update(func(tx *records.Tx) error {
		rec, err := records.LoadWake(tx)
		if err != nil || len(rec.Forget) == 0 || !bytes.Equal(rec.Forget[0], token) {
			return err // others took its place
		}
		rec.Forget = rec.Forget[1:]
		return tx.Save([]byte(records.TableWake), &rec)
	})
}

// tell has all conversations look at the token.
func (w *waker) tell() {
	w.client.mu.Lock()
	defer w.client.mu.Unlock()
	for _, a := range w.client.actors {
		a.tell(machine.InputToken{}, nil)
	}
}

// nudgeTime is the time that one server has to answer.
const nudgeTime = 10 * time.Second

// nudge shows tokens to their server.
func (c *Client) nudge(ctx context.Context, n machine.DoNudge) {
	ctx, cancel := context.WithTimeout(ctx, nudgeTime)
	defer cancel()
	l := c.net.DedicatedLink(ctx, n.Host)
	for token := range slices.Chunk(n.Tokens, len(protocol.WakeToken{})) {
		if _, err := l.Call(ctx, protocol.OpWake, &protocol.Wake{Token: protocol.WakeToken(token)}); err != nil {
			return // nobody waits for it
		}
	}
}
