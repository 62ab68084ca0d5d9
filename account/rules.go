// SPDX-License-Identifier: AGPL-3.0-or-later

package account

import (
	"errors"
	"fmt"
	"time"
)

// Limits of chains. The waiting times are constants of the rules: no statement can
// shorten them.
const (
	// MaxStatements bounds a chain.
	MaxStatements = 1024
	// ReservedStatements is how many of them, at the end, are kept for
	// revoke-device, reset-veto, move and close: a chain that a stolen device has
	// filled can still throw that device out.
	ReservedStatements = 32
	// MaxDevices bounds the devices that can speak for an account at one time.
	MaxDevices = 16
	// Wait lies between the announcement of a reset, or of a new recovery key that
	// a device alone signed, and its taking effect. It is the time for a veto.
	Wait = 72 * time.Hour
	// VetoPause follows a veto: so long no other announcement of the kind is taken.
	VetoPause = 30 * 24 * time.Hour
	// PendingLife is how long an announcement can take effect. A later one
	// replaces it after that time.
	PendingLife = 30 * 24 * time.Hour
	// MaxAhead is how far a statement's time may be ahead of the time at which it
	// became public. Later ones have to claim no earlier time, so that a clock far
	// ahead would spoil them all.
	MaxAhead = 24 * time.Hour
)

// Errors of parsing and verification. BrokenRule tells which rule of RULES.md an
// error is about.
var (
	// ErrMalformed reports a statement or credential that is not in its format.
	ErrMalformed = errors.New("account: malformed")
	// ErrUnknown reports a version or a statement type that this program does
	// not know; a newer one may.
	ErrUnknown = errors.New("account: unknown version or type")
	// ErrSignature reports a missing, superfluous or wrong signature.
	ErrSignature = errors.New("account: a signature is missing or wrong")
	// ErrBroken reports statements that do not follow one from the other.
	ErrBroken = errors.New("account: statements do not form a chain")
	// ErrRefused reports a statement that its signer may not make now.
	ErrRefused = errors.New("account: the chain does not allow this statement")
	// ErrWait reports a waiting time that has not passed, or of which it is not
	// proven that it has.
	ErrWait = errors.New("account: the waiting time has not passed, or it is not proven")
	// ErrWrongAddress reports a chain of another address than the one asked for.
	ErrWrongAddress = errors.New("account: the chain belongs to another address")
	// ErrNotInChain reports a device or key that the chain does not vouch for.
	ErrNotInChain = errors.New("account: the device is not in the account's chain")
)

var (
	errDeviceKey = fmt.Errorf("%w: the device's private key", ErrKey)
	errTime      = fmt.Errorf("%w: time out of range", ErrMalformed)
)

// ruleError is the error of a rule that was broken.
type ruleError struct {
	id   string
	kind error // one of the package's sentinels
	text string
}

func (e *ruleError) Error() string { return fmt.Sprintf("%v: %s", e.kind, e.text) }

func (e *ruleError) Unwrap() error { return e.kind }

// broken returns the error of the rule id, of which refused says what it refuses.
// Each rule is checked in one place.
func broken(id string, kind error, refused string) error { return &ruleError{id, kind, refused} }

// BrokenRule returns the identifier of the rule that err is about, such as
// "add-limit" (see RULES.md), or "" for other errors.
func BrokenRule(err error) string {
	var e *ruleError
	if errors.As(err, &e) {
		return e.id
	}
	return ""
}
