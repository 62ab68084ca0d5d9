// SPDX-License-Identifier: AGPL-3.0-or-later

package server

import (
	"context"
	"crypto/sha256"
	"errors"
	"time"

	"github.com/securecrypt/securecrypt/protocol"
)

// Errors of a [Store]. Others mean a fault of the store.
var (
	// ErrNotFound: there is no such row.
	ErrNotFound = errors.New("server: no such row")
	// ErrExists: there is such a row already.
	ErrExists = errors.New("server: row exists")
	// ErrFull: the store cannot write now, for want of room. Nothing was
	// stored; it may work again later.
	ErrFull = errors.New("server: store is full")
	// ErrCorrupt: what is stored is damaged.
	ErrCorrupt = errors.New("server: damaged data")
)

// A Store keeps the relay's rows. Transactions are serialisable. Everything
// that a function saw or wrote is durable when View or Update returns nil, so
// that what is told to a client can never be undone by a crash.
//
// A function may run more than once: it must set its results anew each time
// and have no other effect. It may use the transaction only until it returns,
// on its own goroutine. When it returns an error, nothing of it is stored and
// the error is returned. Concurrent updates may be made durable together, but
// succeed and fail each for itself.
type Store interface {
	View(ctx context.Context, fn func(ReadTx) error) error
	Update(ctx context.Context, fn func(WriteTx) error) error
}

type freeingKey struct{}

// Freeing returns a context for updates that only delete. A store carries them
// out when its disk has no more room than the reserve: they make some.
func Freeing(ctx context.Context) context.Context {
	return context.WithValue(ctx, freeingKey{}, true)
}

// IsFreeing reports whether a context is one of [Freeing].
func IsFreeing(ctx context.Context) bool { return ctx.Value(freeingKey{}) != nil }

// A ReadTx is a consistent view of the store.
type ReadTx interface {
	Accounts() AccountReader
	Names() NameReader
	Recoveries() RecoveryReader
	KeyPackages() KeyPackageReader
	Mailboxes() MailboxReader
	Sessions() SessionReader
	Channels() ChannelReader
	Blobs() BlobReader
	Invites() InviteReader
	Wakes() WakeReader
	Vaults() VaultReader
	State() StateReader
	// Usage counts what is stored. It may miss, or have too much, what
	// transactions that are under way change.
	Usage() (Usage, error)
}

// A WriteTx reads what it wrote.
type WriteTx interface {
	Accounts() AccountWriter
	Names() NameWriter
	Recoveries() RecoveryWriter
	KeyPackages() KeyPackageWriter
	Mailboxes() MailboxWriter
	Sessions() SessionWriter
	Channels() ChannelWriter
	Blobs() BlobWriter
	Invites() InviteWriter
	Wakes() WakeWriter
	Vaults() VaultWriter
	State() StateWriter
	Usage() (Usage, error)
	// Expire deletes at most about limit rows whose time has come at now,
	// with the epochs that no entry needs any more.
	Expire(now time.Time, limit int) (Expired, error)
}

// Expired says what one [WriteTx.Expire] deleted.
type Expired struct {
	Rows  int
	Blobs []protocol.BlobID // of blobs and vaults: whose content is to be deleted
	More  bool              // there is more to delete
}

// AccountReader reads accounts.
type AccountReader interface {
	// Account returns ErrNotFound for a name that is not taken.
	Account(name string) (AccountRow, error)
	// Statements returns those of an account, whose row is given, from a sequence
	// number on, in order: about maxBytes of them, but one at least if there is one.
	Statements(row AccountRow, from uint64, maxBytes int) ([]StatementRow, error)
	Count() (uint64, error)
}

// AccountWriter writes accounts.
type AccountWriter interface {
	AccountReader
	// Create stores an account with all of its statements. It returns ErrExists
	// for a name that is taken.
	Create(AccountRow, []StatementRow) error
	// Append stores the next statement of an account and the account's new row.
	Append(AccountRow, StatementRow) error
	// DeleteDevice deletes every row that names a device, but for what it deleted
	// from vaults: that is taken back when its time comes.
	DeleteDevice(DeviceRef) error
	// Delete deletes an account with every row that names it or a device of it, but
	// for its vaults.
	Delete(name string) error
}

// RecoveryReader reads what accounts keep for their recovery.
type RecoveryReader interface {
	// Recovery returns ErrNotFound for an account that keeps nothing.
	Recovery(name string) (RecoveryRow, error)
}

// RecoveryWriter writes it.
type RecoveryWriter interface {
	RecoveryReader
	// Put creates or replaces a row.
	Put(RecoveryRow) error
}

// NameReader reads the names that are reserved.
type NameReader interface {
	// Reserved returns ErrNotFound for a name that is not reserved.
	Reserved(name string) (ReservedNameRow, error)
}

// NameWriter writes them.
type NameWriter interface {
	NameReader
	Reserve(ReservedNameRow) error
	// Free returns ErrNotFound for a name that is not reserved.
	Free(name string) error
}

// DeviceRef names a device of an account on this server.
type DeviceRef struct {
	Name   string
	Device protocol.DeviceID
}

// KeyPackageReader reads key packages.
type KeyPackageReader interface {
	Count(DeviceRef) (n int, lastResort bool, err error)
	// All returns the last-resort key package, if any, and the others in the
	// order in which they will be taken.
	All(DeviceRef) ([]KeyPackageRow, error)
}

// KeyPackageWriter writes key packages.
type KeyPackageWriter interface {
	KeyPackageReader
	Add(ref DeviceRef, keyPackages [][]byte) error
	SetLastResort(ref DeviceRef, keyPackage []byte) error
	// Take removes and returns the first key package; where none is left, or
	// onlyLastResort is set, it returns the last-resort one and keeps it.
	Take(ref DeviceRef, onlyLastResort bool) ([]byte, error)
	// DeleteOneTime deletes the key packages of a device but the last-resort one.
	DeleteOneTime(DeviceRef) error
	// DeleteAllOneTime does so for all devices.
	DeleteAllOneTime() error
}

// SessionReader reads the marks of sign-ins.
type SessionReader interface {
	// Session returns ErrNotFound for a device that never left a mark.
	Session(DeviceRef) (SessionRow, error)
	// All returns the rows of an account's devices.
	All(name string) ([]SessionRow, error)
}

// SessionWriter writes them.
type SessionWriter interface {
	SessionReader
	// Put creates or replaces a row.
	Put(SessionRow) error
}

// StateReader reads what the store knows about itself.
type StateReader interface {
	// Get returns a zero row for a store that nobody has served.
	Get() (StateRow, error)
}

// StateWriter writes it.
type StateWriter interface {
	StateReader
	Put(StateRow) error
}

// MailboxReader reads letters.
type MailboxReader interface {
	// Mailbox returns a zero row for a mailbox that never had a letter.
	Mailbox(DeviceRef) (MailboxRow, error)
	// Letters returns the letters after a sequence number, in order: about
	// maxBytes of them, but one at least if there is one.
	Letters(ref DeviceRef, after uint64, maxBytes int) ([]LetterRow, error)
	Seen(ref DeviceRef, id [16]byte) (SeenRow, error)
	AllSeen(DeviceRef) ([]SeenRow, error)
	// Token returns zeros for a mailbox without a delivery token.
	Token(DeviceRef) (hash [sha256.Size]byte, err error)
}

// MailboxWriter writes letters.
type MailboxWriter interface {
	MailboxReader
	// Add stores a letter under the mailbox's next sequence number, which it
	// sets in both rows, and remembers seen.
	Add(LetterRow, SeenRow) error
	// Delete deletes the letters up to and including a sequence number.
	Delete(ref DeviceRef, upTo uint64) error
	// SetToken replaces the delivery token; zeros delete it.
	SetToken(ref DeviceRef, hash [sha256.Size]byte) error
}

// ChannelReader reads channels.
type ChannelReader interface {
	Channel(protocol.ChannelID) (ChannelRow, error)
	Epoch(channel protocol.ChannelID, epoch uint64) (EpochRow, error)
	// Entries returns the entries with after < Seq <= upTo in order: about
	// maxBytes of them, but one at least if there is one.
	Entries(channel protocol.ChannelID, after, upTo uint64, maxBytes int) ([]EntryRow, error)
	Count() (uint64, error)
}

// ChannelWriter writes channels.
type ChannelWriter interface {
	ChannelReader
	// Create returns ErrExists for a channel that exists.
	Create(ChannelRow, EpochRow) error
	// Append stores entries and the channel's new row.
	Append(ChannelRow, []EntryRow) error
	PutEpoch(EpochRow) error
	// Extend sets when a channel expires, unless that is later already.
	Extend(channel protocol.ChannelID, expires int64) error
	// Delete deletes a channel with its epochs and entries.
	Delete(protocol.ChannelID) error
}

// BlobReader reads what is known about blobs.
type BlobReader interface {
	Blob(protocol.BlobID) (BlobRow, error)
}

// BlobWriter writes it.
type BlobWriter interface {
	BlobReader
	// Put creates or replaces a row.
	Put(BlobRow) error
	Delete(protocol.BlobID) error
}

// InviteReader reads invitations.
type InviteReader interface {
	All() ([]InviteRow, error)
}

// InviteWriter writes invitations.
type InviteWriter interface {
	InviteReader
	Put(InviteRow) error
	// Take deletes an invitation that has not expired at now, or returns
	// ErrNotFound.
	Take(hash [sha256.Size]byte, now time.Time) error
}

// WakeReader reads where devices are woken.
type WakeReader interface {
	// Wake returns ErrNotFound for a token that is not registered.
	Wake(hash [sha256.Size]byte) (WakeRow, error)
}

// WakeWriter writes it.
type WakeWriter interface {
	WakeReader
	// Put creates or replaces a row.
	Put(WakeRow) error
	// Delete returns ErrNotFound for a token that is not registered.
	Delete(hash [sha256.Size]byte) error
}

// VaultReader reads the vaults of accounts.
type VaultReader interface {
	// Vaults returns those of an account in the order of their numbers.
	Vaults(name string) ([]VaultRow, error)
	// Object returns ErrNotFound for a name that no object has.
	Object(name string, vault uint8, object string) (VaultObjectRow, error)
	// Objects returns at most limit objects whose names begin with prefix and follow
	// after, in the order of their names.
	Objects(name string, vault uint8, prefix, after string, limit int) ([]VaultObjectRow, error)
	// Deletions returns at most limit deletions with greater numbers than after, in
	// order.
	Deletions(name string, vault uint8, after uint64, limit int) ([]VaultDeletionRow, error)
	// HasContent reports whether content belongs to an object or a deletion.
	HasContent(protocol.BlobID) (bool, error)
}

// VaultWriter writes them. It keeps the sums in the vaults' rows.
type VaultWriter interface {
	VaultReader
	// Put stores an object, or returns ErrExists for a name that is taken.
	Put(VaultObjectRow) error
	// Remove deletes an object for good, and returns it.
	Remove(name string, vault uint8, object string) (VaultObjectRow, error)
	// Delete makes the object that a deletion names part of it. The deletion gets the
	// vault's next number.
	Delete(VaultDeletionRow) error
	// Undelete makes a deletion an object again. It returns ErrExists if its name is
	// taken.
	Undelete(VaultDeletionRow) error
	// Close has all vaults of an account expire at a time, or keeps them if that is 0.
	Close(name string, expires int64) error
}
