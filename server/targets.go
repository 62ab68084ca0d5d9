// SPDX-License-Identifier: AGPL-3.0-or-later

package server

import (
	"crypto/sha256"
	"time"

	"github.com/securecrypt/securecrypt/server/fairness"
)

// targetSets are all targets of anonymous requests.
type targetSets struct {
	keyPackages *fairness.Targets[string]            // an account's
	letter      *fairness.Targets[DeviceRef]         // of strangers, in letterUnits
	room        *fairness.Targets[DeviceRef]         // bytes that strangers' letters take
	wake        *fairness.Targets[[sha256.Size]byte] // by a token's hash
}

func newTargetSets(l *fairness.Limits) *targetSets {
	half := float64(l.MaxMailboxBytes) / 2
	return &targetSets{
		keyPackages: fairness.NewTargets[string](l.TargetTake),
		letter:      fairness.NewTargets[DeviceRef](l.TargetLetter),
		room:        fairness.NewTargets[DeviceRef](fairness.Rate{Burst: half, PerSecond: half / fairness.KeptFor.Seconds()}),
		wake:        fairness.NewTargets[[sha256.Size]byte](l.TargetWake),
	}
}

func (t *targetSets) forget(now time.Time) {
	t.keyPackages.Forget(now)
	t.letter.Forget(now)
	t.room.Forget(now)
	t.wake.Forget(now)
}
