// SPDX-License-Identifier: AGPL-3.0-or-later

package protocol

import "time"

// Version is the version of this protocol. Server and client must agree on it.
const Version = 1

// WebSocketPath is where a server answers WebSocket handshakes.
const WebSocketPath = "/v1/socket"

// BlobPath is the root of the HTTP interface to blobs: BlobPath itself takes
// new uploads, BlobPath + "/" + blob identifier is a blob.
const BlobPath = "/v1/blobs"

// Limits, in bytes unless another unit is named. Both sides enforce them: a
// sender does not send more, a receiver refuses more before it allocates.
const (
	// MaxMessage bounds one WebSocket message, all of its frames together.
	MaxMessage = 1 << 20
	// MaxCiphertext bounds the ciphertext of one channel entry. What is
	// larger travels as a blob that the entry points to.
	MaxCiphertext = 256 << 10
	// MaxSignal bounds the ciphertext of what is shown and not stored.
	MaxSignal = 2 << 10
	// MaxDisclosurePart bounds one part of a disclosure.
	MaxDisclosurePart = 256 << 10
	// MaxLetter bounds one sealed letter.
	MaxLetter = 64 << 10
	// MaxDeliveryToken bounds the delivery token of a mailbox.
	MaxDeliveryToken = 64
	// MaxKeyPackage bounds one key package.
	MaxKeyPackage = 8 << 10
	// MaxStatement bounds one statement of an account chain.
	MaxStatement = 8 << 10
	// MaxStatements bounds the statements of an account chain.
	MaxStatements = 1024
	// MaxInvite bounds an invitation code.
	MaxInvite = 64
	// MaxName bounds the name part of an address.
	MaxName = 32
	// MaxNames bounds the names asked for in one OpAccountGet.
	MaxNames = 64
	// MaxKeyPackagesPublished bounds the key packages in one
	// OpKeyPackagesPublish.
	MaxKeyPackagesPublished = 100
	// MaxEndpoint bounds the URL of a push service.
	MaxEndpoint = 1024
	// MaxBlob bounds one blob: 2 GiB of content and what padding and
	// encryption add to it.
	MaxBlob = 2<<30 + 128<<20
)

// DefaultExpiry is how long a server keeps what a sender set no shorter time
// for; it is also the longest time that a sender may ask for.
const DefaultExpiry = 30 * 24 * time.Hour

// WakeExpiry is how long a server remembers where to wake a device, counted
// from the end of the day of its last registration.
const WakeExpiry = 30 * 24 * time.Hour

// RecentEpochs is how many epochs before a channel's current one a message
// may still name: its sender encrypted it before a commit overtook it.
const RecentEpochs = 4
