// SPDX-License-Identifier: AGPL-3.0-or-later

package app

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client"
	"github.com/securecrypt/securecrypt/client/backend"
	"github.com/securecrypt/securecrypt/client/chat"
)

// Device is one that can, or once could, speak for the account.
type Device struct {
	// ID is 32 hexadecimal digits.
	ID   string `json:"id"`
	This bool   `json:"this"`
	// Added is when, and AddedBy by which device: empty for the recovery key, the device
	// itself where the account began with it.
	Added   Millis `json:"added"`
	AddedBy string `json:"addedBy"`
	// Revoked is 0 for a device of now. RevokedBy is empty for the recovery key, too.
	Revoked   Millis `json:"revoked"`
	RevokedBy string `json:"revokedBy"`
	// Descendants counts the devices of now, without this one, that it added, and those
	// that these added, and so on.
	Descendants int `json:"descendants"`
	// Name is the one that its owner gave it. Kind says what it runs on: "browser", or a
	// system as Go names it. Used is the day of its last use. All are empty where this
	// device has not heard of them.
	Name string `json:"name"`
	Kind string `json:"kind"`
	Used Millis `json:"used"`
}

// DevicesQuery asks for the devices.
type DevicesQuery struct {
	// Refresh asks the server for the newest state first.
	Refresh bool `json:"refresh"`
}

// Devices are all devices, in the order in which they were added.
type Devices struct {
	Devices []Device `json:"devices"`
	// Reached is false if the server was asked and did not answer: this is then what the
	// device knows.
	Reached bool `json:"reached"`
}

// Revocation takes a device out of the account.
type Revocation struct {
	Device string `json:"device"`
	// Descendants revokes the devices that Device.Descendants counts, too.
	Descendants bool `json:"descendants"`
}

// DeviceName gives a device a name that all devices of the account show; "" takes it away.
type DeviceName struct {
	Device string `json:"device"`
	Name   string `json:"name"`
}

// refreshTime bounds how long the server is waited for before the devices are listed
// as this device knows them, and revokeTime how long a revocation may take.
const (
	refreshTime = 15 * time.Second
	revokeTime  = 30 * time.Second
)

func deviceID(id account.DeviceID) string {
	if id == (account.DeviceID{}) {
		return ""
	}
	return hex.EncodeToString(id[:])
}

func (a *App) devices(ctx context.Context, q DevicesQuery) (Devices, error) {
	p, err := a.client()
	if err != nil {
		return Devices{}, err
	}
	out := Devices{Devices: []Device{}, Reached: true}
	if q.Refresh {
		ctx, cancel := context.WithTimeout(ctx, refreshTime)
		defer cancel()
		err := p.Devices().Refresh(ctx)
		out.Reached = !errors.Is(err, backend.ErrOffline) && !errors.Is(err, context.DeadlineExceeded)
		if err != nil && out.Reached && !errors.Is(err, chat.ErrRevoked) {
			return out, err
		}
	}
	all, err := p.Devices().List()
	if err != nil {
		return out, err
	}
	for _, d := range all {
		descendants, err := p.Devices().AddedBy(d.ID)
		if err != nil {
			return out, err
		}
		out.Devices = append(out.Devices, Device{
			ID: deviceID(d.ID), This: d.This, Added: millis(d.Added), AddedBy: deviceID(d.AddedBy),
			Revoked: millis(d.Revoked), RevokedBy: deviceID(d.RevokedBy), Descendants: len(descendants),
			Name: d.Name, Kind: d.Kind, Used: millis(d.Used),
		})
	}
	return out, nil
}

// revokeDevice takes a device out of the account. What was revoked before an error stays
// so: devices tells.
func (a *App) revokeDevice(ctx context.Context, q Revocation) (None, error) {
	p, id, err := a.device(q.Device)
	if err != nil {
		return None{}, err
	}
	r := client.Revocation{Device: id, AlsoAddedBy: q.Descendants}
	ctx, cancel := context.WithTimeout(ctx, revokeTime)
	defer cancel()
	_, err = p.Devices().Revoke(ctx, r)
	return None{}, err
}

// device returns the open profile, and the identifier that deviceID wrote.
func (a *App) device(text string) (p *profile, id account.DeviceID, err error) {
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != len(id) {
		return nil, id, fmt.Errorf("%w: a device is named by %d hexadecimal digits", errInput, 2*len(id))
	}
	p, err = a.client()
	return p, account.DeviceID(b), err
}

func (a *App) renameDevice(ctx context.Context, q DeviceName) (None, error) {
	p, id, err := a.device(q.Device)
	if err != nil {
		return None{}, err
	}
	return None{}, p.Devices().Rename(ctx, id, q.Name)
}
