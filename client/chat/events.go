// SPDX-License-Identifier: AGPL-3.0-or-later

package chat

import (
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/content"
)

// ClockTolerance is how far two clocks may differ before it matters.
const ClockTolerance = 5 * time.Minute

// ClockEvent: the clock of this device and that of the account's server differ
// by more than ClockTolerance, or do so no longer.
type ClockEvent struct {
	// Ahead is how far the device's clock is ahead, negative if it is behind,
	// 0 if it is right now.
	Ahead time.Duration
}

func (ClockEvent) event() {}

// An Event tells an interface that something happened. The concrete types
// follow.
type Event interface{ event() }

// MessageEvent: a message is new or changed.
type MessageEvent struct {
	Message Message
	New     bool
}

// ConversationEvent: a conversation is new or changed.
type ConversationEvent struct{ Conversation Conversation }

// NameEvent: somebody is called by another name here.
type NameEvent struct {
	Address account.Address
	Name    string
}

// ConnectionEvent: a server is reached, or no longer: Err says why, and is nil
// if no conversation needs the server any more.
type ConnectionEvent struct {
	Host   string
	Online bool
	Err    error
}

// ProgressEvent: a file is on its way up (or down).
type ProgressEvent struct {
	// Conversation, Message and Index say which attachment the file is.
	Conversation ConversationID
	Message      content.MessageID
	Index        int
	File         FileID
	Name         string
	Done, Total  int64 // bytes
}

// DelayEvent: a file of a message cannot be uploaded at the moment, and is tried
// again.
type DelayEvent struct {
	Conversation ConversationID
	Message      content.MessageID
	Err          error
	Until        time.Time // not before
}

// HistoryEvent says how far the history has come on its way to another device of the
// account: Given by this one, or else taken in by it.
type HistoryEvent struct {
	Device account.DeviceID
	Given  bool
	// Done of Total conversations are complete.
	Done, Total int
}

// GoneEvent: a message, or a whole conversation if Message is zero, is no
// longer on this device.
type GoneEvent struct {
	Conversation ConversationID
	Message      content.MessageID
	Order        uint64
}

// FailureEvent: something that was asked for could not be done.
type FailureEvent struct {
	Conversation ConversationID
	// Message: it is a message that could not be sent, which says so itself.
	Message bool
	Err     error
}

func (MessageEvent) event() {}

func (HistoryEvent) event() {}

func (ConversationEvent) event() {}

func (NameEvent) event() {}

// AccountEvent: the account cannot be used until a person does something. Err
// wraps ErrProfileCopied (see Account.TakeOver), ErrNoAccount (see
// Account.RegisterAgain) or ErrRevoked, and is nil once that is over.
type AccountEvent struct{ Err error }

func (AccountEvent) event() {}

// DevicesEvent: the account's chain got longer, so that its devices may be others, or
// something became known about one of them.
type DevicesEvent struct{}

func (DevicesEvent) event() {}

func (ConnectionEvent) event() {}

func (ProgressEvent) event() {}

func (DelayEvent) event() {}

func (GoneEvent) event() {}

func (FailureEvent) event() {}

// TypingDuration is how long a typing event counts when no other follows.
const TypingDuration = 6 * time.Second

// TypingEvent: somebody began to type, or stopped.
type TypingEvent struct {
	Conversation ConversationID
	From         account.Address
	On           bool
}

func (TypingEvent) event() {}
