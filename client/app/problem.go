// SPDX-License-Identifier: AGPL-3.0-or-later

package app

import (
	"context"
	"errors"

	"github.com/securecrypt/securecrypt/client"
	"github.com/securecrypt/securecrypt/client/keyring"
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
	CodeInput      ErrorCode = "input"
	CodeImpostor   ErrorCode = "impostor"
	CodeCanceled   ErrorCode = "canceled"
	CodeSelf       ErrorCode = "self"        // one's own address
	CodeNoAccounts ErrorCode = "no-accounts" // the server takes no new accounts
	CodeInUse      ErrorCode = "in-use"      // the store, by another tab
	CodeLost       ErrorCode = "lost"        // there are keys, and no store any more
	CodePhase      ErrorCode = "phase"       // not in this phase
	CodeFailed     ErrorCode = "failed"
)

// ErrorCodes are all codes.
var ErrorCodes = []string{
	string(CodeOffline), string(CodePassphrase), string(CodeTaken), string(CodeInvite), string(CodeNoPerson), string(CodeNotAllowed), string(CodeGone),
	string(CodeClosed), string(CodeFull), string(CodeTooLarge), string(CodeInput), string(CodeImpostor), string(CodeCanceled), string(CodeSelf), string(CodeNoAccounts), string(CodeInUse), string(CodeLost), string(CodePhase), string(CodeFailed),
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
	{client.ErrFull, CodeFull},
	{client.ErrNotAllowed, CodeNotAllowed},
	{client.ErrNotYours, CodeNotAllowed},
	{client.ErrNoConversation, CodeGone},
	{client.ErrNoMessage, CodeGone},
	{client.ErrFileGone, CodeGone},
	{client.ErrClosed, CodeClosed},
	{client.ErrRequest, CodeClosed},
	{client.ErrImpostor, CodeImpostor},
	{client.ErrSelf, CodeSelf},
	{client.ErrNoProfile, CodeLost},
	{errInUse, CodeInUse},
	{&protocol.Error{Code: protocol.CodeExists}, CodeTaken},
	{&protocol.Error{Code: protocol.CodeRegistrationClosed}, CodeNoAccounts},
	{&protocol.Error{Code: protocol.CodeInviteRequired}, CodeInvite},
	{&protocol.Error{Code: protocol.CodeNotFound}, CodeNoPerson},
	{&protocol.Error{Code: protocol.CodeTooLarge}, CodeTooLarge},
	{client.ErrOffline, CodeOffline},
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
			return &Problem{c.code, err.Error()}
		}
	}
	return &Problem{CodeFailed, err.Error()}
}
