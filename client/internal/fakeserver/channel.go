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
	base    uint64 // the epoch of epochs[0]
	epochs  []epoch
	turns   turns
}

type epoch struct {
	key        protocol.AccessKey
	start, end uint64 // end is 0 while the epoch lasts
}

func (ch *channel) epoch() uint64 { return ch.base + uint64(len(ch.epochs)-1) }

// at returns an epoch that the channel has, or had.
func (ch *channel) at(n uint64) *epoch { return &ch.epochs[n-ch.base] }

func (s *Server) channelCreate(b *protocol.ChannelCreate) (protocol.Body, func(), error) {
	if s.channels[b.Channel] != nil {
		return nil, nil, refuse(protocol.CodeExists)
	}
	s.channels[b.Channel] = &channel{expires: map[uint64]time.Time{}, base: b.Epoch, epochs: []epoch{{key: b.Key}}}
	return &protocol.Empty{}, nil, nil
}

func (s *Server) channelOpen(c *conn, b *protocol.ChannelOpen) (protocol.Body, func(), error) {
	ch := s.channels[b.Channel]
	if ch == nil || b.Epoch > ch.epoch() || b.Epoch < ch.base {
		return nil, nil, refuse(protocol.CodeForbidden)
	}
	e := ch.at(b.Epoch)
	challenge := protocol.OpenChallenge(s.host, c.nonce, b.Channel, b.Epoch)
	if !ed25519.Verify(e.key[:], challenge, b.Signature[:]) {
		return nil, nil, refuse(protocol.CodeForbidden)
	}
	state := &protocol.ChannelState{Epoch: ch.epoch(), Last: uint64(len(ch.entries))}
	if b.After > 0 && b.After <= state.Last {
		if at, ok := ch.expires[b.After]; !ok || time.Now().Before(at) {
			state.Mark = protocol.EntryMark(ch.entries[b.After-1].Ciphertext)
		}
	}
	if s.faults.Opened != nil {
		s.faults.Opened(state)
	}
	return state, func() { s.deliver(c, ch, b) }, nil
}

// An opening is a channel that a connection has open.
type opening struct {
	epoch uint64
	sent  uint64 // the last entry that was sent, or had expired
	upTo  uint64 // what there is credit for; 0: no bound
	// there is the newest entry at the time of the opening, announced once it
	// was sent.
	there     uint64
	announced bool
}

// deliver sends what there is and begins the live delivery.
func (s *Server) deliver(c *conn, ch *channel, b *protocol.ChannelOpen) {
	e := ch.at(b.Epoch)
	o := &opening{epoch: b.Epoch, sent: max(b.After, e.start), upTo: b.UpTo, there: uint64(len(ch.entries))}
	if s.faults.Forget {
		o.sent = e.start
	}
	if e.end != 0 {
		o.there = e.end
	}
	delete(c.refused, b.Channel)
	c.open[b.Channel] = o
	s.advance(c, b.Channel, ch, o)
}

// advance sends what an opening has credit for, and ends it with its epoch.
func (s *Server) advance(c *conn, id protocol.ChannelID, ch *channel, o *opening) {
	end := ch.at(o.epoch).end
	for o.sent < uint64(len(ch.entries)) && (end == 0 || o.sent < end) {
		if o.upTo != 0 && o.sent >= o.upTo && !s.faults.IgnoreCredit {
			break
		}
		o.sent++
		if at, ok := ch.expires[o.sent]; !ok || time.Now().Before(at) {
			entry := ch.entries[o.sent-1]
			c.event(protocol.EventEntry, &entry)
		}
	}
	if !o.announced && o.sent >= o.there {
		o.announced = true
		c.event(protocol.EventCaughtUp, &protocol.CaughtUp{Channel: id, Seq: o.there})
	}
	if end != 0 && o.sent >= end {
		delete(c.open, id)
	}
}

func (s *Server) grant(c *conn, b *protocol.ChannelGrant) (protocol.Body, func(), error) {
	o := c.open[b.Channel]
	if o == nil {
		return nil, nil, refuse(protocol.CodeForbidden)
	}
	o.upTo = max(o.upTo, b.UpTo)
	return &protocol.Empty{}, func() { s.advance(c, b.Channel, s.channels[b.Channel], o) }, nil
}

func (s *Server) channelDelete(c *conn, b *protocol.ChannelDelete) (protocol.Body, func(), error) {
	o := c.open[b.Channel]
	switch {
	case o == nil:
		return nil, nil, refuse(protocol.CodeForbidden)
	case o.epoch != s.channels[b.Channel].epoch():
		return nil, nil, refuse(protocol.CodeStaleEpoch)
	}
	delete(s.channels, b.Channel)
	for other := range s.conns {
		delete(other.open, b.Channel)
	}
	return &protocol.Empty{}, nil, nil
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
	o := c.open[id]
	if ch == nil || o == nil {
		return nil, nil, refuse(protocol.CodeForbidden)
	}
	if c.refused[id] {
		return nil, nil, refuse(protocol.CodeUnavailable)
	}
	stale := o.epoch != ch.epoch() || entry.Epoch > ch.epoch()
	if next != nil {
		stale = stale || entry.Epoch != ch.epoch()
	} else {
		stale = stale || entry.Epoch+protocol.RecentEpochs < ch.epoch()
	}
	if stale {
		c.refused[id] = true
		return nil, nil, &protocol.Error{Code: protocol.CodeStaleEpoch, Epoch: ch.epoch()}
	}
	if next != nil && s.turns {
		if wait := ch.turns.take(c); wait > 0 {
			c.refused[id] = true
			return nil, nil, &protocol.Error{Code: protocol.CodeRateLimited, RetryAfter: wait}
		}
	}
	return &protocol.Posted{Seq: s.store(id, ch, entry, next)}, nil, nil
}

func (s *Server) store(id protocol.ChannelID, ch *channel, entry protocol.Entry, next *protocol.AccessKey) uint64 {
	now := ch.epoch()
	entry.Seq = uint64(len(ch.entries)) + 1
	ch.entries = append(ch.entries, entry)
	if next != nil {
		ch.at(now).end = entry.Seq
		ch.epochs = append(ch.epochs, epoch{key: *next, start: entry.Seq})
	}
	for c := range s.conns {
		if o := c.open[id]; o != nil && o.epoch == now {
			s.advance(c, id, ch, o)
		}
	}
	return entry.Seq
}

func (s *Server) signal(c *conn, b *protocol.ChannelSignal) (protocol.Body, func(), error) {
	o := c.open[b.Channel]
	switch {
	case o == nil:
		return nil, nil, refuse(protocol.CodeForbidden)
	case o.epoch != b.Epoch:
		return nil, nil, refuse(protocol.CodeStaleEpoch)
	}
	s.signals++
	s.show(protocol.Signal{Channel: b.Channel, Epoch: b.Epoch, Ciphertext: b.Ciphertext}, c)
	return &protocol.Empty{}, nil, nil
}

func (s *Server) show(signal protocol.Signal, sender *conn) {
	for c := range s.conns {
		if o := c.open[signal.Channel]; o != nil && o.epoch == signal.Epoch && c != sender {
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

// Epoch returns a channel's epoch, 0 if it was deleted.
func (s *Server) Epoch(id protocol.ChannelID) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.channels[id] == nil {
		return 0
	}
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
// open, whatever its kind: the epoch stays. A channel that was deleted comes
// back for it.
func (s *Server) InjectRaw(id protocol.ChannelID, entry protocol.Entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.channels[id] == nil {
		s.channels[id] = new(channel)
	}
	entry.Channel = id
	s.store(id, s.channels[id], entry, nil)
}
