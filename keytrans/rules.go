// SPDX-License-Identifier: Apache-2.0

package keytrans

import (
	"errors"

	"github.com/securecrypt/securecrypt/keytrans/internal/cbor"
	"github.com/securecrypt/securecrypt/keytrans/internal/rule"
)

var (
	// ErrInvalid is matched by the error of every check that fails (see CHECKS.md).
	// BrokenRule tells which.
	ErrInvalid = rule.ErrInvalid
	// ErrMalformed is matched by the error of every decoder whose input is not
	// an encoding.
	ErrMalformed = cbor.ErrMalformed
	// ErrStale reports cosignatures that are older than the policy allows: the
	// log may be withholding what is new, or witnesses may be away.
	ErrStale = errors.New("keytrans: the newest cosignatures are too old")
	// ErrAhead reports cosignatures that are later than the policy allows: the
	// verifier's clock may be wrong.
	ErrAhead = errors.New("keytrans: cosignatures are ahead of the clock")
)

// BrokenRule returns the identifier of the check that err says failed, such as
// "K1-last", or "" for other errors. The number is that of the design decision that
// the check belongs to.
func BrokenRule(err error) string { return rule.ID(err) }
