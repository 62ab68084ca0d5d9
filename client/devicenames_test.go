// SPDX-License-Identifier: AGPL-3.0-or-later

package client_test

import (
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/fakeserver"
)

// deviceShown returns what p shows of a device.
func (p *person) deviceShown(id account.DeviceID) chat.Device {
	p.t.Helper()
	all, err := p.Devices().List()
	must(p.t, err)
	for _, d := range all {
		if d.ID == id {
			return d
		}
	}
	p.t.Fatalf("no device %x", id)
	return chat.Device{}
}

// Devices have names, which all of them show, also one that comes later; what a device
// runs on and when it was used last is shown without anybody's doing.
func TestDevicesHaveNames(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := fakeserver.NewNet()
		a := join(t, net, "alice", host)
		must(t, a.Devices().Rename(t.Context(), a.device(), "Desk"))
		if got := a.deviceShown(a.device()).Name; got != "Desk" {
			t.Errorf("the only device is named %q", got)
		}
		phone := a.anotherDevice(net)
		pass(time.Minute)
		must(t, phone.Devices().Rename(t.Context(), phone.device(), "Phone"))
		pass(time.Minute)
		tablet := a.anotherDevice(net)
		pass(time.Minute)
		today := time.Now().UTC().Truncate(24 * time.Hour).Add(12 * time.Hour)
		for _, p := range []*person{a, phone, tablet} {
			for id, name := range map[account.DeviceID]string{a.device(): "Desk", phone.device(): "Phone", tablet.device(): ""} {
				if got := p.deviceShown(id); got.Name != name || got.Kind != runtime.GOOS || !got.Used.Equal(today) {
					t.Errorf("%+v", got)
				}
			}
		}
		tablet.Close()
		pass(49 * time.Hour)
		if got := a.deviceShown(tablet.device()).Used; !got.Equal(today) {
			t.Errorf("the tablet was used on %v", got)
		}
		if got := a.deviceShown(phone.device()).Used; !got.Equal(today.Add(48 * time.Hour)) {
			t.Errorf("the phone was used on %v", got)
		}
		must(t, a.Devices().Rename(t.Context(), phone.device(), ""))
		pass(time.Minute)
		if got := phone.deviceShown(phone.device()).Name; got != "" {
			t.Errorf("the phone is still named %q", got)
		}
		if err := a.Devices().Rename(t.Context(), account.DeviceID{1}, "None"); !errors.Is(err, chat.ErrNoDevice) {
			t.Errorf("a device that there is not: %v", err)
		}
		if err := a.Devices().Rename(t.Context(), phone.device(), strings.Repeat("x", chat.MaxTitle+1)); !errors.Is(err, chat.ErrTooLong) {
			t.Errorf("a long name: %v", err)
		}
	})
}
