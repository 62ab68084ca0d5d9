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
	"github.com/securecrypt/securecrypt/client/backend"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/keyring"
)

// registerTime bounds how long a new account waits for its server, and one that
// is deleted.
const registerTime = 30 * time.Second

// hello begins an interface: the profile is opened if nothing but a rest keeps
// it closed.
func (a *App) hello(ctx context.Context, _ None) (Session, error) {
	a.mu.RLock()
	resting := !a.begun || a.keys != nil && !a.keys.protected() && a.open == nil
	a.mu.RUnlock()
	if resting {
		a.turn.Lock()
		defer a.turn.Unlock()
		if err := a.openKeys(ctx); err != nil {
			return Session{}, err
		}
	}
	a.events.repeat()
	return a.session()
}

// resume opens a profile that has no passphrase.
func (a *App) resume(ctx context.Context) error {
	a.mu.RLock()
	keys, open := a.keys, a.open
	a.mu.RUnlock()
	if keys == nil || keys.protected() || keys.Linking || open != nil {
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
	a.takeTurn()
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
	if keys.Linking && !s.Protected {
		s.Phase = PhaseLinking
	}
	if open == nil {
		return s, nil
	}
	name, registered, err := open.Account().Profile()
	if err != nil {
		return s, err
	}
	s.Phase, s.Address, s.Name, s.Registered = PhaseOpen, open.Address().String(), name, registered
	if s.Duress, err = open.Account().Duress(); err != nil {
		return s, err
	}
	s.Recovery, err = open.Account().Recovery()
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

// create makes a profile. If the server refuses it or was never asked, nothing
// is left of it.
func (a *App) create(ctx context.Context, p Create) (Session, error) {
	a.takeTurn()
	defer a.turn.Unlock()
	if !a.vacant() {
		return Session{}, errPhase
	}
	address, err := newAddress(p)
	if err != nil {
		return Session{}, err
	}
	key := keyring.NewStoreKey()
	keys, err := newKeys(ctx, a.platform, key, address.Host, p.Passphrase)
	if err != nil {
		return Session{}, err
	}
	params := client.CreateParams{Address: address, Invite: p.Invite, Profile: p.Profile, KeepRecovery: true}
	if err = a.createStore(ctx, keys, key, params); err == nil {
		err = a.register(ctx, key)
	}
	if errors.Is(err, chat.ErrUnanswered) {
		err = nil // the account may be there: its keys are kept, and it goes on once the server answers
	}
	if err != nil {
		return Session{}, errors.Join(err, a.destroy(context.WithoutCancel(ctx)))
	}
	if err := a.enter(ctx, key); err != nil {
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
	if err := open.Account().RecoveryNoted(ctx); err != nil {
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
		if _, e := account.ParseAddress(p.Name + "@localhost"); e == nil {
			return address, &Problem{CodeHost, "this is not the address of a server"}
		}
		return address, fmt.Errorf("%w: a name has 2 to 32 of a-z, 0-9, '.', '_' and '-', and begins with a letter or digit", errInput)
	}
	return address, nil
}

// make makes the store of some keys, with a new account in it. A passphrase that
// was kept before opens what a crash leaves; without one that is nothing.
func (a *App) createStore(ctx context.Context, keys *keyFile, key keyring.StoreKey, p client.CreateParams) error {
	if keys.protected() {
		if err := a.saveKeys(ctx, keys.as(false)); err != nil {
			return err
		}
	}
	if err := a.platform.EraseStore(ctx); err != nil { // of whoever was here
		return err
	}
	err := a.within(ctx, func(store backend.Store) error {
		secret, err := client.Create(a.config(store, key), p)
		secret.Erase()
		return err
	})
	if err != nil {
		return err
	}
	return a.saveKeys(ctx, keys.as(true))
}

// register waits for the server to take the account of a closed profile.
func (a *App) register(ctx context.Context, key keyring.StoreKey) error {
	ctx, cancel := context.WithTimeout(ctx, registerTime)
	defer cancel()
	return a.within(ctx, func(store backend.Store) error {
		c, err := client.Open(client.Config{Store: store, Key: key, Transport: a.transport})
		if err != nil {
			return err
		}
		defer c.Close()
		return c.Account().Register(ctx)
	})
}

// within does something with the store, which is closed before and after.
func (a *App) within(ctx context.Context, fn func(backend.Store) error) error {
	store, err := a.openStore(ctx)
	if err != nil {
		return err
	}
	return errors.Join(fn(store), store.Close())
}

// saveKeys writes the key file and sets it in memory.
func (a *App) saveKeys(ctx context.Context, keys *keyFile) error {
	raw, err := keys.encode()
	if err != nil {
		return err
	}
	if err := a.platform.SetKeys(ctx, raw); err != nil {
		return err
	}
	a.rememberKeys(keys)
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
	if err != nil {
		return Session{}, err
	}
	if keys.Linking {
		if err := (newcomer{a, keys, key}).resume(ctx); err != nil {
			return Session{}, err
		}
		return a.linked()
	}
	if duress || keys.Unmade {
		err = a.wipeAndReplace(ctx, keys, key, duress)
	}
	if err == nil {
		err = a.enter(ctx, key)
	}
	if err != nil {
		return Session{}, err
	}
	return a.changed()
}

func (a *App) lock(context.Context, None) (Session, error) {
	a.takeTurn()
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
	if err := errors.Join(open.Account().NoteDuress(false), a.saveKeys(ctx, keys)); err != nil {
		return None{}, err
	}
	_, err = a.changed()
	return None{}, err
}

// weakness judges a passphrase that is being chosen.
func (a *App) weakness(_ context.Context, p Secret) (Weakness, error) {
	return Weakness{keyring.Weak(p.Passphrase)}, nil
}

// setDuress sets the passphrase that erases the profile and opens an empty one;
// an empty one removes it. The note of it never tells of one that is not there:
// it is written after the passphrase was set, and goes before that is removed.
func (a *App) setDuress(ctx context.Context, p Secret) (None, error) {
	a.turn.Lock()
	defer a.turn.Unlock()
	open, err := a.client()
	if err != nil {
		return None{}, err
	}
	if !a.keys.protected() {
		return None{}, fmt.Errorf("%w: set a passphrase first", errInput)
	}
	if _, _, err := a.keys.open(p.Passphrase); err == nil {
		return None{}, &Problem{CodeUsed, "this passphrase is in use: choose another one"}
	}
	keys, err := a.keys.withDuress(p.Passphrase)
	if err != nil {
		return None{}, err
	}
	if p.Passphrase == "" {
		if err := open.Account().NoteDuress(false); err != nil {
			return None{}, err
		}
	}
	if err := a.saveKeys(ctx, keys); err != nil {
		return None{}, err
	}
	if p.Passphrase != "" {
		if err := open.Account().NoteDuress(true); err != nil {
			return None{}, err
		}
	}
	_, err = a.changed()
	return None{}, err
}

// wipeAndReplace replaces the profile with an empty one on the same server. One
// write deletes the old key and stores the new one: without its key the old data
// cannot be read, and after a crash the next start continues from there. The new
// account is registered only after the profile is open, because the answer of the
// server, or the wait for it, would show what happened.
func (a *App) wipeAndReplace(ctx context.Context, keys *keyFile, key keyring.StoreKey, duress bool) (err error) {
	if duress {
		if keys, err = keys.withOnlyDuressKey(); err != nil {
			return err
		}
	}
	address, err := newAddress(Create{Host: keys.Host})
	if err != nil {
		return err
	}
	return a.createStore(ctx, keys, key, client.CreateParams{Address: address})
}

func (a *App) destroy(ctx context.Context) error {
	if err := a.platform.SetKeys(ctx, nil); err != nil {
		return err
	}
	a.rememberKeys(nil)
	return errors.Join(a.leaveProfile(), a.platform.EraseStore(ctx))
}

// erase removes everything from this device, at once and without a question,
// whatever the phase. The account on the server goes before that, if it is to.
func (a *App) erase(ctx context.Context, q Erasing) (Session, error) {
	a.takeTurn()
	defer a.turn.Unlock()
	if q.Account {
		if err := a.deleteAccount(ctx); err != nil {
			return Session{}, err
		}
	}
	if err := a.destroy(ctx); err != nil {
		return Session{}, err
	}
	return a.changed()
}

func (a *App) deleteAccount(ctx context.Context) error {
	open, err := a.client()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, registerTime)
	defer cancel()
	return open.Account().Delete(ctx)
}

func (a *App) setName(ctx context.Context, p Name) (None, error) {
	open, err := a.client()
	if err != nil {
		return None{}, err
	}
	if err := open.Account().SetProfile(ctx, p.Name); err != nil {
		return None{}, err
	}
	_, err = a.changed()
	return None{}, err
}
