// SPDX-License-Identifier: AGPL-3.0-or-later

package protocol

import "fmt"

// An EventType names what an event tells.
type EventType uint16

// The events.
const (
	// EventHello opens every connection: Hello.
	EventHello EventType = iota + 1
	// EventEntry is an entry of an opened channel: Entry.
	EventEntry
	// EventCaughtUp follows the last entry that was stored when the channel
	// was opened: CaughtUp.
	EventCaughtUp
	// EventLetter is a letter of this device's mailbox: Letter.
	EventLetter
	// EventMailboxCaughtUp follows the last letter that was stored when the
	// mailbox was opened: MailboxState.
	EventMailboxCaughtUp
	// EventSignal is what somebody shows to those who have a channel open:
	// Signal.
	EventSignal
	// EventAccountChanged says that the chain of this device's account got longer:
	// Empty. A device that does not get it learns that when it signs in.
	EventAccountChanged
	lastEvent
)

// Hello is a server's first frame on a connection.
type Hello struct {
	Version uint64 `cbor:"1,keyasint"`
	// Host is the server's name: the host part of its accounts' addresses.
	Host string `cbor:"2,keyasint"`
	// Nonce is what signatures on this connection must cover.
	Nonce Nonce `cbor:"3,keyasint"`
	// Incarnation tells clients that the server's data was begun again or
	// restored since they were last here. Zeros: the server does not tell.
	Incarnation Incarnation `cbor:"4,keyasint,omitzero"`
	// Time is the server's clock in Unix seconds; 0: the server does not tell.
	Time uint64 `cbor:"5,keyasint,omitempty"`
}

// EntryKind tells commits from messages.
type EntryKind uint8

// The kinds of channel entry.
const (
	KindMessage EntryKind = iota
	KindCommit
)

// Entry is one entry of a channel. All who have the channel open get the same
// bytes, the sender too.
type Entry struct {
	Channel ChannelID `cbor:"1,keyasint"`
	// Seq begins at 1 and grows by one with each entry; expired entries
	// leave gaps.
	Seq        uint64    `cbor:"2,keyasint"`
	Epoch      uint64    `cbor:"3,keyasint"`
	Kind       EntryKind `cbor:"4,keyasint"`
	Ciphertext []byte    `cbor:"5,keyasint"`
}

// CaughtUp says that the entries up to Seq that this open may see have all
// been sent.
type CaughtUp struct {
	Channel ChannelID `cbor:"1,keyasint"`
	Seq     uint64    `cbor:"2,keyasint"`
}

// MailboxState is where a mailbox stands.
type MailboxState struct {
	// Last is the highest sequence number that the mailbox ever gave; 0: none.
	Last uint64 `cbor:"1,keyasint,omitempty"`
}

// Letter is one sealed letter.
type Letter struct {
	Seq    uint64 `cbor:"1,keyasint"`
	Letter []byte `cbor:"2,keyasint"`
}

// Signal is something in an opened channel that is not stored. The sender does
// not get it.
type Signal struct {
	Channel    ChannelID `cbor:"1,keyasint"`
	Epoch      uint64    `cbor:"2,keyasint"`
	Ciphertext []byte    `cbor:"3,keyasint"`
}

// NewEvent returns a new, empty body for events of type t, or an error that
// wraps [ErrMalformed] for an unknown type.
func NewEvent(t EventType) (Body, error) {
	switch t {
	case EventHello:
		return &Hello{}, nil
	case EventEntry:
		return &Entry{}, nil
	case EventCaughtUp:
		return &CaughtUp{}, nil
	case EventLetter:
		return &Letter{}, nil
	case EventMailboxCaughtUp:
		return &MailboxState{}, nil
	case EventSignal:
		return &Signal{}, nil
	case EventAccountChanged:
		return &Empty{}, nil
	}
	return nil, fmt.Errorf("%w: unknown event", ErrMalformed)
}

// EventTypes returns all event types in order.
func EventTypes() []EventType {
	all := make([]EventType, 0, lastEvent-1)
	for t := EventHello; t < lastEvent; t++ {
		all = append(all, t)
	}
	return all
}
