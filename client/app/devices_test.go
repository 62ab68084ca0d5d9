// SPDX-License-Identifier: AGPL-3.0-or-later

package app_test

import (
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/client/app"
	"github.com/securecrypt/securecrypt/client/internal/fakeserver"
)

// linking returns what was told of a linking since the last call, which ends with a state.
func (u *user) linking(id string, want app.LinkingState) app.LinkingChanged {
	u.t.Helper()
	var last app.LinkingChanged
	for range 60 {
		for _, e := range told[app.LinkingChanged](u) {
			if e.ID != id {
				u.t.Errorf("the event is about linking %q, not %q", e.ID, id)
			}
			last = e
		}
		if last.State == want {
			return last
		}
		pass(time.Second)
	}
	u.t.Fatalf("the linking came to %+v, not %q", last, want)
	return last
}

// failsWith waits until a linking failed for a reason.
func (u *user) failsWith(id string, code app.ErrorCode) {
	u.t.Helper()
	if e := u.linking(id, app.LinkingFailed); e.Error == nil || e.Error.Code != code || e.Error.Text == "" {
		u.t.Errorf("the linking failed with %+v, not %q", e.Error, code)
	}
}

// devices returns the devices as the server has them.
func (u *user) devices() []app.Device {
	u.t.Helper()
	got := do[app.Devices](u, "devices", app.DevicesQuery{Refresh: true})
	if !got.Reached {
		u.t.Error("the server was not reached")
	}
	return got.Devices
}

// links makes a new device one of the account's and leaves it open.
func (u *user) links(tablet *user, passphrase string) {
	u.t.Helper()
	do[app.None](u, "approve", app.Approve{ID: "a"})
	code := u.linking("a", app.LinkingCode)
	do[app.None](tablet, "link", app.Link{ID: "l", Code: code.Code, Passphrase: passphrase})
	shown := tablet.linking("l", app.LinkingShows)
	u.linking("a", app.LinkingAsks)
	do[app.None](u, "linkingDigits", app.LinkingDigits{ID: "a", Digits: shown.Digits})
	if e := u.linking("a", app.LinkingLinked); len(e.Device) != 32 || !e.Complete {
		u.t.Errorf("linked: %+v", e)
	}
	tablet.linking("l", app.LinkingLinked)
}

// TestDeviceIsLinkedByCode links a second device with the code of the first one. Wrong
// digits are counted, and the new device has the profile afterwards, also after a restart.
func TestDeviceIsLinkedByCode(t *testing.T) {
	inBubble(t, func(t *testing.T, net *fakeserver.Net) {
		ana := newUser(t, net, "ana")
		ana.create("ana", "")
		tablet := newUser(t, net, "tablet")
		do[app.None](ana, "approve", app.Approve{ID: "a"})
		code := ana.linking("a", app.LinkingCode)
		if left := time.Until(time.UnixMilli(int64(code.Until))); code.URI != "securecrypt-link:"+code.Code || left < 9*time.Minute || left > 10*time.Minute {
			t.Errorf("the code is %+v", code)
		}
		do[app.None](tablet, "link", app.Link{ID: "l", Code: code.URI, Passphrase: "mine"})
		shown := tablet.linking("l", app.LinkingShows)
		if shown.Address != "ana@"+host || len(shown.Digits) < 6 {
			t.Errorf("the new device shows %+v", shown)
		}
		tablet.phase(app.PhaseNone)
		if e := ana.linking("a", app.LinkingAsks); e.Left != 3 {
			t.Errorf("at first there are %d attempts", e.Left)
		}
		do[app.None](ana, "linkingDigits", app.LinkingDigits{ID: "other", Digits: shown.Digits})
		do[app.None](ana, "linkingDigits", app.LinkingDigits{ID: "a", Digits: "nonsense"})
		if e := ana.linking("a", app.LinkingAsks); e.Left != 2 {
			t.Errorf("after wrong digits there are %d attempts", e.Left)
		}
		do[app.None](ana, "linkingDigits", app.LinkingDigits{ID: "a", Digits: shown.Digits})
		ana.linking("a", app.LinkingLinked)
		if e := tablet.linking("l", app.LinkingLinked); !e.Complete {
			t.Error("the new device did not get everything")
		}
		if s := tablet.phase(app.PhaseOpen); s.Address != "ana@"+host || s.Name != "Ms ana" || !s.Protected || s.Recovery != "" {
			t.Errorf("the new device's session is %+v", s)
		}
		all := ana.devices()
		if len(all) != 2 || !all[0].This || all[1].This || all[1].AddedBy != all[0].ID || all[0].Descendants != 1 || all[1].Added == 0 {
			t.Errorf("the devices are %+v", all)
		}
		tablet.restart()
		tablet.phase(app.PhaseLocked)
		do[app.Session](tablet, "unlock", app.Secret{Passphrase: "mine"})
		tablet.phase(app.PhaseOpen)
	})
}

// TestLinkingEnds ends linkings in other ways: by cancelling, by another one, by digits
// that are wrong three times, by a code that nobody waits with. Nothing is left of them.
func TestLinkingEnds(t *testing.T) {
	inBubble(t, func(t *testing.T, net *fakeserver.Net) {
		ana, tablet := newUser(t, net, "ana"), newUser(t, net, "tablet")
		ana.create("ana", "")
		do[app.None](tablet, "link", app.Link{ID: "1", Host: host})
		tablet.linking("1", app.LinkingCode)
		do[app.None](tablet, "linkingCancel", app.LinkingRef{ID: "1"})
		tablet.failsWith("1", app.CodeCanceled)

		do[app.None](tablet, "link", app.Link{ID: "2", Host: host})
		code := tablet.linking("2", app.LinkingCode)
		do[app.None](ana, "approve", app.Approve{ID: "a", Code: code.Code})
		ana.linking("a", app.LinkingAsks)
		for left := 2; left >= 0; left-- {
			do[app.None](ana, "linkingDigits", app.LinkingDigits{ID: "a", Digits: "nonsense"})
			if left > 0 {
				ana.linking("a", app.LinkingAsks)
			}
		}
		ana.failsWith("a", app.CodeLinkDigits)
		tablet.linking("2", app.LinkingFailed)

		do[app.None](ana, "approve", app.Approve{ID: "b", Code: code.Code})
		ana.failsWith("b", app.CodeLinkUnknown)
		do[app.None](tablet, "link", app.Link{ID: "3", Code: code.Code + "x"})
		tablet.failsWith("3", app.CodeLinkCode)
		tablet.phase(app.PhaseNone)
		if tablet.device.keys != nil || tablet.device.store != nil {
			t.Error("something is left of linkings that failed")
		}
		if all := ana.devices(); len(all) != 1 {
			t.Errorf("the devices are %+v", all)
		}
		do[app.None](tablet, "link", app.Link{ID: "4", Host: host})
		tablet.linking("4", app.LinkingCode)
		do[app.None](tablet, "rest", app.None{})
		tablet.failsWith("4", app.CodeCanceled)
		tablet.create("tom", "")
		tablet.fails(app.CodePhase, "link", app.Link{ID: "5", Host: host})
	})
}

// TestLinkingIsResumed ends the program of the new device while it is not known whether
// it was linked: the keys are kept, and the next start finds it out.
func TestLinkingIsResumed(t *testing.T) {
	for _, passphrase := range []string{"", "mine"} {
		inBubble(t, func(t *testing.T, net *fakeserver.Net) {
			ana, tablet := newUser(t, net, "ana"), newUser(t, net, "tablet")
			ana.create("ana", "")
			do[app.None](tablet, "link", app.Link{ID: "l", Host: host, Passphrase: passphrase})
			code := tablet.linking("l", app.LinkingCode)
			do[app.None](ana, "approve", app.Approve{ID: "a", Code: code.Code})
			shown := tablet.linking("l", app.LinkingShows)
			ana.linking("a", app.LinkingAsks)
			keys, sealed := tablet.device.keys, tablet.device.sealed
			if keys == nil {
				t.Fatal("the keys are not kept before the account can have the device")
			}
			do[app.None](ana, "linkingDigits", app.LinkingDigits{ID: "a", Digits: shown.Digits})
			tablet.linking("l", app.LinkingLinked)
			if err := tablet.Close(); err != nil {
				t.Error(err)
			}
			tablet.device.keys, tablet.device.sealed = keys, sealed // as if the program had ended before it wrote that it is linked
			tablet.start()
			if passphrase == "" {
				tablet.phase(app.PhaseLinking)
				do[app.Session](tablet, "linkResume", app.None{})
			} else {
				tablet.phase(app.PhaseLocked)
				do[app.Session](tablet, "unlock", app.Secret{Passphrase: passphrase})
			}
			if s := tablet.phase(app.PhaseOpen); s.Address != "ana@"+host {
				t.Errorf("resumed: %+v", s)
			}
			tablet.restart()
			if passphrase == "" {
				tablet.phase(app.PhaseOpen)
			} else {
				tablet.phase(app.PhaseLocked)
			}
		})
		inBubble(t, func(t *testing.T, net *fakeserver.Net) {
			ana, tablet := newUser(t, net, "ana"), newUser(t, net, "tablet")
			ana.create("ana", "")
			do[app.None](tablet, "link", app.Link{ID: "l", Host: host, Passphrase: passphrase})
			tablet.linking("l", app.LinkingCode)
			keys, sealed := tablet.device.keys, tablet.device.sealed
			if err := tablet.Close(); err != nil {
				t.Error(err)
			}
			tablet.device.keys, tablet.device.sealed = keys, sealed
			tablet.start()
			var s app.Session
			if passphrase == "" {
				tablet.phase(app.PhaseLinking)
				s = do[app.Session](tablet, "linkResume", app.None{})
			} else {
				s = do[app.Session](tablet, "unlock", app.Secret{Passphrase: passphrase})
			}
			if s.Phase != app.PhaseNone || !s.Unlinked {
				t.Errorf("a device that was not linked shows %+v", s)
			}
			tablet.phase(app.PhaseNone)
			ana.links(tablet, passphrase)
			tablet.phase(app.PhaseOpen)
		})
	}
}

// TestDeviceIsRemoved removes a device together with the one that it added: the one that
// is left lists them, and they show that they were removed.
func TestDeviceIsRemoved(t *testing.T) {
	inBubble(t, func(t *testing.T, net *fakeserver.Net) {
		ana, tablet, phone := newUser(t, net, "ana"), newUser(t, net, "tablet"), newUser(t, net, "phone")
		ana.create("ana", "")
		ana.fails(app.CodeInput, "revokeDevice", app.Revocation{Device: "12"})
		ana.fails(app.CodeLastDevice, "revokeDevice", app.Revocation{Device: ana.devices()[0].ID})
		ana.links(tablet, "")
		tablet.links(phone, "")
		told[app.DevicesChanged](ana)
		all := ana.devices()
		if len(all) != 3 || all[1].Descendants != 1 || all[2].AddedBy != all[1].ID {
			t.Fatalf("the devices are %+v", all)
		}
		do[app.None](ana, "revokeDevice", app.Revocation{Device: all[1].ID, Descendants: true})
		if got := told[app.DevicesChanged](ana); len(got) == 0 {
			t.Error("the interface is not told of other devices")
		}
		all = ana.devices()
		for _, d := range all[1:] {
			if d.Revoked == 0 || d.RevokedBy != all[0].ID {
				t.Errorf("after the revocation there is %+v", d)
			}
		}
		ana.fails(app.CodeNoDevice, "revokeDevice", app.Revocation{Device: all[1].ID})
		pass(time.Minute)
		for _, u := range []*user{tablet, phone} {
			got := told[app.Trouble](u)
			if len(got) == 0 || got[len(got)-1].Kind != "revoked" || got[len(got)-1].At == 0 {
				t.Errorf("a revoked device shows %+v", got)
			}
		}
	})
}

// TestRecoveryKeyAddsADevice comes back with the recovery key alone. Other keys are said
// to be what they are, and leave nothing.
func TestRecoveryKeyAddsADevice(t *testing.T) {
	inBubble(t, func(t *testing.T, net *fakeserver.Net) {
		ana, next := newUser(t, net, "ana"), newUser(t, net, "next")
		first := ana.noted("ana", "")
		begun := ana.begins(first)
		ana.ends(begun.ID, begun.Next, app.OutcomeDone)
		other := newUser(t, net, "bea").noted("bea", "")
		q := app.Recovery{Address: "ana@" + host}
		for key, want := range map[string]app.RecoveryState{first: app.RecoveryReplaced, other: app.RecoveryUnknown, "abc": app.RecoveryMalformed} {
			q.Key = key
			if got := do[app.Recovered](next, "recover", q); got.Check.State != want || (got.Check.ReplacedAt != 0) != (want == app.RecoveryReplaced) {
				t.Errorf("a key that is %s: %+v", want, got.Check)
			}
			if next.device.keys != nil {
				t.Errorf("a key that is %s leaves keys", want)
			}
		}
		q.Key, q.Address = begun.Next, "nobody@"+host
		next.fails(app.CodeNoPerson, "recover", q)
		next.way.Partition("", true)
		q.Address = "ana@" + host
		next.fails(app.CodeOffline, "recover", q)
		next.way.Partition("", false)
		got := do[app.Recovered](next, "recover", q)
		if got.Check.State != app.RecoveryCurrent || got.Session.Phase != app.PhaseOpen || got.Session.Address != "ana@"+host {
			t.Errorf("recovered: %+v", got)
		}
		all := next.devices()
		if len(all) != 2 || !all[1].This || all[1].AddedBy != "" {
			t.Errorf("the devices are %+v", all)
		}
		next.restart()
		next.phase(app.PhaseOpen)
	})
}
