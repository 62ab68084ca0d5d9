// SPDX-License-Identifier: AGPL-3.0-or-later

package fairness

import "time"

// Bucket is a token bucket. Its zero value is full.
type Bucket struct {
	spent float64 // tokens missing at the time of last
	last  int64   // in nanoseconds since the Unix epoch
}

// Take takes n tokens, or says how long to wait for them.
func (b *Bucket) Take(r Rate, n float64, now time.Time) (wait time.Duration, ok bool) {
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

func (b *Bucket) refill(r Rate, now time.Time) {
	at := now.UnixNano()
	if b.last != 0 {
		b.spent = max(0, b.spent-r.PerSecond*max(0, float64(at-b.last)/1e9))
	}
	b.last = at
}

func (b *Bucket) full(r Rate, now time.Time) bool {
	return b.spent <= r.PerSecond*float64(now.UnixNano()-b.last)/1e9
}

// A rateName names one of the rates of an origin.
type RateName int

const (
	RateRegister RateName = iota
	RateAuthenticate
	RateLookup
	RateMiss
	RateTake
	RateLetter
	RateLetterBytes
	RateCreate
	RateAnnounce
	RatePost
	RatePostBytes
	RateOpen
	RateConnect
	RateUpload
	RateDisclose
	RateWakeRegister
	RateWake
	RateAppend
	RateVault
	RateVaultBytes
	RateVaultHash
	rateCount

	NoRate RateName = -1
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
		RateRegister:     {"register", &l.Register},
		RateAuthenticate: {"authenticate", &l.Authenticate},
		RateLookup:       {"lookup", &l.Lookup},
		RateMiss:         {"miss", &l.Miss},
		RateTake:         {"key-packages", &l.Take},
		RateLetter:       {"letter", &l.Letter},
		RateLetterBytes:  {"letter-bytes", &l.LetterBytes},
		RateCreate:       {"channel", &l.Create},
		RateAnnounce:     {"upload", &l.Announce},
		RatePost:         {"post", &l.Post},
		RatePostBytes:    {"post-bytes", &l.PostBytes},
		RateOpen:         {"open", &l.Open},
		RateConnect:      {"connect", &l.Connect},
		RateUpload:       {"upload-bytes", &l.Upload},
		RateDisclose:     {"disclose", &l.Disclose},
		RateWakeRegister: {"wake-register", &l.WakeRegister},
		RateWake:         {"wake", &l.Wake},
		RateAppend:       {"statement", &l.Append},
		RateVault:        {"vault", &l.Vault},
		RateVaultBytes:   {"vault-bytes", &l.VaultBytes},
		RateVaultHash:    {"vault-hash", &l.VaultHash},
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
