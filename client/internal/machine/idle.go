// SPDX-License-Identifier: AGPL-3.0-or-later

package machine

import (
	"slices"
	"time"

	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/records"
	"github.com/securecrypt/securecrypt/client/internal/rules"
	"github.com/securecrypt/securecrypt/mls"
)

// countIdleCommit notes a commit. It is called before the state is replaced.
func (c *Conversation) countIdleCommit(commit *mls.StagedCommit, next rules.State) {
	if rules.ChangesGroup(c.state, next, commit) {
		c.rec.Idle = nil
	} else if who, err := rules.LeafCredential(commit.Committer().Leaf); err == nil {
		if c.rec.Idle == nil {
			c.rec.Idle = records.IdleCommits{}
		}
		c.rec.Idle[who.Address.String()] = min(c.rec.Idle[who.Address.String()]+1, rules.MaxIdle+1)
	}
}

// membersToEject returns the other members that are to be removed.
func (c *Conversation) membersToEject() (all []string) {
	r := c.rules()
	for address := range c.rec.Idle {
		if r.MayEject(address) && address != c.self.Address.String() && len(c.leavesOf(address)) > 0 {
			all = append(all, address)
		}
	}
	slices.Sort(all)
	return all
}

// scheduleEjection plans the removal of those who disturb the group. Members take
// turns, so that not all do it at once.
func (c *Conversation) scheduleEjection() {
	switch {
	case len(c.rec.Idle) == 0 || len(c.membersToEject()) == 0:
		c.ejectAt = time.Time{}
	case c.ejectAt.IsZero():
		c.ejectAt = c.turn()
	}
}

// planEjection puts the removal of those who disturb the group at the head of
// the outbox when it is this member's turn.
func (c *Conversation) planEjection(tx *records.Tx) error {
	if c.ejectAt.IsZero() || c.now().Before(c.ejectAt) || c.rec.Status != chat.StatusActive {
		return nil
	}
	remove := slices.DeleteFunc(c.membersToEject(), func(a string) bool {
		return slices.ContainsFunc(c.outbox, func(o *outItem) bool { return o.Change != nil && slices.Contains(o.Change.Remove, a) })
	})
	if len(remove) == 0 {
		return nil
	}
	_, err := c.queueFirst(tx, records.OutboxItem{Change: &records.Change{Remove: remove, Eject: true}})
	return err
}

// queueFirst adds a change to the outbox before all that is not under way.
func (c *Conversation) queueFirst(tx *records.Tx, rec records.OutboxItem) (*outItem, error) {
	item, err := c.queue(tx, rec)
	if err != nil {
		return nil, err
	}
	waits := func(o *outItem) bool { return o.posted == 0 && o.urgency() == 0 && !o.Seen }
	if i := slices.IndexFunc(c.outbox[:len(c.outbox)-1], waits); i >= 0 {
		c.outbox = slices.Insert(c.outbox[:len(c.outbox)-1], i, item)
	}
	return item, nil
}
