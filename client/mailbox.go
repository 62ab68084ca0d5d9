// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/letter"
	"github.com/securecrypt/securecrypt/mls"
	"github.com/securecrypt/securecrypt/protocol"
)

// Key packages: how many are published at once, below which number more are,
// and for how long they hold.
const (
	keyPackageStock    = 30
	keyPackageLow      = 10
	keyPackageLifetime = 90 * 24 * time.Hour
)

// mailbox is the account's side of a client, on the identified connection: it
// registers, publishes key packages and opens letters. One goroutine does all
// of it.
type mailbox struct {
	client *Client
	once   sync.Once
	link   *link
	inputs chan mailInput

	mu       sync.Mutex // guards caughtUp, err and changed
	caughtUp bool
	err      error // why the account cannot be used, if it cannot
	changed  chan struct{}
}

type mailInput struct {
	letter   *protocol.Letter
	caughtUp bool
}

func newMailbox(c *Client) *mailbox {
	return &mailbox{client: c, inputs: make(chan mailInput, 64), changed: make(chan struct{})}
}

func (m *mailbox) start() {
	m.once.Do(func() {
		m.link = m.client.newLink(m.client.self.address.Host)
		m.client.spawn(func() { m.run(m.client.ctx) })
	})
}

func (m *mailbox) push(ctx context.Context, in mailInput) {
	select {
	case m.inputs <- in:
	case <-ctx.Done():
	}
}

func (m *mailbox) run(ctx context.Context) {
	hellos := make(chan protocol.Hello, 1)
	stop := m.link.watch(watcher{
		up: func(h protocol.Hello) {
			select { // the newest counts
			case <-hellos:
			default:
			}
			hellos <- h
		},
		down: func(error) { m.report(false, nil) },
		event: func(t protocol.EventType, b protocol.Body) {
			if l, ok := b.(*protocol.Letter); ok {
				m.push(ctx, mailInput{letter: l})
			}
			if t == protocol.EventMailboxCaughtUp {
				m.push(ctx, mailInput{caughtUp: true})
			}
		},
	})
	defer stop()
	for {
		select {
		case <-ctx.Done():
			return
		case h := <-hellos:
			m.report(false, nil)
			if err := m.signIn(ctx, h); err != nil {
				m.report(false, err)
				m.retryLater(ctx, hellos, h, err)
			}
		case in := <-m.inputs:
			m.handle(ctx, in)
		}
	}
}

func (m *mailbox) retryLater(ctx context.Context, hellos chan protocol.Hello, h protocol.Hello, err error) {
	if !retryable(err) || errors.Is(err, ErrOffline) {
		return
	}
	time.AfterFunc(retryFirst, func() {
		select {
		case hellos <- h:
		case <-ctx.Done():
		default:
		}
	})
}

func (m *mailbox) handle(ctx context.Context, in mailInput) {
	if in.caughtUp {
		m.report(true, nil)
		return
	}
	if err := m.open(ctx, in.letter); err != nil {
		m.client.emit(FailureEvent{Err: fmt.Errorf("an invitation could not be opened: %w", err)})
	}
}

// report says where the mailbox stands; an error stays until the next
// connection.
func (m *mailbox) report(caughtUp bool, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.caughtUp, m.err = caughtUp, err
	close(m.changed)
	m.changed = make(chan struct{})
}

// sync waits until all letters have been opened.
func (m *mailbox) sync(ctx context.Context) error {
	for {
		m.mu.Lock()
		caughtUp, err, changed := m.caughtUp, m.err, m.changed
		m.mu.Unlock()
		if caughtUp || err != nil {
			return err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			if m.link == nil {
				return context.Cause(ctx)
			}
			ctx, cancel := context.WithCancel(ctx)
			cancel()
			if err := m.link.ready(ctx); err != nil {
				return err
			}
			return context.Cause(ctx)
		}
	}
}

func (m *mailbox) profile() (rec profileRecord, err error) {
	err = m.client.store.view(func(tx *sealedTx) error {
		_, err := tx.load([]byte(tableProfile), &rec)
		return err
	})
	return rec, err
}

func (m *mailbox) update(change func(*profileRecord)) error {
	return m.client.store.update(func(tx *sealedTx) error { return updateProfile(tx, change) })
}

func updateProfile(tx *sealedTx, change func(*profileRecord)) error {
	var rec profileRecord
	if _, err := tx.load([]byte(tableProfile), &rec); err != nil {
		return err
	}
	change(&rec)
	return tx.save([]byte(tableProfile), &rec)
}

// signIn registers the account if need be, identifies the connection, sees to
// the key packages and asks for letters.
func (m *mailbox) signIn(ctx context.Context, h protocol.Hello) error {
	rec, err := m.profile()
	if err != nil {
		return err
	}
	if !rec.Registered {
		if err := m.register(ctx, rec); err != nil {
			return err
		}
	}
	self := m.client.self
	challenge := protocol.AuthenticateChallenge(h.Host, h.Nonce, self.address.Name, protocol.DeviceID(self.device))
	signature := protocol.Signature(ed25519.Sign(ed25519.NewKeyFromSeed(rec.SigningKey), challenge))
	_, err = m.link.call(ctx, protocol.OpAuthenticate, &protocol.Authenticate{
		Name: self.address.Name, Device: protocol.DeviceID(self.device), Signature: signature,
	})
	if err != nil {
		return err
	}
	if err := m.stock(ctx); err != nil {
		return err
	}
	_, err = m.link.call(ctx, protocol.OpMailboxOpen, &protocol.MailboxOpen{After: rec.Letters})
	return err
}

func (m *mailbox) register(ctx context.Context, rec profileRecord) error {
	_, err := m.link.call(ctx, protocol.OpRegister, &protocol.Register{Statements: [][]byte{rec.Statement}, Invite: rec.Invite})
	if errors.Is(err, &protocol.Error{Code: protocol.CodeExists}) && m.isOurs(ctx, rec) {
		err = nil // registered before, and the answer was lost
	}
	if err != nil {
		return err
	}
	return m.update(func(p *profileRecord) { p.Registered, p.Invite = true, "" })
}

func (m *mailbox) isOurs(ctx context.Context, rec profileRecord) bool {
	b, err := m.link.call(ctx, protocol.OpAccountGet, &protocol.AccountGet{Names: []string{m.client.self.address.Name}})
	if err != nil {
		return false
	}
	got, ok := b.(*protocol.Accounts)
	return ok && len(got.Accounts) == 1 && slices.EqualFunc(got.Accounts[0].Statements, [][]byte{rec.Statement}, slices.Equal)
}

// stock publishes key packages if there are few left.
func (m *mailbox) stock(ctx context.Context) error {
	b, err := m.link.call(ctx, protocol.OpKeyPackagesStatus, &protocol.Empty{})
	if err != nil {
		return err
	}
	status := b.(*protocol.KeyPackagesStatus)
	if status.Count >= keyPackageLow && status.LastResort {
		return nil
	}
	var publish protocol.KeyPackagesPublish
	for range keyPackageStock - min(status.Count, keyPackageStock) {
		kp, err := m.newKeyPackage(false)
		if err != nil {
			return err
		}
		publish.KeyPackages = append(publish.KeyPackages, kp)
	}
	if !status.LastResort {
		if publish.LastResort, err = m.newKeyPackage(true); err != nil {
			return err
		}
	}
	_, err = m.link.call(ctx, protocol.OpKeyPackagesPublish, &publish)
	return err
}

// newKeyPackage makes a key package and keeps its private part.
func (m *mailbox) newKeyPackage(lastResort bool) ([]byte, error) {
	self := m.client.self
	credential, err := account.Credential{Address: self.address, Device: self.device}.Encode()
	if err != nil {
		return nil, err
	}
	now := m.client.now()
	kp, private, err := mls.NewKeyPackage(mls.KeyPackageParams{
		Suite: mls.DefaultCipherSuite, SigningKey: self.signing, Credential: mls.BasicCredential(credential),
		Capabilities: mls.DefaultCapabilities(extensionGroupState),
		Lifetime:     mls.Lifetime{NotBefore: now.Add(-time.Hour), NotAfter: now.Add(keyPackageLifetime)},
		LastResort:   lastResort, Rand: random,
	})
	if err != nil {
		return nil, err
	}
	rec := keyPackageRecord{Version: recordVersion, KeyPackage: kp.Bytes(), Private: private.Bytes()}
	err = m.client.store.update(func(tx *sealedTx) error {
		return tx.save(key(tableKeyPackage, tx.index(kp.Ref())), &rec)
	})
	return kp.Bytes(), err
}

// open joins the conversation that a letter invites to. A letter that leads
// nowhere is passed over and deleted like the others.
func (m *mailbox) open(ctx context.Context, l *protocol.Letter) error {
	device := protocol.DeviceID(m.client.self.device)
	in, err := letter.Open(m.client.letter, device, l.Letter)
	if err == nil && in.Stash != nil {
		in.Tree, err = m.fetchTree(ctx, in)
		if ctx.Err() != nil {
			return ctx.Err() // the letter comes again next time
		}
	}
	var joined *convRecord
	if err == nil {
		joined, err = m.join(in, l.Seq)
	}
	if err != nil {
		if e := m.update(func(p *profileRecord) { p.Letters = max(p.Letters, l.Seq) }); e != nil {
			return e
		}
	}
	m.link.request(protocol.OpMailboxDelete, &protocol.MailboxDelete{UpTo: l.Seq}, func(protocol.Body, error) {})
	if err != nil {
		return err
	}
	m.client.joined(joined)
	return nil
}

// fetchAttempts bounds how long one letter can hold up those after it.
const fetchAttempts = 4

func (m *mailbox) fetchTree(ctx context.Context, in letter.Invitation) (tree []byte, err error) {
	wait := retryFirst
	for range fetchAttempts {
		tree, err = m.client.fetchStash(ctx, in.Host, *in.Stash)
		if err == nil || !retryable(err) && !errors.Is(err, &protocol.Error{Code: protocol.CodeNotFound}) {
			return tree, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(wait):
		}
		wait *= 2
	}
	return nil, err
}

// join enters a group by a welcome and moves the mailbox's cursor, in one
// transaction.
func (m *mailbox) join(in letter.Invitation, seq uint64) (joined *convRecord, err error) {
	err = m.client.store.update(func(tx *sealedTx) error {
		joined, err = m.joinTx(tx, in)
		if err != nil {
			return err
		}
		return updateProfile(tx, func(p *profileRecord) { p.Letters = max(p.Letters, seq) })
	})
	return joined, err
}

func (m *mailbox) joinTx(tx *sealedTx, in letter.Invitation) (*convRecord, error) {
	welcome, err := mls.ParseWelcome(in.Welcome)
	if err != nil {
		return nil, err
	}
	id := cid(tx.index(in.Channel[:]))
	ref, rec, err := m.findKeyPackage(tx, welcome)
	if err != nil {
		return nil, err
	}
	kp, err := mls.ParseKeyPackage(rec.KeyPackage)
	if err != nil {
		return nil, err
	}
	private, err := mls.ParseKeyPackagePrivate(rec.Private)
	if err != nil {
		return nil, err
	}
	staged, err := mls.StageJoin(mls.JoinParams{
		Welcome: welcome, KeyPackage: kp, Private: private, RatchetTree: in.Tree, Now: m.client.now(),
	}, mlsConfig())
	if err != nil {
		return nil, err
	}
	conv, err := m.admit(tx, in, staged, id)
	if err != nil {
		return nil, err
	}
	if err := tx.deleteAll(key(tableGroup, id[:])); err != nil {
		return nil, err
	}
	group, delta, err := staged.Apply()
	if err != nil {
		return nil, err
	}
	if err := applyDelta(tx, id, delta); err != nil {
		return nil, err
	}
	if err := enterEpoch(tx, id, group, in.Channel); err != nil {
		return nil, err
	}
	if !kp.LastResort() {
		if err := tx.delete(ref); err != nil {
			return nil, err
		}
	}
	return conv, tx.save(key(tableConversation, id[:]), conv)
}

func (m *mailbox) findKeyPackage(tx *sealedTx, w *mls.Welcome) (at []byte, rec keyPackageRecord, err error) {
	for _, ref := range w.Recipients() {
		at = key(tableKeyPackage, tx.index(ref))
		ok, err := tx.load(at, &rec)
		if err != nil || ok {
			return at, rec, err
		}
	}
	return nil, rec, errors.New("client: the invitation is for a key that was used or never existed")
}

// admit decides what a welcome leads to: a conversation, a request, or
// nothing.
func (m *mailbox) admit(tx *sealedTx, in letter.Invitation, staged *mls.StagedJoin, id cid) (*convRecord, error) {
	state, err := parseGroupState(staged.Context().Extensions)
	if err != nil {
		return nil, err
	}
	if string(staged.Context().GroupID) != string(in.Channel[:]) || state.Host != in.Host {
		return nil, fmt.Errorf("%w: the invitation leads elsewhere", errRule)
	}
	inviter, err := leafCredential(staged.Inviter().Leaf)
	if err != nil {
		return nil, err
	}
	from := inviter.Address.String()
	if state.role(from) < RoleAdmin {
		return nil, fmt.Errorf("%w: the invitation comes from a member without that right", errRule)
	}
	contact, err := loadContact(tx, from)
	if err != nil {
		return nil, err
	}
	if contact.Blocked {
		return nil, errors.New("client: the invitation comes from somebody who is blocked")
	}
	conv := &convRecord{
		Version: recordVersion, Channel: in.Channel, Host: in.Host, Status: StatusRequest,
		Inviter: from, Created: true, Activity: millis(m.client.now()),
	}
	old, err := tx.load(key(tableConversation, id[:]), conv)
	if err != nil {
		return nil, err
	}
	if old && conv.Status == StatusActive {
		return nil, errors.New("client: this device is in that conversation already")
	}
	if old {
		conv.Status, conv.Reason, conv.Gone, conv.Inviter, conv.Cursor = StatusRequest, "", false, from, 0
		if err := tx.deleteAll(key(tableOutbox, id[:])); err != nil {
			return nil, err
		}
	}
	if contact.Known {
		conv.Status = StatusActive
	}
	return conv, m.introduce(tx, conv, state, staged, id)
}

// introduce notes who is in the conversation: all to be confirmed.
func (m *mailbox) introduce(tx *sealedTx, conv *convRecord, state groupState, staged *mls.StagedJoin, id cid) error {
	self := m.client.self.address.String()
	seen := map[string]bool{self: true}
	conv.Unconfirmed, conv.Peer = nil, ""
	conv.Group, conv.Title, conv.Timer = state.Group, state.Title, state.Timer
	for _, leaf := range staged.Members() {
		cred, err := leafCredential(leaf)
		if err != nil {
			return err
		}
		if a := cred.Address.String(); !seen[a] {
			seen[a] = true
			conv.Unconfirmed = append(conv.Unconfirmed, a)
		}
	}
	if state.Group {
		return nil
	}
	if len(conv.Unconfirmed) != 1 || conv.Unconfirmed[0] != conv.Inviter {
		return fmt.Errorf("%w: more than two in a conversation of two", errRule)
	}
	conv.Peer = conv.Inviter
	return tx.put(key(tableDirect, tx.index([]byte(conv.Peer))), id[:])
}

// joined starts a conversation that a letter brought.
func (c *Client) joined(rec *convRecord) {
	id := conversationID(rec.Channel)
	k := cid(c.store.index(rec.Channel[:]))
	c.mu.Lock()
	c.ids[id] = k
	old := c.actors[k]
	c.mu.Unlock()
	if old != nil {
		old.tell(inputReload{}, nil)
	}
	if _, err := c.actor(id); err != nil {
		c.log.Error("a new conversation could not be started", "error", err)
	}
	if conv, err := c.Conversation(id); err == nil {
		c.emit(ConversationEvent{conv})
	}
}
