// SPDX-License-Identifier: AGPL-3.0-or-later

package machine

import (
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/envelope"
	"github.com/securecrypt/securecrypt/client/internal/attachments"
	"github.com/securecrypt/securecrypt/client/internal/records"
	"github.com/securecrypt/securecrypt/client/internal/rules"
	"github.com/securecrypt/securecrypt/content"
	"github.com/securecrypt/securecrypt/internal/codec/dcbor"
)

// ErrTextTooLong reports a text that does not fit into a message.
var ErrTextTooLong = chat.Worded{Kind: chat.ErrTooLong, Text: fmt.Sprintf("a message may have at most %d bytes; send longer texts as files", chat.MaxText)}

// maxContent bounds an encoded message, so that it fits into an entry.
const maxContent = envelope.MaxMessage - 4<<10

// Commands that a person gives a conversation.
type (
	CommandSend struct {
		Message content.Message
		Uploads []records.Upload
		Expire  time.Duration
		Sent    *chat.Message // set by the step
	}
	CommandChange struct{ Change records.Change }
	CommandLeave  struct{}
	CommandAccept struct{}
	// CommandIntroduce tells the own name in a conversation that was entered
	// without accepting a request.
	CommandIntroduce struct{}
	CommandBlock     struct{}
	CommandSaved     struct {
		Id    content.MessageID
		Index int
		Path  string
	}
)

func (in CommandSend) step(c *Conversation, tx *records.Tx) error {
	if err := c.writable(); err != nil {
		return err
	}
	if err := attachments.StillAttached(tx, in.Uploads); errors.Is(err, attachments.ErrSentBefore) {
		return Refusal{err}
	} else if err != nil {
		return err
	}
	now := c.now()
	view := in.Message.View()
	if c.rec.Newcomers && view.Kind == content.KindMessage {
		if err := c.sendProfile(tx); err != nil {
			return err
		}
	}
	expire := time.Duration(0)
	if view.Kind == content.KindMessage {
		expire = min(Lasting(in.Expire, time.Duration(c.state.Timer)*time.Second), chat.MaxExpiry)
	}
	if expire > 0 {
		in.Message.Expires = content.ExpireAt(now.Add(expire))
	}
	if _, ok := in.Message.Extensions[keySentAt]; !ok {
		if err := in.Message.Extensions.Set(keySentAt, records.Millis(now)); err != nil {
			return Refusal{err}
		}
	}
	message, err := in.Message.Salted(rand.Reader)
	if err != nil {
		return err
	}
	raw, err := message.Encode()
	if err != nil {
		return Refusal{err}
	}
	if len(raw) > maxContent {
		return Refusal{chat.Worded{Kind: chat.ErrTooLong, Text: "this is too much for one message; send fewer files at a time"}}
	}
	return c.enqueueMessage(tx, in, &message, raw, expire)
}

func (c *Conversation) closedBecause() string {
	if c.rec.Reason != "" {
		return c.rec.Reason
	}
	removed := "you were removed from it"
	if !c.rec.Group {
		removed = "the other one has left it"
	}
	return map[chat.Status]string{chat.StatusLeft: "you left it", chat.StatusRemoved: removed, chat.StatusBlocked: "you blocked it",
		chat.StatusPending: "another of your devices is still bringing it here; try again in a moment"}[c.rec.Status]
}

func (c *Conversation) enqueueMessage(tx *records.Tx, in CommandSend, message *content.Message, raw []byte, expire time.Duration) error {
	self := c.self.Address
	id, err := content.ID(self.URI(), c.RoomURI(), raw)
	if err != nil {
		return err
	}
	out := records.OutboxItem{Message: raw, Uploads: in.Uploads, Expire: uint64(attachments.BlobExpiry(expire) / time.Second)}
	if message.View().Kind == content.KindMessage {
		if err := c.keepPlaces(tx); err != nil {
			return err
		}
		if out.Order, err = c.record(tx, self.String(), id, raw, message, chat.StateWaiting); err != nil {
			return err
		}
		if err := c.notePaths(tx, out.Order, in.Uploads); err != nil {
			return err
		}
	} else if out.Target, err = c.change(tx, id, raw, message); err != nil {
		return err
	}
	if in.Sent != nil {
		*in.Sent = chat.Message{ID: id, Conversation: chat.IDOf(c.rec.Channel), From: self, Own: true, State: chat.StateWaiting}
	}
	_, err = c.queue(tx, out)
	return err
}

func (in CommandSaved) step(c *Conversation, tx *records.Tx) error {
	order, rec, err := records.LoadMessage(tx, c.id, in.Id)
	if err != nil || rec == nil {
		return err
	}
	rec.Paths = slices.DeleteFunc(rec.Paths, func(p records.Path) bool { return p.Index == in.Index })
	rec.Paths = append(rec.Paths, records.Path{Index: in.Index, Path: in.Path})
	return c.saveMessage(tx, order, rec, false)
}

// A rule is an ErrNotAllowed that says what the rule is.
type rule struct{ text string }

// Error returns the rule.
func (r rule) Error() string { return r.text }

// Unwrap returns ErrNotAllowed.
func (rule) Unwrap() error { return chat.ErrNotAllowed }

// mayNotRemove says why a member of one role is not removed by another one.
func mayNotRemove(member, by chat.Role) error {
	switch {
	case member == chat.RoleOwner && by == chat.RoleOwner:
		return rule{"an owner cannot be removed: make them an ordinary member first, then remove them"}
	case member >= chat.RoleAdmin:
		return rule{"only an owner of the group may remove an administrator, and nobody an owner: ask an owner to do it, or to take the role from them"}
	}
	return chat.ErrNotAllowed
}

func (in CommandChange) step(c *Conversation, tx *records.Tx) error {
	if c.rec.Status != chat.StatusActive {
		return Refusal{chat.ErrClosed}
	}
	ch := in.Change
	role := c.state.Role(c.self.Address.String())
	administers := len(ch.Add)+len(ch.Remove) > 0 || ch.Title != nil
	switch {
	case !c.state.Group && administers:
		return Refusal{errors.New("this is a conversation between two; create a group instead")}
	case len(ch.Roles) > 0 && !rules.MayGiveRoles(role):
		return Refusal{rule{"only an owner of the group may give and take roles: ask one of them"}}
	case administers && !rules.MayAdminister(role), ch.Timer != nil && !rules.MaySetTimer(c.state.Group, role):
		return Refusal{chat.ErrNotAllowed}
	}
	for _, r := range ch.Roles {
		if len(c.leavesOf(r.Address)) == 0 {
			return Refusal{fmt.Errorf("%s is not in the group: choose one of its members", r.Address)}
		}
	}
	if len(ch.Roles) > 0 && !c.owned(c.plannedState().WithRoles(ch.Roles), "") {
		return Refusal{chat.ErrLastOwner}
	}
	for _, a := range ch.Remove {
		if len(c.leavesOf(a)) == 0 {
			return Refusal{fmt.Errorf("%s is not in the group: choose one of its members", a)}
		}
		if a == c.self.Address.String() {
			return Refusal{errors.New("to go yourself, leave the group")}
		}
		if !c.rules().MayRemove(c.self.Address.String(), a) {
			return Refusal{mayNotRemove(c.state.Role(a), role)}
		}
	}
	if err := MayAdd(tx, ch.Add); err != nil {
		return err
	}
	for _, a := range ch.Add {
		if err := records.EnsureContact(tx, a); err != nil {
			return err
		}
	}
	queue := c.queue
	if len(ch.Remove) > 0 {
		queue = c.queueFirst
	}
	if _, err := queue(tx, records.OutboxItem{Change: &ch}); err != nil || len(ch.Add) == 0 {
		return err
	}
	return c.sendProfile(tx)
}

// step leaves the group. The only owner names a successor first.
func (CommandLeave) step(c *Conversation, tx *records.Tx) error {
	if c.rec.Status != chat.StatusActive && c.rec.Status != chat.StatusRequest {
		return Refusal{chat.ErrClosed}
	}
	if c.state.Own {
		return Refusal{rule{"these are your own notes, which nobody can leave: remove the messages that you do not need"}}
	}
	if slices.ContainsFunc(c.outbox, func(o *outItem) bool { return o.Leave }) {
		return nil // it is on its way
	}
	if c.isLastOwner(c.plannedState()) {
		return Refusal{chat.ErrLastOwner}
	}
	c.rec.Status = chat.StatusActive
	c.touch()
	self := c.self.Address.String()
	if len(c.members()) == 1 && c.members()[0] == self {
		c.rec.Gone = true
		c.planChannelDeletion()
		return c.stop(tx, chat.StatusLeft, nil)
	}
	_, err := c.queue(tx, records.OutboxItem{Leave: true})
	return err
}

// isLastOwner reports whether the group would have no owner if this account left it.
func (c *Conversation) isLastOwner(state rules.State) bool {
	self := c.self.Address.String()
	return state.Group && len(c.members()) > 1 && state.Role(self) == chat.RoleOwner && !c.owned(state, self)
}

// owned reports whether a member other than without owns the group.
func (c *Conversation) owned(state rules.State, without string) bool {
	return slices.ContainsFunc(state.Roles, func(r records.Role) bool {
		return r.Role == chat.RoleOwner && r.Address != without && len(c.leavesOf(r.Address)) > 0
	})
}

// plannedState returns the state of the group once the roles that wait in the
// outbox are given.
func (c *Conversation) plannedState() rules.State {
	state := c.state
	for _, item := range c.outbox {
		if item.Change != nil {
			state = state.WithRoles(item.Change.Roles)
		}
	}
	return state
}

func (CommandAccept) step(c *Conversation, tx *records.Tx) error {
	if c.rec.Status != chat.StatusRequest {
		return Refusal{errors.New("there is nothing to accept")}
	}
	if slices.Contains(c.rec.Unconfirmed, c.rec.Inviter) {
		return Refusal{chat.ErrUnconfirmed}
	}
	c.rec.Status = chat.StatusActive
	c.touch()
	if err := records.EnsureContact(tx, c.rec.Inviter); err != nil {
		return err
	}
	if err := errors.Join(c.planOwnDevices(tx), c.setField(tx, records.FieldAccepted, nil, true)); err != nil {
		return err
	}
	return c.sendProfile(tx)
}

func (CommandIntroduce) step(c *Conversation, tx *records.Tx) error {
	if c.rec.Status != chat.StatusActive || !c.rec.Newcomers {
		return nil
	}
	return c.sendProfile(tx)
}

func (CommandBlock) step(c *Conversation, tx *records.Tx) error {
	if c.rec.Status == chat.StatusActive && c.state.Group {
		return Refusal{errors.New("leave the group instead")}
	}
	if err := c.dropDeliveries(tx); err != nil {
		return err
	}
	return c.stop(tx, chat.StatusBlocked, nil)
}

// sendProfile tells the others the name that this account goes by.
func (c *Conversation) sendProfile(tx *records.Tx) error {
	c.rec.Newcomers = false
	c.touch()
	var rec records.Profile
	if _, err := tx.Load([]byte(records.TableProfile), &rec); err != nil || rec.Name == "" {
		return err
	}
	m, err := ProfileMessage(rec.Name)
	if err != nil {
		return err
	}
	return CommandSend{Message: m}.step(c, tx)
}

// ProfileMessage tells others the name that this account gives itself.
func ProfileMessage(name string) (content.Message, error) {
	body, err := dcbor.Marshal(profileControl{Version: records.Version, Name: name})
	return content.Control(controlProfile, body), err
}

// MayAdd refuses people who are blocked: whoever wants them back says so.
func MayAdd(tx *records.Tx, addresses []string) error {
	for _, a := range addresses {
		rec, err := records.LoadContact(tx, a)
		if err != nil {
			return err
		}
		if rec.Blocked {
			return Refusal{chat.Worded{Kind: chat.ErrBlocked, Text: fmt.Sprintf("you blocked %s; unblock them first", a)}}
		}
	}
	return nil
}

// CommandChoose changes what this account chose for itself about a
// conversation. Only its other devices hear of it.
type CommandChoose struct{ Change func(*records.List) }

func (in CommandChoose) step(c *Conversation, tx *records.Tx) error {
	before := c.rec.List
	in.Change(&c.rec.List)
	c.touch()
	return c.noteChosen(tx, before)
}

// CommandPin puts a conversation at the top of the list, or back.
type CommandPin struct{ On bool }

func (in CommandPin) step(c *Conversation, tx *records.Tx) error {
	before := c.rec.List
	c.rec.Pinned = in.On
	c.touch()
	return errors.Join(records.NotePinned(tx, c.id, in.On), c.noteChosen(tx, before))
}
