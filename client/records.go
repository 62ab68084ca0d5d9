// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"encoding/binary"
	"slices"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/attach"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/envelope"
	"github.com/securecrypt/securecrypt/content"
	"github.com/securecrypt/securecrypt/protocol"
)

// The records of the store, by the first byte of their keys. What follows it
// is opaque: cid is the index of a channel, n a number of 8 bytes.
const (
	tableProfile      = "p" // profileRecord
	tableContact      = "k" // + index of an address: contactRecord
	tableChain        = "a" // + index of an address: chainRecord
	tableKeyPackage   = "y" // + index of a key package's reference: keyPackageRecord
	tableConversation = "c" // + cid: convRecord
	tableDirect       = "d" // + index of an address: cid
	tableGroup        = "g" // + cid + key: records of package mls
	tableEnvelope     = "w" // + cid + epoch: envelope.Key
	tableMessage      = "m" // + cid + n: messageRecord
	tableMessageID    = "i" // + cid + index of a message's identifier: n
	tableOutbox       = "o" // + cid + n: outboxRecord
	tableDelivery     = "l" // + cid + n: deliveryRecord
	tableInbox        = "q" // + n: inboxRecord
	tableLetter       = "v" // + letterNumber: keptLetterRecord
	tableHeld         = "h" // + cid + n: heldRecord
	tableExpiry       = "x" // + cid + time + n: empty
	tableFile         = "f" // + index of a blob's identifier: fileRecord
	tableGone         = "t" // + cid: the epoch in which it was deleted
	tablePiece        = "b" // + index of a blob's identifier + n: bytes
	tableSettings     = "s" // settingsRecord
	tableWake         = "u" // wakeRecord
	tableRecent       = "r" // recentRecord
	tableTrees        = "z" // treeBudget
	tableMailToken    = "e" // mailTokenRecord; + index of an address: peerTokensRecord
	tableSent         = "n" // + cid + n: sentRecord
	tableReplay       = "j" // + cid + epoch: replayRecord
)

// recordVersion is in every record that may have to change one day.
const recordVersion = 1

// A cid is a conversation's place in the store.
type cid [16]byte

func key(table string, parts ...[]byte) []byte {
	return append([]byte(table), slices.Concat(parts...)...)
}

func number(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

type profileRecord struct {
	Version    uint8  `cbor:"1,keyasint"`
	Address    string `cbor:"2,keyasint"`
	Statement  []byte `cbor:"3,keyasint"` // the create statement
	SigningKey []byte `cbor:"4,keyasint"` // Ed25519 seed
	MailboxKey []byte `cbor:"5,keyasint"` // X-Wing private key
	Registered bool   `cbor:"6,keyasint"`
	Invite     string `cbor:"7,keyasint,omitempty"` // until registered
	Name       string `cbor:"8,keyasint,omitempty"` // shown to others
	Letters    uint64 `cbor:"9,keyasint"`           // highest number of a letter
	// LastResort is when the key package of last resort was published, in
	// Unix seconds.
	LastResort int64 `cbor:"10,keyasint,omitempty"`
	// Recovery is the recovery secret as text, until its owner has noted it.
	Recovery string `cbor:"11,keyasint,omitempty"`
	// Asked: the server was asked to register the account, and may have done it.
	Asked bool `cbor:"12,keyasint,omitempty"`
	// Session is that of the last sign-in, at SignedIn in Unix seconds, and
	// NextSession that of the one under way. TakeOver has that one win over
	// another copy of the profile; Takeovers counts how often it was set.
	Session     protocol.SessionMark `cbor:"13,keyasint,omitzero"`
	NextSession protocol.SessionMark `cbor:"14,keyasint,omitzero"`
	SignedIn    int64                `cbor:"15,keyasint,omitempty"`
	TakeOver    bool                 `cbor:"16,keyasint,omitempty"`
	Takeovers   uint32               `cbor:"17,keyasint,omitempty"`
	// Seen is when the account's server was seen last, by the earlier of both
	// clocks, in Unix seconds.
	Seen int64 `cbor:"18,keyasint,omitempty"`
	// Generation names what this copy of the profile continues.
	Generation protocol.Generation `cbor:"19,keyasint,omitzero"`
	// Duress: the interface that opens the store has a passphrase of duress,
	// which what lies beside the store does not tell.
	Duress bool `cbor:"40,keyasint,omitempty"`
}

// A keptLetterRecord is a letter that this device has taken from the server
// and not opened yet.
type keptLetterRecord struct {
	Version  uint8  `cbor:"1,keyasint"`
	Letter   []byte `cbor:"2,keyasint"`
	Received int64  `cbor:"3,keyasint"` // Unix seconds
	// Fetches counts the attempts to fetch its tree.
	Fetches uint8 `cbor:"4,keyasint,omitempty"`
}

type contactRecord struct {
	Version  uint8  `cbor:"1,keyasint"`
	Address  string `cbor:"2,keyasint"`
	Name     string `cbor:"3,keyasint,omitempty"`
	Profile  string `cbor:"4,keyasint,omitempty"`
	Verified []byte `cbor:"5,keyasint,omitempty"` // head of the chain that was verified
	Blocked  bool   `cbor:"6,keyasint"`
	Known    bool   `cbor:"7,keyasint"` // this account talked to them or accepted them
	// VerifiedProfile is Profile as it was when the person was verified; they
	// are called by it from then on. ToldProfile is the name that the
	// conversation with them has a notice of.
	VerifiedProfile string `cbor:"8,keyasint,omitempty"`
	ToldProfile     string `cbor:"9,keyasint,omitempty"`
}

type chainRecord struct {
	Version    uint8    `cbor:"1,keyasint"`
	Statements [][]byte `cbor:"2,keyasint"`
}

type keyPackageRecord struct {
	Version    uint8  `cbor:"1,keyasint"`
	KeyPackage []byte `cbor:"2,keyasint"`
	Private    []byte `cbor:"3,keyasint"`
}

type convRecord struct {
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
	Departed []claimRecord `cbor:"20,keyasint,omitempty"`
	// Held: there may be something that unconfirmed members said or did.
	Held bool `cbor:"21,keyasint,omitempty"`
	// Reported is nil until the conversation is loaded for the first time.
	Reported *reportedRecord `cbor:"30,keyasint,omitempty"`
	// Signals counts what was shown since the last own message was encrypted.
	Signals uint64 `cbor:"31,keyasint,omitempty"`
	// Tokens is nil if nobody told one.
	Tokens *tokensRecord `cbor:"32,keyasint,omitempty"`
	Cause  cause         `cbor:"33,keyasint,omitempty"` // of Reason
	// Newcomers: somebody was added by another member since the own name was
	// told, and does not know it.
	Newcomers bool `cbor:"34,keyasint,omitempty"`
	// Idle counts commits without a purpose.
	Idle idleCommits `cbor:"35,keyasint,omitempty"`
	// Mail is nil if no delivery token was told.
	Mail *mailToldRecord `cbor:"36,keyasint,omitempty"`
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
	Rewind   *rewindRecord `cbor:"72,keyasint,omitempty"`
	ResentAt int64         `cbor:"74,keyasint,omitempty"`
	Resends  uint8         `cbor:"77,keyasint,omitempty"`
	// Takeovers is the profile's when this conversation was last up to date.
	Takeovers uint32 `cbor:"75,keyasint,omitempty"`
	// Unreadable: the last entries could not be read, which stands in the
	// history.
	Unreadable bool `cbor:"76,keyasint,omitempty"`
	// Awaited are members who were written to and not heard of since,
	// Generations those of members' devices.
	Awaited     []awaitedRecord    `cbor:"78,keyasint,omitempty"`
	Generations []memberGeneration `cbor:"79,keyasint,omitempty"`
	// Expected: it is a request in the name of a contact whose chain was not
	// seen yet, at that contact's server. It is accepted once it is confirmed.
	Expected bool `cbor:"60,keyasint,omitempty"`
	// Answered: something came from the peer of a conversation between two.
	Answered bool `cbor:"90,keyasint,omitempty"`
	listRecord
}

// A claimRecord is what a leaf says about itself.
type claimRecord struct {
	Address string           `cbor:"1,keyasint"`
	Device  account.DeviceID `cbor:"2,keyasint"`
	Key     []byte           `cbor:"3,keyasint"`
}

// A heldRecord is an edit, a reaction or the like by an unconfirmed member.
type heldRecord struct {
	Version uint8             `cbor:"1,keyasint"`
	From    string            `cbor:"2,keyasint"`
	ID      content.MessageID `cbor:"3,keyasint"`
	Content []byte            `cbor:"4,keyasint"`
}

type messageRecord struct {
	Version  uint8             `cbor:"1,keyasint"`
	ID       content.MessageID `cbor:"2,keyasint"`
	From     string            `cbor:"3,keyasint"`
	Sent     int64             `cbor:"4,keyasint"` // Unix milliseconds, as the sender claims
	Received int64             `cbor:"5,keyasint"`
	State    chat.State        `cbor:"6,keyasint"`
	Reason   string            `cbor:"7,keyasint,omitempty"`
	// Content is the first version as it was sent; empty for notices and once
	// deleted.
	Content   []byte           `cbor:"8,keyasint,omitempty"`
	Text      string           `cbor:"9,keyasint,omitempty"` // the newest version's
	Edited    bool             `cbor:"10,keyasint"`
	Deleted   bool             `cbor:"11,keyasint"`
	Notice    bool             `cbor:"12,keyasint"`
	Expires   int64            `cbor:"13,keyasint,omitempty"` // Unix seconds, by this device's clock
	Reactions []reactionRecord `cbor:"14,keyasint,omitempty"`
	// Paths are where attachments were saved or came from.
	Paths []pathRecord `cbor:"15,keyasint,omitempty"`
	// Held: the sender is not confirmed, so nobody gets to see it yet.
	Held bool `cbor:"16,keyasint"`
	// Recipients are those an own message was sent to, if they are few.
	Recipients []recipientRecord `cbor:"30,keyasint,omitempty"`
	// Uploads are the files of a message that failed, to send it again.
	Uploads []uploadRecord `cbor:"40,keyasint,omitempty"`
	// What a notice tells; nil if it is as old as to say it in Text.
	What  *noticeRecord `cbor:"50,keyasint,omitempty"`
	Cause cause         `cbor:"51,keyasint,omitempty"` // of Reason
	// SentAs is the number of the sentRecord of an own message, 0 if there is none.
	SentAs uint64 `cbor:"61,keyasint,omitempty"`
	// Behind is by how many seconds that clock was behind the server's when Expires
	// was set. If it was set right since, the message stays for as much longer.
	Behind int64 `cbor:"62,keyasint,omitempty"`
	// Undo takes back what was done to the message and is not sent yet.
	Undo []undoRecord `cbor:"60,keyasint,omitempty"`
}

// An undoRecord is how a message was before an item of the outbox.
type undoRecord struct {
	Item uint64 `cbor:"1,keyasint"`
	// Whole is all of a message that was deleted.
	Whole *messageRecord `cbor:"2,keyasint,omitempty"`
	// Text and Edited are those of a message that was edited.
	Text   *string `cbor:"3,keyasint,omitempty"`
	Edited bool    `cbor:"4,keyasint,omitempty"`
	// Reaction is the identifier of what was added to the reactions or took
	// some away, Gone are those that it took away.
	Reaction content.MessageID `cbor:"5,keyasint"`
	Gone     []reactionRecord  `cbor:"6,keyasint,omitempty"`
}

type reactionRecord struct {
	ID    content.MessageID `cbor:"1,keyasint"`
	From  string            `cbor:"2,keyasint"`
	Emoji string            `cbor:"3,keyasint"`
}

type pathRecord struct {
	Index int    `cbor:"1,keyasint"`
	Path  string `cbor:"2,keyasint"`
}

// An outboxRecord is something to be put into the channel, in its turn.
type outboxRecord struct {
	Version uint8 `cbor:"1,keyasint"`
	// Message, if not empty, is MIMI content to be sent.
	Message []byte `cbor:"2,keyasint,omitempty"`
	// Order is the message's place in the history, 0 if it has none.
	Order   uint64         `cbor:"3,keyasint,omitempty"`
	Uploads []uploadRecord `cbor:"4,keyasint,omitempty"`
	Expire  uint64         `cbor:"5,keyasint,omitempty"` // seconds
	// Change, if there is no message, changes the group.
	Change *changeRecord `cbor:"6,keyasint,omitempty"`
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

type uploadRecord struct {
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

// A fileRecord is a file that the profile keeps.
type fileRecord struct {
	Version uint8 `cbor:"1,keyasint"`
	// Have is how many bytes there are: all of them if Whole.
	Have  int64  `cbor:"2,keyasint"`
	Whole bool   `cbor:"3,keyasint"`
	Hash  []byte `cbor:"4,keyasint,omitempty"` // SHA-256 of all of it
	Used  int64  `cbor:"5,keyasint"`           // Unix seconds, about
	// Attached is when the file was attached, in Unix seconds, 0 once it is in
	// a message; what follows is how it will be sent.
	Attached int64                   `cbor:"6,keyasint,omitempty"`
	Name     string                  `cbor:"7,keyasint,omitempty"`
	Type     string                  `cbor:"8,keyasint,omitempty"`
	Secret   [attach.SecretSize]byte `cbor:"9,keyasint"`
	Token    protocol.UploadToken    `cbor:"10,keyasint"`
	// Uses are the messages that it was sent with or opened from; none if that
	// was not noted.
	Uses []useRecord `cbor:"11,keyasint,omitempty"`
}

// A useRecord names a message that has a file.
type useRecord struct {
	CID   cid    `cbor:"1,keyasint"`
	Order uint64 `cbor:"2,keyasint"`
}

type changeRecord struct {
	Add    []string `cbor:"1,keyasint,omitempty"`
	Remove []string `cbor:"2,keyasint,omitempty"`
	Title  *string  `cbor:"3,keyasint,omitempty"`
	Timer  *uint32  `cbor:"4,keyasint,omitempty"` // seconds
	// Roles gives members other roles.
	Roles []roleRecord `cbor:"5,keyasint,omitempty"`
	// Pending commits what others proposed; Refresh renews the own keys.
	Pending bool `cbor:"6,keyasint"`
	Refresh bool `cbor:"7,keyasint"`
	// What follows is there once the commit is staged.
	NextKey *protocol.AccessKey `cbor:"8,keyasint,omitempty"`
	// Stash is a commit that was too long for an entry, Trees are the ratchet
	// tree for those who join, at their servers: all are uploaded before they
	// are pointed to. Tree is one at the conversation's server, as programs made
	// it that did not know Trees.
	Stash   *stashRecord   `cbor:"9,keyasint,omitempty"`
	Tree    *stashRecord   `cbor:"10,keyasint,omitempty"`
	Letters []letterRecord `cbor:"11,keyasint,omitempty"`
	Trees   []treeRecord   `cbor:"12,keyasint,omitempty"`
	// Eject removes those who disturb the group; nobody asked for it.
	Eject bool `cbor:"20,keyasint,omitempty"`
	// Again has the one member that it names removed and added in one commit;
	// it tells the leaves that the member had.
	Again []byte `cbor:"21,keyasint,omitempty"`
	// Places are kept in the history for the change's notices, if something was
	// written after it and before it was made.
	Places *placesRecord `cbor:"22,keyasint,omitempty"`
}

// A placesRecord is what is left of a span of the history's orders.
type placesRecord struct {
	Next uint64 `cbor:"1,keyasint"`
	Last uint64 `cbor:"2,keyasint"`
}

// A treeRecord is a ratchet tree for those who have their mailbox at a server.
type treeRecord struct {
	Host  string      `cbor:"1,keyasint"`
	Stash stashRecord `cbor:"2,keyasint"`
}

type stashRecord struct {
	Token protocol.UploadToken `cbor:"1,keyasint"`
	Box   []byte               `cbor:"2,keyasint"`
	Ref   envelope.Stash       `cbor:"3,keyasint"`
}

type letterRecord struct {
	To     string            `cbor:"1,keyasint"`
	Device protocol.DeviceID `cbor:"2,keyasint"`
	Letter []byte            `cbor:"3,keyasint"`
	ID     [16]byte          `cbor:"4,keyasint"`
}

// A deliveryRecord is something to be brought to other places than the
// channel, after the commit that it belongs to was accepted.
type deliveryRecord struct {
	Version uint8         `cbor:"1,keyasint"`
	Stash   *stashRecord  `cbor:"2,keyasint,omitempty"`
	Letter  *letterRecord `cbor:"3,keyasint,omitempty"`
	// Host is where Stash goes; empty is the conversation's server.
	Host string `cbor:"4,keyasint,omitempty"`
	// Since is when it was to be brought first, in Unix seconds.
	Since int64 `cbor:"5,keyasint,omitempty"`
}

// An inboxRecord is something received that TakeInbox has not handed out.
type inboxRecord struct {
	Version uint8          `cbor:"1,keyasint"`
	CID     cid            `cbor:"2,keyasint"`
	Order   uint64         `cbor:"3,keyasint"`
	Kind    chat.InboxKind `cbor:"4,keyasint"`
	From    string         `cbor:"5,keyasint"`
	Text    string         `cbor:"6,keyasint,omitempty"`
}

func millis(t time.Time) int64 { return t.UnixMilli() }

func address(s string) account.Address {
	a, err := account.ParseAddress(s)
	if err != nil {
		return account.Address{}
	}
	return a
}
