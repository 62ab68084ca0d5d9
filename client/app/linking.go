// SPDX-License-Identifier: AGPL-3.0-or-later

package app

import (
	"context"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client"
	"github.com/securecrypt/securecrypt/client/chat"
)

// Approve has this device let another one into the account.
type Approve struct {
	// ID names the linking in its events. The interface that begins it chooses the ID.
	ID string `json:"id"`
	// Code is what the new device shows; empty: this one shows a code.
	Code string `json:"code"`
}

// Link makes this device, which has no profile, one of an account's.
type Link struct {
	ID string `json:"id"`
	// Code is what the existing device shows; empty: this one shows a code, for a meeting
	// at the server Host.
	Code string `json:"code"`
	Host string `json:"host"`
	// Passphrase protects the profile on this device; it may be empty.
	Passphrase string `json:"passphrase"`
}

// LinkingDigits carries the digits that the new device shows.
type LinkingDigits struct {
	ID     string `json:"id"`
	Digits string `json:"digits"`
}

// LinkingRef names a linking.
type LinkingRef struct {
	ID string `json:"id"`
}

// LinkingState says how far two devices have come.
type LinkingState string

// The states. The first three may be followed by any other, the last two by none.
const (
	LinkingCode   LinkingState = "code"   // the other device can use the code that is shown
	LinkingShows  LinkingState = "digits" // the new device shows digits
	LinkingAsks   LinkingState = "asks"   // the existing device asks for the digits: see linkingDigits
	LinkingLinked LinkingState = "linked"
	LinkingFailed LinkingState = "failed"
)

// LinkingStates are all states.
var LinkingStates = []string{string(LinkingCode), string(LinkingShows), string(LinkingAsks), string(LinkingLinked), string(LinkingFailed)}

// A linking is one that is under way on this device.
type linking struct {
	id     string
	digits chan string
	cancel context.CancelFunc
	done   chan struct{}
}

// beginLinking runs a linking in the background. The App's turn is held.
func (a *App) beginLinking(id string, run func(ctx context.Context, l *linking) error) {
	ctx, cancel := context.WithCancel(context.Background())
	l := &linking{id: id, digits: make(chan string, 1), cancel: cancel, done: make(chan struct{})}
	a.mu.Lock()
	a.linking = l
	a.mu.Unlock()
	go func() {
		defer close(l.done)
		err := run(ctx, l)
		cancel()
		a.mu.Lock()
		a.linking = nil
		a.mu.Unlock()
		if err != nil {
			a.tellLinking(l, LinkingChanged{State: LinkingFailed, Error: ProblemOf(err)})
		}
	}()
}

func (a *App) tellLinking(l *linking, e LinkingChanged) {
	e.ID = l.id
	a.events.tell(Event{"linking", e})
}

func (a *App) showCode(l *linking) func(chat.LinkCode) {
	return func(c chat.LinkCode) {
		a.tellLinking(l, LinkingChanged{State: LinkingCode, Code: c.Text, URI: c.URI, Until: millis(c.Until)})
	}
}

// takeTurn ends a linking that is under way and takes the turn. Whoever holds the turn
// must not wait for a linking, which takes it at its end.
func (a *App) takeTurn() {
	for {
		a.mu.RLock()
		l := a.linking
		a.mu.RUnlock()
		if l != nil {
			l.cancel()
			<-l.done
		}
		a.turn.Lock()
		a.mu.RLock()
		l = a.linking
		a.mu.RUnlock()
		if l == nil {
			return
		}
		a.turn.Unlock()
	}
}

// approve begins to let another device in, and ends an earlier linking. The event
// "linking" tells how far it is.
func (a *App) approve(_ context.Context, q Approve) (None, error) {
	a.takeTurn()
	defer a.turn.Unlock()
	p, err := a.client()
	if err != nil {
		return None{}, err
	}
	a.beginLinking(q.ID, func(ctx context.Context, l *linking) error {
		device, err := p.Devices().Approve(ctx, client.Approval{
			Code: q.Code, ShowCode: a.showCode(l),
			Digits: func(ctx context.Context, left int) (string, error) {
				a.tellLinking(l, LinkingChanged{State: LinkingAsks, Left: left})
				select {
				case typed := <-l.digits:
					return typed, nil
				case <-ctx.Done():
					return "", context.Cause(ctx)
				}
			},
		})
		if device != (account.DeviceID{}) {
			a.tellLinking(l, LinkingChanged{State: LinkingLinked, Device: deviceID(device), Complete: err == nil})
			return nil
		}
		return err
	})
	return None{}, nil
}

// linkingDigits passes on digits that were typed in, and does nothing for a linking that
// has ended.
func (a *App) linkingDigits(_ context.Context, q LinkingDigits) (None, error) {
	a.mu.RLock()
	defer a.mu.RUnlock()
	if a.linking != nil && a.linking.id == q.ID {
		select {
		case a.linking.digits <- q.Digits:
		default: // those typed before are still being looked at
		}
	}
	return None{}, nil
}

// linkingCancel ends a linking, and does nothing for one that has ended.
func (a *App) linkingCancel(_ context.Context, q LinkingRef) (None, error) {
	a.mu.RLock()
	defer a.mu.RUnlock()
	if a.linking != nil && a.linking.id == q.ID {
		a.linking.cancel()
	}
	return None{}, nil
}

// link begins to make this device one of an account's. The event "linking" tells how far
// it is, and "session" that there is a profile.
func (a *App) link(ctx context.Context, q Link) (None, error) {
	a.takeTurn()
	defer a.turn.Unlock()
	n, err := a.newcomer(ctx, q.Passphrase)
	if err != nil {
		return None{}, err
	}
	a.beginLinking(q.ID, func(ctx context.Context, l *linking) error {
		var linked client.Linked
		err := n.join(ctx, func(cfg client.Config) (err error) {
			linked, err = client.Link(ctx, cfg, client.NewDevice{
				Code: q.Code, Host: q.Host, ShowCode: a.showCode(l),
				Show: func(who account.Address, digits string) {
					a.tellLinking(l, LinkingChanged{State: LinkingShows, Address: who.String(), Digits: digits})
				},
			})
			return err
		})
		if err != nil {
			return err
		}
		a.turn.Lock()
		defer a.turn.Unlock()
		if err := n.enter(context.Background(), linked.Address.Host); err != nil {
			return err
		}
		a.tellLinking(l, LinkingChanged{State: LinkingLinked, Complete: linked.Complete})
		_, err = a.changed()
		return err
	})
	return None{}, nil
}

// joinTime bounds how long a device waits to become the account's by the recovery key, and
// resumeTime how long it asks whether it did.
const (
	joinTime   = 60 * time.Second
	resumeTime = 30 * time.Second
)

// Recovery makes this device one of an account's by its recovery key.
type Recovery struct {
	Address    string `json:"address"`
	Key        string `json:"key"`
	Passphrase string `json:"passphrase"`
}

// Recovered is how that ended.
type Recovered struct {
	// Check says what the key is to the account: only with the one of now there is a
	// profile afterwards.
	Check   RecoveryCheck `json:"check"`
	Session Session       `json:"session"`
}

// recover makes this device one of an account's by its recovery key.
func (a *App) recover(ctx context.Context, q Recovery) (out Recovered, err error) {
	who, err := parseAddress(q.Address)
	if err != nil {
		return out, err
	}
	secret, err := account.ParseRecoverySecret(q.Key)
	if err != nil {
		return Recovered{Check: RecoveryCheck{State: RecoveryMalformed, Reached: true}}, nil
	}
	defer secret.Erase()
	a.takeTurn()
	defer a.turn.Unlock()
	n, err := a.newcomer(ctx, q.Passphrase)
	if err != nil {
		return out, err
	}
	ctx, cancel := context.WithTimeout(ctx, joinTime)
	defer cancel()
	err = n.join(ctx, func(cfg client.Config) error { return client.Recover(ctx, cfg, who, secret) })
	check, unknown := checkOf(err)
	if unknown == nil && check.State != RecoveryCurrent {
		return Recovered{Check: check}, nil
	}
	if err != nil {
		return out, err
	}
	out.Check = check
	if err := n.enter(ctx, who.Host); err != nil {
		return out, err
	}
	out.Session, err = a.changed()
	return out, err
}

// linkResume finds out whether this device was linked before the program was ended, and
// opens the profile if it was. Unlock does so for one with a passphrase.
func (a *App) linkResume(ctx context.Context, _ None) (Session, error) {
	a.takeTurn()
	defer a.turn.Unlock()
	a.mu.RLock()
	keys, open := a.keys, a.open
	a.mu.RUnlock()
	if open != nil {
		return a.session() // in another tab
	}
	if keys == nil || !keys.Linking || keys.protected() {
		return Session{}, errPhase
	}
	key, err := keys.unseal(ctx, a.platform)
	if err != nil {
		return Session{}, err
	}
	n := newcomer{a, keys, key}
	if err := n.resume(ctx); err != nil {
		return Session{}, err
	}
	return a.linked()
}

// linked returns the session after a linking was resumed. A linking that failed makes no
// event: other interfaces showed nothing of it.
func (a *App) linked() (Session, error) {
	s, err := a.session()
	if err == nil && s.Phase == PhaseNone {
		s.Unlinked = true
		return s, nil
	}
	return a.changed()
}
