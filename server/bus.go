// SPDX-License-Identifier: AGPL-3.0-or-later

package server

import "github.com/securecrypt/securecrypt/protocol"

// A Wake tells other nodes on the same store that there is something new to
// read or to end. It carries nothing that is stored. One that is lost delays
// delivery, or leaves a connection that should have ended or been told.
type Wake struct {
	// Either a channel and the sequence number of its newest entry,
	Channel protocol.ChannelID
	Last    uint64
	// or a mailbox,
	Mailbox DeviceRef
	// or a channel and what is shown there to those who have it open. Node is
	// a random number of the publisher, which has shown it to its own.
	Signal *protocol.Signal
	Node   uint64
	// or a device, or with a name alone an account, whose identified connections
	// are to end. The publisher has ended its own.
	Ended DeviceRef
	// or an account, by name, whose chain got longer. The publisher has told the
	// connections of its own.
	Account string
}

// A Bus carries wakes between nodes.
type Bus interface {
	// Publish does not block for long and does not fail visibly.
	Publish(Wake)
	// Subscribe calls fn, one call at a time, for the wakes of other nodes,
	// and perhaps for this node's own, until stop is called.
	Subscribe(fn func(Wake)) (stop func())
}
