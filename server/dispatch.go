// SPDX-License-Identifier: AGPL-3.0-or-later

package server

import (
	"crypto/sha256"
	"time"

	"github.com/securecrypt/securecrypt/protocol"
	"github.com/securecrypt/securecrypt/server/fairness"
)

// A handler answers the requests of one operation.
type handler struct {
	// limit is the rate of the connection's origin that each request takes one
	// from. Without one, the handler takes from the rates itself: what it costs
	// depends on the request.
	limit  fairness.RateName
	answer func(ss *session, r request, body protocol.Body) (protocol.Body, error)
}

// handlers has a handler for each operation of the protocol.
var handlers = map[protocol.Op]handler{
	protocol.OpRegister:           {fairness.NoRate, withBody((*session).register)},
	protocol.OpAuthenticate:       {fairness.NoRate, withBody((*session).authenticate)},
	protocol.OpAccountGet:         {fairness.NoRate, withBody((*session).accountGet)},
	protocol.OpKeyPackagesPublish: {fairness.NoRate, withBody((*session).keyPackagesPublish)},
	protocol.OpKeyPackagesStatus:  {fairness.NoRate, func(ss *session, _ request, _ protocol.Body) (protocol.Body, error) { return ss.keyPackagesStatus() }},
	protocol.OpKeyPackagesTake:    {fairness.RateTake, withBody((*session).keyPackagesTake)},
	protocol.OpLetterSend:         {fairness.RateLetter, withBody((*session).letterSend)},
	protocol.OpMailboxOpen:        {fairness.NoRate, withRequest((*session).mailboxOpen)},
	protocol.OpMailboxDelete:      {fairness.NoRate, withBody((*session).mailboxDelete)},
	protocol.OpChannelCreate:      {fairness.RateCreate, withBody((*session).channelCreate)},
	protocol.OpChannelOpen:        {fairness.RateOpen, withRequest((*session).channelOpen)},
	protocol.OpChannelPost:        {fairness.NoRate, withRequest((*session).channelPost)},
	protocol.OpChannelCommit:      {fairness.NoRate, withRequest((*session).channelCommit)},
	protocol.OpChannelClose:       {fairness.NoRate, withBody((*session).channelClose)},
	protocol.OpChannelSignal:      {fairness.NoRate, withBody((*session).channelSignal)},
	protocol.OpAccountDisclose:    {fairness.NoRate, withBody((*session).accountDisclose)},
	protocol.OpWakeKey:            {fairness.NoRate, func(ss *session, _ request, _ protocol.Body) (protocol.Body, error) { return ss.wakeKey() }},
	protocol.OpWakeRegister:       {fairness.NoRate, withBody((*session).wakeRegister)},
	protocol.OpWakeForget:         {fairness.RateWakeRegister, withBody((*session).wakeForget)},
	protocol.OpWake:               {fairness.RateWake, withBody((*session).wake)},
	protocol.OpChannelGrant:       {fairness.NoRate, withBody((*session).channelGrant)},
	protocol.OpChannelDelete:      {fairness.NoRate, withBody((*session).channelDelete)},
	protocol.OpMailboxToken:       {fairness.NoRate, withBody((*session).mailboxToken)},
	protocol.OpAccountAppend:      {fairness.NoRate, withRequest((*session).accountAppend)},
	protocol.OpRecoveryPut:        {fairness.NoRate, withBody((*session).recoveryPut)},
	protocol.OpRecoveryGet:        {fairness.NoRate, func(ss *session, _ request, _ protocol.Body) (protocol.Body, error) { return ss.recoveryGet() }},
	protocol.OpAccountDelete:      {fairness.NoRate, func(ss *session, r request, _ protocol.Body) (protocol.Body, error) { return ss.accountDelete(r) }},
}

func withBody[B protocol.Body](fn func(*session, B) (protocol.Body, error)) func(*session, request, protocol.Body) (protocol.Body, error) {
	return func(ss *session, _ request, body protocol.Body) (protocol.Body, error) { return fn(ss, body.(B)) }
}

func withRequest[B protocol.Body](fn func(*session, request, B) (protocol.Body, error)) func(*session, request, protocol.Body) (protocol.Body, error) {
	return func(ss *session, r request, body protocol.Body) (protocol.Body, error) { return fn(ss, r, body.(B)) }
}

func (ss *session) admit(op protocol.Op) error {
	switch op.Audience() {
	case protocol.Anonymous:
		if ss.identity != nil {
			return &protocol.Error{Code: protocol.CodeIdentified}
		}
		ss.anonymous = true
	case protocol.Identified:
		if ss.identity == nil {
			return &protocol.Error{Code: protocol.CodeUnauthenticated}
		}
	}
	return nil
}

// dispatch answers a request, or returns errLater.
func (ss *session) dispatch(r request, body protocol.Body) (protocol.Body, error) {
	if err := ss.admit(r.op); err != nil {
		return nil, err
	}
	h, ok := handlers[r.op]
	if !ok {
		return nil, &protocol.Error{Code: protocol.CodeUnsupported}
	}
	if h.limit != fairness.NoRate {
		if err := ss.limited(h.limit, 1); err != nil {
			return nil, err
		}
	}
	return h.answer(ss, r, body)
}

// limited takes n from a rate of this connection's origin.
func (ss *session) limited(r fairness.RateName, n float64) error {
	if wait, ok := ss.from.Take(r, n, ss.s.now()); !ok {
		return &protocol.Error{Code: protocol.CodeRateLimited, RetryAfter: wait, Reason: protocol.ReasonShare}
	}
	return nil
}

// targetSets are all targets of anonymous requests.
type targetSets struct {
	keyPackages *fairness.Targets[string]            // an account's
	letter      *fairness.Targets[DeviceRef]         // of strangers, in letterUnits
	room        *fairness.Targets[DeviceRef]         // bytes that strangers' letters take
	wake        *fairness.Targets[[sha256.Size]byte] // by a token's hash
}

func newTargetSets(l *fairness.Limits) *targetSets {
	half := float64(l.MaxMailboxBytes) / 2
	return &targetSets{
		keyPackages: fairness.NewTargets[string](l.TargetTake),
		letter:      fairness.NewTargets[DeviceRef](l.TargetLetter),
		room:        fairness.NewTargets[DeviceRef](fairness.Rate{Burst: half, PerSecond: half / fairness.KeptFor.Seconds()}),
		wake:        fairness.NewTargets[[sha256.Size]byte](l.TargetWake),
	}
}

func (t *targetSets) forget(now time.Time) {
	t.keyPackages.Forget(now)
	t.letter.Forget(now)
	t.room.Forget(now)
	t.wake.Forget(now)
}
