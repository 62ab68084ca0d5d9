// SPDX-License-Identifier: AGPL-3.0-or-later

package server

import (
	"crypto/sha256"
	"time"

	"github.com/securecrypt/securecrypt/protocol"
)

// The rows are all that a server stores. [Tables] lists them; a store that
// keeps anything else breaks its conformance suite. Times are in seconds since
// the Unix epoch.

// An AccountRow is an account: what the statements of its chain come to.
type AccountRow struct {
	Name   string
	Length uint64            // how many statements there are
	Head   [sha256.Size]byte // of the chain
	State  []byte            // an account.State in its binary form
}

// A StatementRow is a statement of an account's chain.
type StatementRow struct {
	Name      string
	Number    uint64 // sequence number in the chain
	Published int64  // when the server took it; 0: not known
	Statement []byte
}

// A KeyPackageRow is a key package of a device. Number 0 is its last-resort
// one.
type KeyPackageRow struct {
	Name       string
	Device     protocol.DeviceID
	Number     uint64
	KeyPackage []byte
}

// A MailboxRow counts a device's letters.
type MailboxRow struct {
	Name    string
	Device  protocol.DeviceID
	Last    uint64 // sequence number of the newest letter ever
	Letters uint64
	Bytes   uint64
}

// A LetterRow is a sealed letter to a device.
type LetterRow struct {
	Name    string
	Device  protocol.DeviceID
	Seq     uint64
	Expires int64
	Letter  []byte
}

// A TokenRow is how letters of a device's contacts are recognised.
type TokenRow struct {
	Name   string
	Device protocol.DeviceID
	Hash   [sha256.Size]byte // of the delivery token that the device gives to its contacts
}

// A RecoveryRow is what an account keeps for its recovery: sealed, so that the server
// knows its length alone.
type RecoveryRow struct {
	Name    string
	Counter uint64
	Device  protocol.DeviceID // that put it there
	Stored  int64
	Data    []byte
}

// A SessionRow is the mark of a device's last sign-in, by which a second copy of
// its profile is noticed. It holds no time.
type SessionRow struct {
	Name    string
	Device  protocol.DeviceID
	Counter uint64
	ID      [16]byte
	Highest uint64 // counter that the device ever signed in with
	Copied  bool   // two copies signed in, and none of them has taken over

	Generation protocol.Generation // that the device told
}

// A ReservedNameRow keeps the name of an account that was deleted from being
// taken by somebody else.
type ReservedNameRow struct {
	Name string
	Hash [sha256.Size]byte // of the account's first statement
}

// A StateRow is what the store knows about itself.
type StateRow struct {
	Incarnation protocol.Incarnation
	Newest      int64  // the newest time that the server has seen and trusted
	Boot        string // the start of the machine in which it saw that; "": not known
	Uptime      int64  // of the machine at that time, in nanoseconds
}

// A SeenRow remembers a letter's identifier, so that a letter that is sent
// again is stored once.
type SeenRow struct {
	Name    string
	Device  protocol.DeviceID
	ID      [16]byte
	Seq     uint64
	Hash    [sha256.Size]byte // of the letter
	Expires int64
}

// A ChannelRow is a channel.
type ChannelRow struct {
	Channel protocol.ChannelID
	Epoch   uint64 // current
	Last    uint64 // sequence number of the newest entry ever
	Entries uint64
	Bytes   uint64 // of ciphertext
	Expires int64  // when it ends unless somebody uses it; counted from the end of the day of its last use
}

// An EpochRow is the right of access to the entries Start+1 to End of a
// channel.
type EpochRow struct {
	Channel protocol.ChannelID
	Epoch   uint64
	Key     protocol.AccessKey
	Start   uint64 // sequence number of the commit that began it
	End     uint64 // sequence number of the commit that ended it; 0: current
}

// An EntryRow is an entry of a channel.
type EntryRow struct {
	Channel    protocol.ChannelID
	Seq        uint64
	Epoch      uint64
	Kind       protocol.EntryKind
	Expires    int64
	Ciphertext []byte
}

// A BlobRow is a blob or an upload that is under way.
type BlobRow struct {
	Blob        protocol.BlobID
	Length      uint64
	Offset      uint64 // bytes that are durable
	Expires     int64
	UploadUntil int64 // when the upload is given up, while it is under way
	// Hash is the SHA-256 of the content once it is whole. It is empty for a
	// blob that was whole before servers kept it.
	Hash []byte
	// HashState is the state of that hash at Offset, while the upload is under
	// way, in the form of crypto/sha256.
	HashState []byte
}

// Complete reports whether the blob can be fetched.
func (b BlobRow) Complete() bool { return b.Offset == b.Length }

// Due returns when the row is to be deleted.
func (b BlobRow) Due() int64 {
	if b.Complete() {
		return b.Expires
	}
	return min(b.Expires, b.UploadUntil)
}

// An InviteRow is an unused invitation. It is deleted when it is used.
type InviteRow struct {
	Hash    [sha256.Size]byte // of the code
	Hint    string            // the code's first characters
	Created int64
	Expires int64
}

// A WakeRow is where the device that has a token is woken.
type WakeRow struct {
	Hash     [sha256.Size]byte // of the token
	Endpoint string            // an URL of a push service
	Expires  int64             // counted from the end of the day of its registration
}

// A VaultRow counts the objects of a vault of an account. Bytes are those that
// count against the account's quota: see VaultCharge.
type VaultRow struct {
	Name         string
	Vault        uint8 // its number
	Objects      uint64
	Bytes        uint64
	Deletions    uint64 // that can be taken back
	DeletedBytes uint64
	Last         uint64              // number of the newest deletion ever
	Closed       int64               // when all of it goes, because the account was deleted; 0: it does not
	Revoked      []protocol.DeviceID // devices of the account that were revoked
}

// A VaultObjectRow is an object of a vault.
type VaultObjectRow struct {
	Name    string
	Vault   uint8
	Object  string // its name
	Content protocol.BlobID
	Size    uint64
	Hash    [sha256.Size]byte // of the content
}

// A VaultDeletionRow is an object that a device asked to delete or replaced. It is
// kept until its time comes, and can be taken back until then.
type VaultDeletionRow struct {
	Name    string
	Vault   uint8
	Number  uint64 // from 1 on
	Object  string
	Content protocol.BlobID
	Size    uint64
	Hash    [sha256.Size]byte
	Device  protocol.DeviceID // that asked
	Session protocol.VaultSessionID
	Asked   int64
	Expires int64
}

// A VaultContentRow says that content belongs to a vault.
type VaultContentRow struct{ Content protocol.BlobID }

// VaultCharge returns how many bytes of an account's quota an object takes: whole
// blocks of 4 KiB, one at least, since it costs a file and rows.
func VaultCharge(size uint64) uint64 {
	const block = 4 << 10
	return max(1, (size+block-1)/block) * block
}

// TotalsRow counts rows. BlobBytes is the sum of the lengths of all blobs,
// announced ones included.
type TotalsRow struct {
	Accounts  uint64
	Channels  uint64
	BlobBytes uint64
}

// Usage is how many bytes the store holds of what strangers may store: of
// statements, key packages, letters, entries and endpoints, of blobs as far as they
// have arrived, and of vaults with what was deleted from them.
type Usage struct {
	RowBytes   uint64
	BlobBytes  uint64
	VaultBytes uint64
}

// FormatRow says in which format a store's rows are written.
type FormatRow struct{ Version uint64 }

// ExpiryRow is an index: what to look at when its minute has come.
type ExpiryRow struct {
	Minute int64
	Key    []byte // of the row that expires
	Count  uint64 // how many rows beginning with that one
}

// unix returns a row's form of t plus d.
func unix(t time.Time, d time.Duration) int64 { return t.Add(d).Unix() }

// A Table describes one kind of row.
type Table struct {
	Name string
	Row  any // a zero row
	// Disclosed says that rows of this table belong to an account and are
	// printed by a disclosure. Otherwise Reason says why there is nothing to
	// print.
	Disclosed bool
	Reason    string
}

const noOwnerReason = "names no account: the server does not know whose it is"

// Tables lists every kind of row that a store may hold.
func Tables() []Table {
	return []Table{
		{Name: "account", Row: AccountRow{}, Disclosed: true},
		{Name: "statement", Row: StatementRow{}, Disclosed: true},
		{Name: "key_package", Row: KeyPackageRow{}, Disclosed: true},
		{Name: "mailbox", Row: MailboxRow{}, Disclosed: true},
		{Name: "letter", Row: LetterRow{}, Disclosed: true},
		{Name: "letter_seen", Row: SeenRow{}, Disclosed: true},
		{Name: "mailbox_token", Row: TokenRow{}, Disclosed: true},
		{Name: "session", Row: SessionRow{}, Disclosed: true},
		{Name: "recovery", Row: RecoveryRow{}, Disclosed: true},
		{Name: "reserved_name", Row: ReservedNameRow{}, Disclosed: true},
		{Name: "vault", Row: VaultRow{}, Disclosed: true},
		{Name: "vault_object", Row: VaultObjectRow{}, Disclosed: true},
		{Name: "vault_deletion", Row: VaultDeletionRow{}, Disclosed: true},
		{Name: "channel", Row: ChannelRow{}, Reason: noOwnerReason},
		{Name: "epoch", Row: EpochRow{}, Reason: noOwnerReason},
		{Name: "entry", Row: EntryRow{}, Reason: noOwnerReason},
		{Name: "blob", Row: BlobRow{}, Reason: noOwnerReason},
		{Name: "invite", Row: InviteRow{}, Reason: "unused invitations only; a used one is deleted, and nobody is named in it"},
		{Name: "wake", Row: WakeRow{}, Reason: "a browser's address at its push service, under the hash of a token; names no account and no channel: the server does not know whose it is"},
		{Name: "state", Row: StateRow{}, Reason: "about the server itself: which life of its folder this is, and its clock; one row for all"},
		{Name: "totals", Row: TotalsRow{}, Reason: "sums over the whole server"},
		{Name: "format", Row: FormatRow{}, Reason: "the version of the store's format"},
		{Name: "vault_content", Row: VaultContentRow{}, Reason: "repeats the content's identifiers of the tables vault_object and vault_deletion, to find files that belong to nothing"},
		{Name: "expiry", Row: ExpiryRow{}, Reason: "repeats the expiry times and keys of rows of the other tables, to find them when it is time"},
	}
}
