// SPDX-License-Identifier: AGPL-3.0-or-later

package chat

import (
	"errors"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/content"
	"github.com/securecrypt/securecrypt/protocol"
)

// A FileID names an attached file: the same on every device, and as long as
// it is on its server.
type FileID string

// FileIDOf returns the name of the file that lies in a blob.
func FileIDOf(blob protocol.BlobID) FileID { return FileID(blob.String()) }

// MaxText bounds the text of a message in bytes.
const MaxText = 64 << 10

// MaxExpiry is the longest time after which messages can be made to disappear.
const MaxExpiry = 365 * 24 * time.Hour

// CheckExpiry refuses a time after which messages cannot be made to disappear.
func CheckExpiry(after time.Duration) error {
	if after < 0 || after > MaxExpiry || after > 0 && after < time.Second {
		return errors.New("messages can be made to disappear after one second at the earliest and one year at the latest")
	}
	return nil
}

// MaxReactions bounds the reactions of one member to a message. What goes
// beyond is ignored.
const MaxReactions = 8

// A Quote is what there is to show of the message that another one replies to.
type Quote struct {
	Message content.MessageID
	Order   uint64
	From    account.Address
	Own     bool
	// Text is the beginning of the text.
	Text        string
	Attachments []Attachment // the first ones
	Deleted     bool
}

// A State says what became of a message.
type State uint8

// The states of a message.
const (
	StateReceived State = iota
	StateWaiting
	StateSent
	StateFailed
	StateDelivered // to all others
	StateRead      // by all others
)

// String returns the state as it stands in JSON.
func (s State) String() string {
	return [...]string{"received", "waiting", "sent", "failed", "delivered", "read"}[min(s, StateRead)]
}

// A Message is one message of a conversation's history.
type Message struct {
	ID           content.MessageID // zero of a notice
	Conversation ConversationID
	// Order is the place in this device's history of the conversation: later
	// ones have greater numbers, and no two the same.
	Order uint64
	From  account.Address
	Own   bool
	Text  string
	// SentAt is what the sender's clock said, or ReceivedAt if that lies before
	// 1970 or more than a day later.
	SentAt     time.Time
	ReceivedAt time.Time
	ReplyTo    content.MessageID
	// Quote is the message that this one replies to, nil if it is not there.
	Quote       *Quote
	Attachments []Attachment
	Reactions   []Reaction
	Edited      bool
	Deleted     bool
	// ExpiresAt is when the message disappears from this device; zero if it
	// stays.
	ExpiresAt time.Time
	// Mentions are the people whom the text mentions, members or not;
	// MentionsMe means that this account is one of them.
	Mentions   []account.Address
	MentionsMe bool
	State      State
	// Delivered counts the other members whose devices said that an own
	// message arrived, Read those of them who read it.
	Delivered, Read int
	// Reason says why sending failed.
	Reason Reason
	// Notice is something that happened in the conversation, nil of messages.
	Notice *Notice
}

// A Reaction is one person's reaction to a message.
type Reaction struct {
	From  account.Address
	Emoji string
}

// An Attachment is a file that came with a message.
type Attachment struct {
	// Index tells the attachments of a message apart.
	Index int
	Name  string
	Type  string // media type
	// Size is in bytes, as the sender claims; at most attach.MaxSize, beyond
	// which no file can be opened.
	Size int64
	// File names the file in ProgressEvents.
	File FileID
	// Path is where it was saved, if it was.
	Path string
}
