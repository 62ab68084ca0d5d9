// SPDX-License-Identifier: AGPL-3.0-or-later

package client_test

import (
	"slices"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/client"
	"github.com/securecrypt/securecrypt/client/files/disk"
	"github.com/securecrypt/securecrypt/client/internal/fakeserver"
	"github.com/securecrypt/securecrypt/client/keyring"
	"github.com/securecrypt/securecrypt/client/store/memory"
	"github.com/securecrypt/securecrypt/client/store/storetest"
)

// TestRandomDevices lives through random worlds in which people have up to four
// devices, which are added and revoked while others write, restart and lose what they
// can lose. When all is well again, all devices that were not revoked agree, and each
// is in the group.
func TestRandomDevices(t *testing.T) {
	inWorlds(t, func(t *testing.T, n uint64) {
		w := newWorld(t, n)
		w.devices = true
		for range 60 {
			w.step()
		}
		w.heal()
		w.check()
		w.checkDevices()
	})
}

// maxDevices is how many devices people have at most in random worlds.
const maxDevices = 4

// siblings returns the devices of the account of p.
func (w *world) siblings(p *person) (all []*person) {
	for _, one := range w.people {
		if one.Address() == p.Address() {
			all = append(all, one)
		}
	}
	return all
}

// changeDevices adds a device to an account or revokes one. Meanwhile its server answers
// and its disks work: what goes wrong then is tested elsewhere.
func (w *world) changeDevices(p *person) {
	own := w.net.Server(p.Address().Host)
	own.SetFaults(fakeserver.Faults{})
	for _, d := range w.siblings(p) {
		d.store.Heal()
		d.way.Partition("", false)
		d.way.Partition(p.Address().Host, false)
	}
	pass(time.Minute)
	defer w.trouble(p.Address().Host)
	if all := w.siblings(p); len(all) > 1 && (len(all) == maxDevices || w.r.IntN(2) == 0) {
		gone := all[1+w.r.IntN(len(all)-1)] // the first one is what the others are compared with
		if gone == p {
			return
		}
		must(w.t, p.RevokeDevice(soon(w.t), gone.Device()))
		w.people = slices.DeleteFunc(w.people, func(one *person) bool { return one == gone })
		gone.Close()
		return
	}
	d := &person{t: w.t, store: storetest.NewFaulty(memory.New()), way: w.net.Transport(p.Address().Name), key: p.key}
	d.cfg = client.Config{Store: d.store, Key: keyring.NewStoreKey(), Transport: d.way, Files: disk.Files{}, OnEvent: d.note}
	must(w.t, p.AddDevice(soon(w.t), d.cfg))
	d.open()
	must(w.t, d.ConnectAll())
	w.people = append(w.people, d)
}

// checkDevices checks that each device of a member is in the group, and no other.
func (w *world) checkDevices() {
	want := map[string]int{}
	for _, p := range w.people {
		want[p.Address().Name]++
	}
	got := w.people[0].leaves(w.id)
	for name, n := range got {
		if n != want[name] {
			w.t.Errorf("%s has %d devices in the group, want %d", name, n, want[name])
		}
	}
}
