// SPDX-License-Identifier: AGPL-3.0-or-later

package app

import (
	"context"
	"errors"

	"github.com/securecrypt/securecrypt/client/backend"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/keyring"
	"github.com/securecrypt/securecrypt/internal/product/termtext"
	"github.com/securecrypt/securecrypt/protocol"
)

// Problem is why a call failed.
type Problem struct {
	Code ErrorCode `json:"code"`
	// Text says it in English, for those codes that say too little.
	Text string `json:"text"`
}

// ErrorCode is for programs; an interface words the common ones itself.
type ErrorCode string

// The codes.
const (
	CodeOffline    ErrorCode = "offline"    // the server cannot be reached
	CodePassphrase ErrorCode = "passphrase" // wrong
	CodeTaken      ErrorCode = "taken"      // the name of an address
	CodeInvite     ErrorCode = "invite"     // the server wants a valid invitation
	CodeNoPerson   ErrorCode = "no-person"  // nobody has this address
	CodeNotAllowed ErrorCode = "not-allowed"
	CodeGone       ErrorCode = "gone" // no such conversation or message
	CodeClosed     ErrorCode = "closed"
	CodeFull       ErrorCode = "full"      // the device's storage
	CodeTooLarge   ErrorCode = "too-large" // for the server
	CodeNoRoom     ErrorCode = "no-room"   // on the server
	CodeInput      ErrorCode = "input"
	CodeImpostor   ErrorCode = "impostor"
	CodeCanceled   ErrorCode = "canceled"
	CodeNoAccounts ErrorCode = "no-accounts" // the server takes no new accounts
	CodeInUse      ErrorCode = "in-use"      // the store, by another tab
	CodeLost       ErrorCode = "lost"        // there are keys, and no store any more
	CodePhase      ErrorCode = "phase"       // not in this phase
	CodeUsed       ErrorCode = "used"        // the passphrase, already
	CodeAddress    ErrorCode = "address"     // this is no address
	CodeHost       ErrorCode = "host"        // this is no address of a server
	CodeTooLong    ErrorCode = "too-long"    // a message or a name
	CodeBlocked    ErrorCode = "blocked"     // this account blocked the person
	CodeLastOwner  ErrorCode = "last-owner"  // nobody else owns the group
	CodeBusy       ErrorCode = "busy"        // the server, or it limits how often
	// CodeUnconfirmed: the server of who sent a request has not said who they are.
	CodeUnconfirmed ErrorCode = "unconfirmed"
	// CodeNotSetUp: an account without a device that could be written to.
	CodeNotSetUp ErrorCode = "not-set-up"
	// CodeNoSafetyCode: what was scanned is no safety code.
	CodeNoSafetyCode ErrorCode = "no-code"
	// Of linking devices, and of the devices of an account.
	CodeLinkCode      ErrorCode = "link-code"      // what was typed in is no code for linking devices
	CodeLinkUnknown   ErrorCode = "link-unknown"   // nobody waits with the code
	CodeLinkUsed      ErrorCode = "link-used"      // somebody else used the code
	CodeLinkDigits    ErrorCode = "link-digits"    // they were wrong three times
	CodeLinkCancelled ErrorCode = "link-cancelled" // the other device ended it
	CodeLinkSilent    ErrorCode = "link-silent"    // the other device does not answer any more
	CodeLinkExpired   ErrorCode = "link-expired"   // the code is over
	CodeLinkChanged   ErrorCode = "link-changed"   // what arrived is not what was sent
	CodeLinkChain     ErrorCode = "link-chain"     // the server shows another state of the account
	CodeNotLinked     ErrorCode = "not-linked"     // the account does not have this device
	CodeLinkOpen      ErrorCode = "link-open"      // it is not known whether the account has this device
	CodeLinkLate      ErrorCode = "link-late"      // it is not known whether the account has the other one
	CodeManyDevices   ErrorCode = "many-devices"   // the account has no room for another
	CodeNoDevice      ErrorCode = "no-device"      // the account has no such device
	CodeLastDevice    ErrorCode = "last-device"    // the account has no other
	CodeRevoked       ErrorCode = "revoked"        // this device is no longer the account's
	CodeFailed        ErrorCode = "failed"
)

// ErrorCodes are all codes.
var ErrorCodes = []string{
	string(CodeOffline), string(CodePassphrase), string(CodeTaken), string(CodeInvite), string(CodeNoPerson), string(CodeNotAllowed), string(CodeGone),
	string(CodeClosed), string(CodeFull), string(CodeTooLarge), string(CodeNoRoom), string(CodeInput), string(CodeImpostor), string(CodeCanceled), string(CodeNoAccounts), string(CodeInUse), string(CodeLost), string(CodePhase), string(CodeFailed),
	string(CodeUsed), string(CodeAddress), string(CodeHost), string(CodeTooLong), string(CodeBlocked), string(CodeLastOwner), string(CodeBusy), string(CodeUnconfirmed),
	string(CodeNotSetUp), string(CodeNoSafetyCode),
	string(CodeLinkCode), string(CodeLinkUnknown), string(CodeLinkUsed), string(CodeLinkDigits), string(CodeLinkCancelled), string(CodeLinkSilent), string(CodeLinkExpired), string(CodeLinkChanged), string(CodeLinkChain),
	string(CodeNotLinked), string(CodeLinkOpen), string(CodeLinkLate), string(CodeManyDevices), string(CodeNoDevice), string(CodeLastDevice), string(CodeRevoked),
}

// Error returns the text.
func (p *Problem) Error() string { return p.Text }

// codes are looked through in this order.
var codes = []struct {
	is   error
	code ErrorCode
}{
	{keyring.ErrPassphrase, CodePassphrase},
	{errPhase, CodePhase},
	{errInput, CodeInput},
	{backend.ErrFull, CodeFull},
	{chat.ErrLinkCode, CodeLinkCode},
	{chat.ErrLinkUnknown, CodeLinkUnknown},
	{chat.ErrLinkUsed, CodeLinkUsed},
	{chat.ErrLinkDigits, CodeLinkDigits},
	{chat.ErrLinkCancelled, CodeLinkCancelled},
	{chat.ErrLinkSilent, CodeLinkSilent},
	{chat.ErrLinkExpired, CodeLinkExpired},
	{chat.ErrLinkChanged, CodeLinkChanged},
	{chat.ErrLinkChain, CodeLinkChain},
	{chat.ErrNotLinked, CodeNotLinked},
	{chat.ErrLinkOpen, CodeLinkOpen},
	{chat.ErrLinkLate, CodeLinkLate},
	{chat.ErrManyDevices, CodeManyDevices},
	{chat.ErrNoDevice, CodeNoDevice},
	{chat.ErrLastDevice, CodeLastDevice},
	{chat.ErrRevoked, CodeRevoked},
	{chat.ErrLastOwner, CodeLastOwner},
	{chat.ErrTooLong, CodeTooLong},
	{chat.ErrBlocked, CodeBlocked},
	{chat.ErrUnconfirmed, CodeUnconfirmed},
	{chat.ErrNotSetUp, CodeNotSetUp},
	{chat.ErrNotAllowed, CodeNotAllowed},
	{chat.ErrNotYours, CodeNotAllowed},
	{chat.ErrNoConversation, CodeGone},
	{chat.ErrNoMessage, CodeGone},
	{chat.ErrFileGone, CodeGone},
	{chat.ErrClosed, CodeClosed},
	{chat.ErrRequest, CodeClosed},
	{chat.ErrImpostor, CodeImpostor},
	{chat.ErrNoProfile, CodeLost},
	{errInUse, CodeInUse},
	{&protocol.Error{Code: protocol.CodeExists}, CodeTaken},
	{&protocol.Error{Code: protocol.CodeRegistrationClosed}, CodeNoAccounts},
	{&protocol.Error{Code: protocol.CodeInviteRequired}, CodeInvite},
	{&protocol.Error{Code: protocol.CodeNotFound}, CodeNoPerson},
	{&protocol.Error{Code: protocol.CodeTooLarge}, CodeTooLarge},
	{&protocol.Error{Code: protocol.CodeQuotaExceeded}, CodeNoRoom},
	{&protocol.Error{Code: protocol.CodeRateLimited}, CodeBusy},
	{&protocol.Error{Code: protocol.CodeUnavailable}, CodeBusy},
	{backend.ErrOffline, CodeOffline},
	{context.DeadlineExceeded, CodeOffline},
	{context.Canceled, CodeCanceled},
}

// ProblemOf is err for an interface.
func ProblemOf(err error) *Problem {
	var p *Problem
	if errors.As(err, &p) {
		return p
	}
	for _, c := range codes {
		if errors.Is(err, c.is) {
			return &Problem{c.code, termtext.Line(err.Error())}
		}
	}
	return &Problem{CodeFailed, termtext.Line(err.Error())}
}
