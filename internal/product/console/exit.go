// SPDX-License-Identifier: AGPL-3.0-or-later

package console

import "errors"

// The exit codes, as docs/cli.md lists them.
const (
	ExitOK         = 0
	ExitError      = 1 // anything else
	ExitUsage      = 2 // the command line is wrong
	ExitNotFound   = 3 // no such account, conversation, message, vault or snapshot
	ExitWaiting    = 4 // saved, but not sent yet: the server cannot be reached
	ExitLocked     = 5 // wrong passphrase, or none given
	ExitRefused    = 6 // not allowed, or refused by the server
	ExitBusy       = 7 // another process uses the profile or the vault
	ExitUnwritten  = 8 // what there is could not be written: output, or a file
	ExitIncomplete = 9 // of vaults: done, but for some files, which are named
	ExitInterrupt  = 130
)

// coded is an error that names its exit code.
type coded struct {
	error
	code int
}

func (c coded) Unwrap() error { return c.error }

// WithCode returns an error with the exit code of a command that ends with it.
func WithCode(err error, code int) error { return coded{err, code} }

// CodeOf returns the exit code that WithCode gave an error, false if it has none.
func CodeOf(err error) (int, bool) {
	var c coded
	if !errors.As(err, &c) {
		return 0, false
	}
	return c.code, true
}

// unwritten is why output could not be written.
type unwritten struct{ error }

func (u unwritten) Unwrap() error { return u.error }

// Unwritten marks an error as the reason why output could not be written.
func Unwritten(err error) error { return unwritten{err} }

// IsUnwritten reports whether Unwritten marked an error.
func IsUnwritten(err error) bool { return errors.As(err, new(unwritten)) }
