// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"errors"

	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/protocol"
)

// A cause is a place in causes, as it is stored.
type cause uint8

var causes = [...]error{
	nil, chat.ErrClosed, chat.ErrNotAllowed, chat.ErrImpostor,
	&protocol.Error{Code: protocol.CodeNotFound}, &protocol.Error{Code: protocol.CodeTooLarge},
	chat.ErrFileGone, &protocol.Error{Code: protocol.CodeQuotaExceeded},
}

func causeOf(err error) cause {
	for i, c := range causes[1:] {
		if errors.Is(err, c) {
			return cause(i + 1)
		}
	}
	return 0
}

func (c cause) reason(text string) chat.Reason {
	if int(c) < len(causes) {
		return chat.Reason{Text: text, Cause: causes[c]}
	}
	return chat.Reason{Text: text}
}
