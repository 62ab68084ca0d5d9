// SPDX-License-Identifier: AGPL-3.0-or-later

package server

import (
	"time"

	"github.com/securecrypt/securecrypt/protocol"
)

// who says which connections may use an operation.
type who int

const (
	anyone who = iota
	anonymousOnly
	identifiedOnly
)

// audience of the operations, as protocol's comments have it.
var audience = map[protocol.Op]who{
	protocol.OpRegister:           anyone,
	protocol.OpAuthenticate:       anyone,
	protocol.OpAccountGet:         anyone,
	protocol.OpKeyPackagesPublish: identifiedOnly,
	protocol.OpKeyPackagesStatus:  identifiedOnly,
	protocol.OpKeyPackagesTake:    anonymousOnly,
	protocol.OpLetterSend:         anonymousOnly,
	protocol.OpMailboxOpen:        identifiedOnly,
	protocol.OpMailboxDelete:      identifiedOnly,
	protocol.OpChannelCreate:      anonymousOnly,
	protocol.OpChannelOpen:        anonymousOnly,
	protocol.OpChannelPost:        anonymousOnly,
	protocol.OpChannelCommit:      anonymousOnly,
	protocol.OpChannelClose:       anonymousOnly,
	protocol.OpChannelSignal:      anonymousOnly,
	protocol.OpAccountDisclose:    identifiedOnly,
	protocol.OpWakeKey:            anonymousOnly,
	protocol.OpWakeRegister:       anonymousOnly,
	protocol.OpWakeForget:         anonymousOnly,
	protocol.OpWake:               anonymousOnly,
}

func (ss *session) admit(op protocol.Op) error {
	switch audience[op] {
	case anonymousOnly:
		if ss.identity != nil {
			return &protocol.Error{Code: protocol.CodeIdentified}
		}
		ss.anonymous = true
	case identifiedOnly:
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
	switch b := body.(type) {
	case *protocol.Register:
		return ss.register(b)
	case *protocol.Authenticate:
		return ss.authenticate(b)
	case *protocol.AccountGet:
		return ss.accountGet(b)
	case *protocol.KeyPackagesPublish:
		return ss.keyPackagesPublish(b)
	case *protocol.KeyPackagesTake:
		return ss.keyPackagesTake(b)
	case *protocol.LetterSend:
		return ss.letterSend(b)
	case *protocol.MailboxOpen:
		return ss.mailboxOpen(r, b)
	case *protocol.MailboxDelete:
		return ss.mailboxDelete(b)
	case *protocol.ChannelCreate:
		return ss.channelCreate(b)
	case *protocol.ChannelOpen:
		return ss.channelOpen(r, b)
	case *protocol.ChannelPost:
		return ss.channelPost(r, b)
	case *protocol.ChannelCommit:
		return ss.channelCommit(r, b)
	case *protocol.ChannelClose:
		return ss.channelClose(b)
	case *protocol.ChannelSignal:
		return ss.channelSignal(b)
	case *protocol.AccountDisclose:
		return ss.accountDisclose(b)
	case *protocol.WakeRegister:
		return ss.wakeRegister(b)
	case *protocol.WakeForget:
		return ss.wakeForget(b)
	case *protocol.Wake:
		return ss.wake(b)
	}
	switch r.op {
	case protocol.OpKeyPackagesStatus:
		return ss.keyPackagesStatus()
	case protocol.OpWakeKey:
		return ss.wakeKey()
	}
	return nil, &protocol.Error{Code: protocol.CodeUnsupported}
}

// limited asks a limiter of this connection's origin.
func (ss *session) limited(l *limiter[origin], n float64) error {
	return limitedBy(l, ss.from, n, ss.s.now())
}

func limitedBy[K comparable](l *limiter[K], key K, n float64, now time.Time) error {
	if wait, ok := l.take(key, n, now); !ok {
		return &protocol.Error{Code: protocol.CodeRateLimited, RetryAfter: wait}
	}
	return nil
}
