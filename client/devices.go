// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"sync"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/devicelink"
	"github.com/securecrypt/securecrypt/client/internal/link"
	"github.com/securecrypt/securecrypt/client/internal/linking"
	"github.com/securecrypt/securecrypt/client/internal/records"
	"github.com/securecrypt/securecrypt/protocol"
)

// Devices are those of the own account.
type Devices struct{ c *Client }

// Devices returns what is about the devices of the account.
func (c *Client) Devices() Devices { return Devices{c} }

// List returns all devices that could ever speak for the account, in the order in
// which they were added, as far as this device knows.
func (d Devices) List() ([]chat.Device, error) {
	chain, err := d.c.home.Chain()
	if err != nil {
		return nil, err
	}
	var all []chat.Device
	err = d.c.store.View(func(tx *records.Tx) error {
		for _, r := range chain.State().History() {
			one := chat.Device{
				ID: r.ID, This: r.ID == d.c.self.Device, Added: r.AddedAt, AddedBy: r.AddedBy, Revoked: r.RevokedAt, RevokedBy: r.RevokedBy,
			}
			if err := describeDevice(tx, &one); err != nil {
				return err
			}
			all = append(all, one)
		}
		return nil
	})
	return all, err
}

// Refresh asks the account's server for the newest state of the account, which List
// then shows.
func (d Devices) Refresh(ctx context.Context) error {
	_, err := d.c.Account().sync(ctx)
	return err
}

// AddedBy returns the devices of now that a device added, and those that these added,
// and so on, without this one.
func (d Devices) AddedBy(id account.DeviceID) ([]account.DeviceID, error) {
	chain, err := d.c.home.Chain()
	if err != nil {
		return nil, err
	}
	return d.addedBy(chain, id), nil
}

func (d Devices) addedBy(chain *account.Chain, id account.DeviceID) (live []account.DeviceID) {
	from := map[account.DeviceID]bool{id: true}
	for _, r := range chain.State().History() { // who adds was added before
		if r.ID == id || !from[r.AddedBy] {
			continue
		}
		from[r.ID] = true
		if r.Revoked == 0 && r.ID != d.c.self.Device {
			live = append(live, r.ID)
		}
	}
	return live
}

// A Revocation says which device is to be revoked.
type Revocation struct {
	Device account.DeviceID
	// AlsoAddedBy revokes those that AddedBy returns, too.
	AlsoAddedBy bool
	// Recovery, if given, signs instead of this device.
	Recovery *account.RecoverySecret
}

// Revoke takes a device out of the account and returns the devices that were revoked.
// The error is chat.ErrNoDevice for a device that the account does not have, and
// chat.ErrLastDevice for the last one without the recovery key. After another error the
// devices that it returns are revoked all the same.
func (d Devices) Revoke(ctx context.Context, r Revocation) (revoked []account.DeviceID, err error) {
	chain, err := d.c.Account().sync(ctx)
	if err != nil {
		return nil, err
	}
	if r.Recovery != nil {
		if err := linking.CheckRecovery(chain, *r.Recovery); err != nil {
			return nil, err
		}
	}
	if chain, err = d.revoke(ctx, r.Device, r.Recovery); err != nil {
		return nil, err
	}
	revoked = append(revoked, r.Device)
	for r.AlsoAddedBy {
		rest := d.addedBy(chain, r.Device)
		if len(rest) == 0 {
			break
		}
		if chain, err = d.revoke(ctx, rest[0], r.Recovery); err != nil {
			return revoked, err
		}
		revoked = append(revoked, rest[0])
	}
	return revoked, nil
}

func (d Devices) revoke(ctx context.Context, id account.DeviceID, secret *account.RecoverySecret) (*account.Chain, error) {
	return d.c.home.Extend(ctx, func(_ context.Context, chain *account.Chain) ([]byte, error) {
		if _, live := chain.Device(id); !live {
			return nil, chat.ErrNoDevice
		}
		if len(chain.Devices()) == 1 && secret == nil {
			return nil, chat.ErrLastDevice
		}
		draft, err := chain.State().Draft(d.c.serverNow(), account.RevokeDevice{Device: id})
		if err != nil {
			return nil, err
		}
		var by account.Signature
		if secret != nil {
			by, err = draft.SignRecovery(*secret)
		} else {
			var key ed25519.PrivateKey
			if key, err = d.c.signingKey(); err == nil {
				by, err = draft.SignDevice(key)
			}
		}
		if err != nil {
			return nil, err
		}
		return draft.Statement(by)
	})
}

// signingKey returns this device's signature key.
func (c *Client) signingKey() (ed25519.PrivateKey, error) {
	rec, err := c.home.Profile()
	if err != nil {
		return nil, err
	}
	return ed25519.NewKeyFromSeed(rec.SigningKey), nil
}

// An Approval lets another device into the account.
type Approval struct {
	// Code is what the new device shows; empty: this one shows a code.
	Code string
	// ShowCode shows the code when the new device can use it.
	ShowCode func(chat.LinkCode)
	// Digits asks for the digits that the new device shows; left is how many attempts
	// there are. Its context ends when the new device goes away.
	Digits func(ctx context.Context, left int) (string, error)
}

// Approve lets another device into the account and returns it. It waits for that
// device, for as long as the code can be used. The error wraps chat.ErrLinkLate if the
// device may have been added all the same; if there is a device beside an error, it is in,
// and did not get all that it was to get.
func (d Devices) Approve(ctx context.Context, a Approval) (account.DeviceID, error) {
	c := d.c
	code, shows, err := codeOf(a.Code, c.self.Address.Host)
	if err != nil {
		return account.DeviceID{}, err
	}
	key, err := c.signingKey()
	if err != nil {
		return account.DeviceID{}, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(c.ctx, func() { cancel(context.Cause(c.ctx)) })()
	if _, err := c.Account().sync(ctx); err != nil {
		return account.DeviceID{}, err
	}
	return linking.Approval{
		Net: c.net, Account: c.home, Signing: key, Now: c.serverNow, Code: code, Shows: shows, Waits: c.config.shown(code, shows, a.ShowCode), Digits: a.Digits,
		Give: func(device account.Device) (profile string, err error) {
			rec, err := c.home.Profile()
			if err == nil {
				err = c.giveHistory(device.ID())
			}
			return rec.Name, err
		},
	}.Approve(ctx)
}

// codeOf reads a code, or makes one for a server.
func codeOf(text, host string) (code devicelink.Code, shows bool, err error) {
	if text != "" {
		code, err = devicelink.ParseCode(text)
		return code, false, err
	}
	code, err = devicelink.NewCode(host, rand.Reader)
	return code, true, err
}

// shown returns what shows a code, nil if the other side does.
func (cfg Config) shown(code devicelink.Code, shows bool, show func(chat.LinkCode)) func() {
	if !shows || show == nil {
		return nil
	}
	return func() {
		show(chat.LinkCode{Text: code.Text(), URI: code.URI(), Until: cfg.clock()().Add(devicelink.CodeLife)})
	}
}

// A NewDevice describes how a device without a profile becomes one of an account.
type NewDevice struct {
	// Code is what the existing device shows; empty: this one shows a code for a
	// meeting at the server Host.
	Code, Host string
	ShowCode   func(chat.LinkCode)
	// Show shows whose device this one becomes, and the digits to be typed in at the
	// existing device. Who does not know the address must not go on.
	Show func(a account.Address, digits string)
}

// Linked is what a device has after Link.
type Linked struct {
	Address account.Address
	Device  account.DeviceID
	// Complete is false if the other device went away before it gave its part.
	Complete bool
}

// Link makes this device one of an account's, with the help of another one of it, and
// leaves a profile in the store, which must be empty; Open opens it. If the program is
// ended meanwhile, or the error is chat.ErrLinkOpen, Resume finds out what became of it.
func Link(ctx context.Context, cfg Config, p NewDevice) (Linked, error) {
	code, shows, err := codeOf(p.Code, p.Host)
	if err != nil {
		return Linked{}, err
	}
	if _, err := account.ParseAddress("server@" + code.Host); err != nil {
		return Linked{}, err
	}
	n, end, err := cfg.newcomer(ctx, code.Host)
	if err != nil {
		return Linked{}, err
	}
	defer end()
	joined, err := n.Join(ctx, linking.Join{Code: code, Shows: shows, Waits: cfg.shown(code, shows, p.ShowCode), Show: p.Show})
	if err != nil {
		return Linked{}, err
	}
	out := Linked{Address: joined.Address, Device: joined.Device}
	if joined.Given == nil {
		return out, nil
	}
	out.Complete = true
	if checkLabel(joined.Given.Profile) != nil {
		return out, nil
	}
	return out, n.Store.Update(func(tx *records.Tx) error {
		return records.UpdateProfile(tx, func(rec *records.Profile) { rec.Name = joined.Given.Profile })
	})
}

// Recover makes this device one of an account's by the recovery key alone, and leaves a
// profile in the store, which must be empty. The error is that of
// Account.CheckRecovery for another key; if it is chat.ErrLinkOpen, Resume finds out what
// became of it.
func Recover(ctx context.Context, cfg Config, a account.Address, secret account.RecoverySecret) error {
	n, end, err := cfg.newcomer(ctx, a.Host)
	if err != nil {
		return err
	}
	defer end()
	if err := n.Recover(ctx, a, secret); err != nil {
		return err
	}
	return noteRestore(n.Store, secret)
}

// noteRestore has the profile fetch what the server keeps for the recovery.
func noteRestore(store *records.Store, secret account.RecoverySecret) error {
	sealing, err := secret.SignedSealingKey()
	if err != nil {
		return err
	}
	key, err := secret.SealingKey()
	if err != nil {
		return err
	}
	restore, err := key.Bytes()
	if err != nil {
		return err
	}
	return store.Update(func(tx *records.Tx) error {
		return records.UpdateProfile(tx, func(p *records.Profile) { p.Sealing, p.Restore = sealing, restore })
	})
}

// Resume finds out whether the device whose keys are in the store became one of the
// account's before the program was ended. If so there is a profile then; otherwise the
// error is chat.ErrNotLinked and the store is empty, or chat.ErrLinkOpen if the account's
// server cannot be asked. For another profile it does nothing.
func Resume(ctx context.Context, cfg Config) error {
	rec, err := cfg.profile()
	if err != nil || rec.Linking == 0 {
		return err
	}
	n, end, err := cfg.newcomer(ctx, records.Address(rec.Address).Host)
	if err != nil {
		return err
	}
	defer end()
	return n.Resume(ctx, rec)
}

// newcomer returns what a device without a profile works with, and what ends it. It
// contacts servers in private networks only if host is in one.
func (cfg Config) newcomer(ctx context.Context, host string) (linking.Newcomer, func(), error) {
	store, err := records.NewStore(cfg.Store, cfg.Key)
	if err != nil {
		return linking.Newcomer{}, nil, err
	}
	log := cfg.Log
	if log == nil {
		log = link.Discard{}
	}
	var tasks sync.WaitGroup
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	net := link.New(ctx, link.Config{
		Home: host, Transport: link.Guard(cfg.Transport, host), Log: log, Spawn: func(fn func()) { tasks.Go(fn) },
		Emit: func(chat.Event) {}, Hello: func(protocol.Hello) {}, SignIn: func() {},
	})
	return linking.Newcomer{Store: store, Net: net, Now: cfg.clock()}, func() {
		cancel()
		tasks.Wait()
	}, nil
}

// profile returns the profile in the store, an empty one if there is none.
func (cfg Config) profile() (rec records.Profile, err error) {
	store, err := records.NewStore(cfg.Store, cfg.Key)
	if err != nil {
		return rec, err
	}
	err = store.View(func(tx *records.Tx) error {
		_, err := tx.Load([]byte(records.TableProfile), &rec)
		return err
	})
	return rec, err
}
