// SPDX-License-Identifier: AGPL-3.0-or-later

package content

import (
	"fmt"
	"math"
	"time"
)

// Expiration asks the reader's client to forget a message.
type Expiration struct {
	// Relative says that Seconds count from the time of reading, else they are
	// Unix time.
	Relative bool
	Seconds  uint32
}

// maxExpiry is how far an expiration may plausibly lie in past or future.
const maxExpiry = 366 * 24 * time.Hour

// ExpireAfter returns an expiration d after reading, in whole seconds, rounded
// up and at least one.
func ExpireAfter(d time.Duration) *Expiration {
	s := d / time.Second
	if d%time.Second > 0 {
		s++
	}
	return &Expiration{Relative: true, Seconds: uint32(min(max(s, 1), math.MaxUint32))}
}

// ExpireAt returns an expiration at t, which the format can hold from 1970 to
// 2106; other times become the nearest of these.
func ExpireAt(t time.Time) *Expiration {
	return &Expiration{Seconds: uint32(min(max(t.Unix(), 0), math.MaxUint32))}
}

// Deadline returns when a message read at the given time is to be forgotten. It
// is the zero time, never, for a relative expiration and a zero read.
func (e Expiration) Deadline(read time.Time) time.Time {
	switch {
	case !e.Relative:
		return time.Unix(int64(e.Seconds), 0).UTC()
	case read.IsZero():
		return time.Time{}
	}
	return read.Add(time.Duration(e.Seconds) * time.Second)
}

// Check refuses an expiration that the draft's Section 9.1 calls nonsensical:
// more than a year before or after now.
func (e Expiration) Check(now time.Time) error {
	d := e.Deadline(now).Sub(now)
	if d > maxExpiry || d < -maxExpiry { // MC-26
		return fmt.Errorf("%w: expires more than a year from now", ErrMalformed)
	}
	return nil
}
