// SPDX-License-Identifier: AGPL-3.0-or-later

package machine

import (
	"errors"
	"time"

	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/link"
	"github.com/securecrypt/securecrypt/client/internal/records"
	"github.com/securecrypt/securecrypt/client/internal/rules"
	"github.com/securecrypt/securecrypt/protocol"
)

// inputDeleted: the server was asked to delete the channel.
type inputDeleted struct {
	opening uint64
	err     error
}

// noteRemoval remembers when somebody was removed: they may still fetch what was
// said before. Who left needs nothing any more.
func (c *Conversation) noteRemoval(moves rules.Movements) {
	if len(moves.Removed) > 0 {
		c.rec.Removal = c.now().Unix()
	}
}

// planChannelDeletion has the channel deleted if nobody else is in the conversation, or
// was removed from it so lately that they may still need it.
func (c *Conversation) planChannelDeletion() {
	lately := c.rec.Removal != 0 && c.now().Sub(time.Unix(c.rec.Removal, 0)) < protocol.DefaultExpiry
	if c.rec.Created && !lately && len(c.index()) == 1 && len(c.leavesOf(c.self.Address.String())) > 0 && !c.state.Own {
		c.rec.Ending = true
		c.touch()
	}
}

// deleteChannel asks for the deletion once the channel is open.
func (c *Conversation) deleteChannel() {
	if !c.rec.Ending || c.phase != phaseLive {
		return
	}
	c.phase = phaseEnding
	opening := c.opening
	c.out.do(DoRequest{
		Op:   protocol.OpChannelDelete,
		Body: &protocol.ChannelDelete{Channel: c.rec.Channel},
		Done: func(_ protocol.Body, err error) Input { return inputDeleted{opening, err} },
	})
}

func (in inputDeleted) step(c *Conversation, _ *records.Tx) error {
	if in.opening != c.opening || c.phase != phaseEnding {
		return nil
	}
	c.phase = phaseClosed
	if in.err != nil && link.Retryable(in.err) {
		c.channel.Failed(c.now(), in.err)
		return nil
	}
	c.channelDeleted()
	return nil
}

// channelDeleted notes that there is no channel any more, or that the server keeps it.
func (c *Conversation) channelDeleted() {
	c.rec.Ending = false
	c.touch()
}

// lostTimeout is how long a server must refuse a channel before the conversation
// counts as lost.
const lostTimeout = 5 * time.Minute

// lostRefusals is how often it refuses meanwhile, at least: a clock that jumps
// is no reason to give up.
const lostRefusals = 6

// openingRefused deals with a server that does not let this device open the channel.
func (c *Conversation) openingRefused(tx *records.Tx, err error) error {
	c.phase = phaseClosed
	now := c.now().Unix()
	switch {
	case c.rec.Ending:
		c.channelDeleted()
		return nil
	case c.rec.Status == chat.StatusLeft: // the others let go, and the channel with it
		c.rec.Gone = true
		c.touch()
		return c.abandon(tx)
	}
	for _, try := range []func(*records.Tx) (bool, error){c.refusedEarlier, c.tryEarlier, c.createAgain} {
		if tried, err := try(tx); tried || err != nil {
			return err
		}
	}
	c.rewind.at, c.rewind.probing = nil, false
	switch {
	case c.rec.Refused == 0:
		c.rec.Refused, c.refusals = now, 1
		c.touch()
	case now-c.rec.Refused >= int64(lostTimeout/time.Second) && c.refusals >= lostRefusals:
		c.rec.Refused = 0
		c.awaitRejoin()
		return c.stop(tx, chat.StatusLost, errors.New("the server no longer has what this device needs to follow the conversation. Write to the person again to begin a new one; in a group, ask a member to remove you and to add you again"))
	}
	c.refusals++
	c.channel.Failed(c.now(), err)
	return nil
}

// removalWait is how long a conversation that was left and deleted is followed so
// that the other members can remove this account.
const removalWait = 10 * time.Minute

// decline refuses a request: nobody is told, and nothing of it is needed any
// more.
func (c *Conversation) decline(tx *records.Tx) error {
	c.rec.Gone = true
	if err := c.dropDeliveries(tx); err != nil {
		return err
	}
	return c.stop(tx, chat.StatusLeft, nil)
}

// dropDeliveries gives up what was to be brought to other places.
func (c *Conversation) dropDeliveries(tx *records.Tx) error {
	for _, d := range c.deliver {
		if err := tx.Delete(records.Key(records.TableDelivery, c.id[:], records.Number(d.n))); err != nil {
			return err
		}
	}
	c.deliver = nil
	return nil
}

// hiddenFor is how long ago the conversation was deleted, 0 if it was not.
func (c *Conversation) hiddenFor() time.Duration {
	if !c.rec.Hidden {
		return 0
	}
	return c.now().Sub(time.Unix(c.rec.HiddenAt, 0))
}

// awaitsRemoval reports whether the conversation was left and the other members
// have not yet removed this account.
func (c *Conversation) awaitsRemoval() bool { return !c.rec.Gone && c.hiddenFor() < removalWait }

// removalDeadlines returns the times at which a deleted conversation may end.
func (c *Conversation) removalDeadlines() []time.Time {
	if !c.rec.Hidden {
		return nil
	}
	return []time.Time{time.Unix(c.rec.HiddenAt, 0).Add(removalWait)}
}
