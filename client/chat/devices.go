// SPDX-License-Identifier: AGPL-3.0-or-later

package chat

import (
	"errors"
	"time"

	"github.com/securecrypt/securecrypt/account"
)

// A Device is one that can, or once could, speak for the own account.
type Device struct {
	ID   account.DeviceID
	This bool // it is this one
	// Added is when, by the account's chain, and AddedBy by which device: zero for the
	// recovery key, the device itself where the account began with it.
	Added   time.Time
	AddedBy account.DeviceID
	// Revoked is zero for a device of now. RevokedBy is zero for the recovery key.
	Revoked   time.Time
	RevokedBy account.DeviceID
	// Name is the one that its owner gave it, "" for none. Kind says what it runs on:
	// KindBrowser, or a system as Go names it (runtime.GOOS); Used is noon, UTC, of the day
	// of its last use. Both are empty where this device has not heard of that.
	Name string
	Kind string
	Used time.Time
}

// KindBrowser is the kind of a device that is a page in a browser.
const KindBrowser = "browser"

// IsDeviceKind reports whether a text can be the kind of a device.
func IsDeviceKind(kind string) bool {
	for _, r := range kind {
		if r < 'a' || r > 'z' {
			return false
		}
	}
	return kind != "" && len(kind) <= 16
}

// A LinkCode is what one of two devices shows and the other one is given.
type LinkCode struct {
	Text  string // to be typed
	URI   string // what a QR code holds
	Until time.Time
}

// Errors of linking devices.
var (
	// ErrLinkCode: a text is no code of ours, or has a slip.
	ErrLinkCode = errors.New("this is not a code for linking devices: check each character")
	// ErrLinkUnknown: nobody waits for the code.
	ErrLinkUnknown = errors.New("nobody waits with this code: it was used, or is older than ten minutes: begin again with a new one")
	// ErrLinkUsed: a third device took part.
	ErrLinkUsed = errors.New("somebody else used the same code, and nothing was linked: begin again, where nobody else sees the code")
	// ErrLinkDigits: the digits were wrong too often.
	ErrLinkDigits = errors.New("the digits were wrong three times, and nothing was linked: begin again with a new code")
	// ErrLinkCancelled: the other device ended it.
	ErrLinkCancelled = errors.New("the other device ended this, and nothing was linked: begin again with a new code")
	// ErrLinkSilent: the other device is not heard of.
	ErrLinkSilent = errors.New("the other device does not answer any more, and nothing was linked: begin again with a new code")
	// ErrLinkExpired: nobody came, or the digits were not confirmed, in time.
	ErrLinkExpired = errors.New("the code is over after ten minutes, and nothing was linked: begin again with a new one")
	// ErrLinkChanged: what came is not what the other device said.
	ErrLinkChanged = errors.New("what arrived is not what the other device sent, and nothing was linked: somebody may be between them; begin again, and tell the server's operator if it happens once more")
	// ErrLinkChain: the server shows another chain than the other device has.
	ErrLinkChain = errors.New("the account's server shows another state of the account than the other device has, and nothing was linked: try again, and tell its operator if it happens once more")
	// ErrNotLinked: the account does not have this device.
	ErrNotLinked = errors.New("this device was not linked: begin again with a new code")
	// ErrLinkOpen: whether the account has this device is not known yet.
	ErrLinkOpen = errors.New("it is not known yet whether this device was linked: try again once the account's server can be reached")
	// ErrLinkLate: the account may have the other device.
	ErrLinkLate = errors.New("your server did not say whether the device was linked: look at the list of devices once it answers")
	// ErrManyDevices: there is no room for another one.
	ErrManyDevices = errors.New("the account has 16 devices, and cannot have more: choose one to revoke first")
	// ErrNoDevice: no device, or no live one, has the identifier.
	ErrNoDevice = errors.New("the account has no such device: look at the list of devices")
	// ErrLastDevice: the last device is revoked by the recovery key alone.
	ErrLastDevice = errors.New("this is the account's only device: to revoke it, use the recovery key")
	// ErrRevoked: another device, or the recovery key, took this one out of the account.
	ErrRevoked = errors.New("this device was revoked, and can neither send nor receive; what it has stays readable: erase it, or link the device again as a new one")
)

// A RevokedError is ErrRevoked, and says when.
type RevokedError struct{ At time.Time }

// Error says when the device was revoked.
func (e *RevokedError) Error() string {
	return "revoked on " + e.At.UTC().Format("2006-01-02 at 15:04 UTC") + ": " + ErrRevoked.Error()
}

// Unwrap returns ErrRevoked.
func (*RevokedError) Unwrap() error { return ErrRevoked }
