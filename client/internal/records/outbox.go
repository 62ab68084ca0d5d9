// SPDX-License-Identifier: AGPL-3.0-or-later

package records

import (
	"github.com/securecrypt/securecrypt/client/attach"
	"github.com/securecrypt/securecrypt/client/envelope"
	"github.com/securecrypt/securecrypt/protocol"
)

// An OutboxItem is something to be put into the channel, in its turn.
type OutboxItem struct {
	Version uint8 `cbor:"1,keyasint"`
	// Message, if not empty, is MIMI content to be sent.
	Message []byte `cbor:"2,keyasint,omitempty"`
	// Order is the message's place in the history, 0 if it has none.
	Order   uint64   `cbor:"3,keyasint,omitempty"`
	Uploads []Upload `cbor:"4,keyasint,omitempty"`
	Expire  uint64   `cbor:"5,keyasint,omitempty"` // seconds
	// Change, if there is no message, changes the group.
	Change *Change `cbor:"6,keyasint,omitempty"`
	// Leave asks the others to remove this account.
	Leave bool `cbor:"7,keyasint"`
	// Epoch and Ciphertext are the envelope, once it was made. It is sent
	// again as it is: a key makes one envelope.
	Epoch      uint64 `cbor:"8,keyasint,omitempty"`
	Ciphertext []byte `cbor:"9,keyasint,omitempty"`
	// Seen: the wish to leave stands in the channel, but in an epoch that may
	// end without anybody having granted it.
	Seen bool `cbor:"10,keyasint"`
	// Report: Message is a status report or a token, which nobody asked for.
	Report bool `cbor:"20,keyasint,omitempty"`
	// Target is the place of an own or another message that Message edits,
	// deletes or reacts to, 0 if it does none of that.
	Target uint64 `cbor:"30,keyasint,omitempty"`
}

type Upload struct {
	Path   string                   `cbor:"1,keyasint"`
	Name   string                   `cbor:"2,keyasint"`
	Size   int64                    `cbor:"3,keyasint"`
	Hash   [attach.ContentHash]byte `cbor:"4,keyasint"`
	Secret [attach.SecretSize]byte  `cbor:"5,keyasint"`
	Token  protocol.UploadToken     `cbor:"6,keyasint"`
	Done   bool                     `cbor:"7,keyasint"`
	// Kept: the file is in the attachment cache, not at Path.
	Kept bool   `cbor:"8,keyasint,omitempty"`
	Type string `cbor:"9,keyasint,omitempty"` // media type, if it was given
}

type Change struct {
	Add    []string `cbor:"1,keyasint,omitempty"`
	Remove []string `cbor:"2,keyasint,omitempty"`
	Title  *string  `cbor:"3,keyasint,omitempty"`
	Timer  *uint32  `cbor:"4,keyasint,omitempty"` // seconds
	// Roles gives members other roles.
	Roles []Role `cbor:"5,keyasint,omitempty"`
	// Pending commits what others proposed; Refresh renews the own keys.
	Pending bool `cbor:"6,keyasint"`
	Refresh bool `cbor:"7,keyasint"`
	// What follows is there once the commit is staged.
	NextKey *protocol.AccessKey `cbor:"8,keyasint,omitempty"`
	// Stash is a commit that was too long for an entry, Trees are the ratchet
	// tree for those who join, at their servers: all are uploaded before they
	// are pointed to. Tree is one at the conversation's server, as programs made
	// it that did not know Trees.
	Stash   *Stash   `cbor:"9,keyasint,omitempty"`
	Tree    *Stash   `cbor:"10,keyasint,omitempty"`
	Letters []Letter `cbor:"11,keyasint,omitempty"`
	Trees   []Tree   `cbor:"12,keyasint,omitempty"`
	// Eject removes those who disturb the group; nobody asked for it.
	Eject bool `cbor:"20,keyasint,omitempty"`
	// Again has the one device that Devices names removed and added in one commit; it
	// tells the leaf that the device had.
	Again []byte `cbor:"21,keyasint,omitempty"`
	// Devices are added or removed because their accounts' chains say so.
	Devices []DeviceChange `cbor:"23,keyasint,omitempty"`
	// Places are kept in the history for the change's notices, if something was
	// written after it and before it was made.
	Places *Places `cbor:"22,keyasint,omitempty"`
}

// Places are the free orders that the history keeps for the notices of a change:
// from Next to Last.
type Places struct {
	Next uint64 `cbor:"1,keyasint"`
	Last uint64 `cbor:"2,keyasint"`
}

// A Tree is a ratchet tree for those who have their mailbox at a server.
type Tree struct {
	Host  string `cbor:"1,keyasint"`
	Stash Stash  `cbor:"2,keyasint"`
}

type Stash struct {
	Token protocol.UploadToken `cbor:"1,keyasint"`
	Box   []byte               `cbor:"2,keyasint"`
	Ref   envelope.Stash       `cbor:"3,keyasint"`
}

type Letter struct {
	To     string            `cbor:"1,keyasint"`
	Device protocol.DeviceID `cbor:"2,keyasint"`
	Letter []byte            `cbor:"3,keyasint"`
	ID     [16]byte          `cbor:"4,keyasint"`
}

// A Delivery is something to be brought to other places than the
// channel, after the commit that it belongs to was accepted.
type Delivery struct {
	Version uint8   `cbor:"1,keyasint"`
	Stash   *Stash  `cbor:"2,keyasint,omitempty"`
	Letter  *Letter `cbor:"3,keyasint,omitempty"`
	// Host is where Stash goes; empty is the conversation's server.
	Host string `cbor:"4,keyasint,omitempty"`
	// Since is when it was to be brought first, in Unix seconds.
	Since int64 `cbor:"5,keyasint,omitempty"`
}
