// SPDX-License-Identifier: AGPL-3.0-or-later

package fakeserver

import (
	"crypto/ed25519"
	"time"

	"github.com/securecrypt/securecrypt/protocol"
)

type channel struct {
	entries []protocol.Entry // entry i has the sequence number i+1
	expires map[uint64]time.Time
	epochs  []epoch
}

type epoch struct {
	key        protocol.AccessKey
	start, end uint64 // end is 0 while the epoch lasts
}

func (ch *channel) epoch() uint64 { return uint64(len(ch.epochs) - 1) }

func (s *Server) channelCreate(b *protocol.ChannelCreate) (protocol.Body, func(), error) {
	if s.channels[b.Channel] != nil {
		return nil, nil, refuse(protocol.CodeExists)
	}
	s.channels[b.Channel] = &channel{expires: map[uint64]time.Time{}, epochs: []epoch{{key: b.Key}}}
	return &protocol.Empty{}, nil, nil
}

func (s *Server) channelOpen(c *conn, b *protocol.ChannelOpen) (protocol.Body, func(), error) {
	ch := s.channels[b.Channel]
	if ch == nil || b.Epoch > ch.epoch() {
		return nil, nil, refuse(protocol.CodeForbidden)
	}
	e := ch.epochs[b.Epoch]
	challenge := protocol.OpenChallenge(s.host, c.nonce, b.Channel, b.Epoch)
	if !ed25519.Verify(e.key[:], challenge, b.Signature[:]) {
		return nil, nil, refuse(protocol.CodeForbidden)
	}
	state := &protocol.ChannelState{Epoch: ch.epoch(), Last: uint64(len(ch.entries))}
	return state, func() { s.deliver(c, ch, b) }, nil
}

// deliver sends what there is and begins the live delivery.
func (s *Server) deliver(c *conn, ch *channel, b *protocol.ChannelOpen) {
	e := ch.epochs[b.Epoch]
	after := max(b.After, e.start)
	if s.faults.Forget {
		after = e.start
	}
	upTo := uint64(len(ch.entries))
	if e.end != 0 {
		upTo = e.end
	}
	for seq := after + 1; seq <= upTo; seq++ {
		if at, ok := ch.expires[seq]; !ok || time.Now().Before(at) {
			entry := ch.entries[seq-1]
			c.event(protocol.EventEntry, &entry)
		}
	}
	c.event(protocol.EventCaughtUp, &protocol.CaughtUp{Channel: b.Channel, Seq: upTo})
	delete(c.open, b.Channel)
	delete(c.refused, b.Channel)
	if e.end == 0 {
		c.open[b.Channel] = b.Epoch
	}
}

func (s *Server) post(c *conn, b *protocol.ChannelPost) (protocol.Body, func(), error) {
	entry := protocol.Entry{Channel: b.Channel, Epoch: b.Epoch, Kind: protocol.KindMessage, Ciphertext: b.Ciphertext}
	posted, after, err := s.append(c, b.Channel, entry, nil)
	if p, ok := posted.(*protocol.Posted); ok && b.ExpireIn > 0 {
		s.channels[b.Channel].expires[p.Seq] = time.Now().Add(time.Duration(b.ExpireIn) * time.Second)
	}
	return posted, after, err
}

func (s *Server) append(c *conn, id protocol.ChannelID, entry protocol.Entry, next *protocol.AccessKey) (protocol.Body, func(), error) {
	ch := s.channels[id]
	at, ok := c.open[id]
	if ch == nil || !ok {
		return nil, nil, refuse(protocol.CodeForbidden)
	}
	if c.refused[id] {
		return nil, nil, refuse(protocol.CodeUnavailable)
	}
	stale := at != ch.epoch() || entry.Epoch > ch.epoch()
	if next != nil {
		stale = stale || entry.Epoch != ch.epoch()
	} else {
		stale = stale || entry.Epoch+protocol.RecentEpochs < ch.epoch()
	}
	if stale {
		c.refused[id] = true
		return nil, nil, &protocol.Error{Code: protocol.CodeStaleEpoch, Epoch: ch.epoch()}
	}
	return &protocol.Posted{Seq: s.store(id, ch, entry, next)}, nil, nil
}

func (s *Server) store(id protocol.ChannelID, ch *channel, entry protocol.Entry, next *protocol.AccessKey) uint64 {
	now := ch.epoch()
	entry.Seq = uint64(len(ch.entries)) + 1
	ch.entries = append(ch.entries, entry)
	if next != nil {
		ch.epochs[now].end = entry.Seq
		ch.epochs = append(ch.epochs, epoch{key: *next, start: entry.Seq})
	}
	for c := range s.conns {
		if at, ok := c.open[id]; ok && at == now {
			c.event(protocol.EventEntry, &entry)
			if next != nil {
				delete(c.open, id)
			}
		}
	}
	return entry.Seq
}

func (s *Server) signal(c *conn, b *protocol.ChannelSignal) (protocol.Body, func(), error) {
	at, ok := c.open[b.Channel]
	switch {
	case !ok:
		return nil, nil, refuse(protocol.CodeForbidden)
	case at != b.Epoch:
		return nil, nil, refuse(protocol.CodeStaleEpoch)
	}
	s.signals++
	s.show(protocol.Signal{Channel: b.Channel, Epoch: b.Epoch, Ciphertext: b.Ciphertext}, c)
	return &protocol.Empty{}, nil, nil
}

func (s *Server) show(signal protocol.Signal, sender *conn) {
	for c := range s.conns {
		if at, ok := c.open[signal.Channel]; ok && at == signal.Epoch && c != sender {
			c.event(protocol.EventSignal, &signal)
		}
	}
}

// Signals returns how many signals were accepted.
func (s *Server) Signals() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.signals
}

// InjectSignal shows something to all who have the channel open.
func (s *Server) InjectSignal(signal protocol.Signal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.show(signal, nil)
}

// Channels returns the identifiers of all channels.
func (s *Server) Channels() (ids []protocol.ChannelID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id := range s.channels {
		ids = append(ids, id)
	}
	return ids
}

// Epoch returns a channel's epoch.
func (s *Server) Epoch(id protocol.ChannelID) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.channels[id].epoch()
}

// Entries returns a channel's entries.
func (s *Server) Entries(id protocol.ChannelID) []protocol.Entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]protocol.Entry(nil), s.channels[id].entries...)
}

// Inject puts an entry into a channel, as a server can that does not keep the
// rules. A commit needs the next epoch's key.
func (s *Server) Inject(id protocol.ChannelID, entry protocol.Entry, next *protocol.AccessKey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	entry.Channel = id
	s.store(id, s.channels[id], entry, next)
}

// Expire forgets an entry.
func (s *Server) Expire(id protocol.ChannelID, seq uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.channels[id].expires[seq] = time.Now()
}

// InjectRaw stores an entry as it is and sends it to all who have the channel
// open, whatever its kind: the epoch stays.
func (s *Server) InjectRaw(id protocol.ChannelID, entry protocol.Entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	entry.Channel = id
	s.store(id, s.channels[id], entry, nil)
}
