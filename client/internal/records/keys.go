// SPDX-License-Identifier: AGPL-3.0-or-later

package records

import (
	"encoding/binary"
	"slices"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/internal/codec/dcbor"
)

// Decode reads a record.
func Decode(b []byte, v any) error { return dcbor.Unmarshal(b, v) }

// LastNumber returns the number that a key ends in.
func LastNumber(k []byte) uint64 { return binary.BigEndian.Uint64(k[len(k)-8:]) }

// The records of the store, by the first byte of their keys. What follows it
// is opaque: cid is the index of a channel, n a number of 8 bytes.
const (
	TableProfile      = "p" // Profile
	TableContact      = "k" // + index of an address: Contact
	tableChain        = "a" // + index of an address: Chain
	TableKeyPackage   = "y" // + index of a key package's reference: KeyPackage
	TableConversation = "c" // + cid: Conversation
	TableDirect       = "d" // + index of an address: cid
	TableGroup        = "g" // + cid + key: records of package mls
	TableEnvelope     = "w" // + cid + epoch: envelope.Key
	TableMessage      = "m" // + cid + n: Message
	TableMessageID    = "i" // + cid + index of a message's identifier: n
	TableOutbox       = "o" // + cid + n: OutboxItem
	TableDelivery     = "l" // + cid + n: Delivery
	TableInbox        = "q" // + n: InboxItem
	TableLetter       = "v" // + letterNumber: KeptLetter
	TableHeld         = "h" // + cid + n: Held
	TableExpiry       = "x" // + cid + time + n: empty
	TableFile         = "f" // + index of a blob's identifier: File
	TableGone         = "t" // + cid: the epoch in which it was deleted
	TablePiece        = "b" // + index of a blob's identifier + n: bytes
	tableSettings     = "s" // Settings
	TableWake         = "u" // Wake
	tableRecent       = "r" // Recent
	TableTrees        = "z" // treeBudget
	tableMailToken    = "e" // MailToken; + index of an address: PeerTokens
	TableSent         = "n" // + cid + n: sentRecord
	TableReplay       = "j" // + cid + epoch: replayRecord
	tableTransfer     = "T" // + device: Transfer
	tableGiven        = "G" // + device + cid: Given
	tableJoined       = "J" // + device + cid: the order up to which the device is to have the history
	tableOwnMessage   = "H" // + n: OwnMessage
	TableLate         = "L" // + cid + index of a message's identifier + n: Held, what was done to a message that has not come yet
	tableOwn          = "O" // the cid of the conversation of the own devices
	tableSynced       = "S" // + index of a field's subject + kind + rest: Synced
	tableUnsent       = "U" // the same: empty, for fields that the other devices have not heard of
	tableUnapplied    = "A" // the same: empty, for fields that are to be carried out here
)

// Version is in every record that may have to change one day.
const Version = 1

// A CID is a conversation's place in the store.
type CID [16]byte

// Key returns the key of a row in a table.
func Key(table string, parts ...[]byte) []byte {
	return append([]byte(table), slices.Concat(parts...)...)
}

// Number returns a number as it stands in keys, which sort by it.
func Number(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

// Millis returns a time in Unix milliseconds.
func Millis(t time.Time) int64 { return t.UnixMilli() }

// Address returns an address that a record has, zero if it is none.
func Address(s string) account.Address {
	a, err := account.ParseAddress(s)
	if err != nil {
		return account.Address{}
	}
	return a
}
