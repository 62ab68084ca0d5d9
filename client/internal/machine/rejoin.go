// SPDX-License-Identifier: AGPL-3.0-or-later

package machine

import (
	"slices"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/records"
	"github.com/securecrypt/securecrypt/client/internal/rules"
	"github.com/securecrypt/securecrypt/internal/codec/order"
)

// A device that cannot follow a conversation of its account asks by letters to be added:
// one that was away for too long, and one that has nothing but the recovery key. It asks
// the other devices of the account, and some members.

const (
	maxAsked   = 4  // addresses besides the own one
	maxRejoins = 64 // devices that ask at the same time
)

// rejoinDelays are how long a device waits before it asks again, by how often it did.
var rejoinDelays = [...]time.Duration{10 * time.Minute, time.Hour, 6 * time.Hour, 24 * time.Hour}

// rejoinPause is the time after which a device that loses a conversation again asks
// without a delay.
const rejoinPause = 7 * 24 * time.Hour

// rejoinTime is how long it goes on.
const rejoinTime = 60 * 24 * time.Hour

// DoRejoin asks the devices of accounts to add this one. There is no answer but the
// invitation.
type DoRejoin struct{ Addresses []string }

// InputRejoin: a device asks to be added, in the name of a member.
type InputRejoin struct{ Who account.Credential }

func (DoRejoin) effect() {}

// awaitRejoin has the device ask to be added.
func (c *Conversation) awaitRejoin() {
	now := c.now()
	r := &records.Rejoin{Since: now.Unix(), Ask: c.toAsk()}
	if now.Sub(time.Unix(c.rec.Rejoined, 0)) > rejoinPause {
		c.rec.Rejoins = 0
	}
	if c.rec.Rejoins > 0 { // it did not help the last time
		r.Next = now.Add(rejoinDelays[min(int(c.rec.Rejoins)-1, len(rejoinDelays)-1)]).Unix()
	}
	c.rec.Rejoin, c.rec.Rejoined, c.rec.Rejoins = r, now.Unix(), min(c.rec.Rejoins+1, uint8(len(rejoinDelays)))
	c.touch()
}

// toAsk returns whose devices may add this one.
func (c *Conversation) toAsk() []string {
	return whoMayLetIn(c.members(), c.state, c.self.Address.String())
}

// whoMayLetIn returns whose devices may add one of an account: its own first, then those
// of owners and administrators.
func whoMayLetIn(members []string, state rules.State, self string) []string {
	others := slices.DeleteFunc(members, func(a string) bool { return a == self })
	order.By(others, func(a, b string) int { return int(state.Role(b)) - int(state.Role(a)) })
	return append([]string{self}, others[:min(len(others), maxAsked)]...)
}

// askToRejoin asks when it is time to.
func (c *Conversation) askToRejoin() {
	r := c.rec.Rejoin
	if r == nil || c.now().Unix() < r.Next {
		return
	}
	c.touch()
	if c.now().Sub(time.Unix(r.Since, 0)) > rejoinTime {
		c.rec.Rejoin = nil
		return
	}
	r.Next = c.now().Add(rejoinDelays[min(int(r.Tries), len(rejoinDelays)-1)]).Unix()
	r.Tries = min(r.Tries+1, uint8(len(rejoinDelays)))
	c.out.do(DoRejoin{r.Ask})
}

// rejoinAt is when this device asks again, zero if it does not.
func (c *Conversation) rejoinAt() time.Time {
	if c.rec.Rejoin == nil {
		return time.Time{}
	}
	return time.Unix(c.rec.Rejoin.Next, 0)
}

// DoRequestHistory asks the other devices of this account for what was said while this
// one was not there.
type DoRequestHistory struct{}

func (DoRequestHistory) effect() {}

// fetchMissing sees to what was said while this device did not follow the conversation:
// another device of the account has it, or the history says that it is missing.
func (c *Conversation) fetchMissing(tx *records.Tx) error {
	if !c.rec.Missing || c.rec.Status != chat.StatusActive {
		return nil
	}
	c.rec.Missing = false
	c.touch()
	if len(c.leavesOf(c.self.Address.String())) > 1 {
		c.out.do(DoRequestHistory{})
		if c.state.Own {
			return c.requestFields(tx)
		}
		return nil
	}
	if c.state.Own {
		return nil // nobody else was there
	}
	return c.notice(tx, c.self.Address.String(), records.Notice{Kind: chat.NoticeMissing})
}

func (in InputRejoin) step(c *Conversation, _ *records.Tx) error {
	if c.rec.Status != chat.StatusActive || len(c.leavesOf(in.Who.Address.String())) == 0 || len(c.rejoins) >= maxRejoins {
		return nil
	}
	if c.rejoins == nil {
		c.rejoins = map[account.Credential]bool{}
	}
	c.rejoins[in.Who] = true
	return nil
}

// letRejoin deals with the devices of an account that asked to be added, once its server
// has shown the chain.
func (c *Conversation) letRejoin(tx *records.Tx, address string, found Lookup) error {
	for who := range c.rejoins {
		if who.Address.String() != address {
			continue
		}
		delete(c.rejoins, who)
		if found.Err != nil {
			continue // it asks again
		}
		if err := records.PinChain(tx, found.Chain); err != nil {
			if tx.HasFailed() {
				return err
			}
			continue
		}
		if _, live := found.Chain.Device(who.Device); !live {
			continue
		}
		if _, there := c.leafOf(address, who.Device); there {
			if err := c.addAgain(tx, address, who.Device); err != nil {
				return err
			}
			continue
		}
		c.planDevices(found.Chain)
		for i := range c.rec.Devices {
			if d := &c.rec.Devices[i]; d.Address == address && d.Device == who.Device {
				d.At = records.Millis(c.turn())
			}
		}
	}
	return nil
}
