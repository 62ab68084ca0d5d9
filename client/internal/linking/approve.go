// SPDX-License-Identifier: AGPL-3.0-or-later

package linking

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/devicelink"
	"github.com/securecrypt/securecrypt/client/internal/link"
	"github.com/securecrypt/securecrypt/client/internal/mailbox"
)

// How long the new device may take to sign the statement, and until when it is
// appended if it is at all, both from the first draft on.
const (
	signPatience = 9 * time.Second
	AppendLimit  = signPatience + mailbox.AppendPatience
)

// A Sponsor is the existing device's account.
type Sponsor interface {
	// SyncChain returns the account's chain as its server has it.
	SyncChain(context.Context) (*account.Chain, error)
	// Extend appends a statement: see mailbox.Mailbox.Extend.
	Extend(ctx context.Context, next func(context.Context, *account.Chain) ([]byte, error)) (*account.Chain, error)
}

// An Approval is a linking on a device that the account has.
type Approval struct {
	Net     *link.Network
	Account Sponsor
	Signing ed25519.PrivateKey
	Now     func() time.Time

	Code  devicelink.Code
	Shows bool // this side shows the code
	// Waits is called when the other device can use the code.
	Waits func()
	// Digits asks for the digits that the new device shows; left is how many attempts
	// there are. Its context ends when the new device goes away.
	Digits func(ctx context.Context, left int) (string, error)
	// Give begins to give the history to the new device, and returns the profile name.
	Give func(account.Device) (profile string, err error)
}

// Approve lets a device into the account and returns it. An error that wraps
// chat.ErrLinkLate means that it may be in, and one beside a device that it is, and did
// not get everything.
func (a Approval) Approve(ctx context.Context) (account.DeviceID, error) {
	life, cancel := context.WithTimeoutCause(ctx, devicelink.CodeLife, chat.ErrLinkExpired)
	defer cancel()
	chain, err := a.Account.SyncChain(life)
	if err != nil {
		return account.DeviceID{}, err
	}
	if err := HasRoom(chain); err != nil {
		return account.DeviceID{}, err
	}
	approver, err := devicelink.NewApprover(a.Code, chain, a.Signing, rand.Reader)
	if err != nil {
		return account.DeviceID{}, err
	}
	l, err := meetAt(life, a.Net, a.Code, devicelink.Approving, a.Shows)
	if err != nil {
		return account.DeviceID{}, err
	}
	if err := a.greet(life, l, approver); err != nil {
		l.leave(ctx, err, false)
		return account.DeviceID{}, err
	}
	chain, err = a.add(ctx, l, approver)
	if err != nil {
		l.leave(ctx, err, false)
		return account.DeviceID{}, err
	}
	device, err := approver.Device()
	if err == nil {
		err = a.welcome(ctx, l, approver, device, chain.Head())
	}
	l.leave(ctx, nil, true)
	return device.ID(), err
}

// HasRoom returns nil if another device can be added to the account.
func HasRoom(chain *account.Chain) error {
	if len(chain.Devices()) >= account.MaxDevices {
		return chat.ErrManyDevices
	}
	return nil
}

// greet carries the handshake up to the right digits.
func (a Approval) greet(ctx context.Context, l *line, approver *devicelink.Approver) error {
	if a.Waits != nil {
		a.Waits()
	}
	m, err := l.next(ctx)
	if err != nil {
		return err
	}
	answer, err := approver.Committed(m)
	if err != nil {
		return err
	}
	if err := l.say(ctx, answer); err != nil {
		return err
	}
	soon, cancel := context.WithTimeoutCause(ctx, replyPatience, chat.ErrLinkSilent)
	defer cancel()
	if m, err = l.next(soon); err != nil {
		return err
	}
	if err := approver.Revealed(m); err != nil {
		return err
	}
	for left := devicelink.MaxAttempts; ; left-- {
		typed, err := a.ask(ctx, l, left)
		if err != nil {
			return err
		}
		if err := approver.Confirm(typed); !errors.Is(err, devicelink.ErrDigits) {
			return err
		}
	}
}

// ask asks the owner for the digits, unless the new device goes away.
func (a Approval) ask(ctx context.Context, l *line, left int) (string, error) {
	asked, stop := context.WithCancelCause(ctx)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		m, err := l.next(asked)
		switch {
		case err == nil && m.Commit != nil:
			err = chat.ErrLinkUsed
		case err == nil:
			err = chat.ErrLinkChanged
		}
		stop(err)
	}()
	typed, err := a.Digits(asked, left)
	why := context.Cause(asked)
	stop(nil)
	<-watched
	if why != nil {
		return "", why
	}
	return typed, err
}

// add has the new device sign the statement, and appends it.
func (a Approval) add(ctx context.Context, l *line, approver *devicelink.Approver) (*account.Chain, error) {
	ctx, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	signing, stop := context.WithTimeoutCause(ctx, signPatience, chat.ErrLinkSilent)
	defer stop()
	chain, err := a.Account.Extend(ctx, func(_ context.Context, chain *account.Chain) ([]byte, error) {
		if err := HasRoom(chain); err != nil {
			return nil, err
		}
		draft, err := approver.Draft(chain, a.Now())
		if err != nil {
			return nil, err
		}
		if err := l.say(signing, draft); err != nil {
			return nil, err
		}
		for {
			m, err := l.next(signing)
			if err != nil {
				return nil, err
			}
			if statement, ok, err := approver.Signed(m); ok || err != nil {
				return statement, err
			}
		}
	})
	switch {
	case errors.Is(err, mailbox.ErrUnknown):
		return nil, errors.Join(chat.ErrLinkLate, err)
	case errors.Is(err, mailbox.ErrNotTaken):
		return nil, errors.Join(chat.ErrNotLinked, err)
	}
	return chain, err
}

// welcome gives the new device what it is to get, and waits until it has it.
func (a Approval) welcome(ctx context.Context, l *line, approver *devicelink.Approver, device account.Device, head account.Head) error {
	profile, err := a.Give(device)
	welcome, werr := approver.Welcome(devicelink.Given{Head: head, Profile: profile})
	if werr != nil {
		return errors.Join(err, werr)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, replyPatience, chat.ErrLinkSilent)
	defer cancel()
	if err := errors.Join(err, l.say(ctx, welcome)); err != nil {
		return err
	}
	for {
		m, err := l.next(ctx)
		if err != nil {
			return nil // what it has not got comes from its other devices
		}
		if m.Done {
			return nil
		}
	}
}
