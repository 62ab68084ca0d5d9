// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/envelope"
	"github.com/securecrypt/securecrypt/client/internal/records"
	"github.com/securecrypt/securecrypt/protocol"
)

// outcome collects what a step wants done after its transaction.
type outcome struct {
	effects []effect
	events  []chat.Event
	// unread are the reasons why entries could not be read.
	unread []error
}

func (o *outcome) do(e effect)       { o.effects = append(o.effects, e) }
func (o *outcome) emit(e chat.Event) { o.events = append(o.events, e) }

// An effect is what a step wants from the outside. The concrete types follow;
// most are answered by an input.
type effect interface{ effect() }

// doRequest asks the channel's server; done makes the input from the answer,
// nil if there is nothing to be said.
type doRequest struct {
	op   protocol.Op
	body protocol.Body
	done func(protocol.Body, error) input
}

// doLookup asks for the chains of accounts: inputChains.
type doLookup struct{ addresses []string }

// doInvite asks for chains and key packages of accounts: inputInvitees.
type doInvite struct {
	n         uint64
	addresses []string
}

// doFetch downloads and decrypts the stash of an entry: inputFetched.
type doFetch struct {
	seq   uint64
	stash envelope.Stash
}

// doStash uploads a stash: inputStashed.
type doStash struct {
	n     uint64
	token protocol.UploadToken
	box   []byte
	// outbox says whether n counts outbox items or deliveries. Items go to the
	// conversation's server, deliveries to host.
	outbox bool
	host   string
}

// doLetter sends a letter: inputLetter.
type doLetter struct {
	n      uint64
	letter records.Letter
}

// doUpload uploads an attachment: inputUploaded.
type doUpload struct {
	n        uint64
	index    int
	upload   records.Upload
	expire   time.Duration
	progress chat.ProgressEvent // says whose file it is
}

// doWake asks for an inputTick at a time.
type doWake struct{ at time.Time }

func (doRequest) effect() {}
func (doLookup) effect()  {}
func (doInvite) effect()  {}
func (doFetch) effect()   {}
func (doStash) effect()   {}
func (doLetter) effect()  {}
func (doUpload) effect()  {}
func (doWake) effect()    {}

// perform carries out an effect. What takes time gets a goroutine, whose
// result comes back as an input.
func (a *actor) perform(ctx context.Context, e effect) {
	c, abroad := a.client, a.errandContext(ctx)
	answer := func(in input) { a.tell(in, nil) }
	switch e := e.(type) {
	case doLookup:
		c.spawn(func() {
			c.lookUpEach(abroad, e.addresses, maxConfirmErrands, func(found map[string]lookup) { answer(inputChains{found, true}) })
			answer(inputChains{})
		})
	case doCheck:
		c.spawn(func() {
			c.lookUpEach(abroad, e.addresses, maxConfirmErrands, func(found map[string]lookup) { answer(inputChecked{found, true}) })
			answer(inputChecked{})
		})
	case doInvite:
		c.spawn(func() {
			answer(inputInvitees{e.n, c.invitees(abroad, e.addresses)})
		})
	case doFetch:
		ctx := a.fetch(abroad)
		c.spawn(func() {
			message, err := c.transfers.FetchStash(ctx, a.host, e.stash)
			if !errors.Is(context.Cause(ctx), errReplaced) {
				answer(inputFetched{e.seq, message, err})
			}
		})
	case doStash:
		c.spawn(func() {
			answer(inputStashed{e.n, e.outbox, c.transfers.UploadStash(abroad, cmp.Or(e.host, a.host), e.token, e.box)})
		})
	case doLetter:
		c.spawn(func() { answer(inputLetter{e.n, c.sendLetter(abroad, e.letter)}) })
	case doUpload:
		ctx, done := a.upload(abroad, e.n)
		c.spawn(func() {
			err := c.transfers.Upload(ctx, a.host, e.upload, e.expire, e.progress)
			done() // before the answer leads to the next one of the item
			answer(inputUploaded{e.n, e.index, err})
		})
	case doNudge:
		c.spawn(func() {
			c.nudge(ctx, e)
			a.nudged()
		})
	case doRenew:
		c.waker.kick()
	case doAbort:
		a.abort(e.n)
	case doWake:
		a.wakeAt(e.at)
	}
}

// nudged lets waiters see that devices were woken.
func (a *actor) nudged() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.nudges--
	a.snapshot.nudges = a.nudges
	a.tellWaiters()
}

// errReplaced: a download is no longer waited for.
var errReplaced = errors.New("client: another download takes its place")

// fetch begins a download and ends the one before.
func (a *actor) fetch(ctx context.Context) context.Context {
	ctx, cancel := context.WithCancelCause(ctx)
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.stopFetch != nil {
		a.stopFetch(errReplaced)
	}
	a.stopFetch = cancel
	return ctx
}

// upload remembers how to end an upload until done is called.
func (a *actor) upload(ctx context.Context, n uint64) (_ context.Context, done func()) {
	ctx, cancel := context.WithCancel(ctx)
	a.mu.Lock()
	a.uploads[n] = cancel
	a.mu.Unlock()
	return ctx, func() {
		cancel()
		a.mu.Lock()
		delete(a.uploads, n)
		a.mu.Unlock()
	}
}

func (a *actor) abort(n uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if cancel := a.uploads[n]; cancel != nil {
		cancel()
	}
}
