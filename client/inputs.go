// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"crypto/ed25519"
	"errors"
	"slices"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/internal/records"
	"github.com/securecrypt/securecrypt/protocol"
)

// An input is what a conversation reacts to. The concrete types follow.
type input interface {
	step(c *conversation, tx *records.Tx) error
}

// Connections.
type (
	inputUp   struct{ hello protocol.Hello }
	inputDown struct{}
	// inputTick: some time has passed.
	inputTick struct{}
	// inputReload: the conversation was replaced in the store. The actor
	// itself acts on it.
	inputReload struct{}
)

// What the server sent.
type (
	inputCreated struct{ err error }
	inputOpened  struct {
		nonce protocol.Nonce // of the connection
		epoch uint64
		state protocol.ChannelState
		err   error
	}
	inputEntry    struct{ entry protocol.Entry }
	inputCaughtUp struct{ caughtUp protocol.CaughtUp }
	inputPosted   struct {
		n, opening uint64
		err        error
	}
)

// What effects led to.
type (
	inputChains struct {
		found map[string]lookup
		more  bool // others are still being looked up
	}
	inputInvitees struct {
		n     uint64
		found map[string]invitee
	}
	inputFetched struct {
		seq     uint64 // of the entry
		message []byte
		err     error
	}
	inputStashed struct {
		n      uint64
		outbox bool
		err    error
	}
	inputLetter struct {
		n   uint64
		err error
	}
	inputUploaded struct {
		n     uint64
		index int
		err   error
	}
)

// lookup is the answer of an account's own server: its chain and the generations of
// its devices, or an error.
type lookup struct {
	chain       *account.Chain
	generations []protocol.DeviceGeneration
	err         error
}

func (in inputUp) step(c *conversation, tx *records.Tx) error {
	c.hello, c.phase = in.hello, phaseClosed
	c.refusedAt = 0
	c.credit.narrow = false
	c.channel.Reset()
	c.posts.Reset()
	c.uploads.Reset()
	var profile records.Profile
	if _, err := tx.Load([]byte(records.TableProfile), &profile); err != nil {
		return err
	}
	c.takeovers = profile.Takeovers
	return c.readAgainOnConnection(tx)
}

func (inputDown) step(c *conversation, tx *records.Tx) error {
	c.phase, c.caughtUp = phaseOffline, false
	c.waiting, c.deferred = nil, nil
	for _, item := range c.outbox {
		item.posted = 0
	}
	return nil
}

func (inputReload) step(*conversation, *records.Tx) error { return nil }

func (inputTick) step(c *conversation, tx *records.Tx) error { return c.sweep(tx) }

// connect creates or opens the channel, as far as that is wanted and not done
// yet.
func (c *conversation) connect() error {
	if c.phase != phaseClosed || !c.needsChannel() && !c.rec.Ending || !c.channel.Ready(c.now()) {
		return nil
	}
	epoch, access, err := c.openEpoch()
	if err != nil {
		return err
	}
	if !c.rec.Created {
		c.create(0, access)
		return nil
	}
	c.phase = phaseOpening
	c.opening++
	after := c.openAfter()
	nonce := c.hello.Nonce
	challenge := protocol.OpenChallenge(c.hello.Host, nonce, c.rec.Channel, epoch)
	c.out.do(doRequest{
		op: protocol.OpChannelOpen,
		body: &protocol.ChannelOpen{
			Channel: c.rec.Channel, Epoch: epoch, After: after, UpTo: c.credit.begin(after),
			Signature: protocol.Signature(ed25519.Sign(access, challenge)),
		},
		done: func(b protocol.Body, err error) input {
			in := inputOpened{nonce: nonce, epoch: epoch, err: err}
			if state, ok := b.(*protocol.ChannelState); ok {
				in.state = *state
			}
			return in
		},
	})
	return nil
}

// create asks for the channel, beginning at an epoch that access opens.
func (c *conversation) create(epoch uint64, access ed25519.PrivateKey) {
	c.phase = phaseCreating
	c.out.do(doRequest{
		op: protocol.OpChannelCreate,
		body: &protocol.ChannelCreate{
			Channel: c.rec.Channel, Epoch: epoch, Key: protocol.AccessKey(access.Public().(ed25519.PublicKey)),
		},
		done: func(_ protocol.Body, err error) input { return inputCreated{err} },
	})
}

func (in inputCreated) step(c *conversation, tx *records.Tx) error {
	if c.phase != phaseCreating {
		return nil
	}
	c.phase = phaseClosed
	// An existing channel of that random name is our own, created before a
	// connection ended too early; if not, opening it will fail.
	if in.err != nil && !errors.Is(in.err, &protocol.Error{Code: protocol.CodeExists}) {
		c.channel.Failed(c.now(), in.err)
		return nil
	}
	c.rec.Created = true
	c.touch()
	return nil
}

func (in inputOpened) step(c *conversation, tx *records.Tx) error {
	// A request that was signed for an earlier connection is refused on the
	// present one, which means nothing.
	epoch, _, err := c.openEpoch()
	if err != nil || c.phase != phaseOpening || in.epoch != epoch || in.nonce != c.hello.Nonce {
		return err
	}
	switch {
	case in.err == nil && c.rewind.at != nil:
		return c.openedEarlier(tx, in.state)
	case in.err == nil:
		c.phase = phaseCatching
		return c.noteChannelState(tx, in.state)
	case errors.Is(in.err, &protocol.Error{Code: protocol.CodeForbidden}):
		return c.openingRefused(tx, in.err)
	default:
		c.phase = phaseClosed
		c.channel.Failed(c.now(), in.err)
	}
	return nil
}

func (in inputCaughtUp) step(c *conversation, tx *records.Tx) error {
	if c.phase != phaseCatching {
		return nil
	}
	c.credit.gapAt = time.Time{}
	if c.readingAgain() {
		if err := c.caughtUpAgain(tx); err != nil || c.phase != phaseCatching {
			return err
		}
	}
	c.phase, c.caughtUp = phaseLive, true
	if c.rec.Takeovers != c.takeovers { // and the other copy wrote nothing
		c.rec.Takeovers = c.takeovers
		c.touch()
		return c.tellGeneration(tx)
	}
	return nil
}

func (in inputEntry) step(c *conversation, tx *records.Tx) error {
	if c.waiting != nil {
		c.deferred = append(c.deferred, in.entry)
		return nil
	}
	open := c.phase == phaseCatching || c.phase == phaseReplaying || c.phase == phaseLive
	if !open || !c.needsChannel() || in.entry.Seq <= c.rec.Cursor {
		return nil
	}
	if !c.credit.takes(in.entry.Seq) {
		c.reopenChannel(errCredit)
		return nil
	}
	c.credit.newest = max(c.credit.newest, in.entry.Seq)
	if c.readingAgain() {
		c.noteRead(in.entry)
		if ok, err := c.replayed(tx, in.entry); ok || err != nil {
			return err
		}
	}
	if item := c.ownEntry(in.entry); item != nil {
		if err := c.confirmOwnEntry(tx, item); err != nil {
			return err
		}
		c.passed(in.entry)
		return nil
	}
	return c.open(tx, in.entry)
}

// passed moves the cursor over an entry.
func (c *conversation) passed(e protocol.Entry) {
	if e.Seq > c.rec.Cursor {
		m := markOf(e.Ciphertext)
		c.rec.Cursor, c.rec.Mark = e.Seq, m[:]
	}
	c.armGapTimer()
	c.touch()
}

func (in inputPosted) step(c *conversation, tx *records.Tx) error {
	item := c.item(in.n)
	if item == nil {
		return nil
	}
	present := in.opening == c.opening && c.phase == phaseLive
	if item.posted == in.opening {
		item.posted = 0
	}
	var refused *protocol.Error
	if !errors.As(in.err, &refused) {
		return nil // the connection ended
	}
	switch refused.Code {
	case protocol.CodeStaleEpoch, protocol.CodeForbidden:
		if present {
			c.reopenAfterLostRace(in.err)
		}
		return nil
	case protocol.CodeRateLimited, protocol.CodeUnavailable, protocol.CodeQuotaExceeded, protocol.CodeInternal:
		if present { // the opening takes nothing any more, so that no later message comes first
			c.phase = phaseClosed
			c.posts.Failed(c.now(), in.err)
		}
		return nil
	}
	return c.fail(tx, item, in.err)
}

// reopenAfterLostRace opens the channel again because another commit was accepted
// first. If that brings no commit, it does not hurry to ask again.
func (c *conversation) reopenAfterLostRace(err error) {
	if c.phase != phaseLive {
		return
	}
	c.phase = phaseClosed
	if c.refusedAt == c.group.Epoch()+1 {
		c.channel.Failed(c.now(), err)
	}
	c.refusedAt = c.group.Epoch() + 1
}

func (c *conversation) item(n uint64) *outItem {
	if i := slices.IndexFunc(c.outbox, func(o *outItem) bool { return o.n == n }); i >= 0 {
		return c.outbox[i]
	}
	return nil
}
