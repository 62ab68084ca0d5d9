// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"context"
	"errors"
	"runtime"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/records"
)

const day = 24 * time.Hour

// kindOfDevice is what this device runs on.
var kindOfDevice = func() string {
	if runtime.GOOS == "js" {
		return chat.KindBrowser
	}
	return runtime.GOOS
}()

// Rename gives a device of the account, also one of the past, a name that all devices of
// the account show and nobody else sees; "" takes it away. The error is chat.ErrNoDevice
// for a device that the account never had, and chat.ErrTooLong for a name that is too long.
func (d Devices) Rename(ctx context.Context, id account.DeviceID, name string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := checkLabel(name); err != nil {
		return err
	}
	chain, err := d.c.home.Chain()
	if err != nil {
		return err
	}
	known := false
	for _, r := range chain.State().History() {
		known = known || r.ID == id
	}
	if !known {
		return chat.ErrNoDevice
	}
	// Names are kept as what all devices have in common, which begins with their
	// conversation.
	if own, err := d.c.ownConversation(); err != nil {
		return err
	} else if own == nil {
		if err := d.c.createOwnConversation(); err != nil {
			return err
		}
	}
	if err := d.c.store.Update(func(tx *records.Tx) error {
		return d.c.setField(tx, records.FieldDeviceName, string(id[:]), name)
	}); err != nil {
		return err
	}
	d.c.tellOwnDevices()
	d.c.emit(chat.DevicesEvent{})
	return nil
}

// WaitUntilTold waits until the server has, for the account's other devices, what was
// chosen on this one.
func (d Devices) WaitUntilTold(ctx context.Context) error {
	chain, err := d.c.home.Chain()
	if err != nil || len(chain.Devices()) < 2 {
		return err
	}
	own, err := d.c.ownConversation()
	if err != nil || own == nil {
		return err
	}
	if err := d.c.ConnectConversation(chat.IDOf(own.channel)); err != nil {
		return err
	}
	return d.c.waitFor(ctx, func() (bool, error) {
		unsent := false
		err := d.c.store.View(func(tx *records.Tx) (err error) {
			unsent, err = records.HasUnsent(tx)
			return err
		})
		own.mu.Lock()
		defer own.mu.Unlock()
		return !unsent && own.snapshot.known && own.snapshot.Outbox == 0, err
	})
}

// describeDevice adds what the devices of the account know of one of them.
func describeDevice(tx *records.Tx, d *chat.Device) error {
	var name string
	var use records.SyncedUse
	_, nameErr := records.LoadField(tx, records.Field{Kind: records.FieldDeviceName, Main: d.ID[:]}, &name)
	_, useErr := records.LoadField(tx, records.Field{Kind: records.FieldDeviceUse, Main: d.ID[:]}, &use)
	if tx.HasFailed() {
		return errors.Join(nameErr, useErr)
	}
	if nameErr == nil && checkLabel(name) == nil {
		d.Name = name
	}
	if useErr == nil && chat.IsDeviceKind(use.Kind) && use.Day > 0 {
		noon := time.Duration(min(use.Day, maxUseDay))*day + day/2 // of the same date in most time zones
		d.Kind, d.Used = use.Kind, time.Unix(0, 0).Add(noon).UTC()
	}
	return nil
}

// maxUseDay is the last day since 1970 that a device may say it was used on.
const maxUseDay = 80_000

// keepUse notes each day that this device is in use.
func (c *Client) keepUse() {
	for {
		if err := c.noteUse(); err != nil && c.ctx.Err() == nil {
			c.log.Warn("the other devices cannot see that this one is in use", "error", err)
		}
		if !c.pause(day) {
			return
		}
	}
}

// noteUse has the account's other devices see what this one runs on, and that it is used
// on this day.
func (c *Client) noteUse() error {
	use := records.SyncedUse{Kind: kindOfDevice, Day: int64(c.now().Sub(time.Unix(0, 0)) / day)}
	field := records.Field{Kind: records.FieldDeviceUse, Main: c.self.Device[:]}
	known := false
	err := c.store.View(func(tx *records.Tx) error {
		var before records.SyncedUse
		_, err := records.LoadField(tx, field, &before)
		if err != nil {
			return err
		}
		_, own, err := records.OwnConversation(tx)
		known = !own || before == use
		return err
	})
	if err != nil || known {
		return err
	}
	if err := c.store.Update(func(tx *records.Tx) error {
		_, err := records.SetField(tx, c.self.Device, field, use)
		return err
	}); err != nil {
		return err
	}
	c.tellOwnDevices()
	return nil
}
