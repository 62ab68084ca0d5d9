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
	// the signature that was to identify it is not right. An account or device
	// that does not exist is CodeNotFound.
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
	// CodeQuotaExceeded: the mailbox, channel or server is full;
	// ErrorBody.Reason says which.
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
	// CodeProfileCopied: two copies of this device's profile signed in. None is
	// let in until one of them takes over, see Authenticate.Takeover.
	CodeProfileCopied
	// CodeStaleChain: the statement does not follow the account chain's last one.
	CodeStaleChain
	lastErrorCode
)

// codeTexts are what the codes say, and what to do where there is neither a
// reason nor a time to wait.
var codeTexts = map[ErrorCode]struct{ text, advice string }{
	CodeMalformed:          {"the server could not read the request", "update this program"},
	CodeUnsupported:        {"the server does not know this request", "update the older of the two"},
	CodeUnauthenticated:    {"this device is not signed in", "try again"},
	CodeIdentified:         {"this request must be made anonymously", "update this program"},
	CodeForbidden:          {"no access to this conversation", "ask somebody in it to add you again"},
	CodeNotFound:           {"no such account", "check the address"},
	CodeExists:             {"already taken", "choose another one"},
	CodeInvalid:            {"the server did not accept the request", "update this program"},
	CodeStaleEpoch:         {"the conversation has moved on", "try again"},
	CodeTooLarge:           {"too large for this server", "send it in parts"},
	CodeRateLimited:        {"too many requests", "wait a moment"},
	CodeQuotaExceeded:      {"no room left on the server", "try again later"},
	CodeInviteRequired:     {"this server needs a valid invitation code", "ask its operator for one"},
	CodeRegistrationClosed: {"this server does not take new accounts", "choose another one"},
	CodeUnavailable:        {"the server is unavailable for the moment", "try again later"},
	CodeInternal:           {"the server failed", "try again; if it goes on, ask its operator"},
	CodeProfileCopied:      {"two copies of this profile are in use", "choose the one that goes on"},
	CodeStaleChain:         {"the account has changed in the meantime", "try again"},
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
	return c.texts().text
}

func (c ErrorCode) texts() struct{ text, advice string } {
	if t, ok := codeTexts[c]; ok {
		return t
	}
	return codeTexts[CodeInternal]
}

// A Reason says more about an ErrorCode where the server knows more. A client
// treats one that it does not know as ReasonNone.
type Reason uint8

// The reasons.
const (
	// ReasonNone: the code is all that the server tells.
	ReasonNone Reason = iota
	// ReasonMailbox, with CodeQuotaExceeded: the recipient's mailbox is full.
	ReasonMailbox
	// ReasonChannel, with CodeQuotaExceeded: the channel is full.
	ReasonChannel
	// ReasonShare, with CodeQuotaExceeded, CodeRateLimited and
	// CodeUnavailable: others at the same address use up what the server
	// gives to one address.
	ReasonShare
	// ReasonSpace, with CodeQuotaExceeded and CodeUnavailable: the server's
	// disk has no room.
	ReasonSpace
	// ReasonAccounts, with CodeQuotaExceeded: the server takes no more accounts.
	ReasonAccounts
	// ReasonKeyPackages, with CodeQuotaExceeded: the device has as many key
	// packages as the server keeps.
	ReasonKeyPackages
	// ReasonOpenings, with CodeQuotaExceeded: this connection has as many
	// channels open as the server allows.
	ReasonOpenings
	// ReasonStopping, with CodeUnavailable: the server stops or starts again.
	ReasonStopping
	// ReasonRecipient, with CodeRateLimited: too many strangers write to the
	// recipient.
	ReasonRecipient
	lastReason
)

// reasonTexts are what the reasons say, and what to do.
var reasonTexts = [lastReason]struct{ text, advice string }{
	ReasonMailbox:     {"the recipient's mailbox is full", "try again when they were there"},
	ReasonChannel:     {"the conversation is full on its server", "begin a new one"},
	ReasonShare:       {"this internet address has used up its share", "try again later, or from another network"},
	ReasonSpace:       {"the server's disk is full", "ask its operator to make room"},
	ReasonAccounts:    {"the server has as many accounts as it takes", "choose another one, or ask its operator"},
	ReasonKeyPackages: {"the server keeps no more invitation keys for this device", "try again later"},
	ReasonOpenings:    {"too many conversations are open on this connection", "connect again"},
	ReasonStopping:    {"the server is being restarted", "try again in a minute"},
	ReasonRecipient:   {"too many strangers write to this person", "try again later"},
}

// String returns a clause about the reason, for people; none for ReasonNone and
// for reasons that are unknown.
func (r Reason) String() string { return r.texts().text }

func (r Reason) texts() (none struct{ text, advice string }) {
	if r < lastReason {
		return reasonTexts[r]
	}
	return none
}

// Reasons returns all reasons but ReasonNone in order.
func Reasons() []Reason {
	all := make([]Reason, 0, lastReason-1)
	for r := ReasonMailbox; r < lastReason; r++ {
		all = append(all, r)
	}
	return all
}

// ErrorBody is the body of a KindError frame.
type ErrorBody struct {
	// RetryAfter is in milliseconds, with CodeRateLimited and
	// CodeUnavailable.
	RetryAfter uint64 `cbor:"1,keyasint,omitempty"`
	// Epoch is the channel's current epoch, with CodeStaleEpoch.
	Epoch uint64 `cbor:"2,keyasint,omitempty"`
	// Reason says more about the code.
	Reason Reason `cbor:"3,keyasint,omitempty"`
}

// Validate implements [Body].
func (*ErrorBody) Validate() error { return nil }

// Error is a refusal as a Go error, on either side.
type Error struct {
	Code       ErrorCode
	RetryAfter time.Duration // with CodeRateLimited and CodeUnavailable
	Epoch      uint64        // with CodeStaleEpoch
	Reason     Reason        // where the server knows more
}

// Error returns the code's sentence, the reason where there is one, and what to
// do: when to try again, what the reason says, or else what the code does.
func (e *Error) Error() string {
	texts, reason := e.Code.texts(), e.Reason.texts()
	text := texts.text
	if reason.text != "" {
		text, texts.advice = text+": "+reason.text, reason.advice
	}
	if e.RetryAfter > 0 {
		texts.advice = fmt.Sprintf("try again in %s", e.RetryAfter.Round(time.Second))
	}
	return text + "; " + texts.advice
}

// Is makes errors.Is(err, &Error{Code: c}) compare the codes alone.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code
}

// Body returns the error's wire form.
func (e *Error) Body() *ErrorBody {
	return &ErrorBody{RetryAfter: uint64(max(0, e.RetryAfter.Milliseconds())), Epoch: e.Epoch, Reason: e.Reason}
}

// ErrorFrom returns the error that a KindError frame stands for, or one that
// wraps [ErrMalformed].
func ErrorFrom(f Frame) error {
	var body ErrorBody
	if err := DecodeBody(f.Body, &body); err != nil {
		return err
	}
	wait := min(body.RetryAfter, uint64(24*time.Hour/time.Millisecond))
	return &Error{Code: ErrorCode(f.Code), RetryAfter: time.Duration(wait) * time.Millisecond, Epoch: body.Epoch, Reason: body.Reason}
}
