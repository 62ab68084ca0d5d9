// SPDX-License-Identifier: AGPL-3.0-or-later

package machine

import (
	"bytes"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/records"
	"github.com/securecrypt/securecrypt/content"
	"github.com/securecrypt/securecrypt/internal/codec/dcbor"
	"github.com/securecrypt/securecrypt/protocol"
)

// Who sends a message has the others' devices woken: each once a minute at most,
// and not if it was heard of a moment before and says something again.
const (
	nudgeEvery = time.Minute
	nudgeHeard = 30 * time.Second
	nudgeGrace = 5 * time.Second
)

// tokenRepeatDelay is how long a device waits for further members to join before
// it sends its token again.
const tokenRepeatDelay = 10 * time.Second

// controlWake is the control message that tells a token.
const controlWake = "wake"

// A wakeControl has the token of a device of its sender, none to withdraw it.
type wakeControl struct {
	Version uint8            `cbor:"1,keyasint"`
	Token   []byte           `cbor:"2,keyasint,omitempty"`
	Device  account.DeviceID `cbor:"3,keyasint,omitzero"` // earlier versions say none
}

// tokenKey is the place of a device's token in WakeTokens. Addresses have no slash.
func tokenKey(who string, device account.DeviceID) string {
	if device == (account.DeviceID{}) {
		return who
	}
	return who + "/" + hex.EncodeToString(device[:])
}

// tokenOwner returns the address of a place in WakeTokens, and whether the device that
// it is for is still in the group.
func (c *Conversation) tokenOwner(key string) (who string, there bool) {
	who, device, named := strings.Cut(key, "/")
	if !named {
		return who, len(c.leavesOf(who)) > 0
	}
	return who, slices.ContainsFunc(c.devicesOf(who), func(id account.DeviceID) bool { return hex.EncodeToString(id[:]) == device })
}

// maxTokens bounds the tokens that a conversation keeps: tokens are exchanged in groups
// of up to chat.MaxReporting people.
const maxTokens = 4 * chat.MaxReporting

// nudging is what a conversation remembers of waking while it runs.
type nudging struct {
	token  []byte    // this device's own, nil if it is not to be woken
	tellAt time.Time // when those who joined are told
	peers  map[string]peerTimes
}

// peerTimes are when a member was heard of and woken last, and is to be woken,
// zero if not.
type peerTimes struct{ heard, woken, due time.Time }

// InputToken: this device's token to be woken by, or its delivery token, may be
// another.
type InputToken struct{}

// DoNudge wakes devices at one server. There is no answer.
type DoNudge struct {
	Host   string
	Tokens []byte // one after the other
}

// DoRenew has the token looked at again, as somebody went who knew it.
type DoRenew struct{}

func (DoNudge) effect() {}
func (DoRenew) effect() {}

func (InputToken) step(c *Conversation, tx *records.Tx) error { return c.loadToken(tx) }

func (c *Conversation) loadToken(tx *records.Tx) error {
	rec, err := records.LoadWake(tx)
	if err != nil {
		return err
	}
	mail, err := records.LoadMailToken(tx)
	c.nudging.token, c.mailToken = rec.Token, mail.Token
	return err
}

// tokens returns the conversation's record of tokens, to be changed.
func (c *Conversation) tokens() *records.WakeTokens {
	if c.rec.Tokens == nil {
		c.rec.Tokens = &records.WakeTokens{}
	}
	return c.rec.Tokens
}

// offered is the token that the others are to have: none while this account
// does not want to hear of the conversation, or in large groups, where telling
// would be most of what is said.
func (c *Conversation) offered() []byte {
	muted := c.rec.MutedUntil > records.Millis(c.now())
	if muted || c.rec.Hidden || c.rec.Members < 2 || c.rec.Members > chat.MaxReporting {
		return nil
	}
	return c.nudging.token
}

// tellToken sees to it that the others have the token that they are to have.
func (c *Conversation) tellToken(tx *records.Tx) error {
	if c.nudging.token == nil && c.rec.Tokens == nil || c.rec.Status != chat.StatusActive {
		return nil
	}
	token, t := c.offered(), c.tokens()
	again := t.Again && token != nil && !c.now().Before(c.nudging.tellAt)
	leaving := slices.ContainsFunc(c.outbox, func(o *outItem) bool { return o.Leave })
	if leaving || bytes.Equal(token, t.Told) && !again {
		return nil
	}
	body, err := dcbor.Marshal(wakeControl{Version: records.Version, Token: token, Device: c.self.Device})
	if err != nil {
		return err
	}
	t.Told, t.Again, c.nudging.tellAt = token, false, time.Time{}
	return c.queueQuietly(tx, content.Control(controlWake, body))
}

// peerToken takes in the token that a member tells.
func (c *Conversation) peerToken(from string, body []byte) error {
	var told wakeControl
	if dcbor.Unmarshal(body, &told) != nil || len(told.Token) != 0 && len(told.Token) != len(protocol.WakeToken{}) {
		return nil
	}
	t := c.tokens()
	key := tokenKey(from, told.Device)
	delete(t.Peers, from) // it named no device
	delete(t.Peers, key)
	if _, there := c.tokenOwner(key); len(told.Token) > 0 && len(t.Peers) < maxTokens && there {
		if t.Peers == nil {
			t.Peers = map[string][]byte{}
		}
		t.Peers[key] = told.Token
	}
	c.touch()
	return nil
}

// membership notes who came and went: who came is to have the token, and who
// went should not be able to use it.
func (c *Conversation) membership(tx *records.Tx, came, went bool) error {
	t := c.rec.Tokens
	if t == nil {
		return nil
	}
	if came {
		t.Again, c.nudging.tellAt = true, c.now().Add(tokenRepeatDelay)
	}
	if !went {
		return nil
	}
	for key := range t.Peers {
		if _, there := c.tokenOwner(key); !there {
			delete(t.Peers, key)
		}
	}
	if t.Told == nil {
		return nil
	}
	c.out.do(DoRenew{})
	return records.RenewWake(tx, false)
}

// markActive records that a member's device was active just now.
func (c *Conversation) markActive(from account.Credential) {
	t := c.rec.Tokens
	if t == nil || len(t.Peers) == 0 || c.phase != phaseLive { // before that it is old
		return
	}
	for _, key := range []string{tokenKey(from.Address.String(), from.Device), from.Address.String()} {
		c.nudging.peers[key] = peerTimes{heard: c.now(), woken: c.nudging.peers[key].woken}
	}
}

// nudge has the others' devices woken, as there is a message for them.
func (c *Conversation) nudge() {
	if c.rec.Tokens == nil {
		return
	}
	now := c.now()
	for who := range c.rec.Tokens.Peers {
		p := c.nudging.peers[who]
		if !p.due.IsZero() {
			continue
		}
		p.due = now
		if now.Before(p.heard.Add(nudgeHeard)) {
			p.due = now.Add(nudgeGrace)
		}
		if next := p.woken.Add(nudgeEvery); p.due.Before(next) {
			p.due = next
		}
		c.nudging.peers[who] = p
	}
}

// nudgeDue wakes those whose time has come.
func (c *Conversation) nudgeDue() {
	now, byHost := c.now(), map[string][]byte{}
	for who, p := range c.nudging.peers {
		if p.due.IsZero() || now.Before(p.due) {
			continue
		}
		p.due = time.Time{}
		if token := c.tokens().Peers[who]; token != nil { // it may have been taken back
			p.woken = now
			address, _ := c.tokenOwner(who)
			host := records.Address(address).Host
			byHost[host] = append(byHost[host], token...)
		}
		c.nudging.peers[who] = p
	}
	for host, tokens := range byHost {
		c.out.do(DoNudge{host, tokens})
	}
}

// nudgeTimes are when there may be something to do.
func (c *Conversation) nudgeTimes() (all []time.Time) {
	all = append(all, c.nudging.tellAt)
	if c.nudging.token != nil {
		all = append(all, time.UnixMilli(c.rec.MutedUntil))
	}
	for _, p := range c.nudging.peers {
		all = append(all, p.due)
	}
	return all
}

// maxTellingMail is how many members a group has at most in which delivery tokens
// are told: with each who joins, all tell theirs.
const maxTellingMail = 20

// controlMail is the control message that tells a delivery token.
const controlMail = "mailbox"

// A mailControl has the delivery token of a device of its sender.
type mailControl struct {
	Version uint8            `cbor:"1,keyasint"`
	Device  account.DeviceID `cbor:"2,keyasint"`
	Token   []byte           `cbor:"3,keyasint"`
}

// mayTellMailToken reports whether the members of the conversation are to have the
// delivery token: all of them are contacts then, and none is blocked.
func (c *Conversation) mayTellMailToken(tx *records.Tx) (bool, error) {
	leaving := slices.ContainsFunc(c.outbox, func(o *outItem) bool { return o.Leave })
	if c.rec.Status != chat.StatusActive || leaving || c.rec.Hidden || c.rec.Members < 2 || c.rec.Members > maxTellingMail {
		return false, nil
	}
	for _, who := range c.members() {
		contact, err := records.LoadContact(tx, who)
		if err != nil || contact.Blocked {
			return false, err
		}
	}
	return true, nil
}

// tellMailToken sees to it that the others have the delivery token of this device.
func (c *Conversation) tellMailToken(tx *records.Tx) error {
	told := c.rec.Mail
	if told == nil {
		told = &records.MailTold{}
	}
	again := told.Again && !c.now().Before(c.mailAt)
	if c.mailToken == nil || bytes.Equal(c.mailToken, told.Token) && !again {
		return nil
	}
	if may, err := c.mayTellMailToken(tx); err != nil || !may {
		return err
	}
	body, err := dcbor.Marshal(mailControl{records.Version, c.self.Device, c.mailToken})
	if err != nil {
		return err
	}
	c.rec.Mail, c.mailAt = &records.MailTold{Token: c.mailToken}, time.Time{}
	c.touch()
	return c.queueQuietly(tx, content.Control(controlMail, body))
}

// scheduleMailToken notes that somebody joined, who is to have the token.
func (c *Conversation) scheduleMailToken() {
	if c.rec.Mail != nil {
		c.rec.Mail.Again, c.mailAt = true, c.now().Add(tokenRepeatDelay)
	}
}

// storePeerToken takes in the delivery token that a member tells.
func (c *Conversation) storePeerToken(tx *records.Tx, from string, body []byte) error {
	var told mailControl
	if dcbor.Unmarshal(body, &told) != nil || len(told.Token) == 0 || len(told.Token) > protocol.MaxDeliveryToken {
		return nil
	}
	return records.SavePeerToken(tx, from, records.PeerToken{Device: told.Device, Token: told.Token})
}
