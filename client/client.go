// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"context"
	"crypto/ed25519"
	"crypto/hpke"
	"crypto/rand"
	"errors"
	"sync"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/backend"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/attachments"
	"github.com/securecrypt/securecrypt/client/internal/link"
	"github.com/securecrypt/securecrypt/client/internal/linking"
	"github.com/securecrypt/securecrypt/client/internal/machine"
	"github.com/securecrypt/securecrypt/client/internal/mailbox"
	"github.com/securecrypt/securecrypt/client/internal/records"
	"github.com/securecrypt/securecrypt/client/keyring"
	"github.com/securecrypt/securecrypt/mls"
)

// Config is what a client needs from outside.
type Config struct {
	Store     backend.Store
	Key       keyring.StoreKey
	Transport backend.Transport
	// Files is where files are attached from and saved to by their paths; nil
	// is nowhere. Attach and OpenAttachment do without.
	Files backend.Files
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// OnEvent, if not nil, is told what happens, by any goroutine. It must not
	// block and not call back into the client.
	OnEvent func(chat.Event)
	// Log gets messages without any content; nil discards them.
	Log backend.Logger
	// Lock, if not nil, is given what holds the keys of the store for as long
	// as the client is open, a slice or a pointer, to keep it out of swap.
	Lock func(secret any) bool
}

// A Client is one profile at work. Its methods may be called by any
// goroutine.
type Client struct {
	config    Config
	store     *records.Store
	transfers *attachments.Transfers
	self      machine.Identity
	log       backend.Logger

	ctx    context.Context // ends with Close
	cancel context.CancelCauseFunc
	tasks  sync.WaitGroup
	queued sync.Map // by host: *atomic.Int64, see queuedAt

	net      *link.Network
	requests requestList

	mu     sync.Mutex // guards the maps
	actors map[records.CID]*actor
	// ids finds conversations by the identifiers that people use: all of them
	// once they have been surveyed, before that those that were seen.
	ids      map[chat.ConversationID]records.CID
	surveyed bool
	home     *mailbox.Mailbox
	clocks   clockWatch
	waker    *waker
	transfer transfers

	keepers  sync.Once  // start keepState and keepUse
	applying sync.Mutex // held while fields of other devices are carried out
}

// CreateParams describes a new profile.
type CreateParams struct {
	Address account.Address
	// Invite is an invitation code, where the server wants one.
	Invite string
	// Profile is the name shown to others; it may be empty.
	Profile string
	// KeepRecovery keeps the recovery secret until RecoveryNoted.
	KeepRecovery bool
}

// Create makes a new account's keys and keeps them in the store, which must
// be empty. Register must follow. The recovery secret is returned, and kept
// only where that is asked for: whoever has it can one day replace the
// account's devices.
func Create(cfg Config, p CreateParams) (account.RecoverySecret, error) {
	var none account.RecoverySecret
	if err := checkLabel(p.Profile); err != nil {
		return none, err
	}
	store, err := records.NewStore(cfg.Store, cfg.Key)
	if err != nil {
		return none, err
	}
	keys, err := linking.NewKeys()
	if err != nil {
		return none, err
	}
	recovery, err := account.NewRecoverySecret(rand.Reader)
	if err != nil {
		return none, err
	}
	statement, err := account.Create(account.CreateParams{
		Address: p.Address, Time: cfg.clock()(), DeviceKey: keys.Signing, MailboxKey: keys.Device.MailboxKey, Recovery: recovery,
	})
	if err != nil {
		return none, err
	}
	rec, err := keys.Profile(p.Address, statement)
	if err != nil {
		return none, err
	}
	rec.Invite, rec.Name = p.Invite, p.Profile
	if p.KeepRecovery {
		rec.Recovery = recovery.Reveal()
	}
	if rec.Sealing, err = recovery.SignedSealingKey(); err != nil {
		return none, err
	}
	return recovery, linking.SaveNew(store, &rec)
}

func (cfg Config) clock() func() time.Time {
	if cfg.Now != nil {
		return cfg.Now
	}
	return time.Now
}

// Open opens the profile that is in the store. The client stays off line until
// ConnectConversation or ConnectAll. The error is chat.ErrLinkOpen if it is not known yet
// whether the account has this device: Resume finds it out.
func Open(cfg Config) (*Client, error) {
	store, err := records.NewStore(cfg.Store, cfg.Key)
	if err != nil {
		return nil, err
	}
	cfg.Key = keyring.StoreKey{} // the store has what it needs
	if cfg.Lock != nil {
		store.LockKeys(cfg.Lock)
	}
	c := &Client{
		config: cfg, store: store, log: cfg.Log,
		actors: map[records.CID]*actor{}, ids: map[chat.ConversationID]records.CID{},
		clocks: clockWatch{hosts: map[string]serverTime{}},
	}
	if c.log == nil {
		c.log = link.Discard{}
	}
	c.ctx, c.cancel = context.WithCancelCause(context.Background())
	if err := store.View(c.load); err != nil {
		return nil, err
	}
	if err := c.expireAll(); err != nil {
		return nil, err
	}
	return c, nil
}

func (c *Client) load(tx *records.Tx) error {
	var rec records.Profile
	ok, err := tx.Load([]byte(records.TableProfile), &rec)
	if err != nil {
		return err
	}
	if !ok {
		return chat.ErrNoProfile
	}
	if rec.Linking != 0 {
		return chat.ErrLinkOpen
	}
	if c.self.Address, err = account.ParseAddress(rec.Address); err != nil {
		return err
	}
	if c.self.Signing, err = mls.ImportSigningKey(mls.DefaultCipherSuite, rec.SigningKey); err != nil {
		return err
	}
	letterKey, err := hpke.MLKEM768X25519().NewPrivateKey(rec.MailboxKey)
	if err != nil {
		return err
	}
	c.self.Device = account.SignatureKey(ed25519.NewKeyFromSeed(rec.SigningKey).Public().(ed25519.PublicKey)).ID()
	if rec.Seen != 0 {
		c.clocks.seen = time.Unix(rec.Seen, 0)
	}
	c.config.Transport = link.Guard(c.config.Transport, c.self.Address.Host)
	c.transfers = &attachments.Transfers{
		Store: c.store, Cache: attachments.NewCache(c.store, c.config.clock()), Files: c.config.Files, Transport: c.config.Transport,
		Now: c.now, Tell: c.config.OnEvent,
	}
	c.net = link.New(c.ctx, link.Config{
		Home: c.self.Address.Host, Transport: c.config.Transport, Log: c.log, Spawn: c.spawn, Emit: c.emit,
		Hello: c.compareClocks, SignIn: func() { c.home.Start() },
	})
	c.home, c.waker = mailbox.New(mailbox.Config{
		Context: c.ctx, Spawn: c.spawn, Self: c.self, LetterKey: letterKey, Store: c.store, Net: c.net, Transfers: c.transfers, Log: c.log,
		Emit: c.emit, Now: c.now, ServerNow: c.serverNow, EraseNow: c.eraseNow, CheckIdentifier: c.checkIdentifier, Joined: c.joined,
		Rejoin: c.askedToRejoin, TokenChanged: func() { c.waker.tell() }, ChainChanged: func() {
			c.emit(chat.DevicesEvent{})
			c.spawn(c.followOwnDevices)
		},
	}), newWaker(c)
	chain, err := records.PinnedChain(tx, c.self.Address)
	if err == nil && chain != nil {
		if revoked := records.Revoked(chain, c.self.Device); revoked != nil {
			c.net.Gate.Set(revoked)
		}
	}
	return err
}

// Close stops all work and waits for it. The store stays open: it is its
// owner's.
func (c *Client) Close() {
	c.cancel(context.Canceled)
	c.tasks.Wait()
}

// Address returns the profile's address.
func (c *Client) Address() account.Address { return c.self.Address }

func (c *Client) now() time.Time { return c.config.clock()() }

func (c *Client) emit(e chat.Event) {
	if c.config.OnEvent != nil {
		c.config.OnEvent(e)
	}
}

// spawn runs fn in a goroutine that Close waits for.
func (c *Client) spawn(fn func()) { c.tasks.Go(fn) }

// ConnectConversation connects one conversation. A request is connected only at
// the account's own server, and only the newest requests have a connection.
func (c *Client) ConnectConversation(id chat.ConversationID) error {
	k, err := c.find(id)
	if err != nil {
		return err
	}
	rec, err := c.conversationRecord(k)
	if err == nil {
		c.connect(k, rec)
	}
	return err
}

// Connect connects the mailbox, which receives letters.
func (acc Account) Connect() {
	acc.c.home.Start()
	acc.c.waker.start()
}

// startupConcurrency limits how many conversations ConnectAll starts in parallel.
const startupConcurrency = 8

// ConnectAll connects the mailbox and all active conversations, the most recent
// first, and then the newest requests. It also connects conversations that
// begin later.
func (c *Client) ConnectAll() error {
	c.Account().Connect()
	if err := c.connectOwn(); err != nil {
		return err
	}
	applied := c.applyAllFields() // what the other devices changed, and what an earlier run did not carry out
	first, err := c.recent()
	if err != nil {
		return err
	}
	length, err := c.ownChainLength()
	if err != nil {
		return err
	}
	var begun []*actor
	var asked newestRequests
	begin := func(s records.Stored) error {
		switch {
		case s.Rec.Ending, s.Rec.Status == chat.StatusActive, s.Rec.Status == chat.StatusLeft, s.Rec.Rejoin != nil:
			begun = append(begun, c.start(s.K, &s.Rec))
			c.followOwnChain(s, length)
		case s.Rec.Status == chat.StatusRequest:
			if s.Rec.Expected {
				begun = append(begun, c.start(s.K, &s.Rec))
			} else {
				asked.note(c, s)
			}
		}
		if len(begun) < startupConcurrency {
			return nil
		}
		err := begun[0].awaitFirst()
		begun = begun[1:]
		return err
	}
	for _, s := range first {
		if err := begin(s); err != nil {
			return err
		}
	}
	if err := c.forEachConversation(begin); err != nil {
		return err
	}
	for _, s := range asked {
		c.connect(s.K, &s.Rec)
	}
	c.keepers.Do(func() {
		c.spawn(c.keepState)
		c.spawn(c.keepUse)
	})
	return errors.Join(applied, c.resumeTransfers())
}

// Connect calls ConnectAll in the background once ready is closed. If it fails, that
// is an event.
func (c *Client) Connect(ready <-chan struct{}) {
	c.spawn(func() {
		select {
		case <-ready:
		case <-c.ctx.Done():
			return
		}
		if err := c.ConnectAll(); err != nil && c.ctx.Err() == nil {
			c.emit(chat.FailureEvent{Err: err})
		}
	})
}

func (c *Client) conversationRecord(k records.CID) (*records.Conversation, error) {
	var rec records.Conversation
	err := c.store.View(func(tx *records.Tx) error {
		ok, err := tx.Load(records.Key(records.TableConversation, k[:]), &rec)
		if err == nil && !ok {
			err = chat.ErrNoConversation
		}
		return err
	})
	return &rec, err
}

// actor returns the actor of a conversation, started if it was not.
func (c *Client) actor(id chat.ConversationID) (*actor, error) {
	k, err := c.find(id)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	a := c.actors[k]
	c.mu.Unlock()
	if a != nil {
		return a, nil
	}
	rec, err := c.conversationRecord(k)
	if err != nil {
		return nil, err
	}
	return c.start(k, rec), nil
}

// start returns the actor of a conversation that has a record.
func (c *Client) start(k records.CID, rec *records.Conversation) *actor {
	c.mu.Lock()
	defer c.mu.Unlock()
	if a := c.actors[k]; a != nil {
		return a
	}
	a := newActor(c, k, rec.Channel, rec.Host)
	c.actors[k] = a
	c.spawn(func() { a.run(c.ctx) })
	a.tell(machine.InputTick{}, nil)
	return a
}

// tell gives a conversation a command and waits until it is durable.
func (c *Client) tell(ctx context.Context, id chat.ConversationID, in machine.Input) error {
	a, err := c.actor(id)
	if err != nil {
		return err
	}
	return a.ask(ctx, in)
}

// WaitUntilSent waits until all commands for a conversation are complete,
// including its letters and wake requests.
func (c *Client) WaitUntilSent(ctx context.Context, id chat.ConversationID) error {
	a, err := c.actor(id)
	if err != nil {
		return err
	}
	return a.wait(ctx, func(s snapshot) bool { return s.Outbox == 0 && s.Deliver == 0 && s.nudges == 0 })
}

// WaitUntilSentExceptFiles is like WaitUntilSent, but does not wait for uploads
// that failed and are retried later, nor for the messages that depend on them.
func (ms Messages) WaitUntilSentExceptFiles(ctx context.Context, id chat.ConversationID) error {
	a, err := ms.c.actor(id)
	if err != nil {
		return err
	}
	return a.wait(ctx, func(s snapshot) bool { return s.Outbox == s.PutOff && s.Deliver == 0 && s.nudges == 0 })
}

// environment is what conversations know of this device.
func (c *Client) environment() machine.Environment {
	return machine.Environment{Self: c.self, Now: c.now, Life: c.lifeClock}
}
