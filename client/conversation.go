// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/envelope"
	"github.com/securecrypt/securecrypt/client/internal/link"
	"github.com/securecrypt/securecrypt/client/internal/records"
	"github.com/securecrypt/securecrypt/client/internal/rules"
	"github.com/securecrypt/securecrypt/mls"
	"github.com/securecrypt/securecrypt/protocol"
)

// identity is who this profile is; it does not change.
type identity struct {
	address account.Address
	device  account.DeviceID
	signing *mls.SigningKey
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

// A conversation is the state machine of one conversation. It does no I/O:
// its methods run within a store transaction and leave in out what is to be
// done once that is durable. After a failed transaction it is thrown away and
// loaded again.
type conversation struct {
	self   identity
	now    func() time.Time
	life   func() lifeClock // for what disappears; nil: now is right
	id     records.CID
	rec    records.Conversation
	group  *mls.Group
	state  rules.State
	reader *groupReader
	out    *outcome
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
	packages map[string]invitee
	lookups  link.Backoff // of those to be added
}

type delivery struct {
	records.Delivery
	n       uint64
	working bool
}

// groupReader lets package mls read its records: within the transaction of
// the present step.
type groupReader struct {
	tx *records.Tx
	id records.CID
}

func (r *groupReader) Get(name string) ([]byte, error) {
	if r.tx == nil {
		return nil, errors.New("client: the group was read outside of a transaction")
	}
	return r.tx.Get(records.Key(records.TableGroup, r.id[:], []byte(name)))
}

// mlsConfig has the lifetimes of new leaves checked by those who add them. Those
// who follow the commit go by no clock: a wrong one would end the conversation
// for them alone.
func mlsConfig() mls.Config {
	return mls.Config{Rand: rand.Reader, Policy: mls.Policy{PastEpochs: pastEnvelopes, LateDelivery: -1}}
}

// loadConversation restores a conversation from the store.
func loadConversation(tx *records.Tx, self identity, now func() time.Time, id records.CID) (*conversation, error) {
	c := &conversation{self: self, now: now, id: id, reader: &groupReader{tx: tx, id: id}, typists: typists{}, letters: map[string]link.Backoff{}, nudging: nudging{peers: map[string]peerTimes{}}}
	defer func() { c.reader.tx = nil }()
	ok, err := tx.Load(records.Key(records.TableConversation, id[:]), &c.rec)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, chat.ErrNoConversation
	}
	if c.group, err = mls.LoadGroup(c.reader, mlsConfig()); err != nil {
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
	return c, errors.Join(c.loadToken(tx), c.loadOutbox(tx))
}

func (c *conversation) loadOutbox(tx *records.Tx) error {
	err := tx.Scan(records.Key(records.TableOutbox, c.id[:]), false, func(k, v []byte) (bool, error) {
		item := &outItem{n: records.LastNumber(k)}
		if err := records.Decode(v, &item.OutboxItem); err != nil {
			return false, err
		}
		item.digest = sha256.Sum256(item.Ciphertext)
		c.outbox = append(c.outbox, item)
		return true, nil
	})
	if err != nil {
		return err
	}
	// A commit of what others proposed goes before all that waits for it, and a
	// removal before what those who go should not hear.
	slices.SortStableFunc(c.outbox, func(a, b *outItem) int { return b.urgency() - a.urgency() })
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
	case len(o.Change.Remove) > 0:
		return 1
	}
	return 0
}

// begin and end bracket what happens to the machine in one transaction.
func (c *conversation) begin(tx *records.Tx, out *outcome) { c.reader.tx, c.out = tx, out }

func (c *conversation) end(tx *records.Tx) error {
	c.typists.expire(c)
	err := c.pump(tx)
	c.grant()
	c.wakeAt(c.ejectAt, c.mailAt, c.credit.gapAt, c.rewindAt())
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

// reload reads the conversation again, after the mailbox entered it anew. The
// connection stays.
func (c *conversation) reload(tx *records.Tx, out *outcome) (*conversation, error) {
	again, err := loadConversation(tx, c.self, c.now, c.id)
	if err != nil {
		return nil, err
	}
	again.hello, again.phase = c.hello, min(c.phase, phaseClosed)
	again.life = c.life
	again.typists, again.opening, again.credit = c.typists, c.opening, c.credit
	again.begin(tx, out)
	return again, nil
}

func (c *conversation) touch() { c.dirty = true }

// rest has the machine woken when something may be tried again.
func (c *conversation) rest() {
	now := c.now()
	times := []time.Time{c.channel.Until, c.posts.Until, c.lookups.Until, c.uploads.Until, c.filesFirst, c.commitAt, c.reportAt}
	for _, item := range c.outbox {
		times = append(times, item.lookups.Until)
	}
	times = slices.Concat(slices.AppendSeq(times, maps.Values(c.typists)), c.nudgeTimes(), c.removalDeadlines(), c.deliveryTimes(), c.checkTimes())
	for _, at := range times {
		if at.After(now) {
			c.out.do(doWake{at})
		}
	}
}

// wakeAt has the machine woken at those of the times that are yet to come.
func (c *conversation) wakeAt(times ...time.Time) {
	now := c.now()
	for _, at := range times {
		if at.After(now) {
			c.out.do(doWake{at})
		}
	}
}

// apply persists a delta of the group.
func (c *conversation) apply(tx *records.Tx, d mls.Delta) error { return applyDelta(tx, c.id, d) }

func applyDelta(tx *records.Tx, id records.CID, d mls.Delta) error {
	for _, name := range d.Delete {
		if err := tx.Delete(records.Key(records.TableGroup, id[:], []byte(name))); err != nil {
			return err
		}
	}
	for _, r := range d.Put {
		if err := tx.Put(records.Key(records.TableGroup, id[:], []byte(r.Key)), r.Value); err != nil {
			return err
		}
	}
	return nil
}

// exporter is what a group and a staged commit have in common.
type exporter interface {
	Export(label string, context []byte, n int) ([]byte, error)
}

// accessKey derives the key pair that opens the channel in an epoch.
func accessKey(e exporter, channel protocol.ChannelID) (ed25519.PrivateKey, error) {
	seed, err := e.Export("securecrypt access", channel[:], ed25519.SeedSize)
	if err != nil {
		return nil, fmt.Errorf("client: %w", err)
	}
	return ed25519.NewKeyFromSeed(seed), nil
}

func accessPublic(e exporter, channel protocol.ChannelID) (protocol.AccessKey, error) {
	k, err := accessKey(e, channel)
	if err != nil {
		return protocol.AccessKey{}, err
	}
	return protocol.AccessKey(k.Public().(ed25519.PublicKey)), nil
}

// enterEpoch keeps the envelope key of the group's present epoch and forgets
// the oldest.
func enterEpoch(tx *records.Tx, id records.CID, g *mls.Group, channel protocol.ChannelID) error {
	k, err := g.Export("securecrypt envelope", channel[:], envelope.KeySize)
	if err != nil {
		return fmt.Errorf("client: %w", err)
	}
	if err := tx.Put(records.Key(records.TableEnvelope, id[:], records.Number(g.Epoch())), k); err != nil {
		return err
	}
	if g.Epoch() < pastEnvelopes {
		return nil
	}
	return tx.Delete(records.Key(records.TableEnvelope, id[:], records.Number(g.Epoch()-pastEnvelopes)))
}

func (c *conversation) envelopeKey(tx *records.Tx, epoch uint64) (k envelope.Key, ok bool, err error) {
	b, err := tx.Get(records.Key(records.TableEnvelope, c.id[:], records.Number(epoch)))
	if err != nil || len(b) != len(k) {
		return k, false, err
	}
	return envelope.Key(b), true, nil
}

// roomURI names the conversation in message identifiers.
func (c *conversation) roomURI() string {
	return "mimi://" + c.rec.Host + "/r/" + base64.RawURLEncoding.EncodeToString(c.rec.Channel[:])
}

// members returns the addresses in the group, each once, sorted.
func (c *conversation) members() []string { return slices.Sorted(maps.Keys(c.index())) }

func (c *conversation) leavesOf(address string) []mls.LeafIndex { return c.index()[address] }

func (c *conversation) index() map[string][]mls.LeafIndex {
	if c.leaves == nil {
		c.leaves = leavesByAddress(c.group)
	}
	return c.leaves
}

func leavesByAddress(g *mls.Group) map[string][]mls.LeafIndex {
	all := map[string][]mls.LeafIndex{}
	for i, leaf := range g.Members() {
		if cred, err := rules.LeafCredential(leaf); err == nil {
			a := cred.Address.String()
			all[a] = append(all[a], i)
		}
	}
	return all
}

// applied makes a commit's epoch the present one.
func (c *conversation) applied(tx *records.Tx, commit *mls.StagedCommit) error {
	delta, err := c.group.Apply(commit)
	if err != nil {
		return fmt.Errorf("client: applying a commit: %w", err)
	}
	c.leaves = nil
	return c.apply(tx, delta)
}

func (c *conversation) show(tx *records.Tx) *records.Views {
	return records.NewViews(tx, c.self.address.String(), c.now())
}

func (c *conversation) tellSummary(tx *records.Tx) error {
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
func (c *conversation) stop(tx *records.Tx, status chat.Status, err error) error {
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
func (c *conversation) needsChannel() bool {
	switch c.rec.Status {
	case chat.StatusActive:
		return true
	case chat.StatusRequest: // a stranger fills it up to here, whose server vouched for them
		return c.rec.NextOrder < maxRequestMessages || len(c.toConfirm()) > 0
	case chat.StatusLeft:
		return c.awaitsRemoval()
	}
	return false
}

// rules are what a change of the group is judged by at present.
func (c *conversation) rules() rules.Rules {
	return rules.Rules{State: c.state, Leaves: c.index(), Idle: c.rec.Idle}
}
