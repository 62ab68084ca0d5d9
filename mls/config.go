// SPDX-License-Identifier: Apache-2.0

package mls

import (
	"io"
	"time"
)

// Config is what a group needs from its surroundings. It is not persisted.
type Config struct {
	// Rand is the source of randomness. It is required.
	Rand io.Reader
	// PSKs finds external pre-shared keys; nil has none.
	PSKs PSKs
	// Components judges the proposals of components; nil refuses them all.
	Components Components
	// Authentication judges credentials; nil leaves that to the application, which looks at
	// what is staged.
	Authentication AuthenticationService
	// Proposals lists the types of proposals that the application defines.
	Proposals []CustomProposal
	// Policy bounds what is kept and accepted; the zero value is sensible.
	Policy Policy
}

// Policy bounds what a group keeps and accepts. A zero field takes its default.
type Policy struct {
	// MaxLifetime is the longest total lifetime of a leaf that is accepted
	// (RFC 9420, Section 7.2). All members of a group should use the same.
	// Negative accepts any.
	MaxLifetime time.Duration
	// LateDelivery is how long a message may have been under way: a leaf that
	// it adds may have expired that long ago (RFC 9420, Section 7.3).
	// Negative accepts any lifetime in what is received.
	LateDelivery time.Duration
	// LiveTree demands of a joined tree that no leaf has expired. Members that never
	// committed keep the lifetime of their key package, so that a group may
	// legitimately hold expired leaves; by default they are accepted.
	LiveTree bool
	// OwnAdds accepts Add proposals that clients make for themselves from outside
	// (RFC 9420, Section 12.1.8). Whoever knows group and epoch can make one, and
	// no data can be sent until it is committed or dropped.
	OwnAdds bool
	// PastEpochs is how many past epochs' messages can still be decrypted, and their
	// resumption keys used.
	// Negative keeps none.
	PastEpochs int
	// MaxForward is how many generations one message may skip.
	MaxForward uint32
	// OutOfOrder is how many keys of skipped messages are kept per sender.
	OutOfOrder uint32
}

// Defaults of Policy.
const (
	DefaultMaxLifetime         = 400 * 24 * time.Hour
	DefaultLateDelivery        = 31 * 24 * time.Hour
	DefaultPastEpochs          = 5
	DefaultMaxForward   uint32 = 1000
	DefaultOutOfOrder   uint32 = 1000
)

// ClockSkew is how far another client's clock may be ahead of ours.
const ClockSkew = time.Hour
