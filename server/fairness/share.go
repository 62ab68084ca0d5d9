// SPDX-License-Identifier: AGPL-3.0-or-later

package fairness

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
	Sockets       resource = iota // TCP connections
	Connections                   // WebSocket connections
	RequestMemory                 // bytes of requests that are received or worked on, posts excepted
	PostMemory                    // bytes of posts that are not answered
	QueuedMemory                  // bytes that wait to be sent
	Openings                      // channels that connections have open
	Transfers                     // uploads and downloads under way
	Pushes                        // requests to push services under way
	Working                       // requests other than posts that are worked on
	Disclosures                   // disclosures that are being read

	// Kept in the store until it expires or is deleted. Only what an origin
	// stored lately is counted as its own.
	KeptRows     // bytes of entries, letters and other rows
	KeptBlobs    // bytes of blobs
	KeptChannels // channels
	KeptVaults   // bytes of vaults

	resourceCount
)

var resourceNames = [resourceCount]string{
	"sockets", "connections", "request_memory", "post_memory", "queued_memory", "openings", "transfers", "pushes", "working", "disclosures",
	"kept_rows", "kept_blobs", "kept_channels", "kept_vaults",
}

// spareConnections is how many TCP connections there may be besides those that
// become sessions: for blobs and for handshakes under way.
const spareConnections = 512

// maxDisclosures is how many disclosures are read by their accounts at one time.
const maxDisclosures = 8

// String returns the name of a resource in metrics.
func (r resource) String() string { return resourceNames[r] }

// Shares divide the resources among origins. An origin may always take one
// piece of what is free. Further ones it may take as long as it then holds no
// more than a part of what stays free: with a part of 1/8, a greedy origin gets
// 1/9, the next one 1/9 of the rest, and eight of them leave 39 percent. (These
// are the dynamic thresholds by which switches divide their buffers.) The rule
// holds for each level of an origin, so that a whole IPv6 network counts as one
// Origin, too. All visitors of one web site together have four times the part:
// anybody can name any site, and one address must not use up what its visitors
// need.
type Shares struct {
	limit [resourceCount]atomic.Int64
	used  [resourceCount]atomic.Int64 // of what is held
	most  [resourceCount]int64        // of one address, where that is bounded; 0: it is not

	heldPart, keptPart float64
}

func NewShares(l *Limits) *Shares {
	s := &Shares{heldPart: l.HeldPart, keptPart: l.KeptPart}
	for r, n := range map[resource]int64{
		Sockets:       int64(l.MaxConnections) + spareConnections,
		Connections:   int64(l.MaxConnections),
		RequestMemory: l.MaxMemory,
		PostMemory:    l.MaxMemory,
		QueuedMemory:  l.MaxMemory,
		Openings:      int64(l.MaxAllOpenings),
		Transfers:     int64(l.MaxTransfers),
		Pushes:        int64(l.MaxPushes),
		Working:       int64(l.MaxWorking),
		Disclosures:   maxDisclosures,
		KeptRows:      int64(l.MaxRowBytes),
		KeptBlobs:     int64(l.MaxBlobBytes),
		KeptChannels:  int64(l.MaxChannels),
		KeptVaults:    int64(l.MaxVaultBytes),
	} {
		s.limit[r].Store(n)
	}
	s.most[Connections] = int64(l.MaxAddressConnections)
	s.most[Sockets] = int64(l.MaxAddressConnections) + spareConnections/4
	return s
}

// SetLimit sets how much there is of a resource.
func (s *Shares) SetLimit(r resource, n int64) { s.limit[r].Store(n) }

// Bound returns how much there is of a resource.
func (s *Shares) Bound(r resource) int64 { return s.limit[r].Load() }

// InUse returns how much of a resource is held.
func (s *Shares) InUse(r resource) int64 { return s.used[r].Load() }

// Take takes n of a resource that is held, all or nothing.
func (s *Shares) Take(from *Origin, r resource, n int64) bool {
	free := s.limit[r].Load() - s.used[r].Add(n)
	ok := free >= 0 || free+n == s.limit[r].Load() // alone, one may take more than there is
	for _, l := range from.levels {
		held := l.held[r].Add(n)
		if held > n && float64(held) > s.heldPart*l.key.kind.part()*float64(free) || s.most[r] > 0 && held > s.most[r]*int64(l.key.kind.weight()) {
			ok = false
		}
	}
	if !ok {
		s.Give(from, r, n)
	}
	return ok
}

// Force takes n, whatever others hold.
func (s *Shares) Force(from *Origin, r resource, n int64) {
	s.used[r].Add(n)
	for _, l := range from.levels {
		l.held[r].Add(n)
	}
}

func (s *Shares) Give(from *Origin, r resource, n int64) {
	s.used[r].Add(-n)
	for _, l := range from.levels {
		l.held[r].Add(-n)
	}
}

// Overdraw takes n beyond the origin's share, within what is free. One at a time
// may do so for an address, so that those who wait for each other's share get
// on; it gives the place back with repay.
func (s *Shares) Overdraw(from *Origin, r resource, n int64) bool {
	if len(from.levels) == 0 || !s.Fits(r, n) || !from.levels[0].overdrawn.CompareAndSwap(false, true) {
		return false
	}
	s.Force(from, r, n)
	return true
}

// Fits reports whether n of a resource is free.
func (s *Shares) Fits(r resource, n int64) bool { return s.limit[r].Load()-s.used[r].Load() >= n }

func (from *Origin) Repay() { from.levels[0].overdrawn.Store(false) }

// Exceeded reports whether the origin holds more than its share.
func (s *Shares) Exceeded(from *Origin, r resource) bool {
	free := s.limit[r].Load() - s.used[r].Load()
	for _, l := range from.levels {
		if float64(l.held[r].Load()) > s.heldPart*l.key.kind.part()*float64(free) {
			return true
		}
	}
	return false
}

// RetryInterval is how often one that waits for its share looks again. That
// costs little however many wait, which waking all of them at each change would
// not.
const RetryInterval = 20 * time.Millisecond

// Wait takes n once the origin's share allows it. It gives up and reports false
// when goOn does.
func (s *Shares) Wait(from *Origin, r resource, n int64, goOn func() bool) bool {
	for !s.Take(from, r, n) {
		if !goOn() {
			return false
		}
		time.Sleep(RetryInterval)
	}
	return true
}

// Keep counts n of a resource as stored by an origin, if its share allows it;
// used is how much the store has of it.
func (s *Shares) Keep(from *Origin, r resource, n, used int64) bool {
	free := s.limit[r].Load() - used - n
	ok := free >= 0
	for _, l := range from.levels {
		if held := l.held[r].Add(n); held > n && float64(held) > s.keptPart*l.key.kind.part()*float64(free) {
			ok = false
		}
	}
	if !ok {
		s.Unkeep(from, r, n)
	}
	return ok
}

// KeptReason tells why keep refused: there is no room, or the origin has used up
// its share of it.
func (s *Shares) KeptReason(r resource, n, used int64) protocol.Reason {
	if s.limit[r].Load()-used-n < 0 {
		return protocol.ReasonSpace
	}
	return protocol.ReasonShare
}

// Unkeep takes back what keep counted and was not stored.
func (s *Shares) Unkeep(from *Origin, r resource, n int64) {
	for _, l := range from.levels {
		l.held[r].Add(-n)
	}
}

// KeptFor is how long it takes until an origin's greatest share of a resource no
// longer counts as its own: as long as most of it is kept.
const KeptFor = 30 * 24 * time.Hour

// drain forgets what a level stored some time ago: the store has it, but others
// may be using the room by now.
func (s *Shares) drain(l *level, passed time.Duration) {
	for r := KeptRows; r < resourceCount; r++ {
		most := s.keptPart / (1 + s.keptPart) * float64(s.limit[r].Load())
		part := int64(most * float64(passed) / float64(KeptFor))
		for {
			held := l.held[r].Load()
			if l.held[r].CompareAndSwap(held, max(0, held-max(part, 1))) {
				break
			}
		}
	}
}
