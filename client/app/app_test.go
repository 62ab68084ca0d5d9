// SPDX-License-Identifier: AGPL-3.0-or-later

package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/securecrypt/securecrypt/client/app"
	"github.com/securecrypt/securecrypt/client/backend"
	"github.com/securecrypt/securecrypt/client/internal/fakeserver"
	"github.com/securecrypt/securecrypt/client/store/memory"
)

const host = "here.example"

// device is a Platform in memory.
type device struct {
	store backend.Store
	keys  []byte
	kept  []backend.Store // every store there ever was
	taken bool            // somebody else has the store
	fault func(doing string) error
	// The device's keys are numbers: the last that there was, that which sealed what is
	// kept next, 0 if none did, and that which is kept beside keys.
	last, sealing, sealed byte
}

// try asks the test's fault whether something can be done.
func (d *device) try(doing string) error {
	if d.fault == nil {
		return nil
	}
	return d.fault(doing)
}

func (d *device) OpenStore(ctx context.Context) (backend.Store, error) {
	if d.taken {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if err := d.try("open"); err != nil {
		return nil, err
	}
	if d.store == nil {
		d.store = memory.New()
		d.kept = append(d.kept, d.store)
	}
	return unclosed{d.store}, nil
}

func (d *device) EraseStore(context.Context) error {
	if err := d.try("erase"); err != nil {
		return err
	}
	d.store = nil
	return nil
}

func (d *device) Keys(context.Context) ([]byte, error) { return d.keys, nil }

func (d *device) SetKeys(_ context.Context, keys []byte) error {
	if err := d.try("keys"); err != nil {
		return err
	}
	d.keys, d.sealed, d.sealing = keys, d.sealing, 0
	return nil
}

var mark = []byte("sealed by this device:")

func (d *device) Seal(_ context.Context, plain []byte) ([]byte, error) {
	d.last++
	d.sealing = d.last
	return slices.Concat(mark, []byte{d.sealing}, plain), nil
}

func (d *device) Unseal(_ context.Context, sealed []byte) ([]byte, error) {
	plain, ok := bytes.CutPrefix(sealed, append(slices.Clone(mark), d.sealed))
	if !ok {
		return nil, errors.New("not sealed here")
	}
	return slices.Clone(plain), nil
}

// size returns how many bytes the store holds.
func (d *device) size(t *testing.T) (n int) {
	t.Helper()
	err := d.store.View(func(tx backend.Tx) error {
		return tx.Scan(nil, nil, false, func(_, v []byte) (bool, error) {
			n += len(v)
			return true, nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// unclosed is a store that outlives its user, as a file does.
type unclosed struct{ backend.Store }

func (unclosed) Close() error { return nil }

// user is somebody in front of an interface.
type user struct {
	*app.App
	t      *testing.T
	device *device
	way    *fakeserver.Transport

	mu     sync.Mutex // guards events
	events []app.Event
}

func inBubble(t *testing.T, fn func(*testing.T, *fakeserver.Net)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		net := fakeserver.NewNet()
		net.Server(host)
		fn(t, net)
	})
}

func newUser(t *testing.T, net *fakeserver.Net, name string) *user {
	u := &user{t: t, device: &device{}, way: net.Transport(name)}
	u.start()
	return u
}

// start opens the App, as when the interface is loaded.
func (u *user) start() {
	u.t.Helper()
	a := app.New(u.t.Context(), u.device, u.way, host, func(all []app.Event) {
		u.mu.Lock()
		defer u.mu.Unlock()
		u.events = append(u.events, all...)
	})
	u.App = a
	u.t.Cleanup(func() { _ = a.Close() })
}

func (u *user) restart() {
	u.t.Helper()
	if err := u.Close(); err != nil {
		u.t.Error(err)
	}
	u.start()
}

// told returns the events of a kind since it was last called.
func told[E any](u *user) (all []E) {
	synctest.Wait()
	u.mu.Lock()
	defer u.mu.Unlock()
	u.events = slices.DeleteFunc(u.events, func(e app.Event) bool {
		data, ok := e.Data.(E)
		if ok {
			all = append(all, data)
		}
		return ok
	})
	return all
}

// try makes a call.
func try[A any](u *user, name string, params any) (answer A, err error) {
	raw, err := json.Marshal(params)
	if err != nil {
		u.t.Fatal(err)
	}
	got, err := u.Do(u.t.Context(), name, raw, nil)
	if err != nil {
		return answer, err
	}
	if err := json.Unmarshal(got.JSON, &answer); err != nil {
		u.t.Fatalf("%s: %v", name, err)
	}
	return answer, nil
}

// do makes a call that succeeds.
func do[A any](u *user, name string, params any) A {
	u.t.Helper()
	answer, err := try[A](u, name, params)
	if err != nil {
		u.t.Fatalf("%s: %v", name, err)
	}
	return answer
}

// fails makes a call that fails.
func (u *user) fails(code app.ErrorCode, name string, params any) {
	u.t.Helper()
	_, err := try[any](u, name, params)
	var p *app.Problem
	if !errors.As(err, &p) || p.Code != code || p.Text == "" {
		u.t.Errorf("%s: %v, not %q", name, err, code)
	}
}

func (u *user) phase(want app.Phase) app.Session {
	u.t.Helper()
	s := do[app.Session](u, "hello", app.None{})
	if s.Phase != want {
		u.t.Errorf("the phase is %s, not %s", s.Phase, want)
	}
	return s
}

func (u *user) create(name, passphrase string) app.Session {
	u.t.Helper()
	s := do[app.Session](u, "create", app.Create{Host: host, Name: name, Profile: "Ms " + name, Passphrase: passphrase})
	if s.Address != name+"@"+host || !s.Registered || s.Recovery == "" {
		u.t.Errorf("created %+v", s)
	}
	return s
}

func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}
