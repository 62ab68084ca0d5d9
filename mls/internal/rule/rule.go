// SPDX-License-Identifier: Apache-2.0

// Package rule names the rules of RFC 9420 that are checked. Each check
// returns Broken with the identifier of its rule, a section and a word. A test
// of package mls collects the identifiers from the sources and demands that
// each is violated by a test.
package rule

import (
	"errors"
	"fmt"
)

// ErrInvalid is what every broken rule is.
var ErrInvalid = errors.New("mls: invalid")

type brokenError struct {
	id, detail string
}

// Broken says that rule id is broken. The detail must not repeat secrets.
func Broken(id, format string, args ...any) error {
	return &brokenError{id, fmt.Sprintf(format, args...)}
}

func (e *brokenError) Error() string { return "mls: invalid: " + e.detail + " [" + e.id + "]" }

func (e *brokenError) Is(target error) bool { return target == ErrInvalid }

// ID returns the identifier of the rule that err says is broken, or "".
func ID(err error) string {
	if e, ok := errors.AsType[*brokenError](err); ok {
		return e.id
	}
	return ""
}
