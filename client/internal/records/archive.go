// SPDX-License-Identifier: AGPL-3.0-or-later

package records

import (
	"errors"
	"slices"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/envelope"
	"github.com/securecrypt/securecrypt/content"
	"github.com/securecrypt/securecrypt/protocol"
)

// An ArchivedMessage is a message of the history as one device of an account gives it
// to another: it has no keys but those of its files, and nothing of what waits to be
// sent.
type ArchivedMessage struct {
	ID         content.MessageID `cbor:"1,keyasint"`
	From       string            `cbor:"2,keyasint"`
	Sent       int64             `cbor:"3,keyasint"` // Unix milliseconds, as Received
	Received   int64             `cbor:"4,keyasint"`
	State      chat.State        `cbor:"5,keyasint"`
	Content    []byte            `cbor:"6,keyasint,omitempty"`
	Text       string            `cbor:"7,keyasint,omitempty"`
	Edited     bool              `cbor:"8,keyasint,omitempty"`
	Deleted    bool              `cbor:"9,keyasint,omitempty"`
	Notice     bool              `cbor:"10,keyasint,omitempty"`
	What       *Notice           `cbor:"11,keyasint,omitempty"`
	Reactions  []Reaction        `cbor:"12,keyasint,omitempty"`
	Recipients []Recipient       `cbor:"13,keyasint,omitempty"`
	// Left is for how many seconds the message stays, 0 if it does not disappear.
	Left int64 `cbor:"14,keyasint,omitempty"`
}

// Archived returns a message for another device; false for one that it must not have:
// what has disappeared, what waits to be sent, and what nobody may see yet.
func (r *Message) Archived(now time.Time) (a ArchivedMessage, ok bool) {
	if r.Held || r.Expired(now) || r.State == chat.StateWaiting || r.State == chat.StateFailed {
		return a, false
	}
	a = ArchivedMessage{
		ID: r.ID, From: r.From, Sent: r.Sent, Received: r.Received, State: r.State, Content: r.Content, Text: r.Text, Edited: r.Edited,
		Deleted: r.Deleted, Notice: r.Notice, What: r.What, Reactions: r.Reactions, Recipients: r.Recipients,
	}
	if r.Expires != 0 {
		a.Left = max(1, r.Expires+r.Behind-now.Unix())
	}
	return a, true
}

// Message returns the record of a message that another device gave.
func (a *ArchivedMessage) Message(now time.Time) *Message {
	r := &Message{
		Version: Version, ID: a.ID, From: a.From, Sent: a.Sent, Received: a.Received, State: a.State, Content: a.Content, Text: a.Text, Edited: a.Edited,
		Deleted: a.Deleted, Notice: a.Notice, What: a.What, Reactions: a.Reactions, Recipients: a.Recipients,
	}
	if a.Left > 0 {
		r.Expires = now.Unix() + min(a.Left, int64(chat.MaxExpiry/time.Second))
	}
	return r
}

// An ArchivedChat is a part of the history of one conversation.
type ArchivedChat struct {
	Channel protocol.ChannelID `cbor:"1,keyasint"`
	Host    string             `cbor:"2,keyasint"`
	// Meta is there where the conversation is mentioned for the first time.
	Meta *ArchivedMeta `cbor:"3,keyasint,omitempty"`
	// Messages follow each other in the history, the newest first, below Anchor, the
	// message that was given before them; if Up, the oldest first and above it. A zero
	// Anchor is the end of what was said before the device came.
	Messages []ArchivedMessage `cbor:"4,keyasint,omitempty"`
	Anchor   content.MessageID `cbor:"5,keyasint,omitzero"`
	Up       bool              `cbor:"6,keyasint,omitempty"`
	// Whole: nothing older is left.
	Whole bool `cbor:"7,keyasint,omitempty"`
}

// ArchivedMeta is what lists show of a conversation.
type ArchivedMeta struct {
	Status   chat.Status `cbor:"1,keyasint"`
	Group    bool        `cbor:"2,keyasint,omitempty"`
	Title    string      `cbor:"3,keyasint,omitempty"`
	Timer    uint32      `cbor:"4,keyasint,omitempty"`
	Peer     string      `cbor:"5,keyasint,omitempty"`
	Members  uint64      `cbor:"6,keyasint,omitempty"`
	Activity int64       `cbor:"7,keyasint,omitempty"` // Unix milliseconds
	Unread   uint64      `cbor:"8,keyasint,omitempty"`
}

// An ArchivedPerson is somebody in a conversation: the name that they chose, and their
// account's chain, which is verified again.
type ArchivedPerson struct {
	Address    string      `cbor:"1,keyasint"`
	Profile    string      `cbor:"2,keyasint,omitempty"`
	Statements [][]byte    `cbor:"3,keyasint,omitempty"`
	Published  []time.Time `cbor:"4,keyasint,omitempty"`
}

// An ArchivePart is what one blob of an archive has.
type ArchivePart struct {
	Version uint8            `cbor:"1,keyasint"`
	Chats   []ArchivedChat   `cbor:"2,keyasint,omitempty"`
	People  []ArchivedPerson `cbor:"3,keyasint,omitempty"`
	// Done of Total conversations are complete with this part.
	Done  uint64 `cbor:"4,keyasint,omitempty"`
	Total uint64 `cbor:"5,keyasint,omitempty"`
}

// A Transfer is a history on its way to another device of the account.
type Transfer struct {
	Version uint8            `cbor:"1,keyasint"`
	ID      [16]byte         `cbor:"2,keyasint"`
	Device  account.DeviceID `cbor:"3,keyasint"`
	Since   int64            `cbor:"4,keyasint"` // Unix seconds
	// Chats are the conversations when it began, the most recent first. Of those before
	// Listed the device has the newest messages, of those before Whole all.
	Chats  []CID  `cbor:"5,keyasint"`
	Listed uint64 `cbor:"6,keyasint,omitempty"`
	Whole  uint64 `cbor:"7,keyasint,omitempty"`
	// Number counts the parts that were made, Taken those that the device has.
	Number uint64 `cbor:"8,keyasint,omitempty"`
	Taken  uint64 `cbor:"9,keyasint,omitempty"`
	// Ready: the device follows the conversation of the own devices, where it hears of
	// the parts.
	Ready bool `cbor:"10,keyasint,omitempty"`
	// Restarts counts how often parts were lost, so that it began again. It rests until
	// NotBefore, in Unix seconds.
	Restarts  uint8 `cbor:"11,keyasint,omitempty"`
	NotBefore int64 `cbor:"12,keyasint,omitempty"`
	// Last is the number of the part with which all of Chats are whole. Parts after it
	// have what was said until the device joined.
	Last uint64 `cbor:"13,keyasint,omitempty"`
}

// A Given says which messages of a conversation a device was given: those with orders
// from Low to High.
type Given struct {
	Low  uint64 `cbor:"1,keyasint"`
	High uint64 `cbor:"2,keyasint"`
	// LowID and HighID are the outermost messages.
	LowID  content.MessageID `cbor:"3,keyasint"`
	HighID content.MessageID `cbor:"4,keyasint"`
}

func transferKey(device account.DeviceID) []byte { return Key(tableTransfer, device[:]) }

// LoadTransfer returns the transfer to a device; false if there is none.
func LoadTransfer(tx *Tx, device account.DeviceID) (rec Transfer, ok bool, err error) {
	ok, err = tx.Load(transferKey(device), &rec)
	return rec, ok, err
}

// SaveTransfer keeps a transfer.
func SaveTransfer(tx *Tx, rec Transfer) error { return tx.Save(transferKey(rec.Device), &rec) }

// Transfers returns all transfers.
func Transfers(tx *Tx) (all []Transfer, err error) {
	err = tx.Scan([]byte(tableTransfer), false, func(_, v []byte) (bool, error) {
		var rec Transfer
		err := Decode(v, &rec)
		all = append(all, rec)
		return true, err
	})
	return all, err
}

// EndTransfer forgets a transfer.
func EndTransfer(tx *Tx, device account.DeviceID) error {
	for _, table := range []string{tableTransfer, tableGiven, tableJoined} {
		if err := tx.DeleteAll(Key(table, device[:])); err != nil {
			return err
		}
	}
	return nil
}

// LoadGiven returns what a device was given of a conversation.
func LoadGiven(tx *Tx, device account.DeviceID, id CID) (rec Given, ok bool, err error) {
	ok, err = tx.Load(Key(tableGiven, device[:], id[:]), &rec)
	return rec, ok, err
}

// SaveGiven notes what a device was given of a conversation.
func SaveGiven(tx *Tx, device account.DeviceID, id CID, rec Given) error {
	return tx.Save(Key(tableGiven, device[:], id[:]), &rec)
}

// NoteJoined notes that a device is in the group of a conversation and receives what
// comes after a place of the history. It reports whether a transfer gives it the rest.
func NoteJoined(tx *Tx, device account.DeviceID, id CID, own bool, order uint64) (waits bool, err error) {
	t, waits, err := LoadTransfer(tx, device)
	if err != nil || !waits {
		return false, err
	}
	if own && !t.Ready {
		t.Ready = true
		err = SaveTransfer(tx, t)
	}
	return true, errors.Join(err, tx.Put(Key(tableJoined, device[:], id[:]), Number(order)))
}

// Joined returns the conversations that a device has joined, and up to where the history
// there is to be given to it. At most limit are returned.
func Joined(tx *Tx, device account.DeviceID, limit int) (all []CID, upTo []uint64, err error) {
	err = tx.Scan(Key(tableJoined, device[:]), false, func(k, v []byte) (bool, error) {
		all = append(all, CID(slices.Clone(k[len(k)-len(CID{}):])))
		upTo = append(upTo, LastNumber(v))
		return len(all) < limit, nil
	})
	return all, upTo, err
}

// ForgetJoined notes that a device has the history of a conversation that it joined.
func ForgetJoined(tx *Tx, device account.DeviceID, id CID) error {
	return tx.Delete(Key(tableJoined, device[:], id[:]))
}

// An OwnMessage is what another device of the account said in the conversation of the
// own devices and what takes longer than a step of that conversation.
type OwnMessage struct {
	Version uint8  `cbor:"1,keyasint"`
	Name    string `cbor:"2,keyasint"`
	Body    []byte `cbor:"3,keyasint,omitempty"`
}

// KeepOwnMessage keeps a message until it is dealt with; n says in which order.
func KeepOwnMessage(tx *Tx, n uint64, rec OwnMessage) error {
	rec.Version = Version
	return tx.Save(Key(tableOwnMessage, Number(n)), &rec)
}

// NextOwnMessage returns the oldest message that is not dealt with; false if there is
// none.
func NextOwnMessage(tx *Tx) (n uint64, rec OwnMessage, ok bool, err error) {
	err = tx.Scan([]byte(tableOwnMessage), false, func(k, v []byte) (bool, error) {
		n, ok = LastNumber(k), true
		return false, Decode(v, &rec)
	})
	return n, rec, ok, err
}

// ForgetOwnMessage notes that a message was dealt with.
func ForgetOwnMessage(tx *Tx, n uint64) error { return tx.Delete(Key(tableOwnMessage, Number(n))) }

// A HistoryPart is the control message that says where a part of an archive lies.
type HistoryPart struct {
	Version  uint8            `cbor:"1,keyasint"`
	Device   account.DeviceID `cbor:"2,keyasint"` // whom it is for
	Transfer [16]byte         `cbor:"3,keyasint"`
	Number   uint64           `cbor:"4,keyasint"`
	Host     string           `cbor:"5,keyasint"`
	Stash    envelope.Stash   `cbor:"6,keyasint"`
}

// A HistoryTaken is the control message that says that a part was taken in, or cannot be
// any more: then the device is to have the history from the beginning.
type HistoryTaken struct {
	Version  uint8            `cbor:"1,keyasint"`
	Device   account.DeviceID `cbor:"2,keyasint"` // whose transfer it is
	Transfer [16]byte         `cbor:"3,keyasint"`
	Number   uint64           `cbor:"4,keyasint"`
	Lost     bool             `cbor:"5,keyasint,omitempty"`
}
