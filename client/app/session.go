// SPDX-License-Identifier: AGPL-3.0-or-later

package app

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client"
	"github.com/securecrypt/securecrypt/client/keyring"
)

// registerTime bounds how long a new account waits for its server.
const registerTime = 30 * time.Second

// hello begins an interface: the profile is opened if nothing but a rest keeps
// it closed.
func (a *App) hello(ctx context.Context, _ None) (Session, error) {
	a.mu.RLock()
	resting := a.keys != nil && !a.keys.protected() && a.open == nil
	a.mu.RUnlock()
	if resting {
		a.turn.Lock()
		defer a.turn.Unlock()
		if err := a.resume(ctx); err != nil {
			return Session{}, err
		}
	}
	return a.session()
}

// resume opens a profile that has no passphrase.
func (a *App) resume(ctx context.Context) error {
	a.mu.RLock()
	keys, open := a.keys, a.open
	a.mu.RUnlock()
	if keys == nil || keys.protected() || open != nil {
		return nil
	}
	key, err := keys.unseal(ctx, a.platform)
	if err != nil {
		return err
	}
	return a.enter(ctx, key)
}

// rest closes the profile while no interface is there. The next hello finds it
// as after a start: locked, if it has a passphrase.
func (a *App) rest(context.Context, None) (None, error) {
	a.turn.Lock()
	defer a.turn.Unlock()
	return None{}, a.leaveProfile()
}

func (a *App) session() (Session, error) {
	a.mu.RLock()
	keys, open := a.keys, a.open
	a.mu.RUnlock()
	s := Session{Version: Version, Phase: PhaseNone, Host: a.host}
	if keys == nil {
		return s, nil
	}
	s.Phase, s.Protected = PhaseLocked, keys.protected()
	if open == nil {
		return s, nil
	}
	name, registered, err := open.Profile()
	if err != nil {
		return s, err
	}
	s.Phase, s.Address, s.Name, s.Registered = PhaseOpen, open.Address().String(), name, registered
	s.Recovery, err = open.Recovery()
	return s, err
}

// changed tells every interface of the new session, and returns it. An
// interface that showed the profile ends when that is no longer open, and with
// the last one its host: what they hold in memory goes with them.
func (a *App) changed() (Session, error) {
	s, err := a.session()
	if err == nil {
		a.events.tell(Event{"session", SessionChanged{s}})
	}
	return s, err
}

// create makes a profile. If the server refuses it or cannot be reached,
// nothing is left of it.
func (a *App) create(ctx context.Context, p Create) (Session, error) {
	a.turn.Lock()
	defer a.turn.Unlock()
	a.mu.RLock()
	exists := a.keys != nil
	a.mu.RUnlock()
	if exists {
		return Session{}, errPhase
	}
	if err := a.found(ctx, p, true, (*client.Client).Register); err != nil {
		return Session{}, err
	}
	return a.changed()
}

// recoveryNoted erases the recovery key, which nobody is shown any more.
func (a *App) recoveryNoted(ctx context.Context, _ None) (Session, error) {
	open, err := a.client()
	if err != nil {
		return Session{}, err
	}
	if err := open.RecoveryNoted(ctx); err != nil {
		return Session{}, err
	}
	return a.changed()
}

func newAddress(p Create) (account.Address, error) {
	if p.Name == "" {
		var err error
		if p.Name, err = account.RandomName(rand.Reader); err != nil {
			return account.Address{}, err
		}
	}
	address, err := account.ParseAddress(p.Name + "@" + p.Host)
	if err != nil {
		return address, fmt.Errorf("%w: a name has 2 to 32 of a-z, 0-9, '.', '_' and '-', and begins with a letter or digit", errInput)
	}
	return address, nil
}

// found makes a profile and opens it, if what is to come before succeeds. Its
// recovery key is shown to whoever it is told to, or to nobody ever.
func (a *App) found(ctx context.Context, p Create, told bool, first func(*client.Client, context.Context) error) error {
	address, err := newAddress(p)
	if err != nil {
		return err
	}
	key := keyring.NewStoreKey()
	keys, err := newKeys(ctx, a.platform, key, address.Host, p.Passphrase)
	if err != nil {
		return err
	}
	if err := a.platform.EraseStore(ctx); err != nil { // what a crash left
		return err
	}
	params := client.CreateParams{Address: address, Invite: p.Invite, Profile: p.Profile, KeepRecovery: told}
	if err := a.prepare(ctx, params, key, first); err != nil {
		return errors.Join(err, a.platform.EraseStore(context.WithoutCancel(ctx)))
	}
	if err := a.keep(ctx, keys); err != nil {
		return err
	}
	return a.enter(ctx, key)
}

// prepare makes the account in an empty store.
func (a *App) prepare(ctx context.Context, p client.CreateParams, key keyring.StoreKey, first func(*client.Client, context.Context) error) (err error) {
	store, err := a.platform.OpenStore(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	cfg := client.Config{Store: store, Key: key, Transport: a.transport}
	secret, err := client.Create(cfg, p)
	if err != nil {
		return err
	}
	secret.Erase()
	c, err := client.Open(cfg)
	if err != nil {
		return err
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(ctx, registerTime)
	defer cancel()
	return first(c, ctx)
}

// keep writes the keys and remembers them.
func (a *App) keep(ctx context.Context, keys *keyFile) error {
	raw, err := keys.encode()
	if err != nil {
		return err
	}
	if err := a.platform.SetKeys(ctx, raw); err != nil {
		return err
	}
	a.mu.Lock()
	a.keys = keys
	a.mu.Unlock()
	return nil
}

func (a *App) unlock(ctx context.Context, p Secret) (Session, error) {
	a.turn.Lock()
	defer a.turn.Unlock()
	a.mu.RLock()
	keys, open := a.keys, a.open
	a.mu.RUnlock()
	if keys == nil || open != nil || !keys.protected() {
		return Session{}, errPhase
	}
	key, duress, err := keys.open(p.Passphrase)
	switch {
	case err != nil:
		return Session{}, err
	case duress:
		err = a.surrender(ctx, p.Passphrase)
	default:
		err = a.enter(ctx, key)
	}
	if err != nil {
		return Session{}, err
	}
	return a.changed()
}

func (a *App) lock(context.Context, None) (Session, error) {
	a.turn.Lock()
	defer a.turn.Unlock()
	a.mu.RLock()
	keys := a.keys
	a.mu.RUnlock()
	if keys == nil || !keys.protected() {
		return Session{}, errPhase
	}
	if err := a.leaveProfile(); err != nil {
		return Session{}, err
	}
	return a.changed()
}

// setPassphrase changes the passphrase. The passphrase of duress goes with the
// old one.
func (a *App) setPassphrase(ctx context.Context, p Passphrase) (None, error) {
	a.turn.Lock()
	defer a.turn.Unlock()
	open, err := a.client()
	if err != nil {
		return None{}, err
	}
	if a.keys.protected() {
		if _, duress, err := a.keys.open(p.Old); err != nil || duress {
			return None{}, keyring.ErrPassphrase
		}
	}
	keys, err := newKeys(ctx, a.platform, open.key, a.keys.Host, p.New)
	if err != nil {
		return None{}, err
	}
	if err := a.keep(ctx, keys); err != nil {
		return None{}, err
	}
	_, err = a.changed()
	return None{}, err
}

// setDuress sets the passphrase that erases the profile and opens an empty one.
func (a *App) setDuress(ctx context.Context, p Secret) (None, error) {
	a.turn.Lock()
	defer a.turn.Unlock()
	if _, err := a.client(); err != nil {
		return None{}, err
	}
	if !a.keys.protected() {
		return None{}, fmt.Errorf("%w: set a passphrase first", errInput)
	}
	if _, _, err := a.keys.open(p.Passphrase); err == nil {
		return None{}, fmt.Errorf("%w: this passphrase is in use", errInput)
	}
	keys, err := a.keys.withDuress(p.Passphrase)
	if err != nil {
		return None{}, err
	}
	return None{}, a.keep(ctx, keys)
}

// surrender erases the profile for good and founds an empty one on the same
// server. The keys go first: without them the rest is noise. Whatever the server
// says to a new account would tell, and so would waiting for it: the account is
// registered once it is open, if the server lets it.
func (a *App) surrender(ctx context.Context, passphrase string) error {
	host := a.keys.Host
	if err := a.destroy(ctx); err != nil {
		return err
	}
	return a.found(ctx, Create{Host: host, Passphrase: passphrase}, false, func(*client.Client, context.Context) error { return nil })
}

func (a *App) destroy(ctx context.Context) error {
	if err := a.platform.SetKeys(ctx, nil); err != nil {
		return err
	}
	a.mu.Lock()
	a.keys = nil
	a.mu.Unlock()
	return errors.Join(a.leaveProfile(), a.platform.EraseStore(ctx))
}

// erase removes everything from this device, at once and without a question,
// whatever the phase.
func (a *App) erase(ctx context.Context, _ None) (Session, error) {
	a.turn.Lock()
	defer a.turn.Unlock()
	if err := a.destroy(ctx); err != nil {
		return Session{}, err
	}
	return a.changed()
}

func (a *App) setName(ctx context.Context, p Name) (None, error) {
	open, err := a.client()
	if err != nil {
		return None{}, err
	}
	if err := open.SetProfile(ctx, p.Name); err != nil {
		return None{}, err
	}
	_, err = a.changed()
	return None{}, err
}
