// SPDX-License-Identifier: AGPL-3.0-or-later

package app

import (
	"context"
	"errors"

	"github.com/securecrypt/securecrypt/client"
	"github.com/securecrypt/securecrypt/client/backend"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/keyring"
)

// A newcomer is a profile that is about to become a device of an account. Its key file is
// kept from the beginning, so that a crash does not leave the account with a device that
// nobody can use.
type newcomer struct {
	a    *App
	keys *keyFile
	key  keyring.StoreKey
}

// newcomer makes an empty store and its key file. The turn is held.
func (a *App) newcomer(ctx context.Context, passphrase string) (newcomer, error) {
	if !a.vacant() {
		return newcomer{}, errPhase
	}
	n := newcomer{a: a, key: keyring.NewStoreKey()}
	var err error
	if n.keys, err = newKeys(ctx, a.platform, n.key, "", passphrase); err != nil {
		return n, err
	}
	n.keys.Linking = true
	if err := a.platform.EraseStore(ctx); err != nil { // of an account that was used here before
		return n, err
	}
	raw, err := n.keys.encode()
	if err != nil {
		return n, err
	}
	return n, a.platform.SetKeys(ctx, raw) // the App has them once there is something to open
}

// vacant reports whether a profile can be made.
func (a *App) vacant() bool {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return a.begun && a.keys == nil
}

// join runs fn, which makes the profile. If that is known to have failed nothing is left.
func (n newcomer) join(ctx context.Context, fn func(client.Config) error) error {
	var failed error
	closed := n.a.within(ctx, func(store backend.Store) error {
		failed = fn(n.config(store))
		return nil
	})
	if failed == nil && closed != nil || errors.Is(failed, chat.ErrLinkOpen) {
		n.a.rememberKeys(n.keys) // see resume
		return errors.Join(failed, closed)
	}
	if failed != nil {
		ctx = context.WithoutCancel(ctx)
		return errors.Join(failed, n.a.platform.SetKeys(ctx, nil), n.a.platform.EraseStore(ctx))
	}
	return nil
}

func (n newcomer) config(store backend.Store) client.Config {
	return client.Config{Store: store, Key: n.key, Transport: n.a.transport}
}

// enter opens the profile of a device that the account has. The turn is held.
func (n newcomer) enter(ctx context.Context, host string) error {
	keys, err := n.keys.linkedAt(ctx, n.a.platform, n.key, host)
	if err == nil {
		err = n.a.saveKeys(ctx, keys)
	}
	if err != nil {
		n.a.rememberKeys(n.keys)
		return err
	}
	return n.a.enter(ctx, n.key)
}

// resume finds out whether the account has the device, and opens the profile if it does.
// If it does not nothing is left. The turn is held.
func (n newcomer) resume(ctx context.Context) error {
	var host string
	asked, cancel := context.WithTimeout(ctx, resumeTime)
	defer cancel()
	err := n.a.within(asked, func(store backend.Store) error {
		cfg := n.config(store)
		if err := client.Resume(asked, cfg); err != nil {
			return err
		}
		c, err := client.Open(cfg)
		if err != nil {
			return err
		}
		defer c.Close()
		host = c.Address().Host
		return nil
	})
	switch {
	case errors.Is(err, chat.ErrNotLinked), errors.Is(err, chat.ErrNoProfile):
		return n.a.destroy(context.WithoutCancel(ctx))
	case err != nil:
		return err
	}
	return n.enter(ctx, host)
}
