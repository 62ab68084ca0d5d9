// SPDX-License-Identifier: AGPL-3.0-or-later

package chat

import (
	"errors"

	"github.com/securecrypt/securecrypt/account"
)

// InboxKind says what a Received is.
type InboxKind uint8

// The kinds of things received.
const (
	InboxMessage InboxKind = iota + 1
	InboxEdit
	InboxDelete
	InboxReaction
	// InboxFiles: files of a message that was taken are still to be saved. See
	// SaveLater.
	InboxFiles
)

// String returns the kind as it stands in JSON.
func (k InboxKind) String() string {
	return [...]string{"", "message", "edit", "delete", "reaction", "files"}[min(k, InboxFiles)]
}

// Received is something new that somebody sent.
type Received struct {
	Kind InboxKind
	// Message is the message as it is now, also where only a part of it is
	// new.
	Message Message
	From    account.Address
	// Text is the new text of an edit, or a reaction; a reaction that was
	// taken back has none.
	Text string
}

// ErrLater is what the function of TakeInbox returns to leave an item where it is.
var ErrLater = errors.New("this stays in the inbox")
