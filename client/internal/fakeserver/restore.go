// SPDX-License-Identifier: AGPL-3.0-or-later

package fakeserver

import (
	"crypto/rand"
	"maps"
	"slices"
	"time"

	"github.com/securecrypt/securecrypt/protocol"
)

func newIncarnation() (i protocol.Incarnation) {
	_, _ = rand.Read(i[:]) // never fails
	return i
}

func (s *Server) hello(nonce protocol.Nonce) *protocol.Hello {
	return &protocol.Hello{
		Version: protocol.Version, Host: s.host, Nonce: nonce,
		Incarnation: s.incarnation, Time: uint64(time.Now().Add(s.fast).Unix()),
	}
}

// A Backup is what a server had at a time.
type Backup struct{ s *Server }

// Backup copies what the server has.
func (s *Server) Backup() Backup {
	s.mu.Lock()
	defer s.mu.Unlock()
	to := newServer(s.host)
	to.adopt(s)
	return Backup{to}
}

// Restore puts the server back to a backup. All connections end. Where told, it
// does not notice, as a server does not whose whole machine was put back.
func (s *Server) Restore(b Backup, unnoticed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.adopt(b.s)
	s.restarted(unnoticed)
}

// Lose empties the server. All connections end.
func (s *Server) Lose() { s.Restore(Backup{newServer(s.host)}, false) }

// restarted ends all connections and, unless it is unnoticed, begins another
// incarnation, in which no key package is handed out that may have been used.
func (s *Server) restarted(unnoticed bool) {
	if !unnoticed {
		s.incarnation = newIncarnation()
		for _, k := range s.keys {
			k.list = nil
		}
	}
	for c := range s.conns {
		c.cut()
	}
}

// adopt takes over copies of what another server has.
func (s *Server) adopt(from *Server) {
	s.accounts, s.sessions, s.gone = maps.Clone(from.accounts), maps.Clone(from.sessions), maps.Clone(from.gone)
	s.keys, s.boxes = map[deviceRef]*keyPackages{}, map[deviceRef]*mailbox{}
	for ref, k := range from.keys {
		s.keys[ref] = &keyPackages{slices.Clone(k.list), k.lastResort}
	}
	for ref, box := range from.boxes {
		s.boxes[ref] = &mailbox{slices.Clone(box.letters), box.next, maps.Clone(box.seen), box.token}
	}
	s.channels = map[protocol.ChannelID]*channel{}
	for id, ch := range from.channels {
		s.channels[id] = &channel{entries: slices.Clone(ch.entries), expires: maps.Clone(ch.expires), base: ch.base, epochs: slices.Clone(ch.epochs)}
	}
	s.blobs = map[protocol.BlobID]*blob{}
	for id, b := range from.blobs {
		s.blobs[id] = &blob{b.length, slices.Clone(b.data)}
	}
	s.wakes = maps.Clone(from.wakes)
}

// SetClock puts the server's clock ahead, as it tells it to clients.
func (s *Server) SetClock(ahead time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fast = ahead
}

// SeeCopy has the server see another copy of the profile of an account.
func (s *Server) SeeCopy(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for ref, session := range s.sessions {
		if ref.name == name {
			session.conflict = true
			s.sessions[ref] = session
		}
	}
	for c := range s.conns {
		if c.identity != nil && c.identity.name == name {
			c.cut()
		}
	}
}

// bind compares a sign-in with the one before and reports whether the device is
// let in.
func (s *Server) bind(ref deviceRef, b *protocol.Authenticate) bool {
	was := s.sessions[ref]
	known := was.mark.IsZero() || was.mark == b.Previous || was.mark == b.Session || was.mark.Counter < b.Previous.Counter
	switch {
	case b.Session.IsZero():
		return !was.conflict
	case b.Takeover, known && !was.conflict:
		s.sessions[ref] = session{mark: b.Session, generation: b.Generation}
		if b.Takeover {
			s.keys[ref].list = nil
		}
		return true
	}
	was.conflict = true
	s.sessions[ref] = was
	for c := range s.conns {
		if c.identity != nil && *c.identity == ref {
			c.cut()
		}
	}
	return false
}
