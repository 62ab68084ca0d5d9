// SPDX-License-Identifier: AGPL-3.0-or-later

package client_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client"
	"github.com/securecrypt/securecrypt/client/internal/fakeserver"
	"github.com/securecrypt/securecrypt/client/keyring"
	"github.com/securecrypt/securecrypt/client/store/memory"
	"github.com/securecrypt/securecrypt/client/store/sqlite"
	"github.com/securecrypt/securecrypt/client/store/storetest"
)

// records counts what is in a store.
func records(t *testing.T, s client.Store) (n int) {
	t.Helper()
	must(t, s.View(func(tx client.Tx) error {
		return tx.Scan(nil, nil, false, func(_, _ []byte) (bool, error) {
			n++
			return true, nil
		})
	}))
	return n
}

func TestErase(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		x := newTrio(t, false)
		x.alice.say(x.id, "secret")
		must(t, x.bob.Flood(x.id, 3000, func(int) string { return "much" }))
		pass(time.Second)
		must(t, x.alice.Erase(t.Context()))
		if n := records(t, x.alice.store); n != 0 {
			t.Errorf("%d records are left", n)
		}
		if _, err := client.Open(x.alice.cfg); !errors.Is(err, client.ErrNoProfile) {
			t.Errorf("the profile can be opened: %v", err)
		}
		// Once the profile is gone, whatever stops the rest is made good later.
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := x.bob.Erase(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("stopped: %v", err)
		}
		if n := records(t, x.bob.store); n < 3000 {
			t.Errorf("%d records are left", n)
		}
		if _, err := client.Open(x.bob.cfg); !errors.Is(err, client.ErrNoProfile) {
			t.Errorf("the profile can be opened: %v", err)
		}
		_, err := client.Create(x.bob.cfg, client.CreateParams{Address: account.Address{Name: "robert", Host: host}})
		must(t, err)
		if n := records(t, x.bob.store); n != 1 {
			t.Errorf("a new profile begins with %d records", n)
		}
	})
}

// What fails on the way is told, and nothing opens a profile half erased.
func TestEraseOnAFailingDisk(t *testing.T) {
	for at := 1; ; at++ {
		store := storetest.NewFaulty(memory.New())
		cfg := client.Config{Store: store, Key: keyring.NewStoreKey(), Transport: fakeserver.NewNet().Transport("alice")}
		_, err := client.Create(cfg, client.CreateParams{Address: account.Address{Name: "alice", Host: host}})
		must(t, err)
		c, err := client.Open(cfg)
		must(t, err)
		_, err = c.CreateGroup(t.Context(), "Group", nil)
		must(t, err)
		store.FailAt(at)
		err = c.Erase(t.Context())
		store.FailAt(0)
		if err == nil {
			if at < 5 {
				t.Errorf("a failure at write %d was not told", at)
			}
			return
		}
		again, err := client.Open(cfg)
		if err == nil { // nothing happened
			must(t, again.Erase(t.Context()))
		} else if !errors.Is(err, client.ErrNoProfile) {
			t.Fatal(err)
		}
	}
}

// The file of an erased profile holds nothing.
func TestEraseOnDisk(t *testing.T) {
	store, err := sqlite.Open(filepath.Join(t.TempDir(), "profile"))
	must(t, err)
	cfg := client.Config{Store: store, Key: keyring.NewStoreKey(), Transport: fakeserver.NewNet().Transport("alice")}
	_, err = client.Create(cfg, client.CreateParams{Address: account.Address{Name: "alice", Host: host}})
	must(t, err)
	c, err := client.Open(cfg)
	must(t, err)
	_, err = c.CreateGroup(t.Context(), "Group", nil)
	must(t, err)
	must(t, c.Erase(t.Context()))
	if n := records(t, store); n != 0 {
		t.Errorf("%d records are left", n)
	}
	must(t, store.Close())
}

func TestForgetContact(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := fakeserver.NewNet()
		a, b := join(t, net, "alice", host), join(t, net, "bob", host)
		id, err := a.Direct(t.Context(), b.Address())
		must(t, err)
		must(t, a.Go(id))
		pass(time.Second)
		must(t, a.SetContactName(b.Address(), "Bobby"))
		_, _, err = a.Safety(t.Context(), b.Address())
		must(t, err)
		must(t, a.MarkVerified(b.Address()))
		if c, err := a.Contact(b.Address()); err != nil || c.Conversation != id || !c.Verified {
			t.Errorf("%+v, %v", c, err)
		}
		all, err := a.Contacts()
		must(t, err)
		if len(all) != 1 || all[0].Conversation != id {
			t.Errorf("%+v", all)
		}
		must(t, a.ForgetContact(b.Address()))
		if all, err = a.Contacts(); err != nil || len(all) != 0 {
			t.Errorf("after bob was forgotten: %+v, %v", all, err)
		}
		if c := a.status(id); c.Verified || c.Name != b.Address().String() || c.Status != client.StatusActive {
			t.Errorf("%+v", c)
		}
		b.accept()
		pass(time.Second)
		a.say(id, "who are you?")
		pass(time.Second)
		want(t, "bob", b.texts(id), []string{"who are you?"})
		must(t, a.SetContactName(b.Address(), "The pest"))
		must(t, a.Block(t.Context(), b.Address()))
		must(t, a.ForgetContact(b.Address()))
		if c, err := a.Contact(b.Address()); err != nil || !c.Blocked || c.Name != "" || c.Conversation != "" {
			t.Errorf("of a blocked person there is %+v, %v", c, err)
		}
	})
}
