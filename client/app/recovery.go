// SPDX-License-Identifier: AGPL-3.0-or-later

package app

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/backend"
	"github.com/securecrypt/securecrypt/client/chat"
)

// RecoveryState says what a recovery key is to the account.
type RecoveryState string

// The states.
const (
	RecoveryCurrent   RecoveryState = "current"
	RecoveryReplaced  RecoveryState = "replaced"
	RecoveryUnknown   RecoveryState = "unknown"   // it never was a key of the account
	RecoveryMalformed RecoveryState = "malformed" // it is no recovery key, or has a slip of the pen
)

// RecoveryKey carries a recovery key as somebody typed it in.
type RecoveryKey struct {
	Key string `json:"key"`
}

// RecoveryCheck says whether a recovery key is the account's.
type RecoveryCheck struct {
	State RecoveryState `json:"state"`
	// ReplacedAt is when the key was replaced, 0 unless State is RecoveryReplaced.
	ReplacedAt Millis `json:"replacedAt"`
	// Reached is false if the server did not answer: then State is what this device
	// knows, where a replacement that waits for the server counts.
	Reached bool `json:"reached"`
}

// RecoveryBegun is a replacement of the recovery key that was begun, if Check says
// that the key of now was typed in.
type RecoveryBegun struct {
	Check RecoveryCheck `json:"check"`
	// ID names the replacement, 0 if there is none.
	ID int `json:"id"`
	// Next is the new recovery key, which does not count yet.
	Next string `json:"next"`
}

// RecoveryProof carries the new recovery key as its owner noted it.
type RecoveryProof struct {
	ID  int    `json:"id"`
	Key string `json:"key"`
}

// RecoveryRef names a replacement.
type RecoveryRef struct {
	ID int `json:"id"`
}

// RecoveryOutcome says what became of a replacement.
type RecoveryOutcome string

// The outcomes. Unless it is OutcomeDone or OutcomeWaits nothing has changed.
const (
	OutcomeDone    RecoveryOutcome = "done"
	OutcomeWaits   RecoveryOutcome = "waits"   // the new key counts once this device reaches the server
	OutcomeDiffers RecoveryOutcome = "differs" // what was typed in is not the new key
	OutcomeGone    RecoveryOutcome = "gone"    // there is no such replacement any more
)

// RecoveryEnd is how a replacement ended, or that it goes on.
type RecoveryEnd struct {
	Outcome RecoveryOutcome `json:"outcome"`
}

// recoveryTime bounds how long the server is waited for. A person waits meanwhile, and
// what is to be said without the server is not wrong.
const recoveryTime = 15 * time.Second

// recoveryCheck says whether a recovery key is the account's.
func (a *App) recoveryCheck(ctx context.Context, p RecoveryKey) (RecoveryCheck, error) {
	open, err := a.client()
	if err != nil {
		return RecoveryCheck{}, err
	}
	secret, err := account.ParseRecoverySecret(p.Key)
	if err != nil {
		return RecoveryCheck{State: RecoveryMalformed, Reached: true}, nil
	}
	defer secret.Erase()
	return open.checkRecovery(ctx, secret)
}

func (p *profile) checkRecovery(ctx context.Context, secret account.RecoverySecret) (RecoveryCheck, error) {
	ctx, cancel := context.WithTimeout(ctx, recoveryTime)
	defer cancel()
	return checkOf(p.Account().CheckRecovery(ctx, secret))
}

// checkOf returns what an error of CheckRecovery or Recover says of a recovery key.
func checkOf(err error) (RecoveryCheck, error) {
	check := RecoveryCheck{State: RecoveryCurrent, Reached: !errors.Is(err, backend.ErrOffline)}
	var replaced *chat.ReplacedKeyError
	switch {
	case errors.As(err, &replaced):
		check.State, check.ReplacedAt = RecoveryReplaced, millis(replaced.At)
	case errors.Is(err, chat.ErrOtherKey):
		check.State = RecoveryUnknown
	case err != nil && check.Reached:
		return RecoveryCheck{}, err
	}
	return check, nil
}

// recoveryBegin makes a new recovery key, if the key of now was typed in. It counts
// once its owner has typed it in, too: see recoveryReplace.
func (a *App) recoveryBegin(ctx context.Context, p RecoveryKey) (RecoveryBegun, error) {
	open, err := a.client()
	if err != nil {
		return RecoveryBegun{}, err
	}
	current, err := account.ParseRecoverySecret(p.Key)
	if err != nil {
		return RecoveryBegun{Check: RecoveryCheck{State: RecoveryMalformed, Reached: true}}, nil
	}
	r := &replacement{current: current}
	check, err := open.checkRecovery(ctx, current)
	if err == nil && check.State == RecoveryCurrent {
		err = open.mayReplace(check)
	}
	if err != nil || check.State != RecoveryCurrent {
		r.erase()
		return RecoveryBegun{Check: check}, err
	}
	if r.next, err = account.NewRecoverySecret(rand.Reader); err != nil {
		r.erase()
		return RecoveryBegun{}, err
	}
	begun := RecoveryBegun{Check: check, Next: r.next.Reveal()}
	begun.ID = open.replacing.begin(r)
	return begun, nil
}

// mayReplace fails if an earlier replacement has yet to reach the server.
func (p *profile) mayReplace(check RecoveryCheck) error {
	waits, err := p.Account().RecoveryWaits()
	if err == nil && waits && !check.Reached {
		err = fmt.Errorf("an earlier replacement of the recovery key waits for your server: try again once this device has reached it: %w", backend.ErrOffline)
	}
	return err
}

// recoveryReplace puts the new recovery key in the place of the one of now, if its
// owner has typed it in.
func (a *App) recoveryReplace(ctx context.Context, p RecoveryProof) (RecoveryEnd, error) {
	open, err := a.client()
	if err != nil {
		return RecoveryEnd{}, err
	}
	r := open.replacing.take(p.ID)
	if r == nil {
		return RecoveryEnd{OutcomeGone}, nil
	}
	typed, err := account.ParseRecoverySecret(p.Key)
	same := err == nil && typed.Equal(r.next)
	typed.Erase()
	if !same {
		open.replacing.putBack(r)
		return RecoveryEnd{OutcomeDiffers}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, recoveryTime)
	defer cancel()
	err = open.Account().ReplaceRecovery(ctx, r.current, r.next)
	switch {
	case err == nil:
		r.erase()
		return RecoveryEnd{OutcomeDone}, nil
	case errors.Is(err, chat.ErrNewKeyWaits):
		r.erase()
		return RecoveryEnd{OutcomeWaits}, nil
	}
	open.replacing.putBack(r)
	return RecoveryEnd{}, err
}

// recoveryCancel forgets a new recovery key that does not count yet.
func (a *App) recoveryCancel(_ context.Context, p RecoveryRef) (None, error) {
	open, err := a.client()
	if err == nil {
		open.replacing.take(p.ID).erase()
	}
	return None{}, err
}

// A replacement is a recovery key and the new one that is to follow it.
type replacement struct {
	id            int
	current, next account.RecoverySecret
}

func (r *replacement) erase() {
	if r != nil {
		r.current.Erase()
		r.next.Erase()
	}
}

// replacements keeps the last replacement that was begun. Whoever takes it owns its
// secrets, so that none is erased while it signs.
type replacements struct {
	mu     sync.Mutex
	last   int
	kept   *replacement // nil while there is none, or somebody has taken it
	closed bool
}

// begin keeps a replacement in the place of an earlier one, and returns its number.
func (x *replacements) begin(r *replacement) int {
	x.mu.Lock()
	x.last++
	r.id = x.last
	x.mu.Unlock()
	x.putBack(r)
	return r.id
}

// take returns the replacement of a number, or nil if it is not kept any more.
func (x *replacements) take(id int) *replacement {
	x.mu.Lock()
	defer x.mu.Unlock()
	r := x.kept
	if r == nil || r.id != id {
		return nil
	}
	x.kept = nil
	return r
}

// putBack keeps a replacement, or erases it if a later one was begun or all ended.
func (x *replacements) putBack(r *replacement) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.closed || r.id != x.last {
		r.erase()
		return
	}
	x.kept.erase()
	x.kept = r
}

// close erases what is kept, and what is put back later.
func (x *replacements) close() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.closed = true
	x.kept.erase()
	x.kept = nil
}
