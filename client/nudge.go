// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"bytes"
	"context"
	"slices"
	"time"

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
	nudgeTime  = 10 * time.Second // for one server to answer
)

// tokenRepeatDelay is how long a device waits for further members to join before
// it sends its token again.
const tokenRepeatDelay = 10 * time.Second

// controlWake is the control message that tells a token.
const controlWake = "wake"

// A wakeControl has the token of its sender's device, none to withdraw it.
type wakeControl struct {
	Version uint8  `cbor:"1,keyasint"`
	Token   []byte `cbor:"2,keyasint,omitempty"`
}

// nudging is what a conversation remembers of waking while it runs.
type nudging struct {
	token  []byte    // this device's own, nil if it is not to be woken
	tellAt time.Time // when those who joined are told
	peers  map[string]peerTimes
}

// peerTimes are when a member was heard of and woken last, and is to be woken,
// zero if not.
type peerTimes struct{ heard, woken, due time.Time }

// inputToken: this device's token to be woken by, or its delivery token, may be
// another.
type inputToken struct{}

// doNudge wakes devices at one server. There is no answer.
type doNudge struct {
	host   string
	tokens []byte // one after the other
}

// doRenew has the token looked at again, as somebody went who knew it.
type doRenew struct{}

func (doNudge) effect() {}
func (doRenew) effect() {}

func (inputToken) step(c *conversation, tx *records.Tx) error { return c.loadToken(tx) }

func (c *conversation) loadToken(tx *records.Tx) error {
	rec, err := records.LoadWake(tx)
	if err != nil {
		return err
	}
	mail, err := records.LoadMailToken(tx)
	c.nudging.token, c.mailToken = rec.Token, mail.Token
	return err
}

// tokens returns the conversation's record of tokens, to be changed.
func (c *conversation) tokens() *records.WakeTokens {
	if c.rec.Tokens == nil {
		c.rec.Tokens = &records.WakeTokens{}
	}
	return c.rec.Tokens
}

// offered is the token that the others are to have: none while this account
// does not want to hear of the conversation, or in large groups, where telling
// would be most of what is said.
func (c *conversation) offered() []byte {
	muted := c.rec.MutedUntil > records.Millis(c.now())
	if muted || c.rec.Hidden || c.rec.Members < 2 || c.rec.Members > chat.MaxReporting {
		return nil
	}
	return c.nudging.token
}

// tellToken sees to it that the others have the token that they are to have.
func (c *conversation) tellToken(tx *records.Tx) error {
	if c.nudging.token == nil && c.rec.Tokens == nil || c.rec.Status != chat.StatusActive {
		return nil
	}
	token, t := c.offered(), c.tokens()
	again := t.Again && token != nil && !c.now().Before(c.nudging.tellAt)
	leaving := slices.ContainsFunc(c.outbox, func(o *outItem) bool { return o.Leave })
	if leaving || bytes.Equal(token, t.Told) && !again {
		return nil
	}
	body, err := dcbor.Marshal(wakeControl{Version: records.Version, Token: token})
	if err != nil {
		return err
	}
	t.Told, t.Again, c.nudging.tellAt = token, false, time.Time{}
	return c.queueQuietly(tx, content.Control(controlWake, body))
}

// PeerToken takes in the token that a member tells.
func (c *conversation) peerToken(from string, body []byte) error {
	var told wakeControl
	if dcbor.Unmarshal(body, &told) != nil || len(told.Token) != 0 && len(told.Token) != len(protocol.WakeToken{}) {
		return nil
	}
	t := c.tokens()
	delete(t.Peers, from)
	if len(told.Token) > 0 && len(t.Peers) < chat.MaxReporting && len(c.leavesOf(from)) > 0 {
		if t.Peers == nil {
			t.Peers = map[string][]byte{}
		}
		t.Peers[from] = told.Token
	}
	c.touch()
	return nil
}

// membership notes who came and went: who came is to have the token, and who
// went should not be able to use it.
func (c *conversation) membership(tx *records.Tx, came, went bool) error {
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
	for who := range t.Peers {
		if len(c.leavesOf(who)) == 0 {
			delete(t.Peers, who)
		}
	}
	if t.Told == nil {
		return nil
	}
	c.out.do(doRenew{})
	return records.RenewWake(tx, false)
}

// markActive records that a member was active just now.
func (c *conversation) markActive(from string) {
	t := c.rec.Tokens
	if t != nil && len(t.Peers) > 0 && c.phase == phaseLive { // not before: that is old
		c.nudging.peers[from] = peerTimes{heard: c.now(), woken: c.nudging.peers[from].woken}
	}
}

// nudge has the others' devices woken, as there is a message for them.
func (c *conversation) nudge() {
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
func (c *conversation) nudgeDue() {
	now, byHost := c.now(), map[string][]byte{}
	for who, p := range c.nudging.peers {
		if p.due.IsZero() || now.Before(p.due) {
			continue
		}
		p.due = time.Time{}
		if token := c.tokens().Peers[who]; token != nil { // it may have been taken back
			p.woken = now
			host := records.Address(who).Host
			byHost[host] = append(byHost[host], token...)
		}
		c.nudging.peers[who] = p
	}
	for host, tokens := range byHost {
		c.out.do(doNudge{host, tokens})
	}
}

// nudgeTimes are when there may be something to do.
func (c *conversation) nudgeTimes() (all []time.Time) {
	all = append(all, c.nudging.tellAt)
	if c.nudging.token != nil {
		all = append(all, time.UnixMilli(c.rec.MutedUntil))
	}
	for _, p := range c.nudging.peers {
		all = append(all, p.due)
	}
	return all
}

// nudge shows tokens to their server.
func (c *Client) nudge(ctx context.Context, n doNudge) {
	ctx, cancel := context.WithTimeout(ctx, nudgeTime)
	defer cancel()
	l := c.net.DedicatedLink(ctx, n.host)
	for token := range slices.Chunk(n.tokens, len(protocol.WakeToken{})) {
		if _, err := l.Call(ctx, protocol.OpWake, &protocol.Wake{Token: protocol.WakeToken(token)}); err != nil {
			return // nobody waits for it
		}
	}
}
