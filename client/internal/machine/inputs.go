// SPDX-License-Identifier: AGPL-3.0-or-later

package machine

import (
	"crypto/ed25519"
	"errors"
	"slices"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/internal/records"
	"github.com/securecrypt/securecrypt/protocol"
)

// An Input is what a conversation reacts to. The concrete types follow.
type Input interface {
	step(c *Conversation, tx *records.Tx) error
}

// Connections.
type (
	InputUp   struct{ Hello protocol.Hello }
	InputDown struct{}
	// InputTick: some time has passed.
	InputTick struct{}
	// InputReload: the conversation was replaced in the store. The actor
	// itself acts on it.
	InputReload struct{}
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
	InputEntry    struct{ Entry protocol.Entry }
	InputCaughtUp struct{ CaughtUp protocol.CaughtUp }
	inputPosted   struct {
		n, opening uint64
		err        error
	}
)

// What effects led to.
type (
	InputChains struct {
		Found map[string]Lookup
		More  bool // others are still being looked up
	}
	InputInvitees struct {
		N     uint64
		Found map[string]Invitee
	}
	InputFetched struct {
		Seq     uint64 // of the entry
		Message []byte
		Err     error
	}
	InputStashed struct {
		N      uint64
		Outbox bool
		Err    error
	}
	InputLetter struct {
		N   uint64
		Err error
	}
	InputUploaded struct {
		N     uint64
		Index int
		Err   error
	}
)

// Lookup is the answer of an account's own server: its chain and the generations of
// its devices, or an error.
type Lookup struct {
	Chain       *account.Chain
	Generations []protocol.DeviceGeneration
	Err         error
}

func (in InputUp) step(c *Conversation, tx *records.Tx) error {
	c.hello, c.phase = in.Hello, phaseClosed
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

func (InputDown) step(c *Conversation, tx *records.Tx) error {
	c.phase, c.caughtUp = phaseOffline, false
	c.waiting, c.deferred = nil, nil
	for _, item := range c.outbox {
		item.posted = 0
	}
	return nil
}

func (InputReload) step(*Conversation, *records.Tx) error { return nil }

func (InputTick) step(c *Conversation, tx *records.Tx) error { return c.sweep(tx) }

// connect creates or opens the channel, as far as that is wanted and not done
// yet.
func (c *Conversation) connect() error {
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
	c.out.do(DoRequest{
		Op: protocol.OpChannelOpen,
		Body: &protocol.ChannelOpen{
			Channel: c.rec.Channel, Epoch: epoch, After: after, UpTo: c.credit.begin(after),
			Signature: protocol.Signature(ed25519.Sign(access, challenge)),
		},
		Done: func(b protocol.Body, err error) Input {
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
func (c *Conversation) create(epoch uint64, access ed25519.PrivateKey) {
	c.phase = phaseCreating
	c.out.do(DoRequest{
		Op: protocol.OpChannelCreate,
		Body: &protocol.ChannelCreate{
			Channel: c.rec.Channel, Epoch: epoch, Key: protocol.AccessKey(access.Public().(ed25519.PublicKey)),
		},
		Done: func(_ protocol.Body, err error) Input { return inputCreated{err} },
	})
}

func (in inputCreated) step(c *Conversation, tx *records.Tx) error {
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

func (in inputOpened) step(c *Conversation, tx *records.Tx) error {
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

func (in InputCaughtUp) step(c *Conversation, tx *records.Tx) error {
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
	if now := c.now().Unix(); now-c.rec.CaughtUp > int64(24*time.Hour/time.Second) {
		c.rec.CaughtUp = now
		c.touch()
	}
	if c.rec.Takeovers != c.takeovers { // and the other copy wrote nothing
		c.rec.Takeovers = c.takeovers
		c.touch()
		return c.tellGeneration(tx)
	}
	return nil
}

func (in InputEntry) step(c *Conversation, tx *records.Tx) error {
	if c.waiting != nil {
		c.deferred = append(c.deferred, in.Entry)
		return nil
	}
	open := c.phase == phaseCatching || c.phase == phaseReplaying || c.phase == phaseLive
	if !open || !c.needsChannel() || in.Entry.Seq <= c.rec.Cursor {
		return nil
	}
	if !c.credit.takes(in.Entry.Seq) {
		c.reopenChannel(errCredit)
		return nil
	}
	c.credit.newest = max(c.credit.newest, in.Entry.Seq)
	if c.readingAgain() {
		c.noteRead(in.Entry)
		if ok, err := c.replayed(tx, in.Entry); ok || err != nil {
			return err
		}
	}
	if item := c.ownEntry(in.Entry); item != nil {
		if err := c.confirmOwnEntry(tx, item); err != nil {
			return err
		}
		c.passed(in.Entry)
		return nil
	}
	return c.open(tx, in.Entry)
}

// passed moves the cursor over an entry.
func (c *Conversation) passed(e protocol.Entry) {
	if e.Seq > c.rec.Cursor {
		m := records.MarkOf(e.Ciphertext)
		c.rec.Cursor, c.rec.Mark = e.Seq, m[:]
	}
	c.armGapTimer()
	c.touch()
}

func (in inputPosted) step(c *Conversation, tx *records.Tx) error {
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
func (c *Conversation) reopenAfterLostRace(err error) {
	if c.phase != phaseLive {
		return
	}
	c.phase = phaseClosed
	if c.refusedAt == c.group.Epoch()+1 {
		c.channel.Failed(c.now(), err)
	}
	c.refusedAt = c.group.Epoch() + 1
}

func (c *Conversation) item(n uint64) *outItem {
	if i := slices.IndexFunc(c.outbox, func(o *outItem) bool { return o.n == n }); i >= 0 {
		return c.outbox[i]
	}
	return nil
}

// Refusal is why a command is not carried out; it leaves the machine as it
// was, so that the rest of the batch goes on.
type Refusal struct{ error }

// Unwrap returns the reason.
func (r Refusal) Unwrap() error { return r.error }
