// SPDX-License-Identifier: AGPL-3.0-or-later

package protocol

import (
	"fmt"
	"time"
)

// An ErrorCode says why a request was refused. The set is closed: a server
// sends no other, and a client that meets another treats it as CodeInternal.
type ErrorCode uint16

// The error codes.
const (
	// CodeMalformed: the frame or its body breaks the protocol; the server
	// closes the connection after it.
	CodeMalformed ErrorCode = iota + 1
	// CodeUnsupported: the operation does not exist in this version.
	CodeUnsupported
	// CodeUnauthenticated: the operation needs an identified connection, or
	// the signature that was to identify it is not right.
	CodeUnauthenticated
	// CodeIdentified: the operation is for anonymous connections.
	CodeIdentified
	// CodeForbidden: no access to that channel, or no such channel; which of
	// the two is not told.
	CodeForbidden
	// CodeNotFound: no such account or device.
	CodeNotFound
	// CodeExists: the name, channel or letter exists already.
	CodeExists
	// CodeInvalid: well-formed, but not acceptable: a statement that does not
	// verify, an address on another host.
	CodeInvalid
	// CodeStaleEpoch: the channel is at another epoch; ErrorBody.Epoch has it.
	CodeStaleEpoch
	// CodeTooLarge: over a limit of this server.
	CodeTooLarge
	// CodeRateLimited: too many of these; ErrorBody.RetryAfter says how long
	// to wait.
	CodeRateLimited
	// CodeQuotaExceeded: the mailbox, channel or server is full.
	CodeQuotaExceeded
	// CodeInviteRequired: registration needs a valid, unused invitation.
	CodeInviteRequired
	// CodeRegistrationClosed: this server registers nobody.
	CodeRegistrationClosed
	// CodeUnavailable: the server cannot do it now (it stops, or its disk is
	// full); nothing was stored.
	CodeUnavailable
	// CodeInternal: a fault of the server; nothing was stored.
	CodeInternal
	lastErrorCode
)

var codeTexts = map[ErrorCode]string{
	CodeMalformed:          "the server could not read the request",
	CodeUnsupported:        "the server does not know this request",
	CodeUnauthenticated:    "this device is not signed in",
	CodeIdentified:         "this request must be made anonymously",
	CodeForbidden:          "no access to this conversation",
	CodeNotFound:           "no such account",
	CodeExists:             "already taken",
	CodeInvalid:            "the server did not accept the request",
	CodeStaleEpoch:         "the conversation has moved on",
	CodeTooLarge:           "too large for this server",
	CodeRateLimited:        "too many requests",
	CodeQuotaExceeded:      "no room left on the server",
	CodeInviteRequired:     "this server needs a valid invitation code",
	CodeRegistrationClosed: "this server does not take new accounts",
	CodeUnavailable:        "the server is unavailable for the moment",
	CodeInternal:           "the server failed",
}

// ErrorCodes returns all error codes in order.
func ErrorCodes() []ErrorCode {
	codes := make([]ErrorCode, 0, lastErrorCode-1)
	for c := CodeMalformed; c < lastErrorCode; c++ {
		codes = append(codes, c)
	}
	return codes
}

// String returns a short sentence about the code, for people.
func (c ErrorCode) String() string {
	if s, ok := codeTexts[c]; ok {
		return s
	}
	return codeTexts[CodeInternal]
}

// ErrorBody is the body of a KindError frame.
type ErrorBody struct {
	// RetryAfter is in milliseconds, with CodeRateLimited and
	// CodeUnavailable.
	RetryAfter uint64 `cbor:"1,keyasint,omitempty"`
	// Epoch is the channel's current epoch, with CodeStaleEpoch.
	Epoch uint64 `cbor:"2,keyasint,omitempty"`
}

// Validate implements [Body].
func (*ErrorBody) Validate() error { return nil }

// Error is a refusal as a Go error, on either side.
type Error struct {
	Code       ErrorCode
	RetryAfter time.Duration // with CodeRateLimited and CodeUnavailable
	Epoch      uint64        // with CodeStaleEpoch
}

// Error returns the code's sentence and, where there is one, the wait.
func (e *Error) Error() string {
	if e.RetryAfter > 0 {
		return fmt.Sprintf("%s; try again in %s", e.Code, e.RetryAfter.Round(time.Second))
	}
	return e.Code.String()
}

// Is makes errors.Is(err, &Error{Code: c}) compare the codes alone.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code
}

// Body returns the error's wire form.
func (e *Error) Body() *ErrorBody {
	return &ErrorBody{RetryAfter: uint64(max(0, e.RetryAfter.Milliseconds())), Epoch: e.Epoch}
}

// ErrorFrom returns the error that a KindError frame stands for, or one that
// wraps [ErrMalformed].
func ErrorFrom(f Frame) error {
	var body ErrorBody
	if err := DecodeBody(f.Body, &body); err != nil {
		return err
	}
	wait := min(body.RetryAfter, uint64(24*time.Hour/time.Millisecond))
	return &Error{Code: ErrorCode(f.Code), RetryAfter: time.Duration(wait) * time.Millisecond, Epoch: body.Epoch}
}
