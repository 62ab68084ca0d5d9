// SPDX-License-Identifier: AGPL-3.0-or-later

package fairness

import (
	"time"

	"github.com/securecrypt/securecrypt/protocol"
)

// A Rate allows Burst at once and PerSecond in the long run.
type Rate struct {
	Burst     float64
	PerSecond float64
}

const (
	minute = 1.0 / 60
	hour   = minute / 60
)

// Default rates for all connections of one remote address (an IPv4 address or
// an IPv6 /64) together. Many people may share one. An IPv6 /48 may do four
// times as much, all visitors of one web site sixteen times.
var (
	DefaultRegisterRate     = Rate{Burst: 100, PerSecond: 60 * hour}
	DefaultAuthenticateRate = Rate{Burst: 300, PerSecond: 5}
	DefaultLookupRate       = Rate{Burst: 20_000, PerSecond: 200} // names, and lookupCost for each request
	DefaultMissRate         = Rate{Burst: 500, PerSecond: 10}     // names that do not
	DefaultTakeRate         = Rate{Burst: 1200, PerSecond: 2}
	DefaultLetterRate       = Rate{Burst: 1200, PerSecond: 2}
	DefaultLetterBytes      = Rate{Burst: 32 << 20, PerSecond: 64 << 10}
	DefaultCreateRate       = Rate{Burst: 200, PerSecond: 20 * minute}
	DefaultAnnounceRate     = Rate{Burst: 400, PerSecond: 1}
	DefaultPostRate         = Rate{Burst: 20_000, PerSecond: 2000}
	DefaultPostBytes        = Rate{Burst: 16 << 20, PerSecond: 2 << 20}
	DefaultOpenRate         = Rate{Burst: 20_000, PerSecond: 200}
	DefaultConnectRate      = Rate{Burst: 1500, PerSecond: 20}
	DefaultUploadRate       = Rate{Burst: 8 << 30, PerSecond: 4 << 20} // bytes
	DefaultDiscloseRate     = Rate{Burst: 20, PerSecond: 0.1}
	DefaultWakeRegisterRate = Rate{Burst: 300, PerSecond: 2 * minute}
	DefaultWakeRate         = Rate{Burst: 1200, PerSecond: 10}
	DefaultAppendRate       = Rate{Burst: 200, PerSecond: 0.2} // statements of account chains
	DefaultVaultRate        = Rate{Burst: 10_000, PerSecond: 500}
	DefaultVaultBytes       = Rate{Burst: 32 << 30, PerSecond: 32 << 20} // that are stored
	DefaultVaultHash        = Rate{Burst: 64 << 30, PerSecond: 64 << 20} // bytes that the server reads to hash them
)

// Default rates of one connection.
var (
	DefaultRequestRate         = Rate{Burst: 4000, PerSecond: 400}
	DefaultConnectionPostBytes = Rate{Burst: 32 << 20, PerSecond: 4 << 20}
	DefaultSignalRate          = Rate{Burst: 10, PerSecond: 1}
)

// DefaultCommitRate is how often the members of a channel may make commits.
var DefaultCommitRate = Rate{Burst: 16, PerSecond: 1}

// DefaultTargetTakeRate is how often one account's key packages may be taken by
// all origins together; beyond it, or beyond its share, an origin gets the
// last-resort one.
var DefaultTargetTakeRate = Rate{Burst: 60, PerSecond: minute}

// DefaultTargetLetterRate is how often strangers may send letters to one device,
// in units of letterUnit bytes.
var DefaultTargetLetterRate = Rate{Burst: 400, PerSecond: 0.5}

// DefaultTargetWakeRate is how often one device is woken.
var DefaultTargetWakeRate = Rate{Burst: 1, PerSecond: 2 * minute}

// Default quotas and bounds.
const (
	DefaultHeldPart              = 1.0 / 8
	DefaultKeptPart              = 1.0 / 2
	DefaultMaxPushes             = 256
	DefaultMaxWorking            = 64
	DefaultMaxConnections        = 20_000
	DefaultMaxAddressConnections = 1024
	DefaultMaxOpenings           = 1024
	DefaultMaxAllOpenings        = 1_000_000
	DefaultMaxAccounts           = 1_000_000
	DefaultMaxChannels           = 5_000_000
	DefaultMaxChannelEntries     = 200_000
	DefaultMaxChannelBytes       = 512 << 20
	DefaultMaxMailboxLetters     = 2000
	DefaultMaxMailboxBytes       = 16 << 20
	DefaultMaxKeyPackages        = 100
	DefaultMaxRowBytes           = 64 << 30
	DefaultMaxBlobBytes          = 64 << 30
	DefaultMaxVaultBytes         = 64 << 30
	DefaultVaultQuota            = 10 << 30
	DefaultMaxTransfers          = 512
	DefaultMaxMemory             = 256 << 20
	DefaultMaxInFlight           = 4 << 20
	DefaultMaxQueue              = 4 << 20
)

// Default times.
const (
	DefaultHeaderTimeout  = 10 * time.Second
	DefaultMessageTimeout = 10 * time.Second
	DefaultWriteTimeout   = 15 * time.Second
	DefaultPingInterval   = 45 * time.Second
	DefaultIdleTimeout    = 2 * time.Minute
	DefaultAnnounceFor    = 5 * time.Minute
	DefaultUploadTimeout  = time.Hour
	DefaultSweepInterval  = time.Minute
	DefaultSeenFor        = 7 * 24 * time.Hour
	DefaultVaultKeep      = 14 * 24 * time.Hour
)

// Limits bound what clients may use. All are per node.
type Limits struct {
	// For one remote address. Nothing about addresses is stored or logged.
	Register, Authenticate, Lookup, Miss, Take, Letter, LetterBytes, Create, Announce, Post, PostBytes, Open, Connect, Upload, Disclose, WakeRegister, Wake, Append, Vault, VaultBytes, VaultHash Rate
	// For one connection: requests, bytes posted, and what is not stored.
	Request, ConnectionPostBytes, Signal Rate
	// For one channel.
	Commit Rate
	// For one account, device or token as the target of anonymous requests.
	TargetTake, TargetLetter, TargetWake Rate

	// The resources of the whole node, which origins share. HeldPart is which
	// part of what is free an origin may hold, KeptPart which part of the free
	// room it may fill.
	HeldPart, KeptPart float64

	MaxConnections int
	MaxAllOpenings int    // channels open on all connections
	MaxTransfers   int    // uploads and downloads at one time
	MaxPushes      int    // requests to push services at one time
	MaxWorking     int    // requests worked on at one time, posts excepted
	MaxRowBytes    uint64 // bytes of all entries, letters and other rows
	MaxBlobBytes   uint64 // bytes of all blobs
	MaxVaultBytes  uint64 // bytes of all vaults, and of what was deleted from them
	MaxChannels    uint64
	// MaxMemory bounds the bytes of all frames that are being received or worked
	// on, those of all posts that are not answered, and those of all that wait to
	// be sent; beyond its share an origin
	// waits, and its openings read from the store. Frames of up to shortMessage
	// bytes never wait.
	MaxMemory int64

	MaxAddressConnections int // connections of one address
	MaxOpenings           int // channels open on one connection
	MaxAccounts           uint64
	MaxChannelEntries     uint64
	MaxChannelBytes       uint64
	MaxMailboxLetters     uint64
	MaxMailboxBytes       uint64
	MaxKeyPackages        int    // per device
	MaxBlob               uint64 // bytes of one blob
	// VaultQuota bounds the bytes of an account's vaults, and as many again of what
	// was deleted from them; 0: the server keeps no vaults.
	VaultQuota uint64

	// MaxInFlight bounds the bytes of one connection's unanswered requests.
	MaxInFlight int64
	// MaxQueue bounds the bytes that wait to be sent on one connection.
	MaxQueue int64

	HeaderTimeout  time.Duration // for the HTTP request's header and the TLS handshake
	MessageTimeout time.Duration // for a message to arrive, once it began; large ones get more
	WriteTimeout   time.Duration // without progress in sending, or in a transfer
	PingInterval   time.Duration
	IdleTimeout    time.Duration // without a sign of life; more than PingInterval
	AnnounceFor    time.Duration // until an announced upload is given up of which nothing arrived
	UploadTimeout  time.Duration // until an upload without progress is given up
	SeenFor        time.Duration // how long letters' identifiers are remembered
	VaultKeep      time.Duration // how long what is deleted from a vault can be taken back
}

// DefaultLimits returns the defaults.
func DefaultLimits() Limits {
	return Limits{
		Register:            DefaultRegisterRate,
		Authenticate:        DefaultAuthenticateRate,
		Lookup:              DefaultLookupRate,
		Miss:                DefaultMissRate,
		Take:                DefaultTakeRate,
		Letter:              DefaultLetterRate,
		LetterBytes:         DefaultLetterBytes,
		Create:              DefaultCreateRate,
		Announce:            DefaultAnnounceRate,
		Post:                DefaultPostRate,
		PostBytes:           DefaultPostBytes,
		Open:                DefaultOpenRate,
		Connect:             DefaultConnectRate,
		Upload:              DefaultUploadRate,
		Disclose:            DefaultDiscloseRate,
		WakeRegister:        DefaultWakeRegisterRate,
		Wake:                DefaultWakeRate,
		Append:              DefaultAppendRate,
		Vault:               DefaultVaultRate,
		VaultBytes:          DefaultVaultBytes,
		VaultHash:           DefaultVaultHash,
		Request:             DefaultRequestRate,
		ConnectionPostBytes: DefaultConnectionPostBytes,
		Signal:              DefaultSignalRate,
		Commit:              DefaultCommitRate,
		TargetTake:          DefaultTargetTakeRate,
		TargetLetter:        DefaultTargetLetterRate,
		TargetWake:          DefaultTargetWakeRate,

		HeldPart:              DefaultHeldPart,
		KeptPart:              DefaultKeptPart,
		MaxConnections:        DefaultMaxConnections,
		MaxAddressConnections: DefaultMaxAddressConnections,
		MaxOpenings:           DefaultMaxOpenings,
		MaxAllOpenings:        DefaultMaxAllOpenings,
		MaxAccounts:           DefaultMaxAccounts,
		MaxChannels:           DefaultMaxChannels,
		MaxChannelEntries:     DefaultMaxChannelEntries,
		MaxChannelBytes:       DefaultMaxChannelBytes,
		MaxMailboxLetters:     DefaultMaxMailboxLetters,
		MaxMailboxBytes:       DefaultMaxMailboxBytes,
		MaxKeyPackages:        DefaultMaxKeyPackages,
		MaxBlob:               protocol.MaxBlob,
		MaxBlobBytes:          DefaultMaxBlobBytes,
		MaxVaultBytes:         DefaultMaxVaultBytes,
		VaultQuota:            DefaultVaultQuota,
		MaxTransfers:          DefaultMaxTransfers,
		MaxRowBytes:           DefaultMaxRowBytes,
		MaxPushes:             DefaultMaxPushes,
		MaxWorking:            DefaultMaxWorking,
		MaxMemory:             DefaultMaxMemory,
		MaxInFlight:           DefaultMaxInFlight,
		MaxQueue:              DefaultMaxQueue,

		HeaderTimeout:  DefaultHeaderTimeout,
		MessageTimeout: DefaultMessageTimeout,
		WriteTimeout:   DefaultWriteTimeout,
		PingInterval:   DefaultPingInterval,
		IdleTimeout:    DefaultIdleTimeout,
		AnnounceFor:    DefaultAnnounceFor,
		UploadTimeout:  DefaultUploadTimeout,
		SeenFor:        DefaultSeenFor,
		VaultKeep:      DefaultVaultKeep,
	}
}

// Memory returns about how many bytes of memory a node with these limits uses at
// most: what its shares bound, what connections keep, and the store's caches.
func (l *Limits) Memory() int64 {
	return 3*l.MaxMemory + int64(l.MaxConnections)*connectionMemory + int64(l.MaxAllOpenings)*openingMemory + storeMemory
}

// HeapMemory returns the part of Memory that Go's collector is to keep to. The rest
// is for what the collector does not count: what the store allocates outside of its
// heap, the program itself, and the kernel's buffers.
func (l *Limits) HeapMemory() int64 { return l.Memory() - outsideHeap }

// What Memory counts.
const (
	connectionMemory = 16 << 10
	openingMemory    = 256
	storeMemory      = 256 << 20
)

// Unbounded is a rate that refuses nothing, for measurements and tests.
var Unbounded = Rate{Burst: 1e15, PerSecond: 1e15}

// LiftRates removes every rate limit and what bounds one address, for
// measurements and for tests that share one address.
func (l *Limits) LiftRates() {
	for _, r := range l.rates() {
		*r.rate = Unbounded
	}
	for _, r := range []*Rate{&l.Request, &l.ConnectionPostBytes, &l.Signal, &l.Commit, &l.TargetTake, &l.TargetLetter, &l.TargetWake} {
		*r = Unbounded
	}
	l.MaxAddressConnections = l.MaxConnections
	l.HeldPart, l.KeptPart = 1e9, 1e9
}
