// SPDX-License-Identifier: AGPL-3.0-or-later

package fakeserver

import (
	"time"

	"github.com/securecrypt/securecrypt/protocol"
)

// How a channel shares its commits out: so many at once, and one more after
// each while. When there is none left, a member who made none for some time has one
// nevertheless.
const (
	commitBurst = 16
	commitEvery = time.Second
	commitRest  = time.Minute
)

// turns are the commits that a channel has left, and who made some.
type turns struct {
	left float64
	at   time.Time         // of left
	last map[any]time.Time // of the commits of each connection
}

// take takes a commit, or returns how long to wait.
func (t *turns) take(who any) (wait time.Duration) {
	now := time.Now()
	if t.last == nil {
		t.left, t.last = commitBurst, map[any]time.Time{}
	} else {
		t.left = min(commitBurst, t.left+float64(now.Sub(t.at))/float64(commitEvery))
	}
	t.at = now
	last, ok := t.last[who]
	switch {
	case t.left >= 1:
		t.left--
	case ok && now.Sub(last) < commitRest:
		return time.Duration((1 - t.left) * float64(commitEvery))
	}
	t.last[who] = now
	return 0
}

// ShareCommits has members take turns with commits to a channel.
func (s *Server) ShareCommits() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.turns = true
}

// Commit is the commit of a member who stands next to the server and needs no
// connection; the error is the server's refusal.
func (s *Server) Commit(id protocol.ChannelID, entry protocol.Entry, next *protocol.AccessKey) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	ch := s.channels[id]
	if entry.Epoch != ch.epoch() {
		return &protocol.Error{Code: protocol.CodeStaleEpoch, Epoch: ch.epoch()}
	}
	if s.turns {
		if wait := ch.turns.take("next to the server"); wait > 0 {
			return &protocol.Error{Code: protocol.CodeRateLimited, RetryAfter: wait}
		}
	}
	entry.Channel = id
	s.store(id, ch, entry, next)
	return nil
}
