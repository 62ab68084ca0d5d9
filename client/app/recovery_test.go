// SPDX-License-Identifier: AGPL-3.0-or-later

package app_test

import (
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/client/app"
	"github.com/securecrypt/securecrypt/client/internal/fakeserver"
	"github.com/securecrypt/securecrypt/protocol"
)

// noted creates a profile whose owner has noted the recovery key, and returns that.
func (u *user) noted(name, passphrase string) string {
	u.t.Helper()
	key := u.create(name, passphrase).Recovery
	do[app.Session](u, "recoveryNoted", app.None{})
	return key
}

// checks compares what is said of a recovery key, the time of replacement aside, and
// returns that time.
func (u *user) checks(key string, state app.RecoveryState, reached bool) time.Time {
	u.t.Helper()
	got := do[app.RecoveryCheck](u, "recoveryCheck", app.RecoveryKey{Key: key})
	if got.State != state || got.Reached != reached || (got.ReplacedAt != 0) != (state == app.RecoveryReplaced) {
		u.t.Errorf("the key is said to be %+v, not %s (the server was reached: %t)", got, state, reached)
	}
	return time.UnixMilli(int64(got.ReplacedAt))
}

// begins begins a replacement that is possible.
func (u *user) begins(key string) app.RecoveryBegun {
	u.t.Helper()
	begun := do[app.RecoveryBegun](u, "recoveryBegin", app.RecoveryKey{Key: key})
	if begun.Check.State != app.RecoveryCurrent || begun.ID == 0 || len(begun.Next) < 30 {
		u.t.Fatalf("begun: %+v", begun.Check)
	}
	return begun
}

func (u *user) ends(id int, key string, want app.RecoveryOutcome) {
	u.t.Helper()
	if got := do[app.RecoveryEnd](u, "recoveryReplace", app.RecoveryProof{ID: id, Key: key}); got.Outcome != want {
		u.t.Errorf("the outcome is %s, not %s", got.Outcome, want)
	}
}

func TestRecoveryKeyIsCheckedAndReplaced(t *testing.T) {
	inBubble(t, func(t *testing.T, net *fakeserver.Net) {
		u := newUser(t, net, "ana")
		u.fails(app.CodePhase, "recoveryCheck", app.RecoveryKey{})
		u.fails(app.CodePhase, "recoveryBegin", app.RecoveryKey{})
		u.fails(app.CodePhase, "recoveryReplace", app.RecoveryProof{})
		first, other := u.noted("ana", ""), newUser(t, net, "ben").noted("ben", "")
		u.checks(first, app.RecoveryCurrent, true)
		u.checks(other, app.RecoveryUnknown, true)
		u.checks(first[:len(first)-1], app.RecoveryMalformed, true)
		for key, state := range map[string]app.RecoveryState{other: app.RecoveryUnknown, "": app.RecoveryMalformed} {
			if got := do[app.RecoveryBegun](u, "recoveryBegin", app.RecoveryKey{Key: key}); got.Check.State != state || got.ID != 0 || got.Next != "" {
				t.Errorf("begun with a key that is %s: %+v", state, got)
			}
		}
		begun := u.begins(first)
		u.ends(begun.ID, first, app.OutcomeDiffers)
		u.ends(begun.ID, "", app.OutcomeDiffers)
		u.checks(first, app.RecoveryCurrent, true)
		u.checks(begun.Next, app.RecoveryUnknown, true)
		u.ends(begun.ID, begun.Next, app.OutcomeDone)
		u.ends(begun.ID, begun.Next, app.OutcomeGone)
		when := time.Now()
		pass(time.Hour)
		if at := u.checks(first, app.RecoveryReplaced, true); at.Sub(when).Abs() > time.Minute {
			t.Errorf("replaced at %s, not at %s", at, when)
		}
		u.restart()
		u.checks(begun.Next, app.RecoveryCurrent, true)
	})
}

// TestReplacementsEndWithTheirReason cancels a replacement, begins another one, locks
// the profile and closes it: each time the new key is gone, and the old one counts.
func TestReplacementsEndWithTheirReason(t *testing.T) {
	inBubble(t, func(t *testing.T, net *fakeserver.Net) {
		u := newUser(t, net, "ana")
		key := u.noted("ana", "mine")
		first := u.begins(key)
		do[app.None](u, "recoveryCancel", app.RecoveryRef{ID: first.ID})
		do[app.None](u, "recoveryCancel", app.RecoveryRef{ID: first.ID})
		u.ends(first.ID, first.Next, app.OutcomeGone)
		second, third := u.begins(key), u.begins(key)
		u.ends(second.ID, second.Next, app.OutcomeGone)
		do[app.None](u, "recoveryCancel", app.RecoveryRef{ID: second.ID})
		do[app.Session](u, "lock", app.None{})
		u.fails(app.CodePhase, "recoveryReplace", app.RecoveryProof{ID: third.ID, Key: third.Next})
		do[app.Session](u, "unlock", app.Secret{Passphrase: "mine"})
		u.ends(third.ID, third.Next, app.OutcomeGone)
		last := u.begins(key)
		u.restart()
		do[app.Session](u, "unlock", app.Secret{Passphrase: "mine"})
		u.ends(last.ID, last.Next, app.OutcomeGone)
		u.checks(key, app.RecoveryCurrent, true)
		if n := len(net.Server(host).Statements("ana")); n != 1 {
			t.Errorf("the chain has %d statements", n)
		}
	})
}

// TestRecoveryKeyWithoutServer checks and replaces a recovery key while the server is
// away, and after it came back.
func TestRecoveryKeyWithoutServer(t *testing.T) {
	inBubble(t, func(t *testing.T, net *fakeserver.Net) {
		u := newUser(t, net, "ana")
		first := u.noted("ana", "")
		begun := u.begins(first)
		u.way.Partition("", true)
		pass(time.Minute)
		u.checks(first, app.RecoveryCurrent, false)
		u.ends(begun.ID, begun.Next, app.OutcomeWaits)
		u.checks(first, app.RecoveryReplaced, false)
		u.checks(begun.Next, app.RecoveryCurrent, false)
		u.fails(app.CodeOffline, "recoveryBegin", app.RecoveryKey{Key: begun.Next})
		u.way.Partition("", false)
		pass(10 * time.Minute)
		if n := len(net.Server(host).Statements("ana")); n != 2 {
			t.Errorf("the server is back, and the chain has %d statements", n)
		}
		u.checks(begun.Next, app.RecoveryCurrent, true)
		u.checks(first, app.RecoveryReplaced, true)
	})
}

// TestRefusedReplacementGoesOn has the server refuse a replacement for a reason that
// passes: it is kept, and takes effect.
func TestRefusedReplacementGoesOn(t *testing.T) {
	inBubble(t, func(t *testing.T, net *fakeserver.Net) {
		u := newUser(t, net, "ana")
		begun := u.begins(u.noted("ana", ""))
		net.Server(host).SetFaults(fakeserver.Faults{Request: func(_ string, op protocol.Op, _ protocol.Body) (v fakeserver.Verdict) {
			if op == protocol.OpAccountAppend {
				v.Refuse = &protocol.Error{Code: protocol.CodeRateLimited}
			}
			return v
		}})
		u.ends(begun.ID, begun.Next, app.OutcomeWaits)
		net.Server(host).SetFaults(fakeserver.Faults{})
		u.checks(begun.Next, app.RecoveryCurrent, true)
	})
}
