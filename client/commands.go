// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/envelope"
	"github.com/securecrypt/securecrypt/content"
	"github.com/securecrypt/securecrypt/internal/dcbor"
	"github.com/securecrypt/securecrypt/mls"
	"github.com/securecrypt/securecrypt/protocol"
)

// MaxText bounds the text of a message in bytes.
const MaxText = 64 << 10

// maxContent bounds an encoded message, so that it fits into an entry.
const maxContent = envelope.MaxMessage - 4<<10

// MaxExpiry is the longest time after which messages can be made to disappear.
const MaxExpiry = 365 * 24 * time.Hour

func checkExpiry(after time.Duration) error {
	if after < 0 || after > MaxExpiry || after > 0 && after < time.Second {
		return errors.New("messages can be made to disappear after one second at the earliest and one year at the latest")
	}
	return nil
}

// Commands that a person gives a conversation.
type (
	commandSend struct {
		message content.Message
		uploads []uploadRecord
		expire  time.Duration
		sent    *Message // set by the step
	}
	commandChange struct{ change changeRecord }
	commandLeave  struct{}
	commandAccept struct{}
	commandBlock  struct{}
	commandRead   struct{}
	commandSaved  struct {
		id    content.MessageID
		index int
		path  string
	}
)

func (in commandSend) step(c *conversation, tx *sealedTx) error {
	switch c.rec.Status {
	case StatusActive:
	case StatusRequest:
		return refusal{ErrRequest}
	default:
		return refusal{fmt.Errorf("%w: %s", ErrClosed, c.closedBecause())}
	}
	if slices.ContainsFunc(c.outbox, func(o *outItem) bool { return o.Leave }) {
		return refusal{fmt.Errorf("%w: you are leaving it", ErrClosed)}
	}
	now := c.now()
	view := in.message.View()
	expire := in.expire
	if expire == 0 && view.Kind == content.KindMessage {
		expire = time.Duration(c.state.Timer) * time.Second
	}
	if view.Kind == content.KindMessage && expire > 0 {
		in.message.Expires = content.ExpireAt(now.Add(expire))
	}
	if _, ok := in.message.Extensions[keySentAt]; !ok {
		if err := in.message.Extensions.Set(keySentAt, millis(now)); err != nil {
			return refusal{err}
		}
	}
	message, err := in.message.Salted(random)
	if err != nil {
		return err
	}
	raw, err := message.Encode()
	if err != nil {
		return refusal{err}
	}
	if len(raw) > maxContent {
		return refusal{errors.New("this is too much for one message; send fewer files at a time")}
	}
	return c.enqueueMessage(tx, in, &message, raw, expire)
}

func (c *conversation) closedBecause() string {
	if c.rec.Reason != "" {
		return c.rec.Reason
	}
	return "you " + map[Status]string{
		StatusLeft: "left it", StatusRemoved: "were removed from it", StatusBlocked: "blocked it",
	}[c.rec.Status]
}

func (c *conversation) enqueueMessage(tx *sealedTx, in commandSend, message *content.Message, raw []byte, expire time.Duration) error {
	self := c.self.address
	id, err := content.ID(self.URI(), c.roomURI(), raw)
	if err != nil {
		return err
	}
	out := outboxRecord{Message: raw, Uploads: in.uploads, Expire: uint64(blobExpiry(expire) / time.Second)}
	if message.View().Kind == content.KindMessage {
		if out.Order, err = c.record(tx, self.String(), id, raw, message, StateWaiting); err != nil {
			return err
		}
		if err := c.notePaths(tx, out.Order, in.uploads); err != nil {
			return err
		}
	} else if err := c.take(tx, self.String(), id, raw, message, StateWaiting); err != nil {
		return err
	}
	if in.sent != nil {
		*in.sent = Message{ID: id, Conversation: conversationID(c.rec.Channel), From: self, Own: true, State: StateWaiting}
	}
	_, err = c.queue(tx, out)
	return err
}

// notePaths remembers where the attachments of an own message lie.
func (c *conversation) notePaths(tx *sealedTx, order uint64, uploads []uploadRecord) error {
	if len(uploads) == 0 {
		return nil
	}
	var rec messageRecord
	ok, err := tx.load(key(tableMessage, c.id[:], number(order)), &rec)
	if err != nil || !ok {
		return err
	}
	msg, err := content.Decode(rec.Content)
	if err != nil {
		return err
	}
	for i, a := range msg.View().Attachments {
		if i < len(uploads) {
			rec.Paths = append(rec.Paths, pathRecord{a.Index, uploads[i].Path})
		}
	}
	return c.saveMessage(tx, order, &rec, false)
}

func (in commandSaved) step(c *conversation, tx *sealedTx) error {
	order, rec, err := c.loadMessage(tx, in.id)
	if err != nil || rec == nil {
		return err
	}
	rec.Paths = slices.DeleteFunc(rec.Paths, func(p pathRecord) bool { return p.Index == in.index })
	rec.Paths = append(rec.Paths, pathRecord{in.index, in.path})
	return c.saveMessage(tx, order, rec, false)
}

func (in commandChange) step(c *conversation, tx *sealedTx) error {
	if c.rec.Status != StatusActive {
		return refusal{ErrClosed}
	}
	ch := in.change
	role := c.state.role(c.self.address.String())
	administers := len(ch.Add)+len(ch.Remove) > 0 || ch.Title != nil
	switch {
	case !c.state.Group && administers:
		return refusal{errors.New("this is a conversation between two; create a group instead")}
	case administers && role < RoleAdmin, len(ch.Roles) > 0 && role < RoleOwner, ch.Timer != nil && c.state.Group && role < RoleAdmin:
		return refusal{ErrNotAllowed}
	}
	for _, a := range ch.Remove {
		if len(c.leavesOf(a)) == 0 {
			return refusal{fmt.Errorf("%s is not in the group", a)}
		}
		if a == c.self.address.String() {
			return refusal{errors.New("to go yourself, leave the group")}
		}
		if role <= c.state.role(a) {
			return refusal{ErrNotAllowed}
		}
	}
	if err := mayAdd(tx, ch.Add); err != nil {
		return err
	}
	for _, a := range ch.Add {
		if err := know(tx, a); err != nil {
			return err
		}
	}
	_, err := c.queue(tx, outboxRecord{Change: &ch})
	return err
}

// step leaves the group. The only owner first makes the member after it the
// new one.
func (commandLeave) step(c *conversation, tx *sealedTx) error {
	if c.rec.Status != StatusActive && c.rec.Status != StatusRequest {
		return refusal{ErrClosed}
	}
	if slices.ContainsFunc(c.outbox, func(o *outItem) bool { return o.Leave }) {
		return nil // it is on its way
	}
	c.rec.Status = StatusActive
	c.touch()
	self := c.self.address.String()
	if heir := c.heir(); heir != "" {
		change := changeRecord{Roles: []roleRecord{{heir, RoleOwner}}}
		if _, err := c.queue(tx, outboxRecord{Change: &change}); err != nil {
			return err
		}
	}
	if len(c.members()) == 1 && c.members()[0] == self {
		c.rec.Gone = true
		return c.stop(tx, StatusLeft, nil)
	}
	_, err := c.queue(tx, outboxRecord{Leave: true})
	return err
}

// heir is who gets the group if this account, its only owner, leaves it.
func (c *conversation) heir() string {
	self := c.self.address.String()
	if !c.state.Group || c.state.role(self) != RoleOwner {
		return ""
	}
	best, bestRole := "", Role(0)
	for _, leaf := range c.group.Members() {
		cred, err := leafCredential(leaf)
		if err != nil || cred.Address.String() == self {
			continue
		}
		a := cred.Address.String()
		if role := c.state.role(a); best == "" || role > bestRole {
			best, bestRole = a, role
		}
	}
	if bestRole == RoleOwner {
		return ""
	}
	return best
}

func (commandAccept) step(c *conversation, tx *sealedTx) error {
	if c.rec.Status != StatusRequest {
		return refusal{errors.New("there is nothing to accept")}
	}
	if slices.Contains(c.rec.Unconfirmed, c.rec.Inviter) {
		return refusal{errors.New("the sender's server has not confirmed who they are yet; try again when it can be reached")}
	}
	c.rec.Status = StatusActive
	c.touch()
	if err := know(tx, c.rec.Inviter); err != nil {
		return err
	}
	return c.sendProfile(tx)
}

func (commandBlock) step(c *conversation, tx *sealedTx) error {
	if c.rec.Status == StatusActive && c.state.Group {
		return refusal{errors.New("leave the group instead")}
	}
	return c.stop(tx, StatusBlocked, nil)
}

func (commandRead) step(c *conversation, tx *sealedTx) error {
	if c.rec.Unread != 0 {
		c.rec.Unread = 0
		c.touch()
	}
	return nil
}

// sendProfile tells the others the name that this account goes by.
func (c *conversation) sendProfile(tx *sealedTx) error {
	var rec profileRecord
	if _, err := tx.load([]byte(tableProfile), &rec); err != nil || rec.Name == "" {
		return err
	}
	m, err := profileMessage(rec.Name)
	if err != nil {
		return err
	}
	return commandSend{message: m}.step(c, tx)
}

func profileMessage(name string) (content.Message, error) {
	body, err := dcbor.Marshal(profileControl{Version: recordVersion, Name: name})
	return content.Control(controlProfile, body), err
}

// Send sends a message. It returns once the message is in the outbox; the
// outbox empties as servers are reached.
func (c *Client) Send(ctx context.Context, to ConversationID, d Draft) (Message, error) {
	if len(d.Text) > MaxText {
		return Message{}, fmt.Errorf("a message may have at most %d bytes; send longer texts as files", MaxText)
	}
	if err := checkExpiry(d.Expire); err != nil {
		return Message{}, err
	}
	uploads, parts, err := c.prepare(to, d)
	if err != nil {
		return Message{}, err
	}
	if d.Text == "" && len(parts) == 0 {
		return Message{}, errors.New("there is nothing to send")
	}
	m := content.Attach(d.Text, parts...)
	m.InReplyTo = d.ReplyTo
	return c.send(ctx, to, commandSend{message: m, uploads: uploads, expire: d.Expire})
}

// prepare gets the files of a draft ready.
func (c *Client) prepare(to ConversationID, d Draft) (uploads []uploadRecord, parts []content.PartContent, err error) {
	if len(d.Files) == 0 {
		return nil, nil, nil
	}
	host, expire := "", d.Expire
	err = c.viewConversation(to, func(_ *sealedTx, _ cid, rec *convRecord) error {
		host = rec.Host
		if expire == 0 {
			expire = time.Duration(rec.Timer) * time.Second
		}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	for _, path := range d.Files {
		u, err := prepareUpload(path)
		if err != nil {
			return nil, nil, err
		}
		part, err := u.part(host, c.now().Add(blobExpiry(expire)))
		if err != nil {
			return nil, nil, err
		}
		uploads, parts = append(uploads, u), append(parts, part)
	}
	return uploads, parts, nil
}

func (c *Client) send(ctx context.Context, to ConversationID, in commandSend) (Message, error) {
	in.sent = new(Message)
	if err := c.tell(ctx, to, in); err != nil {
		return Message{}, err
	}
	return *in.sent, nil
}

// React adds a reaction to a message, or takes it back.
func (c *Client) React(ctx context.Context, conv ConversationID, id content.MessageID, emoji string, remove bool) error {
	rec, err := c.messageRecord(conv, id)
	if err != nil {
		return err
	}
	if len(emoji) == 0 || len(emoji) > content.MaxReactionLength {
		return errors.New("a reaction is one emoji")
	}
	if !remove {
		_, err = c.send(ctx, conv, commandSend{message: content.Reaction(id, emoji)})
		return err
	}
	for _, r := range rec.Reactions {
		if r.From == c.self.address.String() && r.Emoji == emoji {
			_, err = c.send(ctx, conv, commandSend{message: content.Unreaction(r.ID, id)})
			return err
		}
	}
	return errors.New("you did not react with that")
}

// Edit replaces the text of an own message.
func (c *Client) Edit(ctx context.Context, conv ConversationID, id content.MessageID, text string) error {
	if text == "" || len(text) > MaxText {
		return fmt.Errorf("a message has between 1 and %d bytes", MaxText)
	}
	original, err := c.ownMessage(conv, id)
	if err != nil {
		return err
	}
	_, err = c.send(ctx, conv, commandSend{message: content.Edit(id, original, text)})
	return err
}

// Delete retracts an own message for everybody.
func (c *Client) Delete(ctx context.Context, conv ConversationID, id content.MessageID) error {
	original, err := c.ownMessage(conv, id)
	if err != nil {
		return err
	}
	_, err = c.send(ctx, conv, commandSend{message: content.Delete(id, original)})
	return err
}

func (c *Client) ownMessage(conv ConversationID, id content.MessageID) (*content.Message, error) {
	rec, err := c.messageRecord(conv, id)
	if err != nil {
		return nil, err
	}
	if rec.From != c.self.address.String() {
		return nil, ErrNotYours
	}
	if rec.Deleted {
		return nil, ErrNoMessage
	}
	return content.Decode(rec.Content)
}

// Direct returns the conversation with somebody, which it begins if there is
// none.
func (c *Client) Direct(ctx context.Context, peer account.Address) (ConversationID, error) {
	if peer == c.self.address {
		return "", errors.New("this is your own address")
	}
	id, err := c.directWith(peer)
	if err != nil || id != "" {
		return id, err
	}
	if _, err := c.known(ctx, []account.Address{peer}); err != nil {
		return "", err
	}
	return c.begin(groupState{}, peer.String(), []string{peer.String()})
}

// directWith finds the conversation with somebody, "" if there is none that
// can go on.
func (c *Client) directWith(peer account.Address) (id ConversationID, err error) {
	err = c.store.view(func(tx *sealedTx) error {
		rec, err := openDirect(tx, peer.String())
		if err == nil && rec != nil {
			id = conversationID(rec.Channel)
		}
		return err
	})
	return id, err
}

// CreateGroup begins a group with other people in it.
func (c *Client) CreateGroup(ctx context.Context, title string, people []account.Address) (ConversationID, error) {
	if title == "" {
		return "", errors.New("a group needs a title")
	}
	if err := checkLabel(title); err != nil {
		return "", err
	}
	people = slices.DeleteFunc(slices.Clone(people), func(a account.Address) bool { return a == c.self.address })
	add, err := c.known(ctx, people)
	if err != nil {
		return "", err
	}
	return c.begin(groupState{Group: true, Title: title}, "", add)
}

// known makes sure that people exist, as far as their servers can be reached:
// asked before anything is stored, so that a typing mistake is an error.
func (c *Client) known(ctx context.Context, people []account.Address) ([]string, error) {
	var all []string
	for _, a := range people {
		if s := a.String(); !slices.Contains(all, s) {
			all = append(all, s)
		}
	}
	for _, found := range c.lookUp(ctx, all) {
		if found.err != nil && !errors.Is(found.err, ErrOffline) {
			return nil, found.err
		}
	}
	return all, nil
}

// begin creates a conversation on this account's server.
func (c *Client) begin(state groupState, peer string, add []string) (ConversationID, error) {
	state.Version, state.Host = recordVersion, c.self.address.Host
	state = state.withRole(c.self.address.String(), RoleOwner)
	var channel protocol.ChannelID
	if _, err := random.Read(channel[:]); err != nil {
		return "", err
	}
	group, delta, err := c.newGroup(channel, state)
	if err != nil {
		return "", err
	}
	id := cid(c.store.index(channel[:]))
	conv := &convRecord{
		Version: recordVersion, Channel: channel, Host: state.Host, Status: StatusActive, Peer: peer,
		Activity: millis(c.now()), Group: state.Group, Title: state.Title, Timer: state.Timer,
	}
	err = c.store.update(func(tx *sealedTx) error {
		if err := mayAdd(tx, add); err != nil {
			return err
		}
		for _, a := range add {
			if err := know(tx, a); err != nil {
				return err
			}
		}
		if peer != "" {
			if err := tx.put(key(tableDirect, tx.index([]byte(peer))), id[:]); err != nil {
				return err
			}
		}
		if err := applyDelta(tx, id, delta); err != nil {
			return err
		}
		if err := enterEpoch(tx, id, group, channel); err != nil {
			return err
		}
		return c.firstItems(tx, id, conv, add)
	})
	if err != nil {
		return "", err
	}
	c.mu.Lock()
	c.ids[conversationID(channel)] = id
	c.mu.Unlock()
	return conversationID(channel), nil
}

// firstItems fills the outbox of a new conversation: invitations, and the
// own name.
func (c *Client) firstItems(tx *sealedTx, id cid, conv *convRecord, add []string) error {
	if err := tx.save(key(tableConversation, id[:]), conv); err != nil {
		return err
	}
	machine, err := loadConversation(tx, c.self, c.now, id)
	if err != nil {
		return err
	}
	machine.out = &outcome{}
	if len(add) > 0 {
		if _, err := machine.queue(tx, outboxRecord{Change: &changeRecord{Add: add}}); err != nil {
			return err
		}
	}
	if err := machine.sendProfile(tx); err != nil {
		return err
	}
	return tx.save(key(tableConversation, id[:]), &machine.rec)
}

func (c *Client) newGroup(channel protocol.ChannelID, state groupState) (*mls.Group, mls.Delta, error) {
	credential, err := account.Credential{Address: c.self.address, Device: c.self.device}.Encode()
	if err != nil {
		return nil, mls.Delta{}, err
	}
	extension, err := state.extension()
	if err != nil {
		return nil, mls.Delta{}, err
	}
	now := c.now()
	return mls.CreateGroup(mls.GroupParams{
		Suite: mls.DefaultCipherSuite, GroupID: channel[:], SigningKey: c.self.signing,
		Credential: mls.BasicCredential(credential), Capabilities: mls.DefaultCapabilities(extensionGroupState),
		Lifetime:   mls.Lifetime{NotBefore: now.Add(-time.Hour), NotAfter: now.Add(keyPackageLifetime)},
		Extensions: []mls.Extension{extension},
	}, mlsConfig())
}

// AddMembers adds people to a group.
func (c *Client) AddMembers(ctx context.Context, conv ConversationID, people []account.Address) error {
	add, err := c.known(ctx, people)
	if err != nil {
		return err
	}
	return c.tell(ctx, conv, commandChange{changeRecord{Add: add}})
}

// RemoveMembers removes people from a group.
func (c *Client) RemoveMembers(ctx context.Context, conv ConversationID, people []account.Address) error {
	var remove []string
	for _, a := range people {
		remove = append(remove, a.String())
	}
	return c.tell(ctx, conv, commandChange{changeRecord{Remove: remove}})
}

// Rename gives a group another title.
func (c *Client) Rename(ctx context.Context, conv ConversationID, title string) error {
	if title == "" {
		return errors.New("a group needs a title")
	}
	if err := checkLabel(title); err != nil {
		return err
	}
	return c.tell(ctx, conv, commandChange{changeRecord{Title: &title}})
}

// SetRole makes a member an administrator, an owner or an ordinary member.
func (c *Client) SetRole(ctx context.Context, conv ConversationID, who account.Address, role Role) error {
	return c.tell(ctx, conv, commandChange{changeRecord{Roles: []roleRecord{{who.String(), role}}}})
}

// SetTimer makes messages disappear after a time, 0 for never.
func (c *Client) SetTimer(ctx context.Context, conv ConversationID, after time.Duration) error {
	if err := checkExpiry(after); err != nil {
		return err
	}
	seconds := uint32(after / time.Second)
	return c.tell(ctx, conv, commandChange{changeRecord{Timer: &seconds}})
}

// Leave leaves a conversation.
func (c *Client) Leave(ctx context.Context, conv ConversationID) error {
	return c.tell(ctx, conv, commandLeave{})
}

// Accept turns a request into a conversation.
func (c *Client) Accept(ctx context.Context, conv ConversationID) error {
	return c.tell(ctx, conv, commandAccept{})
}

// MarkRead sets a conversation's unread count to zero.
func (c *Client) MarkRead(ctx context.Context, conv ConversationID) error {
	return c.tell(ctx, conv, commandRead{})
}

// Block refuses everything that somebody sends, from now on.
func (c *Client) Block(ctx context.Context, who account.Address) error {
	err := c.store.update(func(tx *sealedTx) error {
		rec, err := loadContact(tx, who.String())
		if err != nil {
			return err
		}
		rec.Blocked = true
		return saveContact(tx, rec)
	})
	if err != nil {
		return err
	}
	all, err := c.Conversations()
	if err != nil {
		return err
	}
	for _, conv := range all {
		theirs := !conv.Group && conv.Peer == who || conv.Status == StatusRequest && conv.Inviter == who
		if theirs && (conv.Status == StatusActive || conv.Status == StatusRequest) {
			if err := c.tell(ctx, conv.ID, commandBlock{}); err != nil {
				return err
			}
		}
	}
	return nil
}

// Unblock takes a block back; what was refused meanwhile is gone.
func (c *Client) Unblock(who account.Address) error {
	return c.store.update(func(tx *sealedTx) error {
		rec, err := loadContact(tx, who.String())
		if err != nil {
			return err
		}
		rec.Blocked = false
		return saveContact(tx, rec)
	})
}
