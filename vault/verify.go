// SPDX-License-Identifier: AGPL-3.0-or-later

package vault

import (
	"errors"
	"fmt"

	"github.com/securecrypt/securecrypt/vault/pack"
)

// ErrMachine reports a machine that computes other results than it should.
var ErrMachine = errors.New("vault: the memory or disk of this machine is faulty: back up from another machine, and test the memory of this one")

// verifySealed verifies a pack that was just made, and once more if that fails.
// Faulty memory may give another result each time, so that a pack that fails once is
// not written.
func (k *Worker) verifySealed(s *pack.Sealed) error {
	k.w.Verified.Add(1)
	first := k.verify(s)
	if first == nil {
		return nil
	}
	again := "each of two times"
	if k.verify(s) == nil {
		again = "one of two times"
	}
	return fmt.Errorf("%w. A pack differs from what was put into it, %s that it was read; it was not written, and what was written before is whole (%w)", ErrMachine, again, first)
}
