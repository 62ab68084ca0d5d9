// SPDX-License-Identifier: AGPL-3.0-or-later

package fairness

import (
	"fmt"
	"math"
	"net/netip"
	"sync"
	"testing"
	"time"
)

// set returns an originSet with a limit of 1,000 for a resource.
func newTestOrigins(r resource) *OriginSet {
	limits := DefaultLimits()
	s := NewShares(&limits)
	s.limit[r].Store(1000)
	return NewOriginSet(&limits, s)
}

// grab takes one by one until the share is used up.
func grab(o *OriginSet, from *Origin, r resource) (n int) {
	for o.shares.Take(from, r, 1) {
		n++
	}
	return n
}

func TestSharesLeaveRoomForOthers(t *testing.T) {
	o := newTestOrigins(RequestMemory)
	var greedy []*Origin
	for n := 1; n <= 8; n++ {
		greedy = append(greedy, o.Enter(netip.AddrFrom4([4]byte{192, 0, 2, byte(n)}), ""))
		for _, from := range greedy { // again and again, as the others take theirs
			grab(o, from, RequestMemory)
		}
		free := 1000 - o.shares.used[RequestMemory].Load()
		if least := 1000 * math.Pow(8.0/9, float64(n)); float64(free) < least-float64(n) {
			t.Errorf("%d greedy origins leave %d of 1000, want %.0f", n, free, least)
		}
	}
	honest := o.Enter(netip.MustParseAddr("198.51.100.1"), "")
	if !o.shares.Take(honest, RequestMemory, 50) {
		t.Error("an honest origin gets nothing beside eight greedy ones")
	}
}

func TestNetworksAndSitesAreOneOrigin(t *testing.T) {
	for name, next := range map[string]func(n int) (netip.Addr, string){
		"addresses of one /64": func(n int) (netip.Addr, string) { return netip.MustParseAddr(fmt.Sprintf("2001:db8::%x", n+1)), "" },
		"networks of one /48":  func(n int) (netip.Addr, string) { return netip.MustParseAddr(fmt.Sprintf("2001:db8:0:%x::1", n+1)), "" },
		"visitors of one site": func(n int) (netip.Addr, string) {
			return netip.AddrFrom4([4]byte{10, 1, byte(n >> 8), byte(n)}), "https://evil.example"
		},
	} {
		o := newTestOrigins(Transfers)
		for n := range 2000 {
			addr, site := next(n)
			grab(o, o.Enter(addr, site), Transfers)
		}
		least := int64(888)
		if name == "visitors of one site" {
			least = 666
		}
		if free := 1000 - o.shares.used[Transfers].Load(); free < least {
			t.Errorf("%s: %d of 1000 are free", name, free)
		}
		if levels := len(o.levels); name == "networks of one /48" && levels > maxChildren+1 {
			t.Errorf("%s: %d levels are remembered", name, levels)
		}
	}
}

// TestNamedSitesKeepTheirVisitors has one address name a site that is not its
// own: visitors of that site still get something.
func TestNamedSitesKeepTheirVisitors(t *testing.T) {
	o := newTestOrigins(Transfers)
	grab(o, o.Enter(netip.MustParseAddr("192.0.2.1"), "https://chat.example"), Transfers)
	visitor := o.Enter(netip.MustParseAddr("198.51.100.1"), "https://chat.example")
	if n := grab(o, visitor, Transfers); n < 90 {
		t.Errorf("a visitor gets %d of 1000 beside somebody who names the site", n)
	}
}

func TestSharesOfWhatIsKept(t *testing.T) {
	o := newTestOrigins(KeptBlobs)
	o.shares.limit[KeptBlobs].Store(1000_000)
	eve := o.Enter(netip.MustParseAddr("192.0.2.1"), "")
	stored := int64(0)
	store := func() {
		for o.shares.Keep(eve, KeptBlobs, 1000, stored) {
			stored += 1000
		}
	}
	now := time.Unix(1_800_000_000, 0)
	o.Forget(now)
	for range 30 * 24 { // each hour for a month, before anything expires
		store()
		now = now.Add(time.Hour)
		o.Forget(now)
	}
	if stored < 333_000 || stored > 560_000 {
		t.Errorf("one origin filled %d of 1,000,000 in a month", stored)
	}
	bob := o.Enter(netip.MustParseAddr("198.51.100.1"), "")
	if !o.shares.Keep(bob, KeptBlobs, 100_000, stored) {
		t.Error("another origin finds no room")
	}
}

func TestSharesAreGivenBack(t *testing.T) {
	o := newTestOrigins(QueuedMemory)
	var wait sync.WaitGroup
	for n := range 8 {
		wait.Go(func() {
			for range 2000 {
				from := o.Enter(netip.AddrFrom4([4]byte{192, 0, 2, byte(n)}), "https://site.example")
				if o.shares.Take(from, QueuedMemory, 60) {
					o.shares.Give(from, QueuedMemory, 60)
				}
				from.Leave()
			}
		})
	}
	wait.Wait()
	if used := o.shares.used[QueuedMemory].Load(); used != 0 {
		t.Errorf("%d used at the end", used)
	}
	o.Forget(time.Now())
	if len(o.levels) != 0 {
		t.Errorf("%d levels are remembered", len(o.levels))
	}
}

func TestTargetsAreShared(t *testing.T) {
	limits := DefaultLimits()
	o := NewOriginSet(&limits, NewShares(&limits))
	now := time.Unix(1_800_000_000, 0)
	for greedy := 1; greedy <= 8; greedy *= 2 {
		letters := NewTargets[string](Rate{Burst: 400, PerSecond: 0.5})
		refused := 0
		friend := o.Enter(netip.MustParseAddr("198.51.100.1"), "")
		for second := range 600 {
			at := now.Add(time.Duration(second) * time.Second)
			for n := range greedy {
				from := o.Enter(netip.AddrFrom4([4]byte{192, 0, 2, byte(n)}), "")
				for range 4 {
					letters.Take("bob", from, 1, at)
				}
			}
			if second%30 == 0 {
				if _, ok := letters.Take("bob", friend, 1, at); !ok {
					refused++
				}
			}
		}
		if refused > 0 {
			t.Errorf("%d greedy origins: %d of 20 letters of another one are refused", greedy, refused)
		}
	}
}

// TestRefusalsCostOthersNothing has one address go on after it was refused: who
// Shares its network, or a site that any program can name, goes on, too.
func TestRefusalsCostOthersNothing(t *testing.T) {
	limits := DefaultLimits()
	o := NewOriginSet(&limits, NewShares(&limits))
	now := time.Unix(1_800_000_000, 0)
	const site = "https://site.example"
	greedy := o.Enter(netip.MustParseAddr("2001:db8::1"), site)
	taken := 0
	for range 100_000 {
		if _, ok := greedy.Take(RateLetter, 1, now); ok {
			taken++
		}
	}
	if taken != int(limits.Letter.Burst) {
		t.Errorf("%d are taken, of %.0f", taken, limits.Letter.Burst)
	}
	for name, other := range map[string]*Origin{
		"another /64 of the /48":      o.Enter(netip.MustParseAddr("2001:db8:0:1::1"), ""),
		"another visitor of the site": o.Enter(netip.MustParseAddr("198.51.100.1"), site),
	} {
		if wait, ok := other.Take(RateLetter, 1, now); !ok {
			t.Errorf("%s waits %s", name, wait)
		}
	}
}
