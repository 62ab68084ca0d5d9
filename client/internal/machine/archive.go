// SPDX-License-Identifier: AGPL-3.0-or-later

package machine

import (
	"slices"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/records"
	"github.com/securecrypt/securecrypt/content"
)

// A device that joins gets the history from another one of the account, the newest
// messages first. They have places below HistoryRoom, with room between them, because
// several devices may give different parts.

const (
	archiveBase  = records.HistoryRoom / 2 // the newest message of an archive lies below
	archiveStep  = 16                      // between two messages of an archive
	maxLateItems = 4096                    // what is kept of changes to messages that have not come
)

// The control messages of the own devices that take longer than a step.
const (
	ControlHistory        = "history"         // records.HistoryPart
	ControlHistoryTaken   = "history-taken"   // records.HistoryTaken
	ControlHistoryRequest = "history-request" // none
)

type (
	// InputArchived has a part of the history that another device gave.
	InputArchived struct{ Chat records.ArchivedChat }
	// CommandOwn says something to the other devices of the account.
	CommandOwn struct {
		Name string
		Body []byte
	}
)

// DoOwnMessages has messages of other devices dealt with that the store keeps.
type DoOwnMessages struct{}

// DoGiveHistory has the history given to devices that wait for it.
type DoGiveHistory struct{}

func (DoOwnMessages) effect() {}
func (DoGiveHistory) effect() {}

func (in CommandOwn) step(c *Conversation, tx *records.Tx) error {
	return c.queueQuietly(tx, content.Control(in.Name, in.Body))
}

// keepOwnMessage keeps a message of another device until it is dealt with.
func (c *Conversation) keepOwnMessage(tx *records.Tx, control content.ControlView) error {
	c.rec.NextItem++
	c.touch()
	c.out.do(DoOwnMessages{})
	return records.KeepOwnMessage(tx, c.rec.NextItem, records.OwnMessage{Name: control.Name, Body: control.Body})
}

// noteJoined notes that a new device of this account is in the group from now on, if a
// transfer to it waits for that: it needs what came before.
func (c *Conversation) noteJoined(tx *records.Tx, device account.DeviceID) error {
	waits, err := records.NoteJoined(tx, device, c.id, c.state.Own, c.rec.NextOrder)
	if waits {
		c.out.do(DoGiveHistory{})
	}
	return err
}

func (in InputArchived) step(c *Conversation, tx *records.Tx) error {
	if err := c.takeRuns(tx, in.Chat); err != nil {
		return err
	}
	if in.Chat.Whole {
		c.rec.Partial = false
	}
	c.touch()
	return nil
}

// takeRuns enters messages into the history that follow each other. Those that this
// device has already tell where the others between them belong.
func (c *Conversation) takeRuns(tx *records.Tx, chat records.ArchivedChat) error {
	anchor, known, err := c.archiveAnchor(tx, chat)
	if err != nil {
		return err
	}
	var run []*records.ArchivedMessage // that this device does not have
	for i := range chat.Messages {
		m := &chat.Messages[i]
		order := uint64(0)
		if !m.ID.IsZero() {
			if order, err = records.MessageOrder(tx, c.id, m.ID); err != nil {
				return err
			}
		}
		if order == 0 {
			run = append(run, m)
			continue
		}
		// The run lies between the message before it and this one. Placed beside this
		// one, it is right even if the one before is not known.
		if !known || !chat.Up {
			slices.Reverse(run)
			err = c.takeRun(tx, run, order, !chat.Up)
		} else {
			err = c.takeRun(tx, run, anchor, chat.Up)
		}
		if err != nil {
			return err
		}
		anchor, known, run = order, true, nil
	}
	return c.takeRun(tx, run, anchor, chat.Up)
}

// takeRun enters messages beside a place: each above or below the one before.
func (c *Conversation) takeRun(tx *records.Tx, run []*records.ArchivedMessage, anchor uint64, above bool) error {
	if len(run) == 0 {
		return nil
	}
	late, err := c.hasLate(tx)
	if err != nil {
		return err
	}
	next, err := c.neighbour(tx, anchor, above)
	for i := 0; i < len(run) && err == nil; {
		m := run[i]
		order, free := beside(anchor, next, above)
		if !free { // no room before the next message: go on behind it
			anchor = next
			next, err = c.neighbour(tx, anchor, above)
			continue
		}
		i++
		same := false
		if m.ID.IsZero() && next != 0 {
			if same, err = c.isSameNotice(tx, m, next); same {
				anchor = next
				next, err = c.neighbour(tx, anchor, above)
			}
		}
		if err != nil || same {
			continue
		}
		var taken bool
		if taken, err = c.takeArchived(tx, m, order, late); taken {
			anchor = order
		}
	}
	return err
}

// beside returns a place between a message and the next one above or below it, 0 for no
// next one; false if there is no room.
func beside(anchor, next uint64, above bool) (order uint64, ok bool) {
	switch {
	case above && (next == 0 || next > anchor+archiveStep):
		return anchor + archiveStep, true
	case !above && anchor > archiveStep && next < anchor-archiveStep:
		return anchor - archiveStep, true
	case next == 0:
		return max(1, anchor-1), true
	}
	return (next + anchor) / 2, max(next, anchor)-min(next, anchor) > 1
}

// archiveAnchor returns the place beside which the messages of a part belong, and
// whether that of a message.
func (c *Conversation) archiveAnchor(tx *records.Tx, chat records.ArchivedChat) (order uint64, known bool, err error) {
	if !chat.Anchor.IsZero() {
		order, err := records.MessageOrder(tx, c.id, chat.Anchor)
		if err != nil || order != 0 {
			return order, true, err
		}
	}
	if c.rec.ArchiveAt != 0 {
		return c.rec.ArchiveAt, false, nil
	}
	return archiveBase, false, nil
}

// neighbour returns the place of the next message above or below a place, 0 if there is
// none.
func (c *Conversation) neighbour(tx *records.Tx, order uint64, above bool) (at uint64, err error) {
	from := order - 1
	if above {
		from = order + 1
	}
	all := records.Key(records.TableMessage, c.id[:])
	err = tx.ScanFrom(all, records.Key(records.TableMessage, c.id[:], records.Number(from)), !above, func(k, _ []byte) (bool, error) {
		at = records.LastNumber(k)
		return false, nil
	})
	return at, err
}

// takeArchived enters a message into the history at a free place. It reports false for
// one that is not to be there.
func (c *Conversation) takeArchived(tx *records.Tx, m *records.ArchivedMessage, order uint64, late bool) (taken bool, err error) {
	if order > c.rec.NextOrder {
		return false, nil // this device receives it
	}
	if !m.ID.IsZero() {
		if gone, err := c.isForgotten(tx, m.ID); gone || err != nil {
			return false, err
		}
	}
	rec := m.Message(c.now())
	if !rec.ID.IsZero() {
		if err := tx.Put(records.Key(records.TableMessageID, c.id[:], tx.Index(rec.ID[:])), records.Number(order)); err != nil {
			return false, err
		}
	}
	if rec.Expires != 0 {
		if err := tx.Put(records.Key(records.TableExpiry, c.id[:], records.Number(uint64(rec.Expires)), records.Number(order)), nil); err != nil {
			return false, err
		}
	}
	if err := tx.Save(records.Key(records.TableMessage, c.id[:], records.Number(order)), rec); err != nil {
		return false, err
	}
	c.noteLast(order, rec)
	if late && !rec.ID.IsZero() {
		err = c.applyLate(tx, rec.ID)
	}
	return true, err
}

// hasLate reports whether something was done to messages that have not come.
func (c *Conversation) hasLate(tx *records.Tx) (has bool, err error) {
	err = tx.ScanKeys(records.Key(records.TableLate, c.id[:]), false, func([]byte) (bool, error) {
		has = true
		return false, nil
	})
	return has, err
}

// isSameNotice reports whether the message at a place is the same notice: another device
// gave it before.
func (c *Conversation) isSameNotice(tx *records.Tx, m *records.ArchivedMessage, at uint64) (bool, error) {
	var rec records.Message
	if _, err := tx.Load(records.Key(records.TableMessage, c.id[:], records.Number(at)), &rec); err != nil {
		return false, err
	}
	return rec.Notice && rec.From == m.From && rec.Sent == m.Sent && (rec.What == nil) == (m.What == nil) && (rec.What == nil || *rec.What == *m.What), nil
}

// keepLate keeps what somebody did to a message that has not come yet, where the history
// is still on its way. It reports whether that is so.
func (c *Conversation) keepLate(tx *records.Tx, from string, id content.MessageID, raw []byte, view content.View, state chat.State) (bool, error) {
	about := view.Replaces
	if view.Kind == content.KindReaction || view.Kind == content.KindUnreaction {
		about = view.InReplyTo
	}
	if !c.rec.Partial || state == chat.StateWaiting || about.IsZero() {
		return false, nil
	}
	if order, err := records.MessageOrder(tx, c.id, about); err != nil || order != 0 {
		return false, err
	}
	n := 0
	err := tx.ScanKeys(records.Key(records.TableLate, c.id[:]), false, func([]byte) (bool, error) {
		n++
		return n < maxLateItems, nil
	})
	if err != nil || n >= maxLateItems {
		return true, err
	}
	c.rec.NextItem++
	c.touch()
	at := records.Key(records.TableLate, c.id[:], tx.Index(about[:]), records.Number(c.rec.NextItem))
	return true, tx.Save(at, &records.Held{Version: records.Version, From: from, ID: id, Content: raw})
}

// applyLate does to a message what was done to it before it came.
func (c *Conversation) applyLate(tx *records.Tx, id content.MessageID) error {
	prefix := records.Key(records.TableLate, c.id[:], tx.Index(id[:]))
	return c.takeHeld(tx, prefix, chat.StateSent, func(*records.Held) bool { return true })
}
