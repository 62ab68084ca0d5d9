// SPDX-License-Identifier: AGPL-3.0-or-later

package machine

import (
	"errors"
	"slices"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/records"
	"github.com/securecrypt/securecrypt/client/internal/rules"
	"github.com/securecrypt/securecrypt/mls"
)

// notice enters into the history what somebody did.
func (c *Conversation) notice(tx *records.Tx, from string, what records.Notice) error {
	return c.noticeAt(tx, nil, from, what)
}

// noticeAt enters into the history what somebody did, at the next of the places
// that were kept for it, or else at the end.
func (c *Conversation) noticeAt(tx *records.Tx, places *records.Places, from string, what records.Notice) error {
	if c.rec.Hidden {
		return nil
	}
	now := records.Millis(c.now())
	rec := &records.Message{Version: records.Version, From: from, Sent: now, Received: now, Notice: true, What: &what}
	if places == nil || places.Next > places.Last {
		_, err := c.add(tx, rec)
		return err
	}
	places.Next++
	return c.addAt(tx, places.Next-1, rec)
}

// keepPlaces keeps places in the history for the notices of changes that are
// still to be made: what is written now is sent after them, and stands below
// them.
func (c *Conversation) keepPlaces(tx *records.Tx) error {
	for _, item := range c.outbox {
		if item.Change == nil || item.Change.Places != nil {
			continue
		}
		n := countNotices(item.Change, c.state.Group)
		if n == 0 {
			continue
		}
		item.Change.Places = &records.Places{Next: c.rec.NextOrder + 1, Last: c.rec.NextOrder + n}
		if r := c.rec.Reported; r.Delivered == c.rec.NextOrder {
			r.Delivered += n
		}
		c.rec.NextOrder += n
		c.touch()
		if err := c.saveItem(tx, item); err != nil {
			return err
		}
	}
	return nil
}

// giveUpPlaces lets the notices of changes stand at the end after all, if a
// message that was written after them is in the channel before them.
func (c *Conversation) giveUpPlaces(tx *records.Tx, sent uint64) error {
	for _, item := range c.outbox {
		if item.Change == nil || item.Change.Places == nil || item.Change.Places.Next >= sent {
			continue
		}
		item.Change.Places = &records.Places{Next: 1}
		if err := c.saveItem(tx, item); err != nil {
			return err
		}
	}
	return nil
}

// countNotices counts the notices that a change leads to.
func countNotices(ch *records.Change, group bool) uint64 {
	n := len(ch.Remove) + len(ch.Roles)
	if group {
		n += len(ch.Add)
	}
	if ch.Title != nil {
		n++
	}
	if ch.Timer != nil {
		n++
	}
	if ch.Again != nil {
		n = 0 // nobody comes and nobody goes
	}
	return uint64(n)
}

// recordNotices adds a notice to the history for each change that a commit made,
// an own one at the places that were kept for it. Devices of this account come and go
// without one.
func (c *Conversation) recordNotices(tx *records.Tx, commit *mls.StagedCommit, moves rules.Movements, next rules.State, places *records.Places) error {
	who, err := rules.LeafCredential(commit.Committer().Leaf)
	if err != nil {
		return err
	}
	for _, who := range moves.Left {
		if err := c.noticeAt(tx, places, who, records.Notice{Kind: chat.NoticeLeft}); err != nil {
			return err
		}
	}
	var all []records.Notice
	for _, whom := range moves.Joined {
		if c.state.Group {
			all = append(all, records.Notice{Kind: chat.NoticeAdded, Whom: whom})
		}
	}
	for _, whom := range moves.Removed {
		all = append(all, records.Notice{Kind: chat.NoticeRemoved, Whom: whom})
	}
	for _, n := range append(all, c.noticesOf(next, moves)...) {
		if err := c.noticeAt(tx, places, who.Address.String(), n); err != nil {
			return err
		}
	}
	return c.deviceNotices(tx, moves)
}

// deviceNotices tells of devices of others that came and went, once for each person.
func (c *Conversation) deviceNotices(tx *records.Tx, moves rules.Movements) error {
	tell := func(kind chat.NoticeKind, devices []account.Credential) error {
		for i, cred := range devices {
			if cred.Address == c.self.Address || i > 0 && devices[i-1].Address == cred.Address {
				continue
			}
			if err := c.notice(tx, cred.Address.String(), records.Notice{Kind: kind}); err != nil {
				return err
			}
		}
		return nil
	}
	return errors.Join(tell(chat.NoticeDeviceAdded, moves.NewDevices), tell(chat.NoticeDeviceRemoved, moves.LostDevices))
}

// noticesOf returns the notices for the difference between the group state and
// the next one.
func (c *Conversation) noticesOf(next rules.State, moves rules.Movements) (all []records.Notice) {
	if next.Title != c.state.Title {
		all = append(all, records.Notice{Kind: chat.NoticeRenamed, Title: next.Title})
	}
	if next.Timer != c.state.Timer {
		all = append(all, records.Notice{Kind: chat.NoticeTimer, Timer: next.Timer})
	}
	for _, r := range next.Roles {
		if r.Role != c.state.Role(r.Address) {
			all = append(all, records.Notice{Kind: chat.NoticeRole, Whom: r.Address, Role: r.Role})
		}
	}
	for _, r := range c.state.Roles {
		if next.Role(r.Address) == chat.RoleMember && len(c.leavesOf(r.Address)) > 0 && !slices.Contains(moves.Joined, r.Address) { // who comes is without the role that they may have had before
			all = append(all, records.Notice{Kind: chat.NoticeRole, Whom: r.Address})
		}
	}
	return all
}
