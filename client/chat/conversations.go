// SPDX-License-Identifier: AGPL-3.0-or-later

package chat

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/content"
	"github.com/securecrypt/securecrypt/protocol"
)

// A ConversationID names a conversation for people and programs: 40
// hexadecimal digits, the same for all its members. Where a command takes one,
// its first 16 digits or more are enough if they fit only one conversation:
// earlier versions had 16.
type ConversationID string

// Lengths of identifiers in digits. Whoever makes a channel chooses what is
// hashed, so that only half of the bits count against two of the same name.
const (
	idDigits      = 40
	shortIDDigits = 16
)

// IDOf returns the identifier of the conversation in a channel.
func IDOf(channel protocol.ChannelID) ConversationID {
	h := sha256.Sum256(append([]byte("securecrypt/v1/conversation"), channel[:]...))
	return ConversationID(hex.EncodeToString(h[:idDigits/2]))
}

// Short is how an identifier is shown where it stands for a name.
func (id ConversationID) Short() string { return string(id[:min(shortIDDigits, len(id))]) }

// Fits reports whether an identifier, or the beginning of one, means this
// conversation.
func (id ConversationID) Fits(target string) bool {
	return len(target) >= shortIDDigits && strings.HasPrefix(string(id), strings.ToLower(target))
}

// LooksLikeID reports whether a text has the form of an identifier's beginning.
func LooksLikeID(target string) bool {
	return len(target) >= shortIDDigits && len(target) <= idDigits && strings.Trim(strings.ToLower(target), "0123456789abcdef") == ""
}

// A Reason says why something failed for good. It is zero if nothing did.
type Reason struct {
	Text string // in English, as a part of a sentence
	// Cause is what errors.Is found in it: ErrClosed, ErrNotAllowed,
	// ErrImpostor, ErrFileGone, or a protocol.Error with CodeNotFound,
	// CodeTooLarge or CodeQuotaExceeded; nil if it was something else.
	Cause error
}

// A Status says where a conversation stands.
type Status uint8

// The statuses of a conversation.
const (
	// StatusActive takes messages.
	StatusActive Status = iota + 1
	// StatusRequest waits to be accepted or blocked.
	StatusRequest
	// StatusLeft was left by this account.
	StatusLeft
	// StatusRemoved means that somebody removed this account, or that the other
	// left a conversation of two.
	StatusRemoved
	// StatusLost means that the server no longer has what this device needs
	// to follow, as after a long absence: somebody must add it again.
	StatusLost
	// StatusStopped means that something happened that must not: see
	// Conversation.Reason. Nothing is sent any more.
	StatusStopped
	// StatusBlocked was blocked by this account.
	StatusBlocked
	// StatusPending means that another device of this account is bringing the
	// conversation to this one: what was said can be read, and nothing be sent yet.
	StatusPending
)

var statusNames = [...]string{"", "active", "request", "left", "removed", "lost", "stopped", "blocked", "pending"}

// String returns the status as it stands in JSON.
func (s Status) String() string {
	if int(s) < len(statusNames) {
		return statusNames[s]
	}
	return "unknown"
}

// A Conversation is what there is to know about one without its messages.
type Conversation struct {
	ID     ConversationID
	Group  bool
	Own    bool            // of the devices of this account, for its notes
	Title  string          // of a group
	Peer   account.Address // of a conversation between two
	Status Status
	// Reason says why the status is what it is.
	Reason  Reason
	Host    string          // the server that it lies on
	Inviter account.Address // who brought this account into it, if not itself
	// Confirmed means that the inviter's own server vouched for their keys:
	// before that, the inviter of a request is whom it claims to come from.
	Confirmed bool
	Unread    int
	Activity  time.Time
	// Waiting counts what is still to be sent.
	Waiting int
	// Timer is after what time messages disappear; 0 is never.
	Timer time.Duration
	// Name is what to call it: the title of a group, in quotation marks if it looks
	// like an address, or the beginning of its identifier if nothing of the title can
	// be seen; of a conversation between two the name
	// that this account gave the peer, else the one that the peer goes by, else
	// the address, which it is of a request that is not confirmed.
	Name string
	// Members counts the accounts in it, this one included.
	Members int
	// Verified means that the peer's safety number was compared.
	Verified bool
	// Unanswered means that this account began a conversation between two, and
	// nothing has come from the peer, who may not have accepted it. Empty means
	// that nothing was ever written in it.
	Unanswered, Empty bool
	// Last is the newest message, nil if there is none. Of a long text it has
	// the beginning, and of many attachments the first.
	Last *Message
	// Mentioned means that an unread message mentions this account.
	Mentioned bool
	// What follows this account chose for itself; nobody else learns of it.
	Pinned     bool
	Archived   bool
	MutedUntil time.Time // zero if it is not muted
	Draft      string
	DraftReply content.MessageID // what the draft replies to
}
