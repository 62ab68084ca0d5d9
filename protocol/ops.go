// SPDX-License-Identifier: AGPL-3.0-or-later

package protocol

// An Op names what a request asks for.
type Op uint16

// The operations. The table in operations.go has the request, the result and the
// audience of each.
const (
	// OpRegister creates an account: Register → Empty. The same statements
	// again succeed, for a client that lost the answer.
	OpRegister Op = iota + 1
	// OpAuthenticate identifies the connection: Authenticate → Empty. An
	// account or device that does not exist is refused as not found.
	OpAuthenticate
	// OpAccountGet returns account chains: AccountGet → Accounts.
	OpAccountGet
	// OpKeyPackagesPublish adds key packages of this device:
	// KeyPackagesPublish → KeyPackagesStatus.
	OpKeyPackagesPublish
	// OpKeyPackagesStatus counts them: Empty → KeyPackagesStatus.
	OpKeyPackagesStatus
	// OpKeyPackagesTake takes one for each device of an account:
	// KeyPackagesTake → KeyPackages.
	OpKeyPackagesTake
	// OpLetterSend drops a sealed letter: LetterSend → Empty.
	OpLetterSend
	// OpMailboxOpen starts the delivery of this device's letters:
	// MailboxOpen → Empty, then EventLetter… and EventMailboxCaughtUp, and
	// EventAccountChanged where it is asked for.
	OpMailboxOpen
	// OpMailboxDelete deletes letters: MailboxDelete → Empty.
	OpMailboxDelete
	// OpChannelCreate creates a channel: ChannelCreate → Empty.
	OpChannelCreate
	// OpChannelOpen proves membership of an epoch and starts the delivery
	// of entries: ChannelOpen → ChannelState, then EventEntry… and
	// EventCaughtUp. An epoch's members get the entries from its first up to
	// and including the commit that ends it; to go on they open the next
	// epoch. A new open on the same channel replaces the one before.
	OpChannelOpen
	// OpChannelPost adds a message to a channel that this connection has
	// opened at its current epoch: ChannelPost → Posted. Posted comes once
	// the entry is durable.
	OpChannelPost
	// OpChannelCommit adds the commit that ends the current epoch:
	// ChannelCommit → Posted.
	OpChannelCommit
	// OpChannelClose ends the delivery: ChannelClose → Empty.
	OpChannelClose
	// OpChannelSignal shows something to those who have a channel open
	// right now, at the epoch that this connection has it open at:
	// ChannelSignal → Empty. It is not stored, and may be lost.
	OpChannelSignal
	// OpAccountDisclose returns a part of all that the server has on this
	// account: AccountDisclose → Disclosure.
	OpAccountDisclose
	// OpWakeKey returns the key that push services know this server by:
	// Empty → WakeKey. It is unsupported where the operator switched
	// waking off.
	OpWakeKey
	// OpWakeRegister has a device woken by a token: WakeRegister → Empty.
	OpWakeRegister
	// OpWakeForget ends that: WakeForget → Empty.
	OpWakeForget
	// OpWake has the device of a token told that something arrived:
	// Wake → Empty, whether or not there is such a token.
	OpWake
	// OpChannelGrant lets the server deliver more entries of an opened
	// channel: ChannelGrant → Empty.
	OpChannelGrant
	// OpChannelDelete deletes a channel that this connection has opened at
	// its current epoch, with all of its entries: ChannelDelete → Empty.
	OpChannelDelete
	// OpMailboxToken sets the delivery token of this device's mailbox:
	// MailboxToken → Empty.
	OpMailboxToken
	// OpAccountDelete deletes this account with its key packages, its
	// mailboxes and all that belongs to them, and ends its identified
	// connections: Empty → Empty. The name stays reserved for the account's
	// first statement.
	OpAccountDelete
	// OpAccountAppend appends a statement to an account chain: AccountAppend →
	// Empty. Whoever signed the statement may ask; a statement that does not
	// follow the chain's last one is refused with CodeStaleChain, one that the
	// rules of chains refuse with CodeInvalid, one that announces a reset, or a
	// recovery key without the signature of the one in force, with
	// CodeUnsupported. The same statement again succeeds,
	// for a client that lost the answer. The keys, letters and sessions of devices
	// that the statement revokes are deleted with it, and their connections end. Those of
	// the account's other devices get EventAccountChanged.
	OpAccountAppend
	// OpRecoveryPut keeps what the account's devices and its recovery key can open, and
	// nobody else: RecoveryPut → Empty. It is refused with CodeExists unless its counter is
	// higher than that of what is kept.
	OpRecoveryPut
	// OpRecoveryGet returns it: Empty → Recovery. It is refused with CodeNotFound if
	// nothing is kept.
	OpRecoveryGet
	lastOp
)

// MaxRecovery bounds what an account keeps for its recovery, in bytes.
const MaxRecovery = 960 << 10

// RecoveryPut replaces what is kept for an account's recovery.
type RecoveryPut struct {
	Counter uint64 `cbor:"1,keyasint"`
	Data    []byte `cbor:"2,keyasint"`
}

// Recovery is what is kept for an account's recovery, by which device and when, in Unix
// seconds.
type Recovery struct {
	Counter uint64   `cbor:"1,keyasint"`
	Device  DeviceID `cbor:"2,keyasint"`
	Stored  uint64   `cbor:"3,keyasint"`
	Data    []byte   `cbor:"4,keyasint"`
}

// Empty is the body where there is nothing to say.
type Empty struct{}

// Register asks for an account.
type Register struct {
	// Statements is the account chain, whose create statement has an address on
	// this server. It has more statements if a server that lost the account gets
	// it again.
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
	// Session is the mark of this sign-in, which the device stored before it
	// asked: a counter that is one more than Previous's, and a random
	// identifier. An attempt that is repeated carries the same. Zero: the
	// device keeps no marks, and copies of it are not noticed.
	Session SessionMark `cbor:"4,keyasint,omitzero"`
	// Previous is the mark of the device's last successful sign-in; zero: none.
	Previous SessionMark `cbor:"5,keyasint,omitzero"`
	// Takeover makes this copy of a profile the one that may go on.
	Takeover bool `cbor:"6,keyasint,omitempty"`
	// Generation is told to those who ask for the account with Generations.
	Generation Generation `cbor:"7,keyasint,omitzero"`
}

// AccountGet asks for account chains by name.
type AccountGet struct {
	Names []string `cbor:"1,keyasint"`
	// Generations asks for those of the accounts' devices, too.
	Generations bool `cbor:"2,keyasint,omitempty"`
	// Known has chains of which the asker has the first statements: the answer
	// leaves those out.
	Known []KnownChain `cbor:"3,keyasint,omitempty"`
	// Parts allows an answer that covers a part of what was asked for, see
	// Accounts.Rest and Account.More, and asks for Account.Published.
	Parts bool `cbor:"4,keyasint,omitempty"`
}

// A KnownChain names the first statements of a chain, which somebody has.
type KnownChain struct {
	Name string `cbor:"1,keyasint"`
	// Length is how many statements they are, Head the head after them.
	Length uint64    `cbor:"2,keyasint"`
	Head   ChainHead `cbor:"3,keyasint"`
}

// Accounts holds the chains that exist, in the order asked for.
type Accounts struct {
	Accounts []Account `cbor:"1,keyasint"`
	// Rest is how many of the names, the last ones, the answer does not cover.
	Rest uint64 `cbor:"2,keyasint,omitempty"`
}

// AccountAppend asks for the next statement of an account chain.
type AccountAppend struct {
	Name      string `cbor:"1,keyasint"`
	Statement []byte `cbor:"2,keyasint"`
}

// Account is a name on this server and its chain.
type Account struct {
	Name string `cbor:"1,keyasint"`
	// Statements is the chain, or what the asker lacks of it.
	Statements [][]byte `cbor:"2,keyasint"`
	// Generations has the devices that told theirs.
	Generations []DeviceGeneration `cbor:"3,keyasint,omitempty"`
	// From is the sequence number of the first of Statements: those before lead to
	// the head that the asker has. 0: the chain from its create statement on, also
	// where the server does not know that head.
	From uint64 `cbor:"4,keyasint,omitempty"`
	// Published has the times at which the server took Statements, in their order
	// and in Unix seconds; 0, or none, where it does not know.
	Published []uint64 `cbor:"5,keyasint,omitempty"`
	// More: the chain goes on. Whoever verified these statements asks for the
	// others with their head.
	More bool `cbor:"6,keyasint,omitempty"`
}

// A DeviceGeneration is what a device told when it signed in last. Once it is
// another one, the device may have lost what it was sent before.
type DeviceGeneration struct {
	Device     DeviceID   `cbor:"1,keyasint"`
	Generation Generation `cbor:"2,keyasint"`
}

// KeyPackagesPublish adds key packages; LastResort, if present, replaces the
// one that is handed out when there is no other left.
type KeyPackagesPublish struct {
	KeyPackages [][]byte `cbor:"1,keyasint"`
	LastResort  []byte   `cbor:"2,keyasint,omitempty"`
	// Replace deletes the one-time key packages that were there before.
	Replace bool `cbor:"3,keyasint,omitempty"`
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
	// Token is the delivery token that the recipient gives to its contacts; it
	// is absent in the letters of strangers. A letter with the right token is
	// not subject to the limits for strangers; a wrong one counts as none.
	Token []byte `cbor:"5,keyasint,omitempty"`
}

// MailboxToken replaces the delivery token of this device's mailbox.
type MailboxToken struct {
	// Hash is the SHA-256 hash of the token; zeros: no token counts.
	Hash [32]byte `cbor:"1,keyasint"`
}

// MailboxOpen asks for the letters after a cursor (0: all).
type MailboxOpen struct {
	After uint64 `cbor:"1,keyasint"`
	// Chain asks for EventAccountChanged, too.
	Chain bool `cbor:"2,keyasint,omitempty"`
}

// MailboxDelete deletes the letters up to and including UpTo.
type MailboxDelete struct {
	UpTo uint64 `cbor:"1,keyasint"`
}

// ChannelCreate creates a channel that begins at Epoch, whose access key is Key.
// Members create one at a later epoch than 0 again that a server has lost.
type ChannelCreate struct {
	Channel ChannelID `cbor:"1,keyasint"`
	Key     AccessKey `cbor:"2,keyasint"`
	Epoch   uint64    `cbor:"3,keyasint,omitempty"`
}

// ChannelOpen proves that the sender is a member of an epoch.
type ChannelOpen struct {
	Channel ChannelID `cbor:"1,keyasint"`
	Epoch   uint64    `cbor:"2,keyasint"`
	// Signature is over OpenChallenge, by the epoch's access key.
	Signature Signature `cbor:"3,keyasint"`
	// After is the cursor: the last sequence number that the client has.
	After uint64 `cbor:"4,keyasint"`
	// UpTo is the last sequence number that the client has room for; the server
	// delivers no entry beyond it until ChannelGrant raises it. 0: no bound.
	UpTo uint64 `cbor:"5,keyasint,omitempty"`
}

// ChannelGrant raises the bound that ChannelOpen.UpTo set. A lower one than
// before has no effect.
type ChannelGrant struct {
	Channel ChannelID `cbor:"1,keyasint"`
	UpTo    uint64    `cbor:"2,keyasint"`
}

// ChannelDelete deletes a channel for all of its members.
type ChannelDelete struct {
	Channel ChannelID `cbor:"1,keyasint"`
}

// ChannelState is where a channel stands.
type ChannelState struct {
	// Epoch is the channel's current epoch; only at it may one post.
	Epoch uint64 `cbor:"1,keyasint"`
	// Last is the sequence number of the channel's newest entry.
	Last uint64 `cbor:"2,keyasint"`
	// Mark is the EntryMark of the entry number ChannelOpen.After, by which a
	// client sees that the server still has the channel that it knows. It is
	// absent if After is 0, beyond Last, or the number of an entry that is no
	// longer stored.
	Mark []byte `cbor:"3,keyasint,omitempty"`
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

// WakeKey is what a browser subscribes to its push service with.
type WakeKey struct {
	Key PushKey `cbor:"1,keyasint"`
}

// WakeRegister has the push service at Endpoint asked to wake a device, for
// WakeExpiry, whenever somebody shows the token. The same token again replaces
// the endpoint and begins the time anew.
type WakeRegister struct {
	Token WakeToken `cbor:"1,keyasint"`
	// Endpoint is an https URL that a push service gave the device (RFC 8030).
	Endpoint string `cbor:"2,keyasint"`
}

// WakeForget ends the registration of a token.
type WakeForget struct {
	Token WakeToken `cbor:"1,keyasint"`
}

// Wake shows a token.
type Wake struct {
	Token WakeToken `cbor:"1,keyasint"`
}
