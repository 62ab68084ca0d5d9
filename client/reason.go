// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"errors"

	"github.com/securecrypt/securecrypt/protocol"
)

// A Reason says why something failed for good. It is zero if nothing did.
type Reason struct {
	Text string // in English, as a part of a sentence
	// Cause is what errors.Is found in it: ErrClosed, ErrNotAllowed,
	// ErrImpostor, ErrFileGone, or a protocol.Error with CodeNotFound,
	// CodeTooLarge or CodeQuotaExceeded; nil if it was something else.
	Cause error
}

// A cause is a place in causes, as it is stored.
type cause uint8

var causes = [...]error{
	nil, ErrClosed, ErrNotAllowed, ErrImpostor,
	&protocol.Error{Code: protocol.CodeNotFound}, &protocol.Error{Code: protocol.CodeTooLarge},
	ErrFileGone, &protocol.Error{Code: protocol.CodeQuotaExceeded},
}

func causeOf(err error) cause {
	for i, c := range causes[1:] {
		if errors.Is(err, c) {
			return cause(i + 1)
		}
	}
	return 0
}

func (c cause) reason(text string) Reason {
	if int(c) < len(causes) {
		return Reason{text, causes[c]}
	}
	return Reason{Text: text}
}
