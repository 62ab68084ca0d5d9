// SPDX-License-Identifier: AGPL-3.0-or-later

package records

import (
	"slices"

	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/content"
)

// A Reported says up to which order the messages of others were dealt
// with.
type Reported struct {
	// Delivered: what arrived up to here was reported, or is not to be.
	Delivered uint64 `cbor:"1,keyasint"`
	// Read is what was read, ReadSent what of it was reported or is not to be.
	Read     uint64 `cbor:"2,keyasint"`
	ReadSent uint64 `cbor:"3,keyasint"`
}

// A Recipient is what became of an own message at one of those who were
// members when it was sent: content.StatusUnread, StatusDelivered or
// StatusRead.
type Recipient struct {
	Address string         `cbor:"1,keyasint"`
	Status  content.Status `cbor:"2,keyasint"`
}

// AdvanceStatus records the status of an own message at one recipient, and
// reports whether it changed.
func (r *Message) AdvanceStatus(from string, level content.Status) bool {
	i := slices.IndexFunc(r.Recipients, func(p Recipient) bool { return p.Address == from })
	if i < 0 || r.Recipients[i].Status >= level {
		return false
	}
	r.Recipients[i].Status = level
	least := level
	for _, p := range r.Recipients {
		least = min(least, p.Status)
	}
	switch least {
	case content.StatusDelivered:
		r.State = chat.StateDelivered
	case content.StatusRead:
		r.State = chat.StateRead
	}
	return true
}

// countAtLeast returns the number of recipients whose status is level or later.
func (r *Message) countAtLeast(level content.Status) (n int) {
	for _, p := range r.Recipients {
		if p.Status >= level {
			n++
		}
	}
	return n
}

// IsDeliveredToAll reports whether every recipient has confirmed the arrival of
// an own message.
func (r *Message) IsDeliveredToAll() bool {
	missing := func(one Recipient) bool {
		return one.Status != content.StatusDelivered && one.Status != content.StatusRead
	}
	return len(r.Recipients) > 0 && !slices.ContainsFunc(r.Recipients, missing)
}
