// SPDX-License-Identifier: AGPL-3.0-or-later

package linking

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/devicelink"
	"github.com/securecrypt/securecrypt/client/internal/link"
)

const (
	// replyPatience is how long what the other device says without its owner is
	// waited for.
	replyPatience = 20 * time.Second
	// welcomePatience is how long a device that is linked waits for its welcome.
	welcomePatience = 10 * time.Second
)

// A Join is a linking on the new device.
type Join struct {
	Code  devicelink.Code
	Shows bool // this side shows the code
	// Waits is called when the other device can use the code.
	Waits func()
	// Show shows whose device this one becomes, and the digits that are typed in at
	// the other one.
	Show func(a account.Address, digits string)
}

// Joined is what a new device knows after it was linked.
type Joined struct {
	Address account.Address
	Device  account.DeviceID
	// Given is nil if the other device went away before it gave it.
	Given *devicelink.Given
}

// Join links this device. The error is chat.ErrLinkOpen if the account may have the
// device all the same: then Resume finds it out.
func (n Newcomer) Join(ctx context.Context, j Join) (Joined, error) {
	life, cancel := context.WithTimeoutCause(ctx, devicelink.CodeLife, chat.ErrLinkExpired)
	defer cancel()
	keys, err := NewKeys()
	if err != nil {
		return Joined{}, err
	}
	joiner, err := devicelink.NewJoiner(j.Code, keys.Signing, keys.Device.MailboxKey, rand.Reader)
	if err != nil {
		return Joined{}, err
	}
	l, err := meetAt(life, n.Net, j.Code, devicelink.Joining, j.Shows)
	if err != nil {
		return Joined{}, err
	}
	chain, draft, err := n.greet(life, l, j, joiner)
	if err != nil {
		l.leave(ctx, err, false)
		return Joined{}, err
	}
	joined, err := n.sign(ctx, l, joiner, keys, chain, draft)
	var told error
	if err != nil && !errors.Is(err, chat.ErrLinkOpen) {
		told = err
	}
	l.leave(ctx, told, false)
	return joined, err
}

// greet carries the handshake up to the draft of the statement.
func (n Newcomer) greet(ctx context.Context, l *line, j Join, joiner *devicelink.Joiner) (*account.Chain, devicelink.Message, error) {
	none := devicelink.Message{}
	if err := l.say(ctx, joiner.Commit()); err != nil {
		return nil, none, err
	}
	if j.Waits != nil {
		j.Waits()
	}
	m, err := l.next(ctx)
	if err != nil {
		return nil, none, err
	}
	address, err := joiner.Answered(m)
	if err != nil {
		return nil, none, err
	}
	chain, err := n.lookUpSurely(ctx, address)
	switch {
	case link.Retryable(err):
		return nil, none, err
	case err != nil:
		return nil, none, errors.Join(chat.ErrLinkChain, err)
	}
	if err := joiner.Check(chain); err != nil {
		return nil, none, err
	}
	digits, err := joiner.Digits()
	if err != nil {
		return nil, none, err
	}
	if err := l.say(ctx, joiner.Reveal()); err != nil {
		return nil, none, err
	}
	j.Show(address, digits)
	m, err = l.next(ctx)
	if err == nil && m.Answer != nil {
		err = chat.ErrLinkUsed
	}
	return chain, m, err
}

// signing signs the statement that adds this device.
type signing struct {
	Newcomer
	line   *line
	joiner *devicelink.Joiner
	keys   Keys
	begun  bool                  // the keys are kept
	given  chan devicelink.Given // has room for one
	look   chan struct{}         // the account's chain is worth a look
}

// answer signs a draft, after this device keeps its keys, and returns the chain that the
// draft follows.
func (s *signing) answer(ctx context.Context, draft devicelink.Message, chain *account.Chain) (*account.Chain, error) {
	follows, err := devicelink.DraftFollows(draft)
	if err == nil && chain.Head() != follows { // the other device knows a newer one
		chain, err = s.lookUp(ctx, chain.Address(), chain)
	}
	if err != nil {
		return nil, err
	}
	signature, err := s.joiner.Sign(draft, chain)
	if err != nil {
		return nil, err
	}
	if !s.begun {
		if err := s.begin(s.keys, chain); err != nil {
			return nil, err
		}
		s.begun = true
	}
	return chain, s.line.say(ctx, signature)
}

// listen answers further drafts until the welcome comes, which it puts into given. It ends,
// too, when the line is down or listening is over.
func (s *signing) listen(ctx, listening context.Context, chain *account.Chain) {
	for {
		m, err := s.line.next(listening)
		switch {
		case err != nil:
			return
		case m.Draft != nil:
			if chain, err = s.answer(ctx, m, chain); err != nil {
				return
			}
		case m.Welcome != nil:
			if one, err := s.joiner.Open(m); err == nil {
				s.given <- one
				tell(s.look)
				return
			}
		}
	}
}

// sign signs the draft and waits until the chain has this device, and a moment for the
// welcome.
func (n Newcomer) sign(ctx context.Context, l *line, joiner *devicelink.Joiner, keys Keys, chain *account.Chain, draft devicelink.Message) (Joined, error) {
	s := &signing{Newcomer: n, line: l, joiner: joiner, keys: keys, given: make(chan devicelink.Given, 1), look: make(chan struct{}, 1)}
	chain, err := s.answer(ctx, draft, chain)
	if err != nil && !s.begun {
		return Joined{}, err
	}
	if err != nil {
		return Joined{}, errors.Join(chat.ErrLinkOpen, err)
	}
	patient, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	listening, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan struct{})
	go func(chain *account.Chain) {
		defer close(ended)
		s.listen(ctx, listening, chain)
	}(chain)
	chain, err = n.settle(patient, chain, keys.Device.ID(), s.look, func() bool { return len(s.given) > 0 })
	if err != nil {
		stop()
		<-ended
		return Joined{}, err
	}
	select {
	case <-ended:
	case <-time.After(welcomePatience):
	case <-ctx.Done():
	}
	stop()
	<-ended
	out := Joined{Address: chain.Address(), Device: keys.Device.ID()}
	select {
	case one := <-s.given:
		out.Given = &one
		_ = l.say(ctx, devicelink.Message{Done: true}) // else the other one waits a little
	default:
	}
	return out, nil
}
