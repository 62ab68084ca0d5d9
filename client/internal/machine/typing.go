// SPDX-License-Identifier: AGPL-3.0-or-later

package machine

import (
	"bytes"
	"crypto/rand"
	"slices"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/envelope"
	"github.com/securecrypt/securecrypt/client/internal/records"
	"github.com/securecrypt/securecrypt/client/internal/rules"
	"github.com/securecrypt/securecrypt/content"
	"github.com/securecrypt/securecrypt/internal/codec/dcbor"
	"github.com/securecrypt/securecrypt/mls"
	"github.com/securecrypt/securecrypt/protocol"
)

// Every signal takes a key of the sender's ratchet, and who is away sees none
// of them: the next message must not be further ahead than package mls lets
// it be (mls.DefaultMaxForward).
const (
	signalEvery = 4 * time.Second
	maxSignals  = 200 // between two messages that are stored
)

// controlTyping is the control message of a signal.
const controlTyping = "typing"

// SignalData is the authenticated data of the MLS message of a signal. Entries
// of the channel have none: nobody can spend the key of a message that is
// stored by showing it first.
var SignalData = []byte("securecrypt/v1/signal")

type typingControl struct {
	Version uint8 `cbor:"1,keyasint"`
	On      bool  `cbor:"2,keyasint"`
}

type (
	CommandTyping struct{ On bool }
	InputSignal   struct{ Signal protocol.Signal }
)

func (in CommandTyping) step(c *Conversation, tx *records.Tx) error {
	now := c.now()
	if !in.On && !c.typing || now.Before(c.signalled.Add(signalEvery)) || !c.maySignal() {
		return nil
	}
	settings, err := records.LoadSettings(tx)
	if err != nil || !settings.Typing {
		return err
	}
	c.typing, c.signalled = in.On, now
	return c.signal(tx, in.On)
}

// maySignal reports whether a signal can be made now, and be received.
func (c *Conversation) maySignal() bool {
	changing := func(o *outItem) bool { return o.Leave || o.Change != nil && o.posted != 0 }
	return c.rec.Status == chat.StatusActive && c.phase == phaseLive && c.rec.Signals < maxSignals &&
		len(c.rec.Unconfirmed) == 0 && len(c.group.PendingProposals()) == 0 && !slices.ContainsFunc(c.outbox, changing) && c.isSmallGroup()
}

// signal shows the others something that is not stored. The ratchet and the
// count are, before it leaves.
func (c *Conversation) signal(tx *records.Tx, on bool) error {
	body, err := dcbor.Marshal(typingControl{Version: records.Version, On: on})
	if err != nil {
		return err
	}
	m, err := content.Control(controlTyping, body).Salted(rand.Reader)
	if err != nil {
		return err
	}
	raw, err := m.Encode()
	if err != nil {
		return err
	}
	message, delta, err := c.group.Protect(raw, mls.ProtectOptions{AAD: SignalData})
	if err != nil {
		return Refusal{err}
	}
	if err := c.apply(tx, delta); err != nil {
		return err
	}
	c.rec.Signals++
	if err := tx.Save(records.Key(records.TableConversation, c.id[:]), &c.rec); err != nil {
		return err
	}
	epoch := c.group.Epoch()
	k, ok, err := c.envelopeKey(tx, epoch)
	if err != nil {
		return err
	}
	if !ok {
		return records.ErrDamaged
	}
	sealed, err := envelope.Seal(k, SignalPlace(c.rec.Channel, epoch), envelope.Payload{Message: message})
	if err != nil {
		return err
	}
	c.out.do(DoRequest{
		Op: protocol.OpChannelSignal, Body: &protocol.ChannelSignal{Channel: c.rec.Channel, Epoch: epoch, Ciphertext: sealed},
		Done: func(protocol.Body, error) Input { return nil }, // nobody misses it
	})
	return nil
}

// SignalPlace is where the envelope of a signal belongs.
func SignalPlace(channel protocol.ChannelID, epoch uint64) envelope.Place {
	return envelope.Place{Channel: channel, Epoch: epoch, Kind: envelope.KindSignal}
}

// step takes in what somebody shows. Whatever is wrong with it, it is passed
// over.
func (in InputSignal) step(c *Conversation, tx *records.Tx) error {
	s := in.Signal
	open := c.phase == phaseCatching || c.phase == phaseLive
	if !open || c.rec.Status != chat.StatusActive || c.waiting != nil || s.Epoch != c.group.Epoch() || !c.isSmallGroup() {
		return nil
	}
	k, ok, err := c.envelopeKey(tx, s.Epoch)
	if err != nil || !ok {
		return err
	}
	payload, err := envelope.Open(k, SignalPlace(c.rec.Channel, s.Epoch), s.Ciphertext)
	if err != nil || payload.Stash != nil {
		return nil
	}
	// A proposal or a commit that not everybody gets would part the group.
	h, err := mls.ParseHeader(payload.Message)
	if err != nil || h.Type != mls.MessagePrivate || h.ContentType != mls.ContentApplication || !bytes.Equal(h.AAD, SignalData) {
		return nil
	}
	received, delta, err := c.group.Process(payload.Message, c.now())
	if err != nil {
		return nil
	}
	if err := c.apply(tx, delta); err != nil {
		return err
	}
	m, ok := received.(*mls.ApplicationMessage)
	if !ok {
		return nil
	}
	return c.shown(tx, m)
}

// shown lets people see that somebody types: nothing else is shown without
// being stored.
func (c *Conversation) shown(tx *records.Tx, m *mls.ApplicationMessage) error {
	cred, err := rules.LeafCredential(m.Leaf)
	if err != nil || cred.Address == c.self.Address || slices.Contains(c.unconfirmedMembers(), cred.Address.String()) {
		return nil
	}
	contact, err := records.LoadContact(tx, cred.Address.String())
	if err != nil || contact.Blocked {
		return err
	}
	settings, err := records.LoadSettings(tx)
	if err != nil || !settings.Typing {
		return err
	}
	c.markActive(cred)
	msg, err := content.Decode(m.Data)
	if err != nil {
		return nil
	}
	var typing typingControl
	view := msg.View()
	if view.Kind != content.KindControl || view.Control.Name != controlTyping || dcbor.Unmarshal(view.Control.Body, &typing) != nil {
		return nil
	}
	if typing.On {
		c.typists.begin(c, cred.Address)
	} else {
		c.typists.end(c, cred.Address)
	}
	return nil
}

// typists are the others who are typing, and until when they are taken to be.
// They are members, so that there are few.
type typists map[account.Address]time.Time

func (t typists) begin(c *Conversation, who account.Address) {
	_, already := t[who]
	t[who] = c.now().Add(chat.TypingDuration)
	if !already {
		c.out.emit(chat.TypingEvent{Conversation: chat.IDOf(c.rec.Channel), From: who, On: true})
	}
}

func (t typists) end(c *Conversation, who account.Address) {
	if _, ok := t[who]; ok {
		delete(t, who)
		c.out.emit(chat.TypingEvent{Conversation: chat.IDOf(c.rec.Channel), From: who, On: false})
	}
}

// expire ends the typing state of members whose last typing event is too old.
func (t typists) expire(c *Conversation) {
	for who, until := range t {
		if !c.now().Before(until) {
			t.end(c, who)
		}
	}
}

// events tell that nobody types any more, where the machine that knew who did
// is thrown away.
func (t typists) events(channel protocol.ChannelID) (all []chat.Event) {
	for who := range t {
		all = append(all, chat.TypingEvent{Conversation: chat.IDOf(channel), From: who, On: false})
	}
	return all
}
