// SPDX-License-Identifier: AGPL-3.0-or-later

package records

import "github.com/securecrypt/securecrypt/protocol"

// MarkSize is the length of a mark in bytes.
const MarkSize = 16

// A Mark tells an entry of a channel from others: the beginning of the SHA-256
// hash of its ciphertext.
type Mark [MarkSize]byte

// MarkOf returns the mark of an entry.
func MarkOf(ciphertext []byte) Mark {
	return Mark(protocol.EntryMark(ciphertext))
}

// A Sent is something that this device put into the channel. Its key has
// the number of the outbox item that it was.
type Sent struct {
	Version uint8  `cbor:"1,keyasint"`
	Epoch   uint64 `cbor:"2,keyasint"` // in which it was posted
	Mark    Mark   `cbor:"3,keyasint"`
	At      int64  `cbor:"4,keyasint"` // Unix seconds
	// Order is the message's place in the history, where its content is; what
	// has no place there (an edit, a reaction) is in Message.
	Order   uint64 `cbor:"5,keyasint,omitempty"`
	Target  uint64 `cbor:"6,keyasint,omitempty"` // as in OutboxItem
	Message []byte `cbor:"7,keyasint,omitempty"`
	Expire  uint64 `cbor:"8,keyasint,omitempty"` // seconds from At
	// Uploads are the message's files, which a server may have lost, too.
	Uploads []Upload `cbor:"9,keyasint,omitempty"`
	// Letter is an invitation instead of an entry.
	Letter *Letter `cbor:"10,keyasint,omitempty"`
}

// ScanSent calls fn for what was sent, in its order, until it returns false.
func ScanSent(tx *Tx, id CID, fn func(n uint64, rec *Sent) bool) error {
	return tx.Scan(Key(TableSent, id[:]), false, func(k, v []byte) (bool, error) {
		var rec Sent
		err := Decode(v, &rec)
		return err == nil && fn(LastNumber(k), &rec), err
	})
}
