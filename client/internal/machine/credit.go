// SPDX-License-Identifier: AGPL-3.0-or-later

package machine

import (
	"errors"
	"time"

	"github.com/securecrypt/securecrypt/client/internal/records"
	"github.com/securecrypt/securecrypt/protocol"
)

// How many entries a server may deliver beyond the last one that was dealt
// with: of entries of any length, narrowCredit fit into the queueBytes that wait
// for one conversation. How
// long nothing arrives before a server is let pass over numbers that nothing
// is left of.
const (
	wideCredit   = 128
	narrowCredit = QueueBytes / protocol.MaxCiphertext
	QueueBytes   = 8 << 20
	gapTime      = time.Second
)

// A credit bounds what the server may deliver to a conversation: it is told
// the number of an entry, and delivers none beyond it. Nor may it deliver one
// that was not there at the opening and does not follow the newest.
type credit struct {
	from   uint64 // the cursor at the opening
	upTo   uint64 // 0: no bound
	newest uint64 // the newest entry that the server said there is
	// narrow: more came on this connection than there was room for.
	narrow bool
	// unsupported: the server knows no credit.
	unsupported bool
	// While older entries are to come and do not, the server is let pass over
	// skip more numbers at gapAt.
	gapAt time.Time
	skip  uint64
}

func (cr *credit) window() uint64 {
	if cr.narrow {
		return narrowCredit
	}
	return wideCredit
}

// begin returns the bound of a new opening behind a cursor. Where the first
// entry is not known, there is none.
func (cr *credit) begin(cursor uint64) uint64 {
	cr.from, cr.upTo, cr.newest, cr.gapAt = cursor, 0, 0, time.Time{}
	if cursor != 0 && !cr.unsupported {
		cr.upTo = cursor + cr.window()
	}
	return cr.upTo
}

// takes reports whether the server may deliver an entry of that number.
func (cr *credit) takes(seq uint64) bool {
	return seq <= cr.newest+1 && (cr.upTo == 0 || seq <= cr.upTo)
}

type (
	// InputLost: events were dropped for lack of room.
	InputLost struct{}
	// InputNoCredit: the server knows no credit.
	InputNoCredit struct{}
	inputGranted  struct {
		opening uint64
		err     error
	}
)

// errCredit is why a channel is opened again: its server does not keep to the
// protocol.
var errCredit = errors.New("the server sends what it did not announce")

// noteChannelState notes the newest entry that there is, and has the channel
// read again if the server went back in time.
func (c *Conversation) noteChannelState(tx *records.Tx, state protocol.ChannelState) error {
	c.credit.newest = state.Last
	if c.rec.Refused != 0 {
		c.rec.Refused = 0
		c.touch()
	}
	if c.rec.Incarnation != c.hello.Incarnation {
		c.rec.Incarnation = c.hello.Incarnation
		c.touch()
	}
	if c.wentBack(state) {
		since, err := c.firstSent(tx)
		if err != nil {
			return err
		}
		return c.readAgain(tx, since)
	}
	if away := c.now().Sub(time.Unix(c.rec.CaughtUp, 0)); c.rec.CaughtUp != 0 && away > protocol.DefaultExpiry && state.Last > c.rec.Cursor {
		c.rec.LeaveRoom() // the oldest entries have expired
		c.touch()
	}
	c.credit.skip = wideCredit
	c.armGapTimer()
	return nil
}

// armGapTimer waits for the entries that were announced.
func (c *Conversation) armGapTimer() {
	c.credit.gapAt = time.Time{}
	if c.phase == phaseCatching && c.credit.upTo != 0 && c.credit.upTo < c.credit.newest {
		c.credit.gapAt = c.now().Add(gapTime)
	}
}

// reopenChannel opens the channel again, behind the last entry that was dealt with and
// with a narrow bound. A server that goes on like that is given time.
func (c *Conversation) reopenChannel(why error) {
	c.phase, c.caughtUp = min(c.phase, phaseClosed), false
	if c.credit.narrow {
		c.channel.Failed(c.now(), why)
	}
	c.credit.narrow = true
}

func (InputLost) step(c *Conversation, tx *records.Tx) error {
	if c.rec.Cursor > c.credit.from {
		c.credit.narrow = false // there was room for some, and will be for more
	}
	c.reopenChannel(errCredit)
	return nil
}

func (InputNoCredit) step(c *Conversation, _ *records.Tx) error {
	c.credit.unsupported = true
	return nil
}

// grant lets the server deliver more once half of what it was let deliver is
// dealt with.
func (c *Conversation) grant() {
	cr := &c.credit
	if c.phase != phaseCatching && c.phase != phaseLive || cr.upTo == 0 || c.waiting != nil || c.IsFull() {
		return
	}
	upTo := c.rec.Cursor + cr.window()
	if !cr.gapAt.IsZero() && !c.now().Before(cr.gapAt) {
		upTo = cr.upTo + cr.skip
		cr.skip *= 2
		c.armGapTimer()
	} else if upTo < cr.upTo+cr.window()/2 {
		return
	}
	cr.upTo = upTo
	opening := c.opening
	c.out.do(DoRequest{
		Op:   protocol.OpChannelGrant,
		Body: &protocol.ChannelGrant{Channel: c.rec.Channel, UpTo: upTo},
		Done: func(_ protocol.Body, err error) Input {
			if err == nil {
				return nil
			}
			return inputGranted{opening, err}
		},
	})
}

func (in inputGranted) step(c *Conversation, tx *records.Tx) error {
	if in.opening != c.opening || c.phase < phaseCatching || !errors.As(in.err, new(*protocol.Error)) {
		return nil // of an earlier opening, or the connection ended
	}
	c.phase, c.caughtUp = phaseClosed, false
	if errors.Is(in.err, &protocol.Error{Code: protocol.CodeUnsupported}) {
		c.credit.unsupported = true
	} else {
		c.channel.Failed(c.now(), in.err)
	}
	return nil
}
