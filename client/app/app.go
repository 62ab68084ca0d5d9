// SPDX-License-Identifier: AGPL-3.0-or-later

package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/securecrypt/securecrypt/client"
	"github.com/securecrypt/securecrypt/client/backend"
	"github.com/securecrypt/securecrypt/client/keyring"
)

// A Platform is what an App needs from outside.
type Platform interface {
	// OpenStore opens the profile's store, which is empty at first; EraseStore
	// removes the closed store.
	OpenStore(ctx context.Context) (backend.Store, error)
	EraseStore(ctx context.Context) error
	// Keys returns what SetKeys kept beside the store, nil if there is nothing.
	// What SetKeys replaces is erased as far as the medium lets it.
	Keys(ctx context.Context) ([]byte, error)
	SetKeys(ctx context.Context, keys []byte) error
	// Seal and Unseal use a key of the device that cannot leave it.
	Seal(ctx context.Context, plain []byte) ([]byte, error)
	Unseal(ctx context.Context, sealed []byte) ([]byte, error)
}

// An App is a profile and its interfaces. Its methods may be called by any
// goroutine.
type App struct {
	platform  Platform
	transport backend.Transport
	host      string
	events    *queue

	turn    sync.Mutex // held by calls that change the phase, one at a time
	setting sync.Mutex // held by calls about settings: whoever asks after a change sees it

	mu    sync.RWMutex // guards what follows
	begun bool         // keys were read
	keys  *keyFile     // nil if there is no profile
	open  *profile     // nil unless PhaseOpen
	// linking is under way, nil if none is.
	linking *linking
}

// profile is an open one.
type profile struct {
	*client.Client
	store backend.Store
	key   keyring.StoreKey
	// shown is closed once somebody sees a list: connecting comes after that.
	shown chan struct{}
	once  sync.Once
	// replacing is a replacement of the recovery key that was begun.
	replacing replacements
}

// showFirst is how long connecting waits for an interface that shows the list.
const showFirst = time.Second

func (p *profile) show() { p.once.Do(func() { close(p.shown) }) }

// openTime is how long whoever has the store open, as another tab with another
// build, may take to let go of it.
const openTime = 10 * time.Second

var errInUse = errors.New("this profile is open in another tab or window of this browser: close that and try again")

// New returns an App. host is the server that the interface came from; tell
// gets events, those of one moment together, and must not call back. A profile
// without a passphrase is opened; if that fails, hello says why, and tries again.
func New(ctx context.Context, p Platform, t backend.Transport, host string, tell func([]Event)) *App {
	a := &App{platform: p, transport: t, host: host, events: newQueue(tell)}
	_ = a.openKeys(ctx)
	return a
}

// openKeys reads the key file, once, and opens a profile without a passphrase.
func (a *App) openKeys(ctx context.Context) error {
	if !a.hasBegun() {
		keys, err := a.read(ctx)
		if err != nil {
			return err
		}
		a.rememberKeys(keys)
	}
	return a.resume(ctx)
}

func (a *App) hasBegun() bool {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return a.begun
}

// read returns the keys, or nil if there is no profile.
func (a *App) read(ctx context.Context) (*keyFile, error) {
	raw, err := a.platform.Keys(ctx)
	if err != nil || raw == nil {
		return nil, err
	}
	return decodeKeys(raw)
}

// rememberKeys sets the key file in memory.
func (a *App) rememberKeys(keys *keyFile) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.begun, a.keys = true, keys
}

// Close stops all work and closes the store.
func (a *App) Close() error {
	a.takeTurn()
	defer a.turn.Unlock()
	err := a.leaveProfile()
	a.events.close()
	return err
}

// An Answer is what a call brings: JSON, and for calls that fetch a file its
// bytes, which the caller closes.
type Answer struct {
	JSON []byte
	Body io.ReadCloser
	Size int64 // of Body
}

var table = func() map[string]Call {
	m := map[string]Call{}
	for _, c := range Calls {
		m[c.Name] = c
	}
	return m
}()

// Do makes a call with parameters in JSON. A failure is a *Problem.
func (a *App) Do(ctx context.Context, name string, params []byte, files []io.Reader) (answer Answer, err error) {
	c, ok := table[name]
	if !ok {
		return answer, &Problem{CodeInput, fmt.Sprintf("there is no call %q", name)}
	}
	result, err := c.run(ctx, a, params, files)
	if err != nil {
		return answer, ProblemOf(err)
	}
	if body, ok := result.(Body); ok {
		return Answer{JSON: []byte("{}"), Body: body.ReadCloser, Size: body.Size}, nil
	}
	if answer.JSON, err = json.Marshal(result); err != nil {
		return Answer{}, ProblemOf(err)
	}
	return answer, nil
}

var errPhase = errors.New("this is not possible now: reload the page")

// client returns the open profile.
func (a *App) client() (*profile, error) {
	a.mu.RLock()
	defer a.mu.RUnlock()
	if a.open == nil {
		return nil, errPhase
	}
	return a.open, nil
}

// enter opens the profile and connects it.
func (a *App) enter(ctx context.Context, key keyring.StoreKey) error {
	store, err := a.openStore(ctx)
	if err != nil {
		return err
	}
	c, err := client.Open(a.config(store, key))
	if err != nil {
		return errors.Join(err, store.Close())
	}
	p := &profile{Client: c, store: store, key: key, shown: make(chan struct{})}
	a.events.profile(p)
	c.Connect(p.shown)
	time.AfterFunc(showFirst, p.show)
	a.mu.Lock()
	a.open = p
	a.mu.Unlock()
	return nil
}

func (a *App) openStore(ctx context.Context) (backend.Store, error) {
	ctx, cancel := context.WithTimeout(ctx, openTime)
	defer cancel()
	store, err := a.platform.OpenStore(ctx)
	if err != nil && ctx.Err() == context.DeadlineExceeded {
		err = errInUse
	}
	return store, err
}

func (a *App) config(store backend.Store, key keyring.StoreKey) client.Config {
	return client.Config{Store: store, Key: key, Transport: a.transport, OnEvent: a.events.push}
}

// leaveProfile closes the profile, if it is open.
func (a *App) leaveProfile() error {
	a.mu.Lock()
	p := a.open
	a.open = nil
	a.mu.Unlock()
	if p == nil {
		return nil
	}
	a.events.profile(nil)
	p.replacing.close()
	p.Close()
	clear(p.key[:])
	return p.store.Close()
}
