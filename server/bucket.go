// SPDX-License-Identifier: AGPL-3.0-or-later

package server

import "time"

// bucket is a token bucket. Its zero value is full.
type bucket struct {
	spent float64 // tokens missing at the time of last
	last  int64   // in nanoseconds since the Unix epoch
}

// take takes n tokens, or says how long to wait for them.
func (b *bucket) take(r Rate, n float64, now time.Time) (wait time.Duration, ok bool) {
	b.refill(r, now)
	if missing := b.spent + n - r.Burst; missing > 0 {
		if r.PerSecond <= 0 || n > r.Burst {
			return time.Hour, false
		}
		return time.Duration(missing / r.PerSecond * float64(time.Second)), false
	}
	b.spent += n
	return 0, true
}

func (b *bucket) refill(r Rate, now time.Time) {
	at := now.UnixNano()
	if b.last != 0 {
		b.spent = max(0, b.spent-r.PerSecond*max(0, float64(at-b.last)/1e9))
	}
	b.last = at
}

func (b *bucket) full(r Rate, now time.Time) bool {
	return b.spent <= r.PerSecond*float64(now.UnixNano()-b.last)/1e9
}

// A rateName names one of the rates of an origin.
type rateName int

const (
	rateRegister rateName = iota
	rateAuthenticate
	rateLookup
	rateMiss
	rateTake
	rateLetter
	rateLetterBytes
	rateCreate
	rateAnnounce
	ratePost
	ratePostBytes
	rateOpen
	rateConnect
	rateUpload
	rateDisclose
	rateWakeRegister
	rateWake
	rateCount

	noRate rateName = -1
)

// rates returns where the limits have each rate, under the names that operators
// set them by.
func (l *Limits) rates() [rateCount]struct {
	name string
	rate *Rate
} {
	return [rateCount]struct {
		name string
		rate *Rate
	}{
		rateRegister:     {"register", &l.Register},
		rateAuthenticate: {"authenticate", &l.Authenticate},
		rateLookup:       {"lookup", &l.Lookup},
		rateMiss:         {"miss", &l.Miss},
		rateTake:         {"key-packages", &l.Take},
		rateLetter:       {"letter", &l.Letter},
		rateLetterBytes:  {"letter-bytes", &l.LetterBytes},
		rateCreate:       {"channel", &l.Create},
		rateAnnounce:     {"upload", &l.Announce},
		ratePost:         {"post", &l.Post},
		ratePostBytes:    {"post-bytes", &l.PostBytes},
		rateOpen:         {"open", &l.Open},
		rateConnect:      {"connect", &l.Connect},
		rateUpload:       {"upload-bytes", &l.Upload},
		rateDisclose:     {"disclose", &l.Disclose},
		rateWakeRegister: {"wake-register", &l.WakeRegister},
		rateWake:         {"wake", &l.Wake},
	}
}

// Rates returns the rates of one address by the names that operators set them
// by.
func (l *Limits) Rates() map[string]*Rate {
	named := map[string]*Rate{}
	for _, r := range l.rates() {
		named[r.name] = r.rate
	}
	return named
}

// times returns a rate that is n times as high.
func (r Rate) times(n float64) Rate { return Rate{Burst: r.Burst * n, PerSecond: r.PerSecond * n} }
