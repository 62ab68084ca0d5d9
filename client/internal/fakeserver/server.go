// SPDX-License-Identifier: AGPL-3.0-or-later

package fakeserver

import (
	"crypto/ed25519"
	"crypto/sha256"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/protocol"
)

// A Server is one host.
type Server struct {
	host string

	mu       sync.Mutex // guards what follows
	faults   Faults
	accounts map[string][][]byte
	keys     map[deviceRef]*keyPackages
	boxes    map[deviceRef]*mailbox
	channels map[protocol.ChannelID]*channel
	blobs    map[protocol.BlobID]*blob
	fetched  int64 // bytes of blobs
	turns    bool  // see ShareCommits
	conns    map[*conn]bool
	nonces   uint64
	signals  int
	wakes    map[protocol.WakeToken]string // endpoints
	woken    []string
	sent     []Sent
	// incarnation changes when the server is restored or emptied; fast is how
	// far its clock is ahead.
	incarnation protocol.Incarnation
	fast        time.Duration
	sessions    map[deviceRef]session
	gone        map[string][]byte // first statements of deleted accounts
	recoveries  map[string]*protocol.Recovery
}

// session is what the server knows of a device's sign-ins.
type session struct {
	mark       protocol.SessionMark
	conflict   bool
	generation protocol.Generation
}

type deviceRef struct {
	name   string
	device protocol.DeviceID
}

type keyPackages struct {
	list       [][]byte
	lastResort []byte
}

type mailbox struct {
	letters []protocol.Letter
	next    uint64
	seen    map[[16]byte]bool
	token   [32]byte // the hash of its delivery token
}

// A Sent is a letter that somebody sent.
type Sent struct {
	To    string
	Token []byte
	// Contact: it shows the delivery token of the mailbox.
	Contact bool
}

func newServer(host string) *Server {
	return &Server{
		host: host, accounts: map[string][][]byte{}, keys: map[deviceRef]*keyPackages{}, boxes: map[deviceRef]*mailbox{},
		channels: map[protocol.ChannelID]*channel{}, blobs: map[protocol.BlobID]*blob{}, conns: map[*conn]bool{},
		wakes: map[protocol.WakeToken]string{}, incarnation: newIncarnation(), sessions: map[deviceRef]session{}, gone: map[string][]byte{}, recoveries: map[string]*protocol.Recovery{},
	}
}

func refuse(code protocol.ErrorCode) error { return &protocol.Error{Code: code} }

// handle carries out one request. after is run once the answer is queued.
func (s *Server) handle(c *conn, op protocol.Op, body protocol.Body) (result protocol.Body, after func(), err error) {
	if tied(c, body) {
		return nil, nil, refuse(protocol.CodeForbidden)
	}
	switch b := body.(type) {
	case *protocol.Register:
		return s.register(b)
	case *protocol.AccountAppend:
		return s.accountAppend(b)
	case *protocol.AccountGet:
		return s.accountGet(b), nil, nil
	case *protocol.Authenticate:
		return s.authenticate(c, b)
	}
	if c.identity != nil {
		return s.handleIdentified(c, op, body)
	}
	switch b := body.(type) {
	case *protocol.KeyPackagesTake:
		return s.take(b)
	case *protocol.LetterSend:
		return s.letterSend(b)
	case *protocol.ChannelCreate:
		return s.channelCreate(b)
	case *protocol.ChannelOpen:
		return s.channelOpen(c, b)
	case *protocol.ChannelPost:
		return s.post(c, b)
	case *protocol.ChannelCommit:
		return s.append(c, b.Channel, protocol.Entry{Channel: b.Channel, Epoch: b.Epoch, Kind: protocol.KindCommit, Ciphertext: b.Ciphertext}, &b.NextKey)
	case *protocol.ChannelClose:
		delete(c.open, b.Channel)
		return &protocol.Empty{}, nil, nil
	case *protocol.ChannelSignal:
		return s.signal(c, b)
	case *protocol.ChannelDelete:
		return s.channelDelete(c, b)
	case *protocol.ChannelGrant:
		return s.grant(c, b)
	}
	return s.handleWake(c, body)
}

// tied reports whether a request would let a server tie accounts to channels:
// one connection must not be used for both.
func tied(c *conn, body protocol.Body) bool {
	switch body.(type) {
	case *protocol.AccountGet, *protocol.KeyPackagesTake, *protocol.LetterSend:
		c.people = true
		return len(c.open) > 0
	case *protocol.ChannelCreate, *protocol.ChannelOpen:
		return c.people
	}
	return false
}

// handleWake refuses connections that carry conversations: a server could tie
// the two together.
func (s *Server) handleWake(c *conn, body protocol.Body) (protocol.Body, func(), error) {
	if len(c.open) > 0 {
		return nil, nil, refuse(protocol.CodeForbidden)
	}
	switch b := body.(type) {
	case *protocol.Empty:
		return &protocol.WakeKey{Key: protocol.PushKey{4}}, nil, nil
	case *protocol.WakeRegister:
		s.wakes[b.Token] = b.Endpoint
		return &protocol.Empty{}, nil, nil
	case *protocol.WakeForget:
		delete(s.wakes, b.Token)
		return &protocol.Empty{}, nil, nil
	case *protocol.Wake:
		if endpoint, ok := s.wakes[b.Token]; ok {
			s.woken = append(s.woken, endpoint)
		}
		return &protocol.Empty{}, nil, nil
	}
	return nil, nil, refuse(protocol.CodeUnauthenticated)
}

func (s *Server) handleIdentified(c *conn, op protocol.Op, body protocol.Body) (protocol.Body, func(), error) {
	switch b := body.(type) {
	case *protocol.KeyPackagesPublish:
		k := s.keys[*c.identity]
		if b.Replace {
			k.list = nil
		}
		k.list = append(k.list, b.KeyPackages...)
		if len(b.LastResort) > 0 {
			k.lastResort = b.LastResort
		}
		return s.status(c), nil, nil
	case *protocol.Empty:
		if op == protocol.OpRecoveryGet {
			if kept := s.recoveries[c.identity.name]; kept != nil {
				return kept, nil, nil
			}
			return nil, nil, refuse(protocol.CodeNotFound)
		}
		return s.status(c), nil, nil
	case *protocol.MailboxOpen:
		c.tellsChain = b.Chain
		return &protocol.Empty{}, func() { s.openMailbox(c, b.After) }, nil
	case *protocol.MailboxDelete:
		box := s.boxes[*c.identity]
		for len(box.letters) > 0 && box.letters[0].Seq <= b.UpTo {
			box.letters = box.letters[1:]
		}
		return &protocol.Empty{}, nil, nil
	case *protocol.MailboxToken:
		s.boxes[*c.identity].token = b.Hash
		return &protocol.Empty{}, nil, nil
	case *protocol.AccountDisclose:
		return s.disclose(c, b)
	case *protocol.RecoveryPut:
		if kept := s.recoveries[c.identity.name]; kept != nil && kept.Counter >= b.Counter {
			return nil, nil, refuse(protocol.CodeExists)
		}
		s.recoveries[c.identity.name] = &protocol.Recovery{Counter: b.Counter, Device: c.identity.device, Stored: uint64(time.Now().Unix()), Data: b.Data}
		return &protocol.Empty{}, nil, nil
	}
	return nil, nil, refuse(protocol.CodeIdentified)
}

func (s *Server) status(c *conn) protocol.Body {
	k := s.keys[*c.identity]
	return &protocol.KeyPackagesStatus{Count: uint64(len(k.list)), LastResort: k.lastResort != nil}
}

func (s *Server) register(b *protocol.Register) (protocol.Body, func(), error) {
	st, err := account.ParseStatement(b.Statements[0])
	if err != nil {
		return nil, nil, refuse(protocol.CodeInvalid)
	}
	create, ok := st.Content.(account.CreateContent)
	if !ok || create.Address.Host != s.host {
		return nil, nil, refuse(protocol.CodeInvalid)
	}
	name := create.Address.Name
	if old := s.accounts[name]; old != nil {
		if string(old[0]) != string(b.Statements[0]) {
			return nil, nil, refuse(protocol.CodeExists)
		}
		return &protocol.Empty{}, nil, nil
	}
	s.accounts[name] = b.Statements
	s.followDevices(name)
	return &protocol.Empty{}, nil, nil
}

// followDevices gives each device of an account what it has here, and takes that from
// those that were revoked. What it returns ends their connections.
func (s *Server) followDevices(name string) (end func()) {
	chain, live := s.chain(name), map[deviceRef]bool{}
	if chain == nil {
		return nil
	}
	for _, d := range chain.Devices() {
		ref := deviceRef{name, protocol.DeviceID(d.ID())}
		live[ref] = true
		if s.keys[ref] == nil {
			s.keys[ref] = &keyPackages{}
			s.boxes[ref] = &mailbox{seen: map[[16]byte]bool{}}
		}
	}
	for ref := range s.keys {
		if ref.name == name && !live[ref] {
			delete(s.keys, ref)
			delete(s.boxes, ref)
			delete(s.sessions, ref)
		}
	}
	return func() {
		for c := range s.conns {
			switch {
			case c.identity == nil || c.identity.name != name:
			case !live[*c.identity]:
				c.cut()
			case c.tellsChain:
				c.event(protocol.EventAccountChanged, &protocol.Empty{})
			}
		}
	}
}

func (s *Server) chain(name string) *account.Chain {
	chain, err := account.Verify(account.Address{Name: name, Host: s.host}, s.accounts[name])
	if err != nil {
		return nil
	}
	return chain
}

func (s *Server) accountGet(b *protocol.AccountGet) protocol.Body {
	var out protocol.Accounts
	for _, name := range b.Names {
		statements := s.accounts[name]
		if s.faults.Account != nil {
			statements = s.faults.Account(name, statements)
		}
		if statements != nil {
			found := protocol.Account{Name: name, Statements: statements}
			for _, k := range b.Known {
				if k.Name == name {
					found.From = agreesUpTo(statements, k)
				}
			}
			found.Statements = statements[found.From:]
			for ref, session := range s.sessions {
				if b.Generations && ref.name == name && session.generation != (protocol.Generation{}) {
					found.Generations = append(found.Generations, protocol.DeviceGeneration{Device: ref.device, Generation: session.generation})
				}
			}
			out.Accounts = append(out.Accounts, found)
		}
	}
	return &out
}

// agreesUpTo returns how many statements of a chain are known, 0 if others are.
func agreesUpTo(statements [][]byte, known protocol.KnownChain) uint64 {
	if known.Length == 0 || known.Length > uint64(len(statements)) {
		return 0
	}
	last, err := account.ParseStatement(statements[known.Length-1])
	if err != nil || protocol.ChainHead(last.Head()) != known.Head {
		return 0
	}
	return known.Length
}

func (s *Server) accountAppend(b *protocol.AccountAppend) (protocol.Body, func(), error) {
	chain := s.chain(b.Name)
	if chain == nil {
		return nil, nil, refuse(protocol.CodeNotFound)
	}
	statement, err := account.ParseStatement(b.Statement)
	switch {
	case err != nil:
		return nil, nil, refuse(protocol.CodeInvalid)
	case statement.Head() == chain.Head():
		return &protocol.Empty{}, nil, nil
	case statement.Previous != chain.Head():
		return nil, nil, refuse(protocol.CodeStaleChain)
	}
	if _, err := chain.Append(b.Statement, time.Now()); err != nil {
		return nil, nil, refuse(protocol.CodeInvalid)
	}
	s.accounts[b.Name] = append(slices.Clip(s.accounts[b.Name]), b.Statement)
	return &protocol.Empty{}, s.followDevices(b.Name), nil
}

func (s *Server) authenticate(c *conn, b *protocol.Authenticate) (protocol.Body, func(), error) {
	if c.identity != nil {
		return nil, nil, refuse(protocol.CodeInvalid)
	}
	chain := s.chain(b.Name)
	if chain == nil {
		return nil, nil, refuse(protocol.CodeNotFound)
	}
	device, ok := chain.Device(account.DeviceID(b.Device))
	if !ok {
		return nil, nil, refuse(protocol.CodeNotFound)
	}
	challenge := protocol.AuthenticateChallenge(s.host, c.nonce, b.Name, b.Device)
	if !ed25519.Verify(device.SignatureKey[:], challenge, b.Signature[:]) {
		return nil, nil, refuse(protocol.CodeUnauthenticated)
	}
	ref := deviceRef{b.Name, b.Device}
	if !s.bind(ref, b) {
		return nil, nil, refuse(protocol.CodeProfileCopied)
	}
	c.identity = &ref
	return &protocol.Empty{}, nil, nil
}

func (s *Server) take(b *protocol.KeyPackagesTake) (protocol.Body, func(), error) {
	chain := s.chain(b.Name)
	if chain == nil {
		return nil, nil, refuse(protocol.CodeNotFound)
	}
	var out protocol.KeyPackages
	for _, d := range chain.Devices() {
		ref := deviceRef{b.Name, protocol.DeviceID(d.ID())}
		k := s.keys[ref]
		kp := k.lastResort
		if len(k.list) > 0 {
			kp, k.list = k.list[0], k.list[1:]
		}
		if kp != nil {
			out.KeyPackages = append(out.KeyPackages, protocol.DeviceKeyPackage{Device: ref.device, KeyPackage: kp})
		}
	}
	return &out, nil, nil
}

func (s *Server) letterSend(b *protocol.LetterSend) (protocol.Body, func(), error) {
	ref := deviceRef{b.Name, b.Device}
	box := s.boxes[ref]
	if box == nil {
		return nil, nil, refuse(protocol.CodeNotFound)
	}
	if box.seen[b.ID] {
		return &protocol.Empty{}, nil, nil
	}
	box.seen[b.ID] = true
	s.sent = append(s.sent, Sent{b.Name, b.Token, len(b.Token) > 0 && sha256.Sum256(b.Token) == box.token})
	s.deliverLetter(ref, b.Letter)
	return &protocol.Empty{}, nil, nil
}

func (s *Server) deliverLetter(ref deviceRef, letter []byte) {
	box := s.boxes[ref]
	box.next++
	l := protocol.Letter{Seq: box.next, Letter: letter}
	box.letters = append(box.letters, l)
	for c := range s.conns {
		if c.mailOpen && *c.identity == ref {
			c.event(protocol.EventLetter, &l)
		}
	}
}

func (s *Server) openMailbox(c *conn, after uint64) {
	for _, l := range s.boxes[*c.identity].letters {
		if l.Seq > after {
			c.event(protocol.EventLetter, &l)
		}
	}
	c.event(protocol.EventMailboxCaughtUp, &protocol.MailboxState{Last: s.boxes[*c.identity].next})
	c.mailOpen = true
}

// InjectLetter puts bytes into the mailbox of an account's devices.
func (s *Server) InjectLetter(name string, letter []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for ref := range s.boxes {
		if ref.name == name {
			s.deliverLetter(ref, letter)
		}
	}
}

// Letters returns how many letters wait in the mailboxes of an account.
func (s *Server) Letters(name string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for ref, box := range s.boxes {
		if ref.name == name {
			n += len(box.letters)
		}
	}
	return n
}

// Statements returns an account's chain.
func (s *Server) Statements(name string) [][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.accounts[name]
}

// TakeKeyPackage takes a key package of an account as anybody may.
func (s *Server) TakeKeyPackage(name string) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	body, _, err := s.take(&protocol.KeyPackagesTake{Name: name})
	if err != nil {
		return nil
	}
	return body.(*protocol.KeyPackages).KeyPackages[0].KeyPackage
}

// KeyPackages returns how many key packages an account has left.
func (s *Server) KeyPackages(name string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for ref, k := range s.keys {
		if ref.name == name {
			n += len(k.list)
		}
	}
	return n
}

// Wakes returns the tokens that are registered and their endpoints.
func (s *Server) Wakes() map[protocol.WakeToken]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.wakes)
}

// Sent returns the letters that were sent since it was last called.
func (s *Server) Sent() []Sent {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer func() { s.sent = nil }()
	return s.sent
}

// Woken returns the endpoints that were woken since it was last called.
func (s *Server) Woken() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer func() { s.woken = nil }()
	return s.woken
}
