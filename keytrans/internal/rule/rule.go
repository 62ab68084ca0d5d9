// SPDX-License-Identifier: Apache-2.0

// Package rule numbers the checks of keytrans and of the packages below it.
// Each check is an if statement that returns Broken with the identifier of its rule; no rule
// has two checks. From these calls CHECKS.md is generated. A test demands that each rule
// is violated by a test, another one that the violation depends on the check.
package rule

import (
	"errors"
	"fmt"
)

// ErrInvalid is matched by every broken rule.
var ErrInvalid = errors.New("keytrans: invalid")

type brokenError struct {
	id, detail string
	cause      error
}

// Broken returns the error for a violation of rule id. The detail must not repeat
// what was received.
func Broken(id, format string, args ...any) error {
	return &brokenError{id: id, detail: fmt.Sprintf(format, args...)}
}

// BrokenBy is like Broken, for a violation that cause describes. The error wraps
// cause.
func BrokenBy(cause error, id, format string, args ...any) error {
	return &brokenError{id, fmt.Sprintf(format, args...), cause}
}

func (e *brokenError) Error() string { return "keytrans: " + e.detail + " [" + e.id + "]" }

func (e *brokenError) Is(target error) bool { return target == ErrInvalid }

func (e *brokenError) Unwrap() error { return e.cause }

// ID returns the identifier of the rule that err violates, or "" for other errors.
func ID(err error) string {
	if e, ok := errors.AsType[*brokenError](err); ok {
		return e.id
	}
	return ""
}
