// SPDX-License-Identifier: AGPL-3.0-or-later

package records

import (
	"encoding/binary"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/protocol"
)

// GoneIn returns the epoch in which a conversation was deleted, 0 if it was
// not.
func GoneIn(tx *Tx, id CID) (uint64, error) {
	b, err := tx.Get(Key(TableGone, id[:]))
	if err != nil || len(b) != 8 {
		return 0, err
	}
	return binary.BigEndian.Uint64(b), nil
}

// A MemberGeneration is the generation with which a member's device follows the
// conversation.
type MemberGeneration struct {
	Address    string              `cbor:"1,keyasint"`
	Device     protocol.DeviceID   `cbor:"2,keyasint"`
	Generation protocol.Generation `cbor:"3,keyasint"`
}

// An Awaited is a member's device that was written to and not heard of since. Times are
// in Unix seconds.
type Awaited struct {
	Address string           `cbor:"1,keyasint"`
	Since   int64            `cbor:"2,keyasint"`
	Next    int64            `cbor:"3,keyasint"` // when their server is asked
	Checks  uint8            `cbor:"4,keyasint,omitempty"`
	Device  account.DeviceID `cbor:"5,keyasint,omitzero"` // zero: any, in records of earlier versions
}

type Role struct {
	Address string    `cbor:"1,keyasint"`
	Role    chat.Role `cbor:"2,keyasint"`
}

// IdleCommits counts, by address, the commits without a purpose since the last one
// that had one. All members count the same, as they follow from the commits
// alone: who joins does so by a commit with a purpose, where all start to count again.
type IdleCommits map[string]uint8

// OpenDirect returns the conversation that is meant by the address of a peer,
// nil if there is none that can go on.
func OpenDirect(tx *Tx, peer string) (*Conversation, error) {
	at, err := tx.Get(Key(TableDirect, tx.Index([]byte(peer))))
	if err != nil || at == nil {
		return nil, err
	}
	var rec Conversation
	ok, err := tx.Load(Key(TableConversation, at), &rec)
	if err != nil || !ok || rec.Hidden || rec.Status != chat.StatusActive && rec.Status != chat.StatusRequest {
		return nil, err
	}
	return &rec, nil
}

// A List is the part of a Conversation that lists of conversations need
// and the conversation itself does not: what is copied here, to be found
// without searching, and what this account chose for itself.
type List struct {
	// Last is the newest message that may be seen.
	Last *Preview `cbor:"40,keyasint,omitempty"`
	// Members counts the accounts in it, this one included.
	Members uint64 `cbor:"41,keyasint,omitempty"`
	// MentionedAt is the order of the newest message that mentions this
	// account.
	MentionedAt uint64 `cbor:"43,keyasint,omitempty"`
	Pinned      bool   `cbor:"44,keyasint,omitempty"`
	Archived    bool   `cbor:"45,keyasint,omitempty"`
	MutedUntil  int64  `cbor:"46,keyasint,omitempty"` // Unix milliseconds
	Draft       string `cbor:"47,keyasint,omitempty"`
	DraftReply  []byte `cbor:"48,keyasint,omitempty"` // content.MessageID
	// Hidden: it was deleted, and is followed only until it can go.
	Hidden bool `cbor:"49,keyasint,omitempty"`
	// HiddenAt is when it was deleted, in Unix seconds.
	HiddenAt int64 `cbor:"50,keyasint,omitempty"`
}

// ReadUpTo returns the order of the newest message that counts as read.
func (r *Conversation) ReadUpTo() uint64 {
	if r.Reported == nil {
		return 0
	}
	return r.Reported.Read
}

type Conversation struct {
	Version uint8              `cbor:"1,keyasint"`
	Channel protocol.ChannelID `cbor:"2,keyasint"`
	Host    string             `cbor:"3,keyasint"`
	Status  chat.Status        `cbor:"4,keyasint"`
	Reason  string             `cbor:"5,keyasint,omitempty"`
	Peer    string             `cbor:"6,keyasint,omitempty"`
	Inviter string             `cbor:"7,keyasint,omitempty"`
	// Created: the channel exists on the server.
	Created bool `cbor:"8,keyasint"`
	// Cursor is the last entry that was dealt with.
	Cursor    uint64 `cbor:"9,keyasint"`
	NextOrder uint64 `cbor:"10,keyasint"` // of messages
	NextItem  uint64 `cbor:"11,keyasint"` // of outbox and deliveries
	Unread    uint64 `cbor:"12,keyasint"`
	Activity  int64  `cbor:"13,keyasint"` // Unix milliseconds
	// Unconfirmed lists members whose server did not vouch for them yet.
	Unconfirmed []string `cbor:"14,keyasint,omitempty"`
	// Gone: this account is no member any more.
	Gone bool `cbor:"15,keyasint"`
	// Group, Title and Timer are copies of the group's state, to list
	// conversations without loading their groups.
	Group bool   `cbor:"16,keyasint"`
	Title string `cbor:"17,keyasint,omitempty"`
	Timer uint32 `cbor:"18,keyasint,omitempty"` // seconds
	// Epoch is the newest that this device was in. An invitation must lead
	// beyond it.
	Epoch uint64 `cbor:"19,keyasint,omitempty"`
	// Departed lists claims of members who went before their server vouched
	// for them.
	Departed []Claim `cbor:"20,keyasint,omitempty"`
	// Held: there may be something that unconfirmed members said or did.
	Held bool `cbor:"21,keyasint,omitempty"`
	// Reported is nil until the conversation is loaded for the first time.
	Reported *Reported `cbor:"30,keyasint,omitempty"`
	// Signals counts what was shown since the last own message was encrypted.
	Signals uint64 `cbor:"31,keyasint,omitempty"`
	// Tokens is nil if nobody told one.
	Tokens *WakeTokens `cbor:"32,keyasint,omitempty"`
	Cause  Cause       `cbor:"33,keyasint,omitempty"` // of Reason
	// Newcomers: somebody was added by another member since the own name was
	// told, and does not know it.
	Newcomers bool `cbor:"34,keyasint,omitempty"`
	// Idle counts commits without a purpose.
	Idle IdleCommits `cbor:"35,keyasint,omitempty"`
	// Mail is nil if no delivery token was told.
	Mail *MailTold `cbor:"36,keyasint,omitempty"`
	// Removal is when somebody was removed last, in Unix seconds, 0 if nobody
	// was. Ending: the channel is to be deleted.
	Removal int64 `cbor:"37,keyasint,omitempty"`
	Ending  bool  `cbor:"38,keyasint,omitempty"`
	// Refused is since when the server does not let this device open the
	// channel, in Unix seconds, 0 if it does.
	Refused int64 `cbor:"39,keyasint,omitempty"`
	// Mark tells the entry at Cursor from others, as mark does; Incarnation is
	// that of the server when the channel was opened last.
	Mark        []byte               `cbor:"70,keyasint,omitempty"`
	Incarnation protocol.Incarnation `cbor:"71,keyasint,omitzero"`
	// Rewind is nil unless the channel is being read again. Resends counts how
	// often something was sent again since ResentAt, in Unix seconds.
	Rewind   *Rewind `cbor:"72,keyasint,omitempty"`
	ResentAt int64   `cbor:"74,keyasint,omitempty"`
	Resends  uint8   `cbor:"77,keyasint,omitempty"`
	// Takeovers is the profile's when this conversation was last up to date.
	Takeovers uint32 `cbor:"75,keyasint,omitempty"`
	// Unreadable: the last entries could not be read, which stands in the
	// history.
	Unreadable bool `cbor:"76,keyasint,omitempty"`
	// Awaited are members who were written to and not heard of since,
	// Generations those of members' devices.
	Awaited     []Awaited          `cbor:"78,keyasint,omitempty"`
	Generations []MemberGeneration `cbor:"79,keyasint,omitempty"`
	// Expected: it is a request in the name of a contact whose chain was not
	// seen yet, at that contact's server. It is accepted once it is confirmed.
	Expected bool `cbor:"60,keyasint,omitempty"`
	// Devices are those that are to be added or removed. OwnChain is how many
	// statements of the own chain the conversation was compared with.
	Devices  []DeviceChange `cbor:"91,keyasint,omitempty"`
	OwnChain uint64         `cbor:"92,keyasint,omitempty"`
	// Own: the members are devices of this account. A copy, like Group.
	Own bool `cbor:"93,keyasint,omitempty"`
	// NoGroup: this device has the history alone, which another device gave to it.
	// Partial: it does not have all of that yet.
	NoGroup bool `cbor:"94,keyasint,omitempty"`
	Partial bool `cbor:"95,keyasint,omitempty"`
	// Ask are the addresses whose devices may let another device of this account in.
	Ask []string `cbor:"102,keyasint,omitempty"`
	// Rejoined is when that was begun last, in Unix seconds, and Rejoins how often lately.
	Rejoined int64 `cbor:"100,keyasint,omitempty"`
	Rejoins  uint8 `cbor:"101,keyasint,omitempty"`
	// Missing: something was said while this device did not follow the conversation.
	Missing bool `cbor:"97,keyasint,omitempty"`
	// CaughtUp is when this device had all that the server has, in Unix seconds, to the
	// day.
	CaughtUp int64 `cbor:"99,keyasint,omitempty"`
	// ArchiveAt is the place that is kept in the history for it, 0 if it is the usual one.
	ArchiveAt uint64 `cbor:"98,keyasint,omitempty"`
	// Rejoin is nil unless this device asks others to add it.
	Rejoin *Rejoin `cbor:"96,keyasint,omitempty"`
	// Answered: something came from the peer of a conversation between two.
	Answered bool `cbor:"90,keyasint,omitempty"`
	List
}

// HasNoNotes reports whether this is the conversation of the own devices and nothing was
// written in it: then lists do without it.
func (r *Conversation) HasNoNotes() bool { return r.Own && r.Last == nil && r.Draft == "" && !r.Pinned }

// A Claim is what a leaf says about itself, or what a commit says about a leaf that it
// removes.
type Claim struct {
	Address string           `cbor:"1,keyasint"`
	Device  account.DeviceID `cbor:"2,keyasint"`
	Key     []byte           `cbor:"3,keyasint"`
	// Chain is the state of the account's chain that the claim is about, nil if none
	// was named. Revoked: the device is not in it any more.
	Chain   *ChainHead `cbor:"4,keyasint,omitempty"`
	Revoked bool       `cbor:"5,keyasint,omitempty"`
}

// A ChainHead names a state of an account's chain: how many statements it has, and
// its head.
type ChainHead struct {
	Length uint64       `cbor:"1,keyasint"`
	Head   account.Head `cbor:"2,keyasint"`
}

// A NamedChain is a state of somebody's chain.
type NamedChain struct {
	Address string    `cbor:"1,keyasint"`
	Chain   ChainHead `cbor:"2,keyasint"`
}

// A DeviceChange is a device that is to be added to the conversation, or removed from
// it, because its account's chain says so.
type DeviceChange struct {
	Address string           `cbor:"1,keyasint"`
	Device  account.DeviceID `cbor:"2,keyasint"`
	Remove  bool             `cbor:"3,keyasint,omitempty"`
	// At is when it is this device's turn, in Unix milliseconds; Tries counts how
	// often the device's server had no key package for it.
	At    int64 `cbor:"4,keyasint,omitempty"`
	Tries uint8 `cbor:"5,keyasint,omitempty"`
}

// LeaveRoom keeps room in the history for what was said while this device did not follow
// the conversation.
func (r *Conversation) LeaveRoom() {
	if r.NextOrder == 0 || r.NextOrder == HistoryRoom {
		return
	}
	r.Missing, r.ArchiveAt = true, r.NextOrder+MissingRoom/2
	r.NextOrder += MissingRoom
}

// A Rejoin says whom this device asks to be added. Times are in Unix seconds.
type Rejoin struct {
	Since int64    `cbor:"1,keyasint"`
	Next  int64    `cbor:"2,keyasint,omitempty"`
	Tries uint8    `cbor:"3,keyasint,omitempty"`
	Ask   []string `cbor:"4,keyasint,omitempty"` // addresses
}

// A Rewind says that a channel is being read again.
type Rewind struct {
	// Since is the epoch in which that begins.
	Since uint64 `cbor:"1,keyasint"`
}

// A Stored conversation is a record and its place.
type Stored struct {
	K   CID
	Rec Conversation
}
