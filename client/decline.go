// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"slices"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/records"
)

// removalWait is how long a conversation that was left and deleted is followed so
// that the other members can remove this account.
const removalWait = 10 * time.Minute

// decline refuses a request: nobody is told, and nothing of it is needed any
// more.
func (c *conversation) decline(tx *records.Tx) error {
	c.rec.Gone = true
	if err := c.dropDeliveries(tx); err != nil {
		return err
	}
	return c.stop(tx, chat.StatusLeft, nil)
}

// dropDeliveries gives up what was to be brought to other places.
func (c *conversation) dropDeliveries(tx *records.Tx) error {
	for _, d := range c.deliver {
		if err := tx.Delete(records.Key(records.TableDelivery, c.id[:], records.Number(d.n))); err != nil {
			return err
		}
	}
	c.deliver = nil
	return nil
}

// hiddenFor is how long ago the conversation was deleted, 0 if it was not.
func (c *conversation) hiddenFor() time.Duration {
	if !c.rec.Hidden {
		return 0
	}
	return c.now().Sub(time.Unix(c.rec.HiddenAt, 0))
}

// awaitsRemoval reports whether the conversation was left and the other members
// have not yet removed this account.
func (c *conversation) awaitsRemoval() bool { return !c.rec.Gone && c.hiddenFor() < removalWait }

// removalDeadlines returns the times at which a deleted conversation may end.
func (c *conversation) removalDeadlines() []time.Time {
	if !c.rec.Hidden {
		return nil
	}
	return []time.Time{time.Unix(c.rec.HiddenAt, 0).Add(removalWait)}
}

// conversationsEndedByBlock returns the conversations that blocking an account
// ends: the direct one, deleted or not, and the requests from that account.
func (c *Client) conversationsEndedByBlock(who account.Address) (all []chat.ConversationID, err error) {
	peer := who.String()
	err = c.forEachConversation(func(s records.Stored) error {
		theirs := !s.Rec.Group && s.Rec.Peer == peer || s.Rec.Status == chat.StatusRequest && s.Rec.Inviter == peer
		if theirs && slices.Contains([]chat.Status{chat.StatusActive, chat.StatusRequest, chat.StatusLeft}, s.Rec.Status) {
			all = append(all, chat.IDOf(s.Rec.Channel))
		}
		return nil
	})
	return all, err
}
