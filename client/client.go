// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"context"
	"crypto/ed25519"
	"crypto/hpke"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/keyring"
	"github.com/securecrypt/securecrypt/mls"
	"github.com/securecrypt/securecrypt/protocol"
)

// Config is what a client needs from outside.
type Config struct {
	Store     Store
	Key       keyring.StoreKey
	Transport Transport
	// Files is where files are attached from and saved to by their paths; nil
	// is nowhere. Attach and OpenAttachment do without.
	Files Files
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// OnEvent, if not nil, is told what happens, by any goroutine. It must not
	// block and not call back into the client.
	OnEvent func(Event)
	// Log gets messages without any content; nil discards them.
	Log Logger
}

// A Client is one profile at work. Its methods may be called by any
// goroutine.
type Client struct {
	config Config
	store  *sealedStore
	shelf  *shelf
	self   identity
	letter hpke.PrivateKey // the mailbox key
	log    Logger

	ctx    context.Context // ends with Close
	cancel context.CancelCauseFunc
	tasks  sync.WaitGroup

	mu     sync.Mutex // guards the maps
	links  map[string]*link
	actors map[cid]*actor
	// ids finds conversations by the identifiers that people use: all of them
	// once they have been surveyed, before that those that were seen.
	ids      map[ConversationID]cid
	surveyed bool
	home     *mailbox
	waker    *waker
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
	store, err := newSealedStore(cfg.Store, cfg.Key)
	if err != nil {
		return none, err
	}
	_, device, err := ed25519.GenerateKey(nil)
	if err != nil {
		return none, fmt.Errorf("client: %w", err)
	}
	letterKey, err := hpke.MLKEM768X25519().GenerateKey()
	if err != nil {
		return none, fmt.Errorf("client: %w", err)
	}
	mailboxKey, err := account.NewMailboxKey(letterKey.PublicKey().Bytes())
	if err != nil {
		return none, err
	}
	recovery, err := account.NewRecoverySecret(random)
	if err != nil {
		return none, err
	}
	statement, err := account.Create(account.CreateParams{
		Address: p.Address, Time: cfg.clock()(), DeviceKey: device, MailboxKey: mailboxKey, Recovery: recovery,
	})
	if err != nil {
		return none, err
	}
	letterBytes, err := letterKey.Bytes()
	if err != nil {
		return none, fmt.Errorf("client: %w", err)
	}
	rec := profileRecord{
		Version: recordVersion, Address: p.Address.String(), Statement: statement,
		SigningKey: device.Seed(), MailboxKey: letterBytes, Invite: p.Invite, Name: p.Profile,
	}
	if p.KeepRecovery {
		rec.Recovery = recovery.Reveal()
	}
	return recovery, store.update(func(tx *sealedTx) error {
		old, err := tx.get([]byte(tableProfile))
		if err != nil {
			return err
		}
		if old != nil {
			return errors.New("client: there is a profile already")
		}
		return tx.save([]byte(tableProfile), &rec)
	})
}

func (cfg Config) clock() func() time.Time {
	if cfg.Now != nil {
		return cfg.Now
	}
	return time.Now
}

// Open opens the profile that is in the store. The client stays off line until
// Go or GoAll.
func Open(cfg Config) (*Client, error) {
	store, err := newSealedStore(cfg.Store, cfg.Key)
	if err != nil {
		return nil, err
	}
	c := &Client{
		config: cfg, store: store, shelf: newShelf(store, cfg.clock()), log: cfg.Log,
		links: map[string]*link{}, actors: map[cid]*actor{}, ids: map[ConversationID]cid{},
	}
	if c.log == nil {
		c.log = silent{}
	}
	c.ctx, c.cancel = context.WithCancelCause(context.Background())
	if err := store.view(c.load); err != nil {
		return nil, err
	}
	if err := c.expireAll(); err != nil {
		return nil, err
	}
	return c, nil
}

func (c *Client) load(tx *sealedTx) error {
	var rec profileRecord
	ok, err := tx.load([]byte(tableProfile), &rec)
	if err != nil {
		return err
	}
	if !ok {
		return ErrNoProfile
	}
	if c.self.address, err = account.ParseAddress(rec.Address); err != nil {
		return err
	}
	if c.self.signing, err = mls.ImportSigningKey(mls.DefaultCipherSuite, rec.SigningKey); err != nil {
		return err
	}
	if c.letter, err = hpke.MLKEM768X25519().NewPrivateKey(rec.MailboxKey); err != nil {
		return err
	}
	chain, err := account.Verify(c.self.address, [][]byte{rec.Statement})
	if err != nil {
		return err
	}
	c.self.device = chain.Devices()[0].ID()
	c.home, c.waker = newMailbox(c), newWaker(c)
	return nil
}

// Close stops all work and waits for it. The store stays open: it is its
// owner's.
func (c *Client) Close() {
	c.cancel(context.Canceled)
	c.tasks.Wait()
}

// Address returns the profile's address.
func (c *Client) Address() account.Address { return c.self.address }

func (c *Client) now() time.Time { return c.config.clock()() }

func (c *Client) emit(e Event) {
	if c.config.OnEvent != nil {
		c.config.OnEvent(e)
	}
}

// spawn runs fn in a goroutine that Close waits for.
func (c *Client) spawn(fn func()) { c.tasks.Go(fn) }

// link returns the anonymous connection to a server.
func (c *Client) link(host string) *link {
	c.mu.Lock()
	defer c.mu.Unlock()
	if l := c.links[host]; l != nil {
		return l
	}
	l := c.newLink(host)
	c.links[host] = l
	return l
}

func (c *Client) newLink(host string) *link {
	l := newLink(host, c.config.Transport, c.log)
	l.watch(watcher{
		up:   func(protocol.Hello) { c.emit(ConnectionEvent{Host: host, Online: true}) },
		down: func(err error) { c.emit(ConnectionEvent{Host: host, Err: err}) },
	})
	c.spawn(func() { l.run(c.ctx) })
	return l
}

// Go connects one conversation, and Mail the mailbox; GoAll connects
// everything and keeps doing so for what is new.
func (c *Client) Go(id ConversationID) error {
	_, err := c.actor(id)
	return err
}

// Mail connects the mailbox.
func (c *Client) Mail() {
	c.home.start()
	c.waker.start()
}

// beginAtOnce is how many conversations GoAll has begin at a time: what a
// person asks for must not wait behind thousands.
const beginAtOnce = 8

// GoAll connects the mailbox and all conversations that go on, the most recent
// ones first.
func (c *Client) GoAll() error {
	c.Mail()
	first, err := c.recent()
	if err != nil {
		return err
	}
	var begun []*actor
	begin := func(s stored) error {
		switch s.rec.Status {
		case StatusActive, StatusRequest, StatusLeft:
			begun = append(begun, c.start(s.k, &s.rec))
		}
		if len(begun) < beginAtOnce {
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
	return c.survey(begin)
}

// Connect is GoAll, in the background, once ready is closed. If it fails, that
// is an event.
func (c *Client) Connect(ready <-chan struct{}) {
	c.spawn(func() {
		select {
		case <-ready:
		case <-c.ctx.Done():
			return
		}
		if err := c.GoAll(); err != nil && c.ctx.Err() == nil {
			c.emit(FailureEvent{Err: err})
		}
	})
}

func (c *Client) conversationRecord(k cid) (*convRecord, error) {
	var rec convRecord
	err := c.store.view(func(tx *sealedTx) error {
		ok, err := tx.load(key(tableConversation, k[:]), &rec)
		if err == nil && !ok {
			err = ErrNoConversation
		}
		return err
	})
	return &rec, err
}

// actor returns the actor of a conversation, started if it was not.
func (c *Client) actor(id ConversationID) (*actor, error) {
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
func (c *Client) start(k cid, rec *convRecord) *actor {
	l := c.link(rec.Host)
	c.mu.Lock()
	defer c.mu.Unlock()
	if a := c.actors[k]; a != nil {
		return a
	}
	a := newActor(c, k, rec.Channel, l)
	c.actors[k] = a
	c.spawn(func() { a.run(c.ctx) })
	a.tell(inputTick{}, nil)
	return a
}

// tell gives a conversation a command and waits until it is durable.
func (c *Client) tell(ctx context.Context, id ConversationID, in input) error {
	a, err := c.actor(id)
	if err != nil {
		return err
	}
	return a.ask(ctx, in)
}

// Settled waits until everything that was asked of a conversation has been
// done, letters and waking others included.
func (c *Client) Settled(ctx context.Context, id ConversationID) error {
	a, err := c.actor(id)
	if err != nil {
		return err
	}
	return a.wait(ctx, func(s snapshot) bool { return s.outbox == 0 && s.deliver == 0 && s.nudges == 0 })
}

// Sync waits until the mailbox and all connected conversations have received
// what the servers hold for them, and reported what was to be reported before.
func (c *Client) Sync(ctx context.Context) error {
	err := c.home.sync(ctx)
	c.mu.Lock()
	actors := make([]*actor, 0, len(c.actors))
	for _, a := range c.actors {
		actors = append(actors, a)
	}
	c.mu.Unlock()
	for _, a := range actors {
		err = errors.Join(err, a.wait(ctx, func(s snapshot) bool {
			return !s.following || s.caughtUp && !s.checking && !s.reporting && s.deliver == 0
		}))
	}
	return err
}
