// SPDX-License-Identifier: AGPL-3.0-or-later

package server

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
// an IPv6 /64) together. Many people may share one.
var (
	DefaultRegisterRate     = Rate{Burst: 100, PerSecond: 60 * hour}
	DefaultAuthenticateRate = Rate{Burst: 100, PerSecond: 2}
	DefaultLookupRate       = Rate{Burst: 500, PerSecond: 10}
	DefaultTakeRate         = Rate{Burst: 1200, PerSecond: 2}
	DefaultLetterRate       = Rate{Burst: 1200, PerSecond: 2}
	DefaultCreateRate       = Rate{Burst: 200, PerSecond: 20 * minute}
	DefaultOpenRate         = Rate{Burst: 5000, PerSecond: 100}
	DefaultConnectRate      = Rate{Burst: 300, PerSecond: 10}
	DefaultUploadRate       = Rate{Burst: 8 << 30, PerSecond: 4 << 20} // bytes
	DefaultDiscloseRate     = Rate{Burst: 200, PerSecond: 0.5}
	DefaultWakeRegisterRate = Rate{Burst: 300, PerSecond: 2 * minute}
	DefaultWakeRate         = Rate{Burst: 1200, PerSecond: 10}
)

// Default rates of one connection.
var (
	DefaultRequestRate = Rate{Burst: 4000, PerSecond: 400}
	DefaultPostBytes   = Rate{Burst: 32 << 20, PerSecond: 4 << 20}
	DefaultSignalRate  = Rate{Burst: 10, PerSecond: 1}
)

// DefaultTargetTakeRate is how often one account's key packages may be taken,
// by whomever; beyond it one gets the last-resort one.
var DefaultTargetTakeRate = Rate{Burst: 60, PerSecond: minute}

// DefaultTargetLetterRate is how often one device may be sent letters.
var DefaultTargetLetterRate = Rate{Burst: 400, PerSecond: 0.5}

// DefaultTargetWakeRate is how often one device is woken.
var DefaultTargetWakeRate = Rate{Burst: 1, PerSecond: 2 * minute}

// Default quotas and bounds.
const (
	DefaultMaxPushes             = 256
	DefaultMaxConnections        = 20_000
	DefaultMaxAddressConnections = 256
	DefaultMaxOpenings           = 1024
	DefaultMaxAccounts           = 1_000_000
	DefaultMaxChannels           = 5_000_000
	DefaultMaxChannelEntries     = 200_000
	DefaultMaxChannelBytes       = 512 << 20
	DefaultMaxMailboxLetters     = 2000
	DefaultMaxMailboxBytes       = 16 << 20
	DefaultMaxKeyPackages        = 100
	DefaultMaxBlobBytes          = 64 << 30
	DefaultMaxUploads            = 256
	DefaultMaxMemory             = 256 << 20
	DefaultMaxInFlight           = 4 << 20
	DefaultMaxQueue              = 4 << 20
)

// Default times.
const (
	DefaultHeaderTimeout  = 10 * time.Second
	DefaultMessageTimeout = 30 * time.Second
	DefaultWriteTimeout   = 30 * time.Second
	DefaultPingInterval   = 45 * time.Second
	DefaultIdleTimeout    = 2 * time.Minute
	DefaultUploadTimeout  = 24 * time.Hour
	DefaultSweepInterval  = time.Minute
	DefaultSeenFor        = 7 * 24 * time.Hour
)

// Limits bound what clients may use. All are per node.
type Limits struct {
	// For one remote address. Nothing about addresses is stored or logged.
	Register, Authenticate, Lookup, Take, Letter, Create, Open, Connect, Upload, Disclose, WakeRegister, Wake Rate
	// For one connection: requests, bytes posted, and what is not stored.
	Request, PostBytes, Signal Rate
	// For one account, device or token as the target of anonymous requests.
	TargetTake, TargetLetter, TargetWake Rate

	MaxConnections        int
	MaxAddressConnections int
	MaxOpenings           int // channels open on one connection
	MaxAccounts           uint64
	MaxChannels           uint64
	MaxChannelEntries     uint64
	MaxChannelBytes       uint64
	MaxMailboxLetters     uint64
	MaxMailboxBytes       uint64
	MaxKeyPackages        int    // per device
	MaxBlob               uint64 // bytes of one blob
	MaxBlobBytes          uint64 // bytes of all blobs
	MaxUploads            int    // uploads and downloads at one time
	MaxPushes             int    // requests to push services at one time

	// MaxMemory bounds the bytes of all frames that are being worked on, and
	// those of all that wait to be sent; beyond it connections wait, and
	// openings read from the store.
	MaxMemory int64
	// MaxInFlight bounds the bytes of one connection's unanswered requests.
	MaxInFlight int64
	// MaxQueue bounds the bytes that wait to be sent on one connection.
	MaxQueue int64

	HeaderTimeout  time.Duration // for the HTTP request's header and the TLS handshake
	MessageTimeout time.Duration // for a message to arrive, once it began; large ones get more
	WriteTimeout   time.Duration // without any progress in sending
	PingInterval   time.Duration
	IdleTimeout    time.Duration // without a sign of life; more than PingInterval
	UploadTimeout  time.Duration // until an upload without progress is given up
	SeenFor        time.Duration // how long letters' identifiers are remembered
}

// DefaultLimits returns the defaults.
func DefaultLimits() Limits {
	return Limits{
		Register:     DefaultRegisterRate,
		Authenticate: DefaultAuthenticateRate,
		Lookup:       DefaultLookupRate,
		Take:         DefaultTakeRate,
		Letter:       DefaultLetterRate,
		Create:       DefaultCreateRate,
		Open:         DefaultOpenRate,
		Connect:      DefaultConnectRate,
		Upload:       DefaultUploadRate,
		Disclose:     DefaultDiscloseRate,
		WakeRegister: DefaultWakeRegisterRate,
		Wake:         DefaultWakeRate,
		Request:      DefaultRequestRate,
		PostBytes:    DefaultPostBytes,
		Signal:       DefaultSignalRate,
		TargetTake:   DefaultTargetTakeRate,
		TargetLetter: DefaultTargetLetterRate,
		TargetWake:   DefaultTargetWakeRate,

		MaxConnections:        DefaultMaxConnections,
		MaxAddressConnections: DefaultMaxAddressConnections,
		MaxOpenings:           DefaultMaxOpenings,
		MaxAccounts:           DefaultMaxAccounts,
		MaxChannels:           DefaultMaxChannels,
		MaxChannelEntries:     DefaultMaxChannelEntries,
		MaxChannelBytes:       DefaultMaxChannelBytes,
		MaxMailboxLetters:     DefaultMaxMailboxLetters,
		MaxMailboxBytes:       DefaultMaxMailboxBytes,
		MaxKeyPackages:        DefaultMaxKeyPackages,
		MaxBlob:               protocol.MaxBlob,
		MaxBlobBytes:          DefaultMaxBlobBytes,
		MaxUploads:            DefaultMaxUploads,
		MaxPushes:             DefaultMaxPushes,
		MaxMemory:             DefaultMaxMemory,
		MaxInFlight:           DefaultMaxInFlight,
		MaxQueue:              DefaultMaxQueue,

		HeaderTimeout:  DefaultHeaderTimeout,
		MessageTimeout: DefaultMessageTimeout,
		WriteTimeout:   DefaultWriteTimeout,
		PingInterval:   DefaultPingInterval,
		IdleTimeout:    DefaultIdleTimeout,
		UploadTimeout:  DefaultUploadTimeout,
		SeenFor:        DefaultSeenFor,
	}
}

// Unbounded is a rate that refuses nothing, for measurements and tests.
var Unbounded = Rate{Burst: 1e15, PerSecond: 1e15}

// LiftRates removes every rate limit and the bound on connections of one
// address, for measurements and for tests that share one address.
func (l *Limits) LiftRates() {
	for _, r := range []*Rate{
		&l.Register, &l.Authenticate, &l.Lookup, &l.Take, &l.Letter, &l.Create, &l.Open, &l.Connect,
		&l.Upload, &l.Disclose, &l.WakeRegister, &l.Wake, &l.Request, &l.PostBytes, &l.Signal, &l.TargetTake, &l.TargetLetter, &l.TargetWake,
	} {
		*r = Unbounded
	}
	l.MaxAddressConnections = l.MaxConnections
}
