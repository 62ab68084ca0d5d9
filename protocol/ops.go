// SPDX-License-Identifier: AGPL-3.0-or-later

package protocol

import "fmt"

// An Op names what a request asks for.
type Op uint16

// The operations. Who may ask: anyone (A), anonymous connections alone (N),
// identified ones alone (I).
const (
	// OpRegister (A) creates an account: Register → Empty.
	OpRegister Op = iota + 1
	// OpAuthenticate (A) identifies the connection: Authenticate → Empty.
	OpAuthenticate
	// OpAccountGet (A) returns account chains: AccountGet → Accounts.
	OpAccountGet
	// OpKeyPackagesPublish (I) adds key packages of this device:
	// KeyPackagesPublish → KeyPackagesStatus.
	OpKeyPackagesPublish
	// OpKeyPackagesStatus (I) counts them: Empty → KeyPackagesStatus.
	OpKeyPackagesStatus
	// OpKeyPackagesTake (N) takes one for each device of an account:
	// KeyPackagesTake → KeyPackages.
	OpKeyPackagesTake
	// OpLetterSend (N) drops a sealed letter: LetterSend → Empty.
	OpLetterSend
	// OpMailboxOpen (I) starts the delivery of this device's letters:
	// MailboxOpen → Empty, then EventLetter… and EventMailboxCaughtUp.
	OpMailboxOpen
	// OpMailboxDelete (I) deletes letters: MailboxDelete → Empty.
	OpMailboxDelete
	// OpChannelCreate (N) creates a channel at epoch 0: ChannelCreate → Empty.
	OpChannelCreate
	// OpChannelOpen (N) proves membership of an epoch and starts the delivery
	// of entries: ChannelOpen → ChannelState, then EventEntry… and
	// EventCaughtUp. An epoch's members get the entries from its first up to
	// and including the commit that ends it; to go on they open the next
	// epoch. A new open on the same channel replaces the one before.
	OpChannelOpen
	// OpChannelPost (N) adds a message to a channel that this connection has
	// opened at its current epoch: ChannelPost → Posted. Posted comes once
	// the entry is durable.
	OpChannelPost
	// OpChannelCommit (N) adds the commit that ends the current epoch:
	// ChannelCommit → Posted.
	OpChannelCommit
	// OpChannelClose (N) ends the delivery: ChannelClose → Empty.
	OpChannelClose
	// OpChannelSignal (N) shows something to those who have a channel open
	// right now, at the epoch that this connection has it open at:
	// ChannelSignal → Empty. It is not stored, and may be lost.
	OpChannelSignal
	// OpAccountDisclose (I) returns a part of all that the server has on this
	// account: AccountDisclose → Disclosure.
	OpAccountDisclose
	lastOp
)

// Empty is the body where there is nothing to say.
type Empty struct{}

// Register asks for an account.
type Register struct {
	// Statements is the account chain: one create statement, whose address
	// is on this server.
	Statements [][]byte `cbor:"1,keyasint"`
	// Invite is an invitation code, where the server wants one.
	Invite string `cbor:"2,keyasint,omitempty"`
}

// Authenticate identifies the connection as one of a device.
type Authenticate struct {
	Name   string   `cbor:"1,keyasint"`
	Device DeviceID `cbor:"2,keyasint"`
	// Signature is over AuthenticateChallenge, by the device's signature key.
	Signature Signature `cbor:"3,keyasint"`
}

// AccountGet asks for account chains by name.
type AccountGet struct {
	Names []string `cbor:"1,keyasint"`
}

// Accounts holds the chains that exist, in the order asked for.
type Accounts struct {
	Accounts []Account `cbor:"1,keyasint"`
}

// Account is a name on this server and its chain.
type Account struct {
	Name       string   `cbor:"1,keyasint"`
	Statements [][]byte `cbor:"2,keyasint"`
}

// KeyPackagesPublish adds key packages; LastResort, if present, replaces the
// one that is handed out when there is no other left.
type KeyPackagesPublish struct {
	KeyPackages [][]byte `cbor:"1,keyasint"`
	LastResort  []byte   `cbor:"2,keyasint,omitempty"`
}

// KeyPackagesStatus says what the server holds for this device.
type KeyPackagesStatus struct {
	Count      uint64 `cbor:"1,keyasint"`
	LastResort bool   `cbor:"2,keyasint"`
}

// KeyPackagesTake asks for one key package of each device of an account.
type KeyPackagesTake struct {
	Name string `cbor:"1,keyasint"`
}

// KeyPackages holds at most one key package a device.
type KeyPackages struct {
	KeyPackages []DeviceKeyPackage `cbor:"1,keyasint"`
}

// DeviceKeyPackage is a key package and the device that published it.
type DeviceKeyPackage struct {
	Device     DeviceID `cbor:"1,keyasint"`
	KeyPackage []byte   `cbor:"2,keyasint"`
}

// LetterSend drops a letter into the mailbox of a device.
type LetterSend struct {
	Name   string   `cbor:"1,keyasint"`
	Device DeviceID `cbor:"2,keyasint"`
	// Letter is sealed to the device's mailbox key.
	Letter []byte `cbor:"3,keyasint"`
	// ID is random; sending the same letter again with it stores it once.
	ID [16]byte `cbor:"4,keyasint"`
}

// MailboxOpen asks for the letters after a cursor (0: all).
type MailboxOpen struct {
	After uint64 `cbor:"1,keyasint"`
}

// MailboxDelete deletes the letters up to and including UpTo.
type MailboxDelete struct {
	UpTo uint64 `cbor:"1,keyasint"`
}

// ChannelCreate creates a channel whose epoch 0 has the given access key.
type ChannelCreate struct {
	Channel ChannelID `cbor:"1,keyasint"`
	Key     AccessKey `cbor:"2,keyasint"`
}

// ChannelOpen proves that the sender is a member of an epoch.
type ChannelOpen struct {
	Channel ChannelID `cbor:"1,keyasint"`
	Epoch   uint64    `cbor:"2,keyasint"`
	// Signature is over OpenChallenge, by the epoch's access key.
	Signature Signature `cbor:"3,keyasint"`
	// After is the cursor: the last sequence number that the client has.
	After uint64 `cbor:"4,keyasint"`
}

// ChannelState is where a channel stands.
type ChannelState struct {
	// Epoch is the channel's current epoch; only at it may one post.
	Epoch uint64 `cbor:"1,keyasint"`
	// Last is the sequence number of the channel's newest entry.
	Last uint64 `cbor:"2,keyasint"`
}

// ChannelPost adds a message. Behind one that was refused, an opening takes
// nothing more until the channel is opened again: what was posted in one go
// keeps its order.
type ChannelPost struct {
	Channel ChannelID `cbor:"1,keyasint"`
	// Epoch is the one that Ciphertext was made in: the current one or one
	// of the RecentEpochs before it.
	Epoch      uint64 `cbor:"2,keyasint"`
	Ciphertext []byte `cbor:"3,keyasint"`
	// ExpireIn is in seconds; 0 stands for DefaultExpiry.
	ExpireIn uint64 `cbor:"4,keyasint,omitempty"`
}

// ChannelCommit adds a commit if the channel is still at Epoch, and makes
// NextKey the access key of the epoch after it.
type ChannelCommit struct {
	Channel    ChannelID `cbor:"1,keyasint"`
	Epoch      uint64    `cbor:"2,keyasint"`
	Ciphertext []byte    `cbor:"3,keyasint"`
	NextKey    AccessKey `cbor:"4,keyasint"`
}

// Posted acknowledges an entry: it is durable and has this sequence number.
type Posted struct {
	Seq uint64 `cbor:"1,keyasint"`
}

// ChannelClose ends the delivery of a channel's entries.
type ChannelClose struct {
	Channel ChannelID `cbor:"1,keyasint"`
}

// ChannelSignal shows something to the members who are there.
type ChannelSignal struct {
	Channel    ChannelID `cbor:"1,keyasint"`
	Epoch      uint64    `cbor:"2,keyasint"`
	Ciphertext []byte    `cbor:"3,keyasint"`
}

// AccountDisclose asks for the part of the disclosure that begins at Offset.
type AccountDisclose struct {
	Offset uint64 `cbor:"1,keyasint"`
}

// Disclosure is a part of what the server has on an account: JSON, the same
// that its operator can print.
type Disclosure struct {
	// Hash is the SHA-256 of the whole. If it is another than in an earlier
	// part, something has changed meanwhile.
	Hash [32]byte `cbor:"1,keyasint"`
	// Size is the length of the whole in bytes.
	Size uint64 `cbor:"2,keyasint"`
	Part []byte `cbor:"3,keyasint"`
}

// NewRequest returns a new, empty body for requests of op, or an error that
// wraps [ErrMalformed] for an unknown op.
func NewRequest(op Op) (Body, error) {
	if op == 0 || op >= lastOp {
		return nil, fmt.Errorf("%w: unknown operation", ErrMalformed)
	}
	return ops[op].request(), nil
}

// NewResult returns a new, empty body for what answers op.
func NewResult(op Op) (Body, error) {
	if op == 0 || op >= lastOp {
		return nil, fmt.Errorf("%w: unknown operation", ErrMalformed)
	}
	return ops[op].result(), nil
}

// String returns the operation's name, as used in logs and metrics.
func (op Op) String() string {
	if op == 0 || op >= lastOp {
		return "unknown"
	}
	return ops[op].name
}

// Ops returns all operations in order.
func Ops() []Op {
	all := make([]Op, 0, lastOp-1)
	for op := OpRegister; op < lastOp; op++ {
		all = append(all, op)
	}
	return all
}

var ops = [lastOp]struct {
	name            string
	request, result func() Body
}{
	OpRegister:           {"register", body[Register], body[Empty]},
	OpAuthenticate:       {"authenticate", body[Authenticate], body[Empty]},
	OpAccountGet:         {"account_get", body[AccountGet], body[Accounts]},
	OpKeyPackagesPublish: {"key_packages_publish", body[KeyPackagesPublish], body[KeyPackagesStatus]},
	OpKeyPackagesStatus:  {"key_packages_status", body[Empty], body[KeyPackagesStatus]},
	OpKeyPackagesTake:    {"key_packages_take", body[KeyPackagesTake], body[KeyPackages]},
	OpLetterSend:         {"letter_send", body[LetterSend], body[Empty]},
	OpMailboxOpen:        {"mailbox_open", body[MailboxOpen], body[Empty]},
	OpMailboxDelete:      {"mailbox_delete", body[MailboxDelete], body[Empty]},
	OpChannelCreate:      {"channel_create", body[ChannelCreate], body[Empty]},
	OpChannelOpen:        {"channel_open", body[ChannelOpen], body[ChannelState]},
	OpChannelPost:        {"channel_post", body[ChannelPost], body[Posted]},
	OpChannelCommit:      {"channel_commit", body[ChannelCommit], body[Posted]},
	OpChannelClose:       {"channel_close", body[ChannelClose], body[Empty]},
	OpChannelSignal:      {"channel_signal", body[ChannelSignal], body[Empty]},
	OpAccountDisclose:    {"account_disclose", body[AccountDisclose], body[Disclosure]},
}

func body[T any, P interface {
	*T
	Body
}]() Body {
	return P(new(T))
}
