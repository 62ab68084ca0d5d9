// SPDX-License-Identifier: AGPL-3.0-or-later

package server

import (
	"context"
	"crypto/sha256"
	"errors"
	"time"

	"github.com/securecrypt/securecrypt/protocol"
	"github.com/securecrypt/securecrypt/server/fairness"
)

// A Pusher asks push services to wake devices (RFC 8030). What it sends has no
// content.
type Pusher interface {
	// Key is what push services know this server by.
	Key() protocol.PushKey
	// Allows reports whether Push would contact this endpoint at all.
	Allows(endpoint string) bool
	// Push wakes the device behind an endpoint. The error wraps ErrPushGone if
	// there is none any more, and ErrPushRefused if the push service does not
	// want to.
	Push(ctx context.Context, endpoint string) error
}

// Errors of a [Pusher].
var (
	ErrPushGone    = errors.New("server: the push service no longer knows the device")
	ErrPushRefused = errors.New("server: the push service refused")
)

const day = 24 * time.Hour

// wakeUntil returns when a registration of now ends. It tells the day of the
// registration and no more.
func wakeUntil(now time.Time) int64 {
	return now.UTC().Truncate(day).Add(day + protocol.WakeExpiry).Unix()
}

func (ss *session) wakeKey() (protocol.Body, error) {
	if ss.s.pusher == nil {
		return nil, refuse(protocol.CodeUnsupported)
	}
	return &protocol.WakeKey{Key: ss.s.pusher.Key()}, nil
}

func (ss *session) wakeRegister(b *protocol.WakeRegister) (protocol.Body, error) {
	s := ss.s
	if s.pusher == nil {
		return nil, refuse(protocol.CodeUnsupported)
	}
	if err := ss.limited(fairness.RateWakeRegister, 1); err != nil {
		return nil, err
	}
	if !s.pusher.Allows(b.Endpoint) {
		return nil, refuse(protocol.CodeInvalid)
	}
	size := int64(len(b.Endpoint))
	if err := ss.reserveStoredBytes(size); err != nil {
		return nil, err
	}
	row := WakeRow{Hash: sha256.Sum256(b.Token[:]), Endpoint: b.Endpoint, Expires: wakeUntil(s.clock.Stamp())}
	err := s.store.Update(s.ctx, func(tx WriteTx) error { return tx.Wakes().Put(row) })
	if err != nil {
		s.shares.Unkeep(ss.from, fairness.KeptRows, size)
	}
	return &protocol.Empty{}, err
}

func (ss *session) wakeForget(b *protocol.WakeForget) (protocol.Body, error) {
	return &protocol.Empty{}, ss.s.forgetWake(sha256.Sum256(b.Token[:]))
}

func (s *Server) forgetWake(hash [sha256.Size]byte) error {
	err := s.store.Update(Freeing(s.ctx), func(tx WriteTx) error { return tx.Wakes().Delete(hash) })
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

// wake answers the same for every token, and before the push service does.
func (ss *session) wake(b *protocol.Wake) (protocol.Body, error) {
	s := ss.s
	hash := sha256.Sum256(b.Token[:])
	var row WakeRow
	err := s.store.View(s.ctx, func(tx ReadTx) (err error) {
		row, err = tx.Wakes().Wake(hash)
		return err
	})
	if err != nil && !errors.Is(err, ErrNotFound) {
		return nil, err
	}
	known := err == nil && row.Expires > s.clock.Expiry().Unix()
	if _, ok := s.targets.wake.Take(hash, ss.from, 1, s.now()); ok && known && s.pusher != nil {
		s.push(row, ss.from)
	}
	return &protocol.Empty{}, nil
}

// push has a device woken, unless the origin is having too many woken already:
// nobody waits for it, and the next message wakes it.
func (s *Server) push(row WakeRow, from *fairness.Origin) {
	if !s.shares.Take(from, fairness.Pushes, 1) {
		s.metrics.Pushed("dropped")
		return
	}
	s.pushing.begin()
	if s.ctx.Err() != nil { // Close does not wait for what begins now
		s.shares.Give(from, fairness.Pushes, 1)
		s.pushing.end(1)
		return
	}
	go func() {
		defer s.pushing.end(1)
		defer s.shares.Give(from, fairness.Pushes, 1)
		err := s.pusher.Push(s.ctx, row.Endpoint)
		switch {
		case err == nil:
			s.metrics.Pushed("ok")
		case errors.Is(err, ErrPushGone):
			s.metrics.Pushed("gone")
			if err := s.forgetWake(row.Hash); err != nil {
				s.log.Warn("a device that is gone could not be forgotten; it is once its time is over", "kind", errorKind(err))
			}
		case errors.Is(err, ErrPushRefused):
			s.metrics.Pushed("refused")
		default:
			s.metrics.Pushed("failed")
		}
	}()
}
