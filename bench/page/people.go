// SPDX-License-Identifier: AGPL-3.0-or-later

package main

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client"
	"github.com/securecrypt/securecrypt/client/app"
	"github.com/securecrypt/securecrypt/client/backend"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/keyring"
	"github.com/securecrypt/securecrypt/client/store/memory"
	"github.com/securecrypt/securecrypt/client/store/sqlite"
)

const passphrase = "a calm evening"

// profile is one that a browser has: what lies beside its store there.
type profile struct {
	Address string
	Device  []byte // the browser's key
	Open    []byte // the store's key, sealed by that
	Locked  []byte // the same, sealed by the passphrase
}

// terminal is somebody with a client of their own in this process.
type terminal struct {
	Address string
	Key     keyring.StoreKey
	// With are the conversations with profiles, by their names.
	With map[string]chat.ConversationID
}

// device is what a profile is made on before a browser has it: a store on disk,
// and the key that the browser will have, in plain.
type device struct {
	file  string
	store backend.Store
	key   keyring.StoreKey // the store's, as it passed by
	aes   []byte
	keys  []byte
}

func newDevice(file string) (*device, error) {
	store, err := sqlite.Open(file)
	d := &device{file: file, store: store, aes: make([]byte, 32)}
	_, _ = rand.Read(d.aes) // never fails
	return d, err
}

// OpenStore implements app.Platform.
func (d *device) OpenStore(context.Context) (backend.Store, error) { return open{d.store}, nil }

// open is a store that outlives its user.
type open struct{ backend.Store }

func (open) Close() error { return nil }

// remove takes away what a browser has.
func (d *device) remove() error {
	files, err := filepath.Glob(d.file + "*")
	err = errors.Join(err, d.store.Close())
	for _, file := range files {
		err = errors.Join(err, os.RemoveAll(file))
	}
	return err
}

// EraseStore implements app.Platform; the store is new.
func (d *device) EraseStore(context.Context) error { return nil }

// Keys implements app.Platform.
func (d *device) Keys(context.Context) ([]byte, error) { return d.keys, nil }

// SetKeys implements app.Platform.
func (d *device) SetKeys(_ context.Context, keys []byte) error {
	d.keys = keys
	return nil
}

// Seal implements app.Platform as the worker does (web/src/worker/device.ts).
func (d *device) Seal(_ context.Context, plain []byte) ([]byte, error) {
	copy(d.key[:], plain)
	aead, err := d.aead()
	if err != nil {
		return nil, err
	}
	nonce := make([]byte, aead.NonceSize())
	_, _ = rand.Read(nonce) // never fails
	return aead.Seal(nonce, nonce, plain, nil), nil
}

// Unseal implements app.Platform.
func (d *device) Unseal(_ context.Context, sealed []byte) ([]byte, error) {
	aead, err := d.aead()
	if err != nil {
		return nil, err
	}
	n := aead.NonceSize()
	return aead.Open(nil, sealed[:n], sealed[n:], nil)
}

func (d *device) aead() (cipher.AEAD, error) {
	block, err := aes.NewCipher(d.aes)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// settle makes an account on a new device, as the application does.
func (t *town) settle(ctx context.Context, name string) (d *device, c *client.Client, err error) {
	if d, err = newDevice(filepath.Join(t.dir, name+".made")); err != nil {
		return nil, nil, err
	}
	a := app.New(ctx, d, t.transport, t.host, func([]app.Event) {})
	do := func(call string, params any) error {
		raw, err := json.Marshal(params)
		if err == nil {
			_, err = a.Do(ctx, call, raw, nil)
		}
		return err
	}
	p := profile{Address: name + "@" + t.host, Device: d.aes}
	err = do("create", app.Create{Host: t.host, Name: name, Profile: name})
	if err == nil {
		err = do("recoveryNoted", app.None{}) // or it is what the page shows
	}
	p.Open = d.keys
	if err == nil {
		err = do("setPassphrase", app.Passphrase{New: passphrase})
	}
	p.Locked = d.keys
	if err = errors.Join(err, a.Close()); err != nil {
		return nil, nil, err
	}
	t.Profiles[name] = p
	if c, err = client.Open(client.Config{Store: d.store, Key: d.key, Transport: t.transport}); err != nil {
		return nil, nil, err
	}
	return d, c, c.ConnectAll()
}

// openBob opens the client in this process, which is made if there is none.
func (t *town) openBob(ctx context.Context) (*client.Client, func() error, error) {
	store, err := sqlite.Open(filepath.Join(t.dir, "bob"))
	if err != nil {
		return nil, nil, err
	}
	made := t.Bob.Address != ""
	if !made {
		t.Bob = terminal{Address: "bob@" + t.host, Key: keyring.NewStoreKey(), With: map[string]chat.ConversationID{}}
	}
	cfg := client.Config{Store: store, Key: t.Bob.Key, Transport: t.transport}
	if !made {
		if _, err := client.Create(cfg, client.CreateParams{Address: account.Address{Name: "bob", Host: t.host}, Profile: "Bob"}); err != nil {
			return nil, nil, err
		}
	}
	c, err := client.Open(cfg)
	if err != nil {
		return nil, nil, err
	}
	end := func() error {
		c.Close()
		return store.Close()
	}
	if err := c.ConnectAll(); err != nil {
		return nil, nil, errors.Join(err, end())
	}
	return c, end, c.Sync(ctx)
}

// stranger registers an account that nobody uses afterwards.
func (t *town) stranger(ctx context.Context, name string) (account.Address, error) {
	at := account.Address{Name: name, Host: t.host}
	cfg := client.Config{Store: memory.New(), Key: keyring.NewStoreKey(), Transport: t.transport}
	if _, err := client.Create(cfg, client.CreateParams{Address: at}); err != nil {
		return at, err
	}
	c, err := client.Open(cfg)
	if err != nil {
		return at, err
	}
	defer c.Close()
	c.Account().Connect()
	return at, c.Sync(ctx)
}

// meet makes two people talk, one of whom says something.
func meet(ctx context.Context, a, b *client.Client) (chat.ConversationID, error) {
	id, err := a.Direct(ctx, b.Address())
	if err != nil {
		return id, err
	}
	if err := a.WaitUntilSent(ctx, id); err != nil {
		return id, err
	}
	err = until(ctx, "a request", func() (bool, error) {
		err := b.Accept(ctx, id)
		if errors.Is(err, chat.ErrNoConversation) {
			return false, nil
		}
		return err == nil, err
	})
	if err == nil {
		_, err = a.Send(ctx, id, chat.Draft{Text: "Good to meet you"})
	}
	return id, errors.Join(err, a.WaitUntilSent(ctx, id), b.WaitUntilSent(ctx, id))
}

// writersAtOnce share transactions, as people who write at once do.
const writersAtOnce = 8

// each calls fn for the numbers below n, several at once.
func each(n int, fn func(i int) error) error {
	errs := make([]error, writersAtOnce)
	var all sync.WaitGroup
	for w := range writersAtOnce {
		all.Go(func() {
			for i := w; i < n && errs[w] == nil; i += writersAtOnce {
				errs[w] = fn(i)
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// crowd fills a profile with conversations: some with people, most of them
// groups, each with a message.
func (t *town) crowd(ctx context.Context, c *client.Client, conversations, people int) error {
	ids := make([]chat.ConversationID, conversations)
	err := each(conversations, func(i int) (err error) {
		if i < people {
			var who account.Address
			if who, err = t.stranger(ctx, fmt.Sprintf("%s.%d", c.Address().Name, i)); err != nil {
				return err
			}
			if err = c.People().SetName(who, fmt.Sprintf("Person %d", i)); err != nil {
				return err
			}
			ids[i], err = c.Direct(ctx, who)
		} else {
			ids[i], err = c.CreateGroup(ctx, fmt.Sprintf("Reading circle %d", i), nil)
		}
		if err == nil {
			_, err = c.Send(ctx, ids[i], chat.Draft{Text: fmt.Sprintf("The next book of circle %d is a thin one, as we agreed", i)})
		}
		return err
	})
	for _, id := range ids {
		if err == nil {
			err = c.WaitUntilSent(ctx, id)
		}
	}
	return err
}

// say sends n messages as fast as it goes.
func say(ctx context.Context, c *client.Client, to chat.ConversationID, n int, text func(int) string) error {
	err := each(n, func(i int) error {
		_, err := c.Send(ctx, to, chat.Draft{Text: text(i)})
		return err
	})
	return errors.Join(err, c.WaitUntilSent(ctx, to))
}
