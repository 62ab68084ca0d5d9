// SPDX-License-Identifier: AGPL-3.0-or-later

package machine

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/records"
	"github.com/securecrypt/securecrypt/content"
	"github.com/securecrypt/securecrypt/internal/codec/dcbor"
)

// What a person chooses, reads and deletes on one device the others do, too. Fields are
// sent in the conversation of the account's own devices, as control messages; the
// conversations that they are about carry them out.

const (
	syncDelay    = 50 * time.Millisecond // what happens meanwhile goes into the same message
	maxSyncBytes = 24 << 10              // of fields in one message, about
)

// controlSync is the control message that has fields.
const controlSync = "sync"

// controlSyncRequest is the control message that asks for all fields.
const controlSyncRequest = "sync-request"

// A syncControl has fields as another device of the account has them.
type syncControl struct {
	Version uint8            `cbor:"1,keyasint"`
	Fields  []records.Synced `cbor:"2,keyasint"`
}

type (
	// InputUnsent: there are fields that the other devices have not heard of.
	InputUnsent struct{}
	// InputUnapplied: other devices changed fields of this conversation.
	InputUnapplied struct{}
)

// DoSync has the other devices hear of fields: the conversation of the own devices sends
// them.
type DoSync struct{}

// DoApply has fields carried out that another device changed: those of the account, of
// contacts and of conversations with these subjects (records.Field.Main).
type DoApply struct{ Subjects [][]byte }

func (DoSync) effect()  {}
func (DoApply) effect() {}

func (InputUnsent) step(c *Conversation, _ *records.Tx) error {
	if c.state.Own && c.syncAt.IsZero() {
		c.syncAt = c.now().Add(syncDelay)
	}
	return nil
}

func (InputUnapplied) step(c *Conversation, tx *records.Tx) error { return c.applyFields(tx) }

// setField notes that this device changed a field of the conversation.
func (c *Conversation) setField(tx *records.Tx, kind records.FieldKind, sub []byte, value any) error {
	changed, err := records.SetField(tx, c.self.Device, records.Field{Kind: kind, Main: c.rec.Channel[:], Sub: sub}, value)
	if changed {
		c.out.do(DoSync{})
	}
	return err
}

// sendFields sends what the other devices have not heard of, in the conversation of the
// own devices.
func (c *Conversation) sendFields(tx *records.Tx) error {
	if !c.state.Own || c.syncAt.IsZero() || c.now().Before(c.syncAt) || c.phase != phaseLive {
		return nil
	}
	c.syncAt = time.Time{}
	if len(c.devicesOf(c.self.Address.String())) < 2 {
		return nil // a device that comes gets all of them
	}
	for {
		fields, err := records.TakeUnsent(tx, maxSyncBytes)
		if err != nil || len(fields) == 0 {
			return err
		}
		body, err := dcbor.Marshal(syncControl{records.Version, fields})
		if err != nil {
			return err
		}
		if err := c.queueQuietly(tx, content.Control(controlSync, body)); err != nil {
			return err
		}
	}
}

// requestFields asks the other devices for everything: this one was away for so long
// that it missed some of it.
func (c *Conversation) requestFields(tx *records.Tx) error {
	return c.queueQuietly(tx, content.Control(controlSyncRequest, nil))
}

// ownControl takes in a control message of another device of the account.
func (c *Conversation) ownControl(tx *records.Tx, view content.View) error {
	if !c.state.Own {
		return nil
	}
	switch view.Control.Name {
	case controlSyncRequest:
		c.syncAt = c.now().Add(syncDelay)
		return records.ResendFields(tx)
	case controlSync:
		return c.takeFields(tx, view.Control.Body)
	case ControlHistory, ControlHistoryTaken, ControlHistoryRequest:
		return c.keepOwnMessage(tx, view.Control)
	}
	return nil // of a later version
}

// takeFields takes in fields of another device.
func (c *Conversation) takeFields(tx *records.Tx, body []byte) error {
	var sent syncControl
	if dcbor.Unmarshal(body, &sent) != nil {
		return nil
	}
	var subjects [][]byte
	seen := map[string]bool{}
	for _, f := range sent.Fields {
		news, err := records.MergeField(tx, f)
		if err != nil {
			return err
		}
		if news && !seen[string(f.Field.Main)] {
			seen[string(f.Field.Main)] = true
			subjects = append(subjects, f.Field.Main)
		}
	}
	if len(subjects) > 0 {
		c.out.do(DoApply{subjects})
	}
	return nil
}

// chosenFields returns what this account chose about a conversation, where it differs.
func chosenFields(before, now records.List) map[records.FieldKind]any {
	all := map[records.FieldKind]any{}
	if now.Pinned != before.Pinned {
		all[records.FieldPinned] = now.Pinned
	}
	if now.Archived != before.Archived {
		all[records.FieldArchived] = now.Archived
	}
	if now.MutedUntil != before.MutedUntil {
		all[records.FieldMuted] = now.MutedUntil
	}
	if now.Draft != before.Draft || !slices.Equal(now.DraftReply, before.DraftReply) {
		all[records.FieldDraft] = records.SyncedDraft{Text: now.Draft, Reply: now.DraftReply}
	}
	return all
}

// noteChosen has the other devices hear of what this one chose about the conversation.
func (c *Conversation) noteChosen(tx *records.Tx, before records.List) error {
	var failed []error
	for kind, value := range chosenFields(before, c.rec.List) {
		failed = append(failed, c.setField(tx, kind, nil, value))
	}
	return errors.Join(failed...)
}

// CollectFields makes fields of what this account chose and read in a conversation that
// other devices do not know yet.
func CollectFields(tx *records.Tx, self account.DeviceID, s records.Stored) error {
	fields := chosenFields(records.List{}, s.Rec.List)
	read, err := records.NewestMessage(tx, s.K, s.Rec.ReadUpTo())
	if err != nil {
		return err
	}
	if !read.IsZero() {
		fields[records.FieldRead] = read[:]
	}
	for kind, value := range fields {
		if _, err := records.SetField(tx, self, records.Field{Kind: kind, Main: s.Rec.Channel[:]}, value); err != nil {
			return err
		}
	}
	return nil
}

// noteReadUpTo has the other devices hear of what was read up to a place of the history.
func (c *Conversation) noteReadUpTo(tx *records.Tx, order uint64) error {
	read, err := records.NewestMessage(tx, c.id, order)
	if err != nil || read.IsZero() {
		return err
	}
	return c.setField(tx, records.FieldRead, nil, read[:])
}

// applyFields carries out what other devices changed.
func (c *Conversation) applyFields(tx *records.Tx) error {
	c.awaitsField = false
	fields, err := records.Unapplied(tx, c.id[:])
	if err != nil {
		return err
	}
	for _, f := range fields {
		done, err := c.applyField(tx, f)
		if err != nil {
			return fmt.Errorf("client: what another device chose: %w", err)
		}
		if !done {
			c.awaitsField = true
			continue
		}
		if err := records.Applied(tx, f.Field); err != nil {
			return err
		}
	}
	return nil
}

// applyField carries out what another device changed. It reports false if that has to
// wait for a message that has not come.
func (c *Conversation) applyField(tx *records.Tx, f records.Synced) (done bool, err error) {
	c.touch()
	switch f.Field.Kind {
	case records.FieldPinned:
		if err := records.Decode(f.Value, &c.rec.Pinned); err != nil {
			return true, nil
		}
		return true, records.NotePinned(tx, c.id, c.rec.Pinned)
	case records.FieldArchived:
		_ = records.Decode(f.Value, &c.rec.Archived)
	case records.FieldMuted:
		_ = records.Decode(f.Value, &c.rec.MutedUntil)
	case records.FieldDraft:
		var draft records.SyncedDraft
		if records.Decode(f.Value, &draft) == nil && len(draft.Text) <= chat.MaxText {
			c.rec.Draft, c.rec.DraftReply = draft.Text, draft.Reply
		}
	case records.FieldRead:
		return c.applyRead(tx, f.Value)
	case records.FieldForgotten:
		return true, c.applyForgotten(tx, f.Field.Sub)
	case records.FieldAccepted:
		if c.rec.Status == chat.StatusRequest {
			c.rec.Status = chat.StatusActive
			return true, errors.Join(records.EnsureContact(tx, c.rec.Inviter), c.planOwnDevices(tx))
		}
	case records.FieldDeleted:
		return true, c.applyDeleted(tx)
	}
	return true, nil
}

func (c *Conversation) applyRead(tx *records.Tx, value []byte) (done bool, err error) {
	var raw []byte
	if records.Decode(value, &raw) != nil || len(raw) != content.MessageIDSize {
		return true, nil
	}
	order, err := records.MessageOrder(tx, c.id, content.MessageID(raw))
	if err != nil || order == 0 {
		return false, err // until it comes
	}
	if order <= c.rec.Reported.Read {
		return true, nil
	}
	// The other device tells the others.
	c.rec.Reported.ReadSent = max(c.rec.Reported.ReadSent, order)
	return true, c.readUpTo(tx, order)
}

func (c *Conversation) applyForgotten(tx *records.Tx, raw []byte) error {
	if len(raw) != content.MessageIDSize {
		return nil
	}
	order, rec, err := records.LoadMessage(tx, c.id, content.MessageID(raw))
	if err != nil || rec == nil {
		return err // it is not taken in when it comes
	}
	return c.forget(tx, order, rec)
}

// isForgotten reports whether a message was removed from the history on another device
// before it came here.
func (c *Conversation) isForgotten(tx *records.Tx, id content.MessageID) (gone bool, err error) {
	_, err = records.LoadField(tx, records.Field{Kind: records.FieldForgotten, Main: c.rec.Channel[:], Sub: id[:]}, &gone)
	return gone, err
}

// applyDeleted removes the conversation, which was left and deleted on another device.
func (c *Conversation) applyDeleted(tx *records.Tx) error {
	if c.rec.Hidden || c.state.Own {
		return nil
	}
	if c.rec.Status == chat.StatusActive { // that it was left is on its way
		if err := c.stop(tx, chat.StatusLeft, nil); err != nil {
			return err
		}
	}
	return c.deleteAll(tx)
}
