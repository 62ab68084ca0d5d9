// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import "fmt"

// Epoch returns the epoch that a conversation is in.
func (c *Client) Epoch(id ConversationID) (epoch uint64, err error) {
	err = c.viewConversation(id, func(tx *sealedTx, k cid, _ *convRecord) error {
		machine, err := loadConversation(tx, c.self, c.now, k)
		if err == nil {
			epoch = machine.group.Epoch()
		}
		return err
	})
	return epoch, err
}

// Idle returns nil if nothing of a conversation waits to be done.
func (c *Client) Idle(id ConversationID) error {
	a, err := c.actor(id)
	if err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.snapshot
	if len(a.served)+len(a.local) > 0 || !s.known || s.outbox+s.deliver > 0 || s.following && (!s.caughtUp || s.checking) {
		return fmt.Errorf("%d served, %d local, %+v", len(a.served), len(a.local), s)
	}
	return nil
}
