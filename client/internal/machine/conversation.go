// SPDX-License-Identifier: AGPL-3.0-or-later

package machine

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/link"
	"github.com/securecrypt/securecrypt/client/internal/records"
	"github.com/securecrypt/securecrypt/client/internal/rules"
	"github.com/securecrypt/securecrypt/internal/codec/order"
	"github.com/securecrypt/securecrypt/mls"
	"github.com/securecrypt/securecrypt/protocol"
)

// Environment is what a conversation knows of its device.
type Environment struct {
	Self Identity
	Now  func() time.Time
	Life func() LifeClock // for what disappears; nil: now is right
}

// Identity is who this profile is; it does not change.
type Identity struct {
	Address account.Address
	Device  account.DeviceID
	Signing *mls.SigningKey
}

// phase is how far a conversation has come on its connection.
type phase uint8

const (
	phaseOffline   phase = iota
	phaseClosed          // connected, but not opened
	phaseCreating        // asked for the channel
	phaseOpening         // asked to open the current epoch
	phaseCatching        // opened; older entries arrive
	phaseReplaying       // a commit that the server lost is posted again
	phaseLive            // everything seen; may post
	phaseEnding          // asked to delete the channel
)

// The lengths and counts that a conversation keeps to.
const (
	pastEnvelopes    = protocol.RecentEpochs + 1 // epochs whose envelope keys are kept
	maxInFlight      = 64                        // messages posted and not yet seen
	maxAddsPerCommit = 50                        // members added by one commit
	ejectionStagger  = 2 * time.Second           // between members who would commit a departure

	maxRequestMessages = 100 // read before a request is accepted
)

// A Conversation is the state machine of one conversation. It does no I/O:
// its methods run within a store transaction and leave in out what is to be
// done once that is durable. After a failed transaction it is thrown away and
// loaded again.
type Conversation struct {
	self   Identity
	now    func() time.Time
	life   func() LifeClock // see Environment
	id     records.CID
	rec    records.Conversation
	group  *mls.Group
	state  rules.State
	reader *GroupReader
	out    *Outcome
	dirty  bool // rec has changed
	stirs  bool // something happened that puts it at the top of a list

	phase   phase
	hello   protocol.Hello
	outbox  []*outItem
	deliver []*delivery
	// waiting is an entry whose message is being fetched; deferred are those
	// after it that came before the actor stopped handing them over.
	waiting  *protocol.Entry
	deferred []protocol.Entry
	// lookingUp: the unconfirmed members are being looked up; checking: awaited
	// ones are asked after.
	lookingUp, checking bool
	// What can fail by itself is tried again by itself: opening the channel,
	// posting to it, letters to other servers, lookups at other servers,
	// uploads.
	channel, posts, lookups, uploads link.Backoff
	letters                          map[string]link.Backoff // by server
	// filesFirst is until when everything waits for an upload that goes well.
	filesFirst time.Time
	// opening counts how often the channel was opened.
	opening uint64
	credit  credit
	rewind  rewind
	// takeovers is how often this copy of the profile won over another one.
	takeovers uint32
	// badCommits counts how often the next commit could not be read.
	badCommits int
	// refusals counts how often the server refused to open the channel.
	refusals int
	// refusedAt is the epoch, plus one, in which the server said last that
	// there is a newer one.
	refusedAt uint64
	// commitAt is when this member commits what others proposed, unless
	// somebody else did; zero if there is nothing.
	commitAt time.Time
	// reportAt is when the others hear of what arrived and was read; zero if
	// there is nothing to report.
	reportAt time.Time
	// ejectAt is when this member removes those who disturb the group, unless
	// somebody else did; zero if there is nobody.
	ejectAt time.Time
	// typists are the others who are typing; typing says that others were told
	// the same of this account, signalled when they were told anything.
	typists   typists
	typing    bool
	signalled time.Time
	nudging   nudging
	// mailToken is the delivery token of this device, told to those who joined
	// at mailAt.
	mailToken []byte
	mailAt    time.Time
	vanished  bool // there is no such conversation any more
	caughtUp  bool // with what the server had when the channel was opened
	// syncAt is when changed fields are sent to the other devices; awaitsField: a field
	// of one of them waits for a message.
	syncAt      time.Time
	awaitsField bool
	unarchived  bool // by a message, which the other devices get, too
	// rejoins are devices that asked to be added and are yet to be looked up.
	rejoins map[account.Credential]bool
	// leaves is an index of the group's members by address, made on demand
	// for each epoch.
	leaves map[string][]mls.LeafIndex
}

// An outItem is an outbox record on its way.
type outItem struct {
	records.OutboxItem
	n        uint64
	digest   [sha256.Size]byte // of Ciphertext
	posted   uint64            // in which opening of the channel; 0 if it is yet to be posted
	working  bool              // a lookup or upload is under way
	packages map[string]Invitee
	lookups  link.Backoff // of those to be added
}

type delivery struct {
	records.Delivery
	n       uint64
	working bool
}

// Load restores a conversation from the store.
func Load(tx *records.Tx, env Environment, id records.CID) (*Conversation, error) {
	c := &Conversation{self: env.Self, now: env.Now, life: env.Life, id: id, reader: NewGroupReader(tx, id), typists: typists{}, letters: map[string]link.Backoff{}, nudging: nudging{peers: map[string]peerTimes{}}}
	defer func() { c.reader.tx = nil }()
	ok, err := tx.Load(records.Key(records.TableConversation, id[:]), &c.rec)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, chat.ErrNoConversation
	}
	if c.rec.NoGroup {
		c.state = rules.State{Version: records.Version, Host: c.rec.Host, Group: c.rec.Group, Own: c.rec.Own, Title: c.rec.Title, Timer: c.rec.Timer}
		return c, c.loadOutbox(tx)
	}
	if c.group, err = mls.LoadGroup(c.reader, MLSConfig()); err != nil {
		return nil, fmt.Errorf("client: loading a conversation: %w", err)
	}
	if c.state, err = rules.ParseState(c.group.Extensions()); err != nil {
		return nil, err
	}
	if len(c.group.PendingProposals()) > 0 {
		c.commitAt = c.turn()
	}
	c.scheduleEjection()
	if c.rec.Reported == nil { // nobody waits for reports of what came before there were any
		c.rec.Reported = &records.Reported{Delivered: c.rec.NextOrder, Read: c.rec.NextOrder, ReadSent: c.rec.NextOrder}
	}
	if c.hasUnsentReceipts() {
		c.reportAt = c.now() // time enough has passed
	}
	return c, errors.Join(c.loadToken(tx), c.loadOutbox(tx), c.loadFields(tx))
}

// loadFields finds out whether the other devices of this account are to hear of
// something.
func (c *Conversation) loadFields(tx *records.Tx) error {
	if !c.state.Own {
		return nil
	}
	unsent, err := records.HasUnsent(tx)
	if unsent {
		c.syncAt = c.now()
	}
	return err
}

func (c *Conversation) loadOutbox(tx *records.Tx) error {
	err := tx.Scan(records.Key(records.TableOutbox, c.id[:]), false, func(k, v []byte) (bool, error) {
		item := &outItem{n: records.LastNumber(k)}
		if err := records.Decode(v, &item.OutboxItem); err != nil {
			return false, err
		}
		item.digest = sha256.Sum256(item.Ciphertext)
		if item.Change != nil && item.Change.Again != nil && len(item.Change.Devices) == 0 {
			item.Change.Again = nil // of an earlier version, which knew people alone; it is asked for again
			item.Change.Add, item.Change.Remove = nil, nil
		}
		c.outbox = append(c.outbox, item)
		return true, nil
	})
	if err != nil {
		return err
	}
	// A commit of what others proposed goes before all that waits for it, and a
	// removal before what those who go should not hear.
	order.By(c.outbox, func(a, b *outItem) int { return b.urgency() - a.urgency() })
	return tx.Scan(records.Key(records.TableDelivery, c.id[:]), false, func(k, v []byte) (bool, error) {
		d := &delivery{n: records.LastNumber(k)}
		if err := records.Decode(v, &d.Delivery); err != nil {
			return false, err
		}
		c.deliver = append(c.deliver, d)
		return true, nil
	})
}

func (o *outItem) urgency() int {
	switch {
	case o.Change == nil:
		return 0
	case o.Change.Pending || len(o.Ciphertext) > 0:
		return 2
	case len(o.Change.Remove)+len(o.Change.Devices) > 0:
		return 1
	}
	return 0
}

// Begin and End bracket what happens to the machine in one transaction.
func (c *Conversation) Begin(tx *records.Tx, out *Outcome) { c.reader.tx, c.out = tx, out }

func (c *Conversation) End(tx *records.Tx) error {
	c.typists.expire(c)
	c.askToRejoin()
	err := errors.Join(c.fetchMissing(tx), c.pump(tx))
	if err == nil && c.unarchived {
		c.unarchived = false
		err = c.setField(tx, records.FieldArchived, nil, false)
	}
	if err == nil && c.awaitsField && c.stirs { // it may have come
		err = c.applyFields(tx)
	}
	c.grant()
	c.wakeAt(append(c.deviceTimes(), c.ejectAt, c.mailAt, c.syncAt, c.credit.gapAt, c.rewindAt(), c.rejoinAt())...)
	c.nudgeDue()
	c.rest()
	if err == nil && c.canBeDeleted() {
		c.dirty = false
		err = c.vanish(tx)
	}
	if err == nil && c.stirs {
		c.stirs = false
		err = records.NoteRecent(tx, c.id)
	}
	if err == nil && c.dirty {
		c.dirty = false
		c.rec.Group, c.rec.Title, c.rec.Timer = c.state.Group, c.state.Title, c.state.Timer
		err = errors.Join(tx.Save(records.Key(records.TableConversation, c.id[:]), &c.rec), c.tellSummary(tx))
	}
	c.reader.tx, c.out = nil, nil
	return err
}

// WasEntered reports whether the mailbox entered the conversation again since it was
// loaded: then it has to be loaded before anything else happens to it.
func (c *Conversation) WasEntered(tx *records.Tx) (bool, error) {
	if c.rec.Status == chat.StatusActive {
		return false, nil // nobody enters what goes on
	}
	var rec records.Conversation
	ok, err := tx.Load(records.Key(records.TableConversation, c.id[:]), &rec)
	return ok && (rec.Epoch != c.rec.Epoch || rec.NoGroup != c.rec.NoGroup), err
}

// Reload reads the conversation again, after the mailbox entered it anew. The
// connection stays.
func (c *Conversation) Reload(tx *records.Tx, out *Outcome) (*Conversation, error) {
	again, err := Load(tx, Environment{c.self, c.now, c.life}, c.id)
	if err != nil {
		return nil, err
	}
	again.hello, again.phase = c.hello, min(c.phase, phaseClosed)
	again.typists, again.opening, again.credit = c.typists, c.opening, c.credit
	again.Begin(tx, out)
	return again, nil
}

func (c *Conversation) touch() { c.dirty = true }

// rest has the machine woken when something may be tried again.
func (c *Conversation) rest() {
	now := c.now()
	times := []time.Time{c.channel.Until, c.posts.Until, c.lookups.Until, c.uploads.Until, c.filesFirst, c.commitAt, c.reportAt}
	for _, item := range c.outbox {
		times = append(times, item.lookups.Until)
	}
	times = slices.Concat(slices.AppendSeq(times, maps.Values(c.typists)), c.nudgeTimes(), c.removalDeadlines(), c.deliveryTimes(), c.checkTimes())
	for _, at := range times {
		if at.After(now) {
			c.out.do(DoWake{at})
		}
	}
}

// wakeAt has the machine woken at those of the times that are yet to come.
func (c *Conversation) wakeAt(times ...time.Time) {
	now := c.now()
	for _, at := range times {
		if at.After(now) {
			c.out.do(DoWake{at})
		}
	}
}

// RoomURI names the conversation in message identifiers.
func (c *Conversation) RoomURI() string {
	return "mimi://" + c.rec.Host + "/r/" + base64.RawURLEncoding.EncodeToString(c.rec.Channel[:])
}

// members returns the addresses in the group, each once, sorted.
func (c *Conversation) members() []string { return slices.Sorted(maps.Keys(c.index())) }

func (c *Conversation) leavesOf(address string) []mls.LeafIndex { return c.index()[address] }

func (c *Conversation) index() map[string][]mls.LeafIndex {
	if c.leaves == nil && c.group != nil {
		c.leaves = rules.LeavesByAddress(c.group)
	}
	return c.leaves
}

func (c *Conversation) show(tx *records.Tx) *records.Views {
	return records.NewViews(tx, c.self.Address.String(), c.now())
}

func (c *Conversation) tellSummary(tx *records.Tx) error {
	if c.rec.Hidden {
		return nil
	}
	waiting := 0
	for _, item := range c.outbox {
		if item.Order != 0 {
			waiting++
		}
	}
	s, err := c.show(tx).Conversation(&c.rec)
	s.Waiting = waiting
	c.out.emit(chat.ConversationEvent{Conversation: s})
	return err
}

// stop closes the conversation. What still waits cannot be sent any more,
// except what leaving it needs.
func (c *Conversation) stop(tx *records.Tx, status chat.Status, err error) error {
	c.rec.Status, c.rec.Reason, c.rec.Cause = status, "", 0
	if err != nil {
		c.rec.Reason, c.rec.Cause = err.Error(), records.CauseOf(err)
		c.out.emit(chat.FailureEvent{Conversation: chat.IDOf(c.rec.Channel), Err: err})
	}
	c.touch()
	if c.needsChannel() {
		return nil
	}
	return c.abandon(tx)
}

// needsChannel reports whether the conversation must receive its entries.
func (c *Conversation) needsChannel() bool {
	if c.rec.NoGroup {
		return false
	}
	switch c.rec.Status {
	case chat.StatusActive:
		return true
	case chat.StatusRequest: // a stranger fills it up to here, whose server vouched for them
		return !c.IsFull() || len(c.toConfirm()) > 0
	case chat.StatusLeft:
		return c.awaitsRemoval()
	}
	return false
}

// rules are what a change of the group is judged by at present.
func (c *Conversation) rules() rules.Rules {
	return rules.Rules{State: c.state, Leaves: c.index(), Idle: c.rec.Idle}
}

// Purpose says which connection the conversation is to have. A request at
// another server has none: what a stranger sends makes this device contact
// nobody. One at the server of a contact that it claims to come from is
// connected to be confirmed.
func (c *Conversation) Purpose() link.Purpose {
	switch {
	case c.vanished, c.rec.Status == chat.StatusBlocked, !c.needsChannel() && !c.rec.Ending && len(c.deliver) == 0:
		return link.ForNothing
	case c.rec.Status != chat.StatusRequest, c.rec.Expected:
		return link.ForConversations
	case c.rec.Host == c.self.Address.Host:
		return link.ForRequests
	}
	return link.ForNothing
}

// Progress is how far a conversation has come with its work.
type Progress struct {
	CaughtUp  bool // with what the server had when the channel was opened
	Outbox    int  // items not sent yet
	PutOff    int  // of those, what waits for files that are tried again later
	Deliver   int  // letters not sent yet
	Following bool // its entries are to be received
	Devices   int  // devices to be added or removed now
	Checking  bool // some member is not confirmed yet, or asked after
	Reporting bool // a report is on its way
}

// Progress returns how far the conversation has come with its work.
func (c *Conversation) Progress() Progress {
	return Progress{
		CaughtUp: c.caughtUp && c.waiting == nil, Outbox: c.pendingItems(), PutOff: c.putOff(), Deliver: len(c.deliver),
		Following: c.needsChannel(), Devices: c.dueDevices(), Checking: len(c.toConfirm()) > 0 || c.checking || c.addsAgain(), Reporting: c.reporting(),
	}
}

// Step gives the machine one input, between begin and end.
func (c *Conversation) Step(tx *records.Tx, in Input) error { return in.step(c, tx) }

// AwaitsMessage reports whether an entry's message is being fetched, before which
// nothing that the server sent is of use.
func (c *Conversation) AwaitsMessage() bool { return c.waiting != nil }

// HasVanished reports whether there is no such conversation any more.
func (c *Conversation) HasVanished() bool { return c.vanished }

// IsFull reports whether this is a request with as many messages as are read
// before it is accepted. Its next entries wait: for its acceptance, or for the end
// of the connection once its inviter is confirmed.
func (c *Conversation) IsFull() bool {
	return c.IsRequest() && c.rec.NextOrder >= maxRequestMessages
}

// IsRequest reports whether the conversation was offered and not accepted yet.
func (c *Conversation) IsRequest() bool { return c.rec.Status == chat.StatusRequest }

// TypingEnded returns events that say that nobody is typing any more.
func (c *Conversation) TypingEnded() []chat.Event { return c.typists.events(c.rec.Channel) }
