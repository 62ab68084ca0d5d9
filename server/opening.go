// SPDX-License-Identifier: AGPL-3.0-or-later

package server

import (
	"context"
	"errors"

	"github.com/securecrypt/securecrypt/protocol"
	"github.com/securecrypt/securecrypt/server/internal/connection"
)

type openingState int

const (
	// openingBehind: the session's writer reads entries from the store.
	openingBehind openingState = iota
	// openingLive: entries are queued as they are stored.
	openingLive
	// openingEnded: the epoch has ended and all of it has been delivered.
	openingEnded
	// openingClosed: nothing is delivered any more.
	openingClosed
)

// opening is a channel that one session has open at one epoch. The topic's
// lock guards state, and cursor while the state is openingLive; while it is
// openingBehind the session's writer owns cursor and target.
type opening struct {
	s     *Server
	out   *connection.Outbox
	topic *topic
	epoch uint64

	state    openingState
	cursor   uint64 // the last entry that was sent or queued
	granted  uint64 // the last entry that the client has room for; the topic's lock guards it
	target   uint64 // CaughtUp is due when cursor reaches it
	caughtUp bool   // CaughtUp was sent

	limited bool // something that was posted was too much; the session owns it
	refused bool // something that was posted; the topic's worker owns it
}

// offer queues a run if the connection keeps up. The topic is locked.
func (o *opening) offer(r run) {
	if o.state != openingLive || r.last <= o.cursor {
		return
	}
	if r.first != o.cursor+1 || r.last > o.granted || !o.out.Offer(r.pieces, r.size) {
		o.fallBehind()
		return
	}
	o.cursor = r.last
	o.s.metrics.Delivered(int(r.last - r.first + 1))
	if r.ends {
		o.state = openingEnded
	}
}

// fallBehind has the writer read from the store. The topic is locked.
func (o *opening) fallBehind() {
	o.state = openingBehind
	o.out.Read(o)
}

// grant raises the bound on what is delivered.
func (o *opening) grant(upTo uint64) {
	o.topic.mu.Lock()
	defer o.topic.mu.Unlock()
	if upTo <= o.granted {
		return
	}
	o.granted = upTo
	if o.state == openingBehind {
		o.out.Read(o)
	}
}

// readEntries bounds the entries that are read at a time: with a quickRead of
// bytes they fit into a message even if they are tiny.
const readEntries = 2048

// slowReadSize is about how many bytes are read from the store at a time for a
// disclosure, as they are for a slow connection.
const slowReadSize = connection.SlowReadSize

// Next implements [connection.Feed].
func (o *opening) Next(ctx context.Context, most int) (frames []byte, more bool, err error) {
	o.topic.mu.Lock()
	behind, granted, told := o.state == openingBehind, o.granted, o.topic.last
	o.topic.mu.Unlock()
	if !behind {
		return nil, false, nil
	}
	granted = min(granted, o.cursor+readEntries)
	page, err := o.read(ctx, granted, most)
	if err != nil {
		return nil, false, err
	}
	if !page.gone && !page.ended && page.upTo < told {
		o.topic.begin(told, page.upTo)
	}
	entries, upTo := page.entries, page.upTo
	frames = make([]byte, connection.HeaderRoom, connection.HeaderRoom+connection.BatchSize)
	now, size := o.s.clock.Expiry().Unix(), 0
	cursor := o.cursor
	for i := range entries {
		e := &entries[i]
		cursor = e.Seq
		size += len(e.Ciphertext)
		if e.Expires <= now {
			continue
		}
		frames = appendEntry(frames, e)
	}
	o.s.metrics.Delivered(len(entries))
	if size < most {
		cursor = max(cursor, min(upTo, granted))
	}
	ended := page.gone || page.ended && cursor >= upTo
	if !o.caughtUp && (ended || cursor >= o.target) {
		o.caughtUp = true
		frames, err = protocol.Append(frames, protocol.KindEvent, 0, uint16(protocol.EventCaughtUp), &protocol.CaughtUp{Channel: o.topic.id, Seq: cursor})
		if err != nil {
			return nil, false, err
		}
	}
	return frames, o.advance(cursor, upTo, ended), nil
}

// page is what one look into the store yields.
type page struct {
	entries []EntryRow
	upTo    uint64 // the newest entry that there is now for this opening
	ended   bool   // the epoch has ended, with upTo
	gone    bool   // all of the epoch has expired
}

// read returns entries after the cursor and up to granted, of about most bytes.
func (o *opening) read(ctx context.Context, granted uint64, most int) (p page, err error) {
	err = o.s.store.View(ctx, func(tx ReadTx) error {
		p = page{upTo: o.cursor}
		channel, epoch, err := channelAt(tx.Channels(), o.topic.id, o.epoch)
		if errors.Is(err, ErrNotFound) {
			p.gone = true
			return nil
		}
		if err != nil {
			return err
		}
		p.upTo, p.ended = channel.Last, epoch.End != 0
		if p.ended {
			p.upTo = epoch.End
		}
		p.entries, err = tx.Channels().Entries(o.topic.id, o.cursor, min(p.upTo, granted), most)
		return err
	})
	return p, err
}

// advance sets the cursor and reports whether there is more to read now: up to
// the newest entry of the store, or what was stored after that was looked up, as
// far as the client has room for it. Otherwise grant has it read on.
func (o *opening) advance(cursor, upTo uint64, ended bool) bool {
	o.topic.mu.Lock()
	defer o.topic.mu.Unlock()
	o.cursor = cursor
	switch {
	case o.state != openingBehind:
		return false
	case ended:
		o.state = openingEnded
		return false
	case cursor >= max(upTo, o.topic.last):
		o.state = openingLive
		return false
	}
	return cursor < o.granted
}
