// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"slices"
	"time"

	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/mls"
)

// A noticeRecord is what a messageRecord has in place of a text.
type noticeRecord struct {
	Kind   chat.NoticeKind `cbor:"1,keyasint"`
	Whom   string          `cbor:"2,keyasint,omitempty"`
	Title  string          `cbor:"3,keyasint,omitempty"`
	Timer  uint32          `cbor:"4,keyasint,omitempty"` // seconds
	Role   chat.Role       `cbor:"5,keyasint,omitempty"`
	Reason string          `cbor:"6,keyasint,omitempty"`
	Count  uint64          `cbor:"7,keyasint,omitempty"`
}

// notice returns what the record tells, nil of a message.
func (r *messageRecord) notice() *chat.Notice {
	switch {
	case !r.Notice:
		return nil
	case r.What == nil:
		return &chat.Notice{Kind: chat.NoticeOther}
	}
	n := r.What
	return &chat.Notice{Kind: n.Kind, Whom: address(n.Whom), Title: n.Title, Timer: time.Duration(n.Timer) * time.Second, Role: n.Role, Reason: n.Reason, Count: n.Count}
}

// notice enters into the history what somebody did.
func (c *conversation) notice(tx *sealedTx, from string, what noticeRecord) error {
	return c.noticeAt(tx, nil, from, what)
}

// noticeAt enters into the history what somebody did, at the next of the places
// that were kept for it, or else at the end.
func (c *conversation) noticeAt(tx *sealedTx, places *placesRecord, from string, what noticeRecord) error {
	if c.rec.Hidden {
		return nil
	}
	now := millis(c.now())
	rec := &messageRecord{Version: recordVersion, From: from, Sent: now, Received: now, Notice: true, What: &what}
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
func (c *conversation) keepPlaces(tx *sealedTx) error {
	for _, item := range c.outbox {
		if item.Change == nil || item.Change.Places != nil {
			continue
		}
		n := item.Change.notices(c.state.Group)
		if n == 0 {
			continue
		}
		item.Change.Places = &placesRecord{c.rec.NextOrder + 1, c.rec.NextOrder + n}
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
func (c *conversation) giveUpPlaces(tx *sealedTx, sent uint64) error {
	for _, item := range c.outbox {
		if item.Change == nil || item.Change.Places == nil || item.Change.Places.Next >= sent {
			continue
		}
		item.Change.Places = &placesRecord{Next: 1}
		if err := c.saveItem(tx, item); err != nil {
			return err
		}
	}
	return nil
}

// notices counts the notices that a change leads to.
func (ch *changeRecord) notices(group bool) uint64 {
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
// an own one at the places that were kept for it.
func (c *conversation) recordNotices(tx *sealedTx, commit *mls.StagedCommit, next groupState, places *placesRecord) error {
	who, err := leafCredential(commit.Committer().Leaf)
	if err != nil {
		return err
	}
	author := who.Address.String()
	left, removed := departures(commit)
	again := addedAgain(commit)
	removed = slices.DeleteFunc(removed, func(who string) bool { return again[who] && !commit.RemovesSelf() })
	for _, who := range left {
		if err := c.noticeAt(tx, places, who, noticeRecord{Kind: chat.NoticeLeft}); err != nil {
			return err
		}
	}
	var all []noticeRecord
	for _, m := range commit.Added() {
		if cred, err := leafCredential(m.Leaf); err == nil && c.state.Group {
			all = append(all, noticeRecord{Kind: chat.NoticeAdded, Whom: cred.Address.String()})
		}
	}
	for _, whom := range removed {
		all = append(all, noticeRecord{Kind: chat.NoticeRemoved, Whom: whom})
	}
	for _, n := range append(all, c.noticesOf(next, commit)...) {
		if err := c.noticeAt(tx, places, author, n); err != nil {
			return err
		}
	}
	return nil
}

// departures returns who left by a commit and who was removed, a leaf each.
func departures(commit *mls.StagedCommit) (left, removed []string) {
	leaves := map[mls.LeafIndex]bool{}
	for _, p := range commit.Proposals() {
		if p.Type == mls.ProposalSelfRemove {
			leaves[p.Sender] = true
		}
	}
	for _, m := range commit.Removed() {
		cred, err := leafCredential(m.Leaf)
		switch {
		case err != nil:
		case leaves[m.Index]:
			left = append(left, cred.Address.String())
		default:
			removed = append(removed, cred.Address.String())
		}
	}
	return left, removed
}

// noticesOf returns the notices for the difference between the group state and
// the next one.
func (c *conversation) noticesOf(next groupState, commit *mls.StagedCommit) (all []noticeRecord) {
	comes := func(address string) bool { // without the role that it may have had before
		return slices.ContainsFunc(commit.Added(), func(m mls.Member) bool {
			cred, err := leafCredential(m.Leaf)
			return err == nil && cred.Address.String() == address
		})
	}
	if next.Title != c.state.Title {
		all = append(all, noticeRecord{Kind: chat.NoticeRenamed, Title: next.Title})
	}
	if next.Timer != c.state.Timer {
		all = append(all, noticeRecord{Kind: chat.NoticeTimer, Timer: next.Timer})
	}
	for _, r := range next.Roles {
		if r.Role != c.state.role(r.Address) {
			all = append(all, noticeRecord{Kind: chat.NoticeRole, Whom: r.Address, Role: r.Role})
		}
	}
	for _, r := range c.state.Roles {
		if next.role(r.Address) == chat.RoleMember && len(c.leavesOf(r.Address)) > 0 && !comes(r.Address) {
			all = append(all, noticeRecord{Kind: chat.NoticeRole, Whom: r.Address})
		}
	}
	return all
}
