// SPDX-License-Identifier: AGPL-3.0-or-later

package cli

import (
	"errors"
	"fmt"
	"slices"

	"github.com/securecrypt/securecrypt/internal/product/console"
)

// refusals are the errors of a command that does one thing for many: it goes on
// past each, and each is reported on a line of its own.
type refusals struct{ all []error }

// add notes what went wrong for one, if anything did.
func (r *refusals) add(one string, err error) {
	var many *refusals
	switch {
	case err == nil:
	case errors.As(err, &many):
		for _, e := range many.all {
			r.add("", e)
		}
	case one == "":
		r.once(err)
	default:
		r.once(fmt.Errorf("%s: %w", one, err))
	}
}

// once adds an error unless it was told already.
func (r *refusals) once(err error) {
	if !slices.ContainsFunc(r.all, func(e error) bool { return e.Error() == err.Error() }) {
		r.all = append(r.all, err)
	}
}

// err is all of them, nil if there are none.
func (r *refusals) err() error {
	if len(r.all) == 0 {
		return nil
	}
	return r
}

// Error has all of them.
func (r *refusals) Error() string { return errors.Join(r.all...).Error() }

// Unwrap returns all of them.
func (r *refusals) Unwrap() []error { return r.all }

// code is the exit code of the first that is more than the want of a connection.
func (r *refusals) code() int {
	code := console.ExitWaiting
	for _, err := range r.all {
		if code = codeOf(err); code != console.ExitWaiting {
			break
		}
	}
	return code
}
