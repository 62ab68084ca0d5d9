// SPDX-License-Identifier: AGPL-3.0-or-later

package records

import (
	"errors"

	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/protocol"
)

// A Cause is a place in causes, as it is stored.
type Cause uint8

var causes = [...]error{
	nil, chat.ErrClosed, chat.ErrNotAllowed, chat.ErrImpostor,
	&protocol.Error{Code: protocol.CodeNotFound}, &protocol.Error{Code: protocol.CodeTooLarge},
	chat.ErrFileGone, &protocol.Error{Code: protocol.CodeQuotaExceeded},
}

// CauseOf returns what errors.Is finds in an error that is stored as a text.
func CauseOf(err error) Cause {
	for i, c := range causes[1:] {
		if errors.Is(err, c) {
			return Cause(i + 1)
		}
	}
	return 0
}

func (c Cause) reason(text string) chat.Reason {
	if int(c) < len(causes) {
		return chat.Reason{Text: text, Cause: causes[c]}
	}
	return chat.Reason{Text: text}
}
