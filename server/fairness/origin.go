// SPDX-License-Identifier: AGPL-3.0-or-later

package fairness

import (
	"crypto/sha256"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// An origin is whom the server holds responsible for what a connection costs:
// its address, the network that the address belongs to, and the web site whose
// page opened the connection. Nothing of it is stored or logged.
type Origin struct {
	set    *OriginSet
	levels []*level // the narrowest first; none for a connection without an address
}

type levelKind uint8

const (
	addressLevel  levelKind = iota // an IPv4 address or an IPv6 /64
	networkLevel                   // an IPv6 /48: what one customer of a provider may have
	siteLevel                      // a web site other than the server's own page
	overflowLevel                  // all for whom there is no room
)

// weight is how many times the rates of one address a level has.
func (k levelKind) weight() float64 {
	switch k {
	case networkLevel:
		return 4
	case siteLevel, overflowLevel:
		return 16
	}
	return 1
}

// part is how many times the part of one address a level may hold.
func (k levelKind) part() float64 {
	if k == siteLevel {
		return 4
	}
	return 1
}

type levelKey struct {
	kind levelKind
	addr netip.Addr
	site [8]byte // of the hash of the site's origin
}

// A level is one of an origin's keys and what it holds.
type level struct {
	key  levelKey
	held [resourceCount]atomic.Int64

	overdrawn atomic.Bool // a connection reads a message beyond the address's share

	mu    sync.Mutex
	spent [rateCount]Bucket

	// The set's lock guards these.
	refs     int
	children int // /64 networks, of an IPv6 /48
}

// Bounds of what is remembered about origins.
const (
	maxLevels   = 1 << 16
	maxChildren = 256 // /64 networks of one /48 that are told apart
)

// OriginSet knows the levels that are connected, or were lately.
type OriginSet struct {
	rates  [rateCount]Rate // of an address
	shares *Shares

	mu       sync.Mutex
	levels   map[levelKey]*level
	overflow *level
	drained  time.Time
}

func NewOriginSet(l *Limits, s *Shares) *OriginSet {
	o := &OriginSet{shares: s, levels: map[levelKey]*level{}, overflow: &level{key: levelKey{kind: overflowLevel}}}
	for i, r := range l.rates() {
		o.rates[i] = *r.rate
	}
	return o
}

// Enter returns the origin of an address and a web site's origin, which may be
// empty. It is to be left.
func (o *OriginSet) Enter(addr netip.Addr, site string) *Origin {
	keys := keysOf(addr, site)
	o.mu.Lock()
	defer o.mu.Unlock()
	from := &Origin{set: o}
	// From the widest to the narrowest: a network with very many parts is one.
	var network *level
	for i := len(keys) - 1; i >= 0; i-- {
		l := o.level(keys[i], network)
		if l == nil {
			continue
		}
		if keys[i].kind == networkLevel {
			network = l
		}
		l.refs++
		from.levels = append([]*level{l}, from.levels...)
	}
	return from
}

func keysOf(addr netip.Addr, site string) []levelKey {
	addr = addr.Unmap().WithZone("")
	var keys []levelKey
	switch {
	case addr.Is4():
		keys = append(keys, levelKey{kind: addressLevel, addr: addr})
	case addr.Is6():
		keys = append(keys, levelKey{kind: addressLevel, addr: prefix(addr, 64)}, levelKey{kind: networkLevel, addr: prefix(addr, 48)})
	}
	if site != "" {
		hash := sha256.Sum256([]byte(site))
		keys = append(keys, levelKey{kind: siteLevel, site: [8]byte(hash[:])})
	}
	return keys
}

func prefix(addr netip.Addr, bits int) netip.Addr {
	p, err := addr.Prefix(bits)
	if err != nil {
		return addr
	}
	return p.Addr()
}

// level returns the level of a key, nil where the network above it stands for
// it. The set is locked.
func (o *OriginSet) level(key levelKey, network *level) *level {
	if l := o.levels[key]; l != nil {
		return l
	}
	if key.kind == addressLevel && network != nil {
		if network.children >= maxChildren {
			return nil
		}
	}
	if len(o.levels) >= maxLevels {
		return o.overflow
	}
	if key.kind == addressLevel && network != nil {
		network.children++
	}
	l := &level{key: key}
	o.levels[key] = l
	return l
}

// Leave ends what enter began.
func (from *Origin) Leave() {
	from.set.mu.Lock()
	defer from.set.mu.Unlock()
	for _, l := range from.levels {
		l.refs--
	}
}

// Forget drops the levels of which nothing has to be remembered, and counts
// down what the others stored.
func (o *OriginSet) Forget(now time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	passed := now.Sub(o.drained)
	if o.drained.IsZero() || passed < 0 {
		passed = 0
	}
	o.drained = now
	o.shares.drain(o.overflow, passed)
	for key, l := range o.levels {
		o.shares.drain(l, passed)
		if l.refs > 0 || l.children > 0 || !l.idle(&o.rates, now) {
			continue
		}
		delete(o.levels, key)
		if key.kind != addressLevel || !key.addr.Is6() {
			continue
		}
		if network := o.levels[levelKey{kind: networkLevel, addr: prefix(key.addr, 48)}]; network != nil {
			network.children--
		}
	}
}

// idle reports whether the level is like one that was never seen.
func (l *level) idle(rates *[rateCount]Rate, now time.Time) bool {
	for r := range l.held {
		if l.held[r].Load() != 0 {
			return false
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for r := range l.spent {
		if !l.spent[r].full(rates[r].times(l.key.kind.weight()), now) {
			return false
		}
	}
	return true
}

// Take takes n from a rate of each level, or says how long to wait. What is
// refused costs nothing: others share the wider levels, and whoever goes on after
// a refusal would use them up.
func (from *Origin) Take(r RateName, n float64, now time.Time) (wait time.Duration, ok bool) {
	rate := from.set.rates[r]
	for i, l := range from.levels {
		l.mu.Lock()
		wait, ok := l.spent[r].Take(rate.times(l.key.kind.weight()), n, now)
		l.mu.Unlock()
		if !ok {
			for _, paid := range from.levels[:i] {
				paid.refund(r, n)
			}
			return wait, false
		}
	}
	return 0, true
}

// refund gives back what take took.
func (l *level) refund(r RateName, n float64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.spent[r].spent = max(0, l.spent[r].spent-n)
}

// Spend counts n that was used already against a rate of each level.
func (from *Origin) Spend(r RateName, n float64, now time.Time) {
	if n == 0 {
		return
	}
	for _, l := range from.levels {
		l.mu.Lock()
		rate := from.set.rates[r].times(l.key.kind.weight())
		l.spent[r].refill(rate, now)
		l.spent[r].spent = min(l.spent[r].spent+n, rate.Burst+n)
		l.mu.Unlock()
	}
}
