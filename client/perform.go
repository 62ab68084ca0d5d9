// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"cmp"
	"context"
	"errors"

	"github.com/securecrypt/securecrypt/client/internal/machine"
)

// perform carries out an effect. What takes time gets a goroutine, whose
// result comes back as an input.
func (a *actor) perform(ctx context.Context, e machine.Effect) {
	c, abroad := a.client, a.errandContext(ctx)
	answer := func(in machine.Input) { a.tell(in, nil) }
	switch e := e.(type) {
	case machine.DoLookup:
		c.spawn(func() {
			c.lookUpEach(abroad, e.Addresses, maxConfirmErrands, func(found map[string]machine.Lookup) { answer(machine.InputChains{Found: found, More: true}) })
			answer(machine.InputChains{})
		})
	case machine.DoCheck:
		c.spawn(func() {
			c.lookUpEach(abroad, e.Addresses, maxConfirmErrands, func(found map[string]machine.Lookup) { answer(machine.InputChecked{Found: found, More: true}) })
			answer(machine.InputChecked{})
		})
	case machine.DoInvite:
		c.spawn(func() {
			answer(machine.InputInvitees{N: e.N, Found: c.invitees(abroad, e.Addresses)})
		})
	case machine.DoFetch:
		ctx := a.fetch(abroad)
		c.spawn(func() {
			message, err := c.transfers.FetchStash(ctx, a.host, e.Stash)
			if !errors.Is(context.Cause(ctx), errReplaced) {
				answer(machine.InputFetched{Seq: e.Seq, Message: message, Err: err})
			}
		})
	case machine.DoStash:
		c.spawn(func() {
			answer(machine.InputStashed{N: e.N, Outbox: e.Outbox, Err: c.transfers.UploadStash(abroad, cmp.Or(e.Host, a.host), e.Token, e.Box)})
		})
	case machine.DoLetter:
		c.spawn(func() { answer(machine.InputLetter{N: e.N, Err: c.sendLetter(abroad, e.Letter)}) })
	case machine.DoUpload:
		ctx, done := a.upload(abroad, e.N)
		c.spawn(func() {
			err := c.transfers.Upload(ctx, a.host, e.Upload, e.Expire, e.Progress)
			done() // before the answer leads to the next one of the item
			answer(machine.InputUploaded{N: e.N, Index: e.Index, Err: err})
		})
	case machine.DoNudge:
		c.spawn(func() {
			c.nudge(ctx, e)
			a.nudged()
		})
	case machine.DoRejoin:
		c.spawn(func() {
			if err := c.askToRejoin(abroad, a.host, a.channel, e.Addresses); err != nil {
				c.log.Warn("somebody could not be asked to add this device", "error", err)
			}
		})
	case machine.DoAddDevice:
		c.spawn(func() { c.addEverywhere(e.Device) })
	case machine.DoRequestHistory:
		c.spawn(func() {
			if err := c.requestHistory(ctx); err != nil {
				c.log.Warn("the other devices could not be asked for what is missing", "error", err)
			}
		})
	case machine.DoOwnMessages:
		c.takeOwnMessages()
	case machine.DoGiveHistory:
		c.giveMore()
	case machine.DoSync:
		c.tellOwnDevices()
	case machine.DoApply:
		c.spawn(func() { c.applyFieldsOf(e.Subjects) })
	case machine.DoRenew:
		c.waker.kick()
	case machine.DoAbort:
		a.abort(e.N)
	case machine.DoWake:
		a.wakeAt(e.At)
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
