// SPDX-License-Identifier: AGPL-3.0-or-later

package chat

import (
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/internal/fold"
	"github.com/securecrypt/securecrypt/content"
)

// MaxPage bounds the messages of a page.
const MaxPage = 500

// A Position is a place in the history of a conversation: a message, or what
// lies Before or After it. The zero value is the end.
type Position struct {
	Message content.MessageID
	// Order is Message.Order, instead of Message: notices have nothing else,
	// and it holds its place when the message is gone.
	Order         uint64
	Before, After bool
	// Unread stands for the first message that was not read, if more of them
	// were not than a page holds, and for the end otherwise.
	Unread bool
}

// A Page is a part of a conversation's history without gaps.
type Page struct {
	Messages []Message // the oldest first
	// MoreBefore and MoreAfter say whether the history goes on.
	MoreBefore, MoreAfter bool
	// FirstUnread is the first message that was not read, wherever it lies;
	// zero if there is none.
	FirstUnread content.MessageID
}

// Fold returns what a search compares a text by: without regard to case and
// accents, however the text was typed.
func Fold(text string) string { return fold.Text(text) }

// A SearchQuery says which messages are looked for: those to which all that is
// set applies.
type SearchQuery struct {
	// Text has the words that the message, or the names of its files, contain:
	// all of them, without regard to case and accents.
	Text string
	In   ConversationID
	From account.Address
	// Since and Until bound the time at which the sender sent it; Until itself
	// is outside.
	Since, Until time.Time
	// Files: it has attachments.
	Files bool
	// Limit is how many messages are wanted; 0 is all.
	Limit int
	// Before is the last message of a search that is gone on with.
	Before content.MessageID
}
