// SPDX-License-Identifier: AGPL-3.0-or-later

package server

import "github.com/securecrypt/securecrypt/protocol"

// A handler answers the requests of one operation.
type handler struct {
	// limit is the rate of the connection's origin that each request takes one
	// from. Without one, the handler takes from the rates itself: what it costs
	// depends on the request.
	limit  rateName
	answer func(ss *session, r request, body protocol.Body) (protocol.Body, error)
}

// handlers has a handler for each operation of the protocol.
var handlers = map[protocol.Op]handler{
	protocol.OpRegister:           {noRate, withBody((*session).register)},
	protocol.OpAuthenticate:       {noRate, withBody((*session).authenticate)},
	protocol.OpAccountGet:         {noRate, withBody((*session).accountGet)},
	protocol.OpKeyPackagesPublish: {noRate, withBody((*session).keyPackagesPublish)},
	protocol.OpKeyPackagesStatus:  {noRate, func(ss *session, _ request, _ protocol.Body) (protocol.Body, error) { return ss.keyPackagesStatus() }},
	protocol.OpKeyPackagesTake:    {rateTake, withBody((*session).keyPackagesTake)},
	protocol.OpLetterSend:         {rateLetter, withBody((*session).letterSend)},
	protocol.OpMailboxOpen:        {noRate, withRequest((*session).mailboxOpen)},
	protocol.OpMailboxDelete:      {noRate, withBody((*session).mailboxDelete)},
	protocol.OpChannelCreate:      {rateCreate, withBody((*session).channelCreate)},
	protocol.OpChannelOpen:        {rateOpen, withRequest((*session).channelOpen)},
	protocol.OpChannelPost:        {noRate, withRequest((*session).channelPost)},
	protocol.OpChannelCommit:      {noRate, withRequest((*session).channelCommit)},
	protocol.OpChannelClose:       {noRate, withBody((*session).channelClose)},
	protocol.OpChannelSignal:      {noRate, withBody((*session).channelSignal)},
	protocol.OpAccountDisclose:    {noRate, withBody((*session).accountDisclose)},
	protocol.OpWakeKey:            {noRate, func(ss *session, _ request, _ protocol.Body) (protocol.Body, error) { return ss.wakeKey() }},
	protocol.OpWakeRegister:       {noRate, withBody((*session).wakeRegister)},
	protocol.OpWakeForget:         {rateWakeRegister, withBody((*session).wakeForget)},
	protocol.OpWake:               {rateWake, withBody((*session).wake)},
	protocol.OpChannelGrant:       {noRate, withBody((*session).channelGrant)},
	protocol.OpChannelDelete:      {noRate, withBody((*session).channelDelete)},
	protocol.OpMailboxToken:       {noRate, withBody((*session).mailboxToken)},
	protocol.OpAccountDelete:      {noRate, func(ss *session, r request, _ protocol.Body) (protocol.Body, error) { return ss.accountDelete(r) }},
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
	if h.limit != noRate {
		if err := ss.limited(h.limit, 1); err != nil {
			return nil, err
		}
	}
	return h.answer(ss, r, body)
}

// limited takes n from a rate of this connection's origin.
func (ss *session) limited(r rateName, n float64) error {
	if wait, ok := ss.from.take(r, n, ss.s.now()); !ok {
		return &protocol.Error{Code: protocol.CodeRateLimited, RetryAfter: wait, Reason: protocol.ReasonShare}
	}
	return nil
}
