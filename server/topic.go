// SPDX-License-Identifier: AGPL-3.0-or-later

package server

import (
	"context"
	"errors"
	"sync"

	"github.com/securecrypt/securecrypt/protocol"
	"github.com/securecrypt/securecrypt/server/fairness"
	"github.com/securecrypt/securecrypt/server/internal/frames"
)

// Bounds of what is stored in one transaction.
const (
	batchEntries = 2048
	batchBytes   = 4 << 20
)

// submission is an entry on its way into the store.
type submission struct {
	ss      *session
	id      uint64
	op      protocol.Op
	cost    int64
	o       *opening // in which it was posted
	entry   EntryRow
	nextKey protocol.AccessKey // of a commit
	refusal error              // what is known before it is its turn
	kept    bool               // it is counted for its origin
	turn    bool               // a commit has had its turn

	err error // set by store
}

// channelHub knows the topics.
type channelHub struct {
	s *Server

	mu     sync.Mutex
	topics map[protocol.ChannelID]*topic
}

func newChannelHub(s *Server) *channelHub {
	return &channelHub{s: s, topics: map[protocol.ChannelID]*topic{}}
}

// join adds an opening to its channel's topic. The hub's lock is taken before
// a topic's.
func (h *channelHub) join(id protocol.ChannelID, o *opening) *topic {
	h.mu.Lock()
	defer h.mu.Unlock()
	t := h.topics[id]
	if t == nil {
		t = &topic{hub: h, id: id, openings: map[*opening]struct{}{}}
		h.topics[id] = t
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.openings[o] = struct{}{}
	return t
}

// wake says that another node has stored entries.
func (h *channelHub) wake(id protocol.ChannelID, last uint64) {
	h.mu.Lock()
	t := h.topics[id]
	h.mu.Unlock()
	if t != nil {
		t.wake(last)
	}
}

// topic is a channel that is open on this node. One goroutine at a time stores
// its submissions, and exists while there are some.
type topic struct {
	hub *channelHub
	id  protocol.ChannelID

	mu       sync.Mutex
	openings map[*opening]struct{}
	pending  []*submission
	working  bool
	turns    fairness.CommitTurns // of commits; the worker owns it
	last     uint64               // newest entry that openings have been told of
}

func (t *topic) remove(o *opening) {
	t.hub.mu.Lock()
	defer t.hub.mu.Unlock()
	t.mu.Lock()
	defer t.mu.Unlock()
	o.state = openingClosed
	delete(t.openings, o)
	t.dropUnused()
}

// dropUnused removes the topic from its hub once nobody has it open and nothing
// is being stored: whoever opens the channel meanwhile must hear of that. Hub
// and topic are locked.
func (t *topic) dropUnused() {
	if len(t.openings) == 0 && !t.working && t.hub.topics[t.id] == t {
		delete(t.hub.topics, t.id)
	}
}

// end ends all openings: the channel is gone.
func (t *topic) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last = 0 // of a new channel with that identifier
	for o := range t.openings {
		o.state = openingEnded
	}
}

// begin sets the newest entry back to the store's where the channel was deleted
// and made again: told, of which openings knew, was of the one before.
func (t *topic) begin(told, last uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.last == told {
		t.last = last
	}
}

func (t *topic) wake(last uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last = max(t.last, last)
	for o := range t.openings {
		if o.state == openingLive && o.cursor < t.last {
			o.fallBehind()
		}
	}
}

func (t *topic) submit(sub *submission) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.pending = append(t.pending, sub)
	if !t.working {
		t.working = true
		go t.work()
	}
}

// work stores what is pending, batch by batch. While one batch is delivered the
// next is being stored.
func (t *topic) work() {
	delivered := make(chan struct{})
	close(delivered)
	for {
		batch := t.takeBatch()
		if batch == nil {
			<-delivered
			if t.stopWorking() {
				return
			}
			continue
		}
		stored := t.hub.s.append(t.hub.s.ctx, t.id, batch, &t.turns)
		<-delivered
		delivered = make(chan struct{})
		if t.isIdle() {
			t.publishBatch(batch, stored, delivered)
		} else {
			go t.publishBatch(batch, stored, delivered)
		}
	}
}

// isIdle reports whether nothing is pending.
func (t *topic) isIdle() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.pending) == 0
}

// stopWorking ends the work if nothing is pending.
func (t *topic) stopWorking() bool {
	t.hub.mu.Lock()
	defer t.hub.mu.Unlock()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.working = len(t.pending) > 0
	t.dropUnused()
	return !t.working
}

// publishBatch delivers and acknowledges a batch, then closes done.
func (t *topic) publishBatch(batch []*submission, stored []EntryRow, done chan struct{}) {
	defer close(done)
	t.deliver(stored)
	t.acknowledge(batch)
}

func (t *topic) takeBatch() []*submission {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.pending) == 0 {
		return nil
	}
	n, size := 0, 0
	for n < len(t.pending) && n < batchEntries && size < batchBytes {
		size += len(t.pending[n].entry.Ciphertext)
		n++
	}
	batch := t.pending[:n:n]
	t.pending = t.pending[n:]
	if len(t.pending) == 0 {
		t.pending = nil
	}
	return batch
}

// acknowledge answers a batch, the submissions of one session in one piece.
func (t *topic) acknowledge(batch []*submission) {
	s := t.hub.s
	for len(batch) > 0 {
		ss := batch[0].ss
		var acks []byte
		var cost int64
		n := 0
		for ; n < len(batch) && batch[n].ss == ss; n++ {
			sub := batch[n]
			cost += sub.cost
			if sub.err != nil {
				ss.answer(sub.id, sub.op, nil, sub.err)
				continue
			}
			acks = frames.AppendPosted(acks, sub.id, sub.entry.Seq)
			s.metrics.Request(sub.op, 0)
		}
		if acks != nil {
			ss.out.Push(acks)
		}
		ss.budget.Release(cost)
		s.shares.Give(ss.from, fairness.PostMemory, cost)
		s.work.end(n)
		batch = batch[n:]
	}
}

// append stores what it may of a batch, in its order, in one transaction, and
// returns it; the others have an error. An opening in which something was
// refused takes nothing more: what was posted in one go would change its order.
func (s *Server) append(ctx context.Context, id protocol.ChannelID, batch []*submission, turns *fairness.CommitTurns) (stored []EntryRow) {
	err := s.store.Update(ctx, func(tx WriteTx) error {
		stored = make([]EntryRow, 0, len(batch))
		channels := tx.Channels()
		row, err := channels.Channel(id)
		if errors.Is(err, ErrNotFound) {
			return refuse(protocol.CodeForbidden)
		}
		if err != nil {
			return err
		}
		usage, err := tx.Usage()
		if err != nil {
			return err
		}
		rowBytes := int64(usage.RowBytes)
		for _, sub := range batch {
			if sub.err = s.admissible(&row, sub, turns, rowBytes); sub.err != nil {
				sub.o.refused = true
				continue
			}
			rowBytes += int64(len(sub.entry.Ciphertext))
			row.Last++
			row.Entries++
			row.Bytes += uint64(len(sub.entry.Ciphertext))
			sub.entry.Seq = row.Last
			if sub.entry.Kind == protocol.KindCommit {
				if err := nextEpoch(channels, &row, sub.nextKey); err != nil {
					return err
				}
			}
			stored = append(stored, sub.entry)
		}
		if len(stored) == 0 {
			return nil
		}
		row.Expires = channelUntil(s.clock.Stamp(), row.Last)
		return channels.Append(row, stored)
	})
	for _, sub := range batch {
		if err != nil {
			sub.err, sub.o.refused = err, true
		}
		if sub.err != nil {
			s.releaseStoredBytes(sub)
		}
	}
	if err != nil {
		return nil
	}
	return stored
}

// releaseStoredBytes undoes the count of admissible for an entry that was not
// stored.
func (s *Server) releaseStoredBytes(sub *submission) {
	if sub.kept {
		sub.kept = false
		s.shares.Unkeep(sub.ss.from, fairness.KeptRows, int64(len(sub.entry.Ciphertext)))
	}
}

// admissible applies the rules of order: nothing behind what was refused,
// compare-and-swap for commits, recent epochs for messages. Then it counts the
// entry as kept for its origin. rowBytes is what the store has already.
func (s *Server) admissible(row *ChannelRow, sub *submission, turns *fairness.CommitTurns, rowBytes int64) error {
	epoch := sub.entry.Epoch
	stale := sub.o.epoch != row.Epoch || epoch > row.Epoch
	if sub.entry.Kind == protocol.KindCommit {
		stale = stale || epoch != row.Epoch
	} else {
		stale = stale || epoch+protocol.RecentEpochs < row.Epoch
	}
	if stale {
		return &protocol.Error{Code: protocol.CodeStaleEpoch, Epoch: row.Epoch}
	}
	if sub.refusal != nil {
		return sub.refusal
	}
	if sub.o.refused {
		return refuse(protocol.CodeUnavailable)
	}
	if sub.entry.Kind == protocol.KindCommit && !sub.turn {
		wait, ok := turns.Take(s.limits.Commit, sub.ss.from, s.now())
		if !ok {
			return &protocol.Error{Code: protocol.CodeRateLimited, RetryAfter: wait}
		}
		sub.turn = true
	}
	if row.Entries >= s.limits.MaxChannelEntries || row.Bytes+uint64(len(sub.entry.Ciphertext)) > s.limits.MaxChannelBytes {
		return refuseFor(protocol.CodeQuotaExceeded, protocol.ReasonChannel)
	}
	size := int64(len(sub.entry.Ciphertext))
	if !sub.kept && !s.shares.Keep(sub.ss.from, fairness.KeptRows, size, rowBytes) {
		return refuseFor(protocol.CodeQuotaExceeded, s.shares.KeptReason(fairness.KeptRows, size, rowBytes))
	}
	sub.kept = true
	return nil
}

// nextEpoch ends the current epoch with the entry row.Last.
func nextEpoch(channels ChannelWriter, row *ChannelRow, key protocol.AccessKey) error {
	ended, err := channels.Epoch(row.Channel, row.Epoch)
	if err != nil {
		return err
	}
	ended.End = row.Last
	row.Epoch++
	return errors.Join(
		channels.PutEpoch(ended),
		channels.PutEpoch(EpochRow{Channel: row.Channel, Epoch: row.Epoch, Key: key, Start: row.Last}),
	)
}

// deliver tells the openings of entries that are durable. Each is encoded
// once.
func (t *topic) deliver(entries []EntryRow) {
	if len(entries) == 0 {
		return
	}
	s := t.hub.s
	last := entries[len(entries)-1].Seq
	t.mu.Lock()
	listened := len(t.openings) > 0
	t.mu.Unlock()
	var runs []run
	if listened {
		runs = encodeRuns(entries)
	}
	t.mu.Lock()
	t.last = max(t.last, last)
	for o := range t.openings {
		if o.state == openingLive {
			for _, r := range runs {
				o.offer(r)
			}
			if o.state == openingLive && o.cursor < last {
				o.fallBehind()
			}
		}
	}
	t.mu.Unlock()
	s.metrics.Stored(len(entries))
	s.publish(Wake{Channel: t.id, Last: last})
}

// run is encoded entries that the same openings may see: those stored while
// one epoch was current. The last may be the commit that ended it.
type run struct {
	pieces      [][]byte // of whole frames each
	size        int64
	first, last uint64
	ends        bool
}

// pieceSize is about how many bytes of entries are handed on together.
const pieceSize = 32 << 10

// encodeRuns splits entries after each commit.
func encodeRuns(entries []EntryRow) []run {
	var runs []run
	r := run{first: entries[0].Seq}
	var piece []byte
	for i := range entries {
		e := &entries[i]
		if piece == nil {
			piece = make([]byte, 0, pieceRoom(entries[i:]))
		}
		piece = appendEntry(piece, e)
		r.last, r.ends = e.Seq, e.Kind == protocol.KindCommit
		closes := r.ends || i == len(entries)-1
		if closes || len(piece) >= pieceSize {
			r.pieces = append(r.pieces, piece)
			r.size += int64(len(piece))
			piece = nil
		}
		if closes {
			runs = append(runs, r)
			r = run{first: e.Seq + 1}
		}
	}
	return runs
}

// appendEntry appends the event that delivers an entry.
func appendEntry(b []byte, e *EntryRow) []byte {
	return frames.AppendEntry(b, &protocol.Entry{Channel: e.Channel, Seq: e.Seq, Epoch: e.Epoch, Kind: e.Kind, Ciphertext: e.Ciphertext})
}

// pieceRoom returns how many bytes the next piece will take at most.
func pieceRoom(entries []EntryRow) int {
	n := 0
	for i := range entries {
		if n += frames.EntryRoom + len(entries[i].Ciphertext); n >= pieceSize {
			break
		}
	}
	return n
}
