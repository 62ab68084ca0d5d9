// SPDX-License-Identifier: AGPL-3.0-or-later

package mailbox

import (
	"context"
	"crypto/hpke"
	"crypto/rand"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/backend"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/attachments"
	"github.com/securecrypt/securecrypt/client/internal/link"
	"github.com/securecrypt/securecrypt/client/internal/machine"
	"github.com/securecrypt/securecrypt/client/internal/records"
	"github.com/securecrypt/securecrypt/client/internal/rules"
	"github.com/securecrypt/securecrypt/mls"
	"github.com/securecrypt/securecrypt/protocol"
)

// Key packages: how many are published at once, below which number more are,
// for how long they hold, and how often the one of last resort is renewed. A
// server hands out what it has without looking at it, so they hold for long.
const (
	keyPackageStock    = 30
	keyPackageLow      = 10
	KeyPackageLifetime = 365 * 24 * time.Hour
	lastResortRenewal  = 30 * 24 * time.Hour
)

// Config is what a mailbox needs of its client.
type Config struct {
	Context   context.Context // ends with the client
	Spawn     func(func())    // runs a goroutine that the client waits for
	Self      machine.Identity
	LetterKey hpke.PrivateKey
	Store     *records.Store
	Net       *link.Network
	Transfers *attachments.Transfers
	Log       backend.Logger
	Emit      func(chat.Event)

	Now       func() time.Time
	ServerNow func() time.Time // the server's clock, as far as it is known
	EraseNow  func() time.Time // what certainly has passed by all clocks

	// CheckIdentifier refuses channels whose identifier another conversation has.
	CheckIdentifier func(protocol.ChannelID) error
	// Joined is told of conversations that letters led to.
	Joined func(*records.Conversation)
	// TokenChanged is called when conversations have another delivery token to tell.
	TokenChanged func()
	// Rejoin is called when a device asks to be added to a conversation.
	Rejoin func(protocol.ChannelID, account.Credential)
	// ChainChanged, if not nil, is called when the account's own chain, as this device
	// keeps it, got longer. It must not block.
	ChainChanged func()
}

// Mailbox is the account's side of a client, on the identified connection: it
// registers, publishes key packages and opens letters. One goroutine does all
// of it.
type Mailbox struct {
	config Config
	once   sync.Once
	link   *link.Link
	inputs chan mailInput

	// The goroutine of run owns these.
	hello    protocol.Hello
	signedIn bool                 // on the connection of hello, which is noted in the store
	session  protocol.SessionMark // with which the connection is identified, zero before
	troubled bool                 // a person has to do something, and was told
	drained  bool                 // the server has sent all letters that it had
	fetching map[uint64]bool      // letters whose tree is to be fetched or being fetched
	tokenSet [32]byte             // the hash of the delivery token that the server knows
	newToken chan struct{}        // the token is another
	again    chan struct{}        // somebody wants another attempt to sign in
	renewal  tokenRenewal         // of the token
	dealt    map[uint64]bool      // letters that were opened, by letterNumber
	newest   uint64               // the highest number of a letter so far
	shown    uint64               // the same, on the connection
	patience time.Duration        // before the next attempt to sign in
	retry    <-chan time.Time     // the next attempt to sign in
	later    <-chan time.Time     // the next attempt to open what could not be
	lateness time.Duration        // before that
	trees    treeQueue
	spent    <-chan time.Time // the next attempt to open what was too much for the day

	syncing chan struct{} // has room for the one who brings the chain up to date
	behind  atomic.Bool   // somebody waits to do so, because the chain got longer

	mu       sync.Mutex // guards caughtUp, err and changed
	caughtUp bool
	err      error // why the account cannot be used, if it cannot
	changed  chan struct{}
}

// A mailInput has one of its fields.
type mailInput struct {
	letter   *protocol.Letter
	caughtUp bool
	fetched  *fetchedTree
}

// New returns a mailbox that is not connected yet.
func New(c Config) *Mailbox {
	return &Mailbox{
		config: c, inputs: make(chan mailInput, 64), changed: make(chan struct{}), syncing: make(chan struct{}, 1),
		fetching: map[uint64]bool{}, dealt: map[uint64]bool{}, newToken: make(chan struct{}, 1), again: make(chan struct{}, 1), lateness: link.RetryFirst,
	}
}

// Start connects the mailbox, once.
func (m *Mailbox) Start() {
	m.once.Do(func() {
		c := m.config
		m.link = c.Net.NewLink(c.Self.Address.Host, nil)
		c.Net.Announce(c.Context, m.link)
		c.Spawn(func() { m.link.Run(c.Context) })
		c.Spawn(func() { m.run(c.Context) })
	})
}

func (m *Mailbox) push(ctx context.Context, in mailInput) {
	select {
	case m.inputs <- in:
	case <-ctx.Done():
	}
}

func (m *Mailbox) run(ctx context.Context) {
	hellos := make(chan protocol.Hello, 1)
	stop := m.link.Watch(link.Watcher{
		Up: func(h protocol.Hello) { // one at a time: the link is locked
			select { // the newest counts
			case <-hellos:
			default:
			}
			hellos <- h
		},
		Down: func(error) {
			m.report(false, nil)
			m.config.Net.Gate.GiveUp()
		},
		Event: func(t protocol.EventType, b protocol.Body) {
			if l, ok := b.(*protocol.Letter); ok {
				m.push(ctx, mailInput{letter: l})
			}
			switch t {
			case protocol.EventMailboxCaughtUp:
				m.push(ctx, mailInput{caughtUp: true})
			case protocol.EventAccountChanged:
				m.syncLater()
			}
		},
	})
	defer stop()
	m.openKept(ctx)
	for {
		newToken := m.newToken
		if m.renewal.reply != nil {
			newToken = nil // one after the other
		}
		select {
		case <-ctx.Done():
			return
		case h := <-hellos:
			m.hello, m.signedIn, m.session, m.drained, m.shown, m.patience = h, false, protocol.SessionMark{}, false, 0, link.RetryFirst
			m.renewal.reply = nil
			m.attempt(ctx)
		case <-m.retry:
			m.attempt(ctx)
		case <-m.again:
			m.attempt(ctx)
		case <-newToken:
			if m.signedIn && m.current() {
				m.renewToken()
			}
		case err := <-m.renewal.reply:
			m.tokenRenewed(err)
		case <-m.later:
			m.openKept(ctx)
		case <-m.spent:
			m.spent = nil
			m.openKept(ctx)
		case in := <-m.inputs:
			m.handle(ctx, in)
		}
	}
}

// attempt signs in, or sees to it that this is tried again on the same
// connection, where that may help.
func (m *Mailbox) attempt(ctx context.Context) {
	m.retry = nil
	if !m.current() {
		return // the next connection brings its own attempt
	}
	m.report(false, nil)
	err := m.signIn(ctx)
	m.tell(err)
	if err == nil || !m.current() {
		return
	}
	m.report(false, err)
	if !link.Retryable(err) && !errors.Is(err, records.ErrStore) { // a full disk is made room on
		return
	}
	wait := m.patience
	var refused *protocol.Error
	if errors.As(err, &refused) {
		wait = max(wait, refused.RetryAfter)
	}
	m.patience = min(2*m.patience, link.RetryLast)
	m.retry = time.After(wait)
}

// tell tells interfaces of what a person has to do something about.
func (m *Mailbox) tell(err error) {
	if !chat.NeedsPerson(err) {
		if err != nil || !m.troubled {
			return
		}
		m.troubled = false
		m.config.Emit(chat.AccountEvent{})
		return
	}
	m.troubled = true
	m.config.Emit(chat.AccountEvent{Err: err})
}

// current reports whether the connection is the one that said hello.
func (m *Mailbox) current() (same bool) {
	m.link.Revisit(func(h protocol.Hello) { same = h.Nonce == m.hello.Nonce })
	return same
}

func (m *Mailbox) handle(ctx context.Context, in mailInput) {
	switch {
	case in.caughtUp:
		m.drained = true
		m.deleteUpTo(m.shown)
	case in.letter != nil:
		m.keep(ctx, in.letter)
	case in.fetched != nil:
		job := in.fetched.job
		delete(m.fetching, job.seq)
		m.trees.done(job)
		if errors.As(in.fetched.err, new(attachments.DownloadNotStarted)) && link.Retryable(in.fetched.err) {
			m.refundTree(job)
		}
		m.finishLetter(job.seq, job.in, in.fetched.err)
		m.fetchTrees(ctx)
	}
	if m.drained && len(m.fetching) == 0 {
		m.report(true, nil)
	}
}

// report says where the mailbox stands; an error stays until the next
// connection.
func (m *Mailbox) report(caughtUp bool, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.caughtUp, m.err = caughtUp, err
	close(m.changed)
	m.changed = make(chan struct{})
}

// Sync waits until all letters have been opened.
func (m *Mailbox) Sync(ctx context.Context) error {
	for {
		m.mu.Lock()
		caughtUp, err, changed := m.caughtUp, m.err, m.changed
		m.mu.Unlock()
		if err == nil {
			err = m.config.Context.Err()
		}
		if caughtUp || err != nil {
			return err
		}
		select {
		case <-changed:
		case <-m.config.Context.Done():
		case <-ctx.Done():
			if m.link == nil {
				return context.Cause(ctx)
			}
			return m.unreached(ctx)
		}
	}
}

// unreached returns why the server was not reached before a context ended.
func (m *Mailbox) unreached(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	if err := m.link.Ready(ctx); err != nil {
		return err
	}
	return context.Cause(ctx)
}

// Profile reads the record of the profile.
func (m *Mailbox) Profile() (rec records.Profile, err error) {
	err = m.config.Store.View(func(tx *records.Tx) error {
		_, err := tx.Load([]byte(records.TableProfile), &rec)
		return err
	})
	return rec, err
}

// Update changes the record of the profile.
func (m *Mailbox) Update(change func(*records.Profile)) error {
	return m.config.Store.Update(func(tx *records.Tx) error { return records.UpdateProfile(tx, change) })
}

// signIn registers the account if need be, identifies the connection, asks for
// letters and sees to the key packages. A connection is identified once.
func (m *Mailbox) signIn(ctx context.Context) error {
	if err := m.checkRevoked(); err != nil {
		return err
	}
	rec, err := m.Profile()
	if err != nil {
		return err
	}
	if !rec.Registered {
		if err := m.register(ctx, rec); err != nil {
			return err
		}
	}
	if !m.signedIn {
		if err := m.authenticate(ctx); err != nil {
			return err
		}
		m.signedIn = true
	}
	if err := m.setToken(ctx); err != nil {
		return err
	}
	if err := m.replenishKeyPackages(ctx, rec); err != nil {
		return err
	}
	m.newest = max(m.newest, rec.Letters)
	home := m.config.Self.Address.Host
	if _, err = m.link.Call(ctx, protocol.OpMailboxOpen, &protocol.MailboxOpen{Chain: !m.config.Net.IsOlder(home)}); err != nil {
		if m.config.Net.FindsOlder(home, err) {
			return link.Offline(err)
		}
		return err
	}
	// Letters come before the answers do: nothing may wait for these here.
	m.config.Spawn(func() {
		if err := m.syncChainAlone(m.config.Context); err != nil && !link.Retryable(err) {
			m.config.Emit(chat.FailureEvent{Err: err})
		}
	})
	return nil
}

// register asks the server to create the account. It notes that before, as the
// answer may be lost.
func (m *Mailbox) register(ctx context.Context, rec records.Profile) error {
	if err := m.Update(func(p *records.Profile) { p.Asked = true }); err != nil {
		return err
	}
	chain, err := m.Chain()
	if err != nil {
		return err
	}
	_, err = m.link.Call(ctx, protocol.OpRegister, &protocol.Register{Statements: chain.Statements(), Invite: rec.Invite})
	var refused *protocol.Error
	if errors.As(err, &refused) {
		err = m.refused(ctx, rec, refused)
	}
	if err != nil {
		return err
	}
	return m.Update(func(p *records.Profile) { p.Registered, p.Asked, p.Invite = true, false, "" })
}

// replenishKeyPackages publishes key packages when few are left, and renews the
// last-resort one. It stores them before it publishes them.
func (m *Mailbox) replenishKeyPackages(ctx context.Context, rec records.Profile) error {
	b, err := m.link.Call(ctx, protocol.OpKeyPackagesStatus, &protocol.Empty{})
	if err != nil {
		return err
	}
	status := b.(*protocol.KeyPackagesStatus)
	now := m.config.ServerNow()
	age := now.Sub(time.Unix(rec.LastResort, 0))
	wrong := rec.LastResort != 0 && age < -chat.ClockTolerance // a clock was ahead when they were made
	renew := !status.LastResort || age > lastResortRenewal || wrong
	if wrong {
		status.Count = 0
	}
	if status.Count >= keyPackageLow && !renew {
		return nil
	}
	var publish protocol.KeyPackagesPublish
	err = m.config.Store.Update(func(tx *records.Tx) error {
		publish = protocol.KeyPackagesPublish{Replace: wrong}
		if err := dropExpiredKeys(tx, m.config.EraseNow()); err != nil {
			return err
		}
		for n := status.Count; n < keyPackageStock && status.Count < keyPackageLow; n++ {
			kp, err := m.NewKeyPackage(tx, false)
			if err != nil {
				return err
			}
			publish.KeyPackages = append(publish.KeyPackages, kp)
		}
		if renew {
			publish.LastResort, err = m.NewKeyPackage(tx, true)
		}
		return err
	})
	if err != nil {
		return err
	}
	if _, err = m.link.Call(ctx, protocol.OpKeyPackagesPublish, &publish); err != nil || !renew {
		return err
	}
	return m.Update(func(p *records.Profile) { p.LastResort = now.Unix() })
}

// dropExpiredKeys erases the private parts of key packages that nobody can use
// any more, also in what is still under way.
func dropExpiredKeys(tx *records.Tx, now time.Time) error {
	var gone [][]byte
	err := tx.Scan([]byte(records.TableKeyPackage), false, func(k, v []byte) (bool, error) {
		var rec records.KeyPackage
		if err := records.Decode(v, &rec); err != nil {
			return false, err
		}
		kp, err := mls.ParseKeyPackage(rec.KeyPackage)
		if err != nil {
			return false, err
		}
		life, ok := kp.LeafNode().Lifetime()
		if ok && now.After(life.NotAfter.Add(protocol.DefaultExpiry)) {
			gone = append(gone, slices.Clone(k))
		}
		return true, nil
	})
	for _, k := range gone {
		err = errors.Join(err, tx.Delete(k))
	}
	return err
}

// NewKeyPackage makes a key package and keeps its private part.
func (m *Mailbox) NewKeyPackage(tx *records.Tx, lastResort bool) ([]byte, error) {
	self := m.config.Self
	credential, err := account.Credential{Address: self.Address, Device: self.Device}.Encode()
	if err != nil {
		return nil, err
	}
	chain, err := records.OwnChain(tx, self.Address)
	if err != nil {
		return nil, err
	}
	leaf, err := rules.ChainExtension(rules.HeadOf(chain))
	if err != nil {
		return nil, err
	}
	now := m.config.ServerNow()
	kp, private, err := mls.NewKeyPackage(mls.KeyPackageParams{
		Suite: mls.DefaultCipherSuite, SigningKey: self.Signing, Credential: mls.BasicCredential(credential),
		Capabilities: machine.Capabilities(), LeafExtensions: []mls.Extension{leaf},
		Lifetime:   mls.Lifetime{NotBefore: now.Add(-time.Hour), NotAfter: now.Add(KeyPackageLifetime)},
		LastResort: lastResort, Rand: rand.Reader,
	})
	if err != nil {
		return nil, err
	}
	rec := records.KeyPackage{Version: records.Version, KeyPackage: kp.Bytes(), Private: private.Bytes()}
	return kp.Bytes(), tx.Save(records.Key(records.TableKeyPackage, tx.Index(kp.Ref())), &rec)
}

// SignInAgain has the account signed in another time.
func (m *Mailbox) SignInAgain() {
	m.report(false, nil)
	select {
	case m.again <- struct{}{}:
	default:
	}
}

// WhileItAnswers calls fn with a context that ends when the server failed to answer
// several times.
func (m *Mailbox) WhileItAnswers(ctx context.Context, attempts int32, fn func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var failures atomic.Int32
	stop := m.link.Watch(link.Watcher{Down: func(error) {
		if failures.Add(1) >= attempts {
			cancel()
		}
	}})
	defer stop()
	return fn(ctx)
}

// Call makes a request on the mailbox's connection.
func (m *Mailbox) Call(ctx context.Context, op protocol.Op, body protocol.Body) (protocol.Body, error) {
	return m.link.Call(ctx, op, body)
}
