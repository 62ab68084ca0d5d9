// SPDX-License-Identifier: AGPL-3.0-or-later

package app

import (
	"context"
	"errors"

	"github.com/securecrypt/securecrypt/client"
	"github.com/securecrypt/securecrypt/client/keyring"
	"github.com/securecrypt/securecrypt/protocol"
)

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
	{client.ErrClosed, CodeClosed},
	{client.ErrRequest, CodeClosed},
	{client.ErrImpostor, CodeImpostor},
	{&protocol.Error{Code: protocol.CodeExists}, CodeTaken},
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
