// SPDX-License-Identifier: AGPL-3.0-or-later

package server

import (
	"sync/atomic"
	"time"

	"github.com/securecrypt/securecrypt/protocol"
)

// A resource is something that all origins share: what one of them holds,
// another cannot have.
type resource int

const (
	// Held until it is given back.
	sockets       resource = iota // TCP connections
	connections                   // WebSocket connections
	requestMemory                 // bytes of requests that are received or worked on, posts excepted
	postMemory                    // bytes of posts that are not answered
	queuedMemory                  // bytes that wait to be sent
	openings                      // channels that connections have open
	transfers                     // uploads and downloads under way
	pushes                        // requests to push services under way
	working                       // requests other than posts that are worked on
	disclosures                   // disclosures that are being read

	// Kept: the store holds it until it expires or is deleted, whoever stored
	// it. Only what an origin stored lately is counted as its own.
	keptRows     // bytes of entries, letters and other rows
	keptBlobs    // bytes of blobs
	keptChannels // channels

	resourceCount
)

var resourceNames = [resourceCount]string{
	"sockets", "connections", "request_memory", "post_memory", "queued_memory", "openings", "transfers", "pushes", "working", "disclosures",
	"kept_rows", "kept_blobs", "kept_channels",
}

// shares divide the resources among origins. An origin may always take one
// piece of what is free. Further ones it may take as long as it then holds no
// more than a part of what stays free: with a part of 1/8, a greedy origin gets
// 1/9, the next one 1/9 of the rest, and eight of them leave 39 percent. (These
// are the dynamic thresholds by which switches divide their buffers.) The rule
// holds for each level of an origin, so that a whole IPv6 network counts as one
// origin, too. All visitors of one web site together have four times the part:
// anybody can name any site, and one address must not use up what its visitors
// need.
type shares struct {
	limit [resourceCount]atomic.Int64
	used  [resourceCount]atomic.Int64 // of what is held
	most  [resourceCount]int64        // of one address, where that is bounded; 0: it is not

	heldPart, keptPart float64
}

func newShares(l *Limits) *shares {
	s := &shares{heldPart: l.HeldPart, keptPart: l.KeptPart}
	for r, n := range map[resource]int64{
		sockets:       int64(l.MaxConnections) + spareConnections,
		connections:   int64(l.MaxConnections),
		requestMemory: l.MaxMemory,
		postMemory:    l.MaxMemory,
		queuedMemory:  l.MaxMemory,
		openings:      int64(l.MaxAllOpenings),
		transfers:     int64(l.MaxTransfers),
		pushes:        int64(l.MaxPushes),
		working:       int64(l.MaxWorking),
		disclosures:   maxDisclosures,
		keptRows:      int64(l.MaxRowBytes),
		keptBlobs:     int64(l.MaxBlobBytes),
		keptChannels:  int64(l.MaxChannels),
	} {
		s.limit[r].Store(n)
	}
	s.most[connections] = int64(l.MaxAddressConnections)
	s.most[sockets] = int64(l.MaxAddressConnections) + spareConnections/4
	return s
}

// take takes n of a resource that is held, all or nothing.
func (s *shares) take(from *origin, r resource, n int64) bool {
	free := s.limit[r].Load() - s.used[r].Add(n)
	ok := free >= 0 || free+n == s.limit[r].Load() // alone, one may take more than there is
	for _, l := range from.levels {
		held := l.held[r].Add(n)
		if held > n && float64(held) > s.heldPart*l.key.kind.part()*float64(free) || s.most[r] > 0 && held > s.most[r]*int64(l.key.kind.weight()) {
			ok = false
		}
	}
	if !ok {
		s.give(from, r, n)
	}
	return ok
}

// force takes n, whatever others hold.
func (s *shares) force(from *origin, r resource, n int64) {
	s.used[r].Add(n)
	for _, l := range from.levels {
		l.held[r].Add(n)
	}
}

func (s *shares) give(from *origin, r resource, n int64) {
	s.used[r].Add(-n)
	for _, l := range from.levels {
		l.held[r].Add(-n)
	}
}

// overdraw takes n beyond the origin's share, within what is free. One at a time
// may do so for an address, so that those who wait for each other's share get
// on; it gives the place back with repay.
func (s *shares) overdraw(from *origin, r resource, n int64) bool {
	if len(from.levels) == 0 || !s.fits(r, n) || !from.levels[0].overdrawn.CompareAndSwap(false, true) {
		return false
	}
	s.force(from, r, n)
	return true
}

// fits reports whether n of a resource is free.
func (s *shares) fits(r resource, n int64) bool { return s.limit[r].Load()-s.used[r].Load() >= n }

func (from *origin) repay() { from.levels[0].overdrawn.Store(false) }

// exceeded reports whether the origin holds more than its share.
func (s *shares) exceeded(from *origin, r resource) bool {
	free := s.limit[r].Load() - s.used[r].Load()
	for _, l := range from.levels {
		if float64(l.held[r].Load()) > s.heldPart*l.key.kind.part()*float64(free) {
			return true
		}
	}
	return false
}

// retryInterval is how often one that waits for its share looks again. That
// costs little however many wait, which waking all of them at each change would
// not.
const retryInterval = 20 * time.Millisecond

// wait takes n once the origin's share allows it. It gives up and reports false
// when goOn does.
func (s *shares) wait(from *origin, r resource, n int64, goOn func() bool) bool {
	for !s.take(from, r, n) {
		if !goOn() {
			return false
		}
		time.Sleep(retryInterval)
	}
	return true
}

// keep counts n of a resource as stored by an origin, if its share allows it;
// used is how much the store has of it.
func (s *shares) keep(from *origin, r resource, n, used int64) bool {
	free := s.limit[r].Load() - used - n
	ok := free >= 0
	for _, l := range from.levels {
		if held := l.held[r].Add(n); held > n && float64(held) > s.keptPart*l.key.kind.part()*float64(free) {
			ok = false
		}
	}
	if !ok {
		s.unkeep(from, r, n)
	}
	return ok
}

// keptReason tells why keep refused: there is no room, or the origin has used up
// its share of it.
func (s *shares) keptReason(r resource, n, used int64) protocol.Reason {
	if s.limit[r].Load()-used-n < 0 {
		return protocol.ReasonSpace
	}
	return protocol.ReasonShare
}

// unkeep takes back what keep counted and was not stored.
func (s *shares) unkeep(from *origin, r resource, n int64) {
	for _, l := range from.levels {
		l.held[r].Add(-n)
	}
}

// keptFor is how long it takes until an origin's greatest share of a resource no
// longer counts as its own: as long as most of it is kept.
const keptFor = 30 * day

// drain forgets what a level stored some time ago: the store has it, but others
// may be using the room by now.
func (s *shares) drain(l *level, passed time.Duration) {
	for r := keptRows; r < resourceCount; r++ {
		most := s.keptPart / (1 + s.keptPart) * float64(s.limit[r].Load())
		part := int64(most * float64(passed) / float64(keptFor))
		for {
			held := l.held[r].Load()
			if l.held[r].CompareAndSwap(held, max(0, held-max(part, 1))) {
				break
			}
		}
	}
}
