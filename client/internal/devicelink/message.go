// SPDX-License-Identifier: AGPL-3.0-or-later

package devicelink

import (
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/internal/codec/dcbor"
)

// A Side is one of the two devices.
type Side uint8

// The sides.
const (
	Joining   Side = iota + 1 // the new device
	Approving                 // the one that the account has
	nobody
)

// A Message is what one side says; it has one of its fields.
type Message struct {
	Commit    *Commit    `cbor:"1,keyasint,omitempty"`
	Answer    *Answer    `cbor:"2,keyasint,omitempty"`
	Reveal    *Reveal    `cbor:"3,keyasint,omitempty"`
	Draft     *Draft     `cbor:"4,keyasint,omitempty"`
	Signature *Signature `cbor:"5,keyasint,omitempty"`
	Welcome   *Welcome   `cbor:"6,keyasint,omitempty"`
	// Done: the new device has the welcome.
	Done  bool   `cbor:"7,keyasint,omitempty"`
	Abort *Abort `cbor:"8,keyasint,omitempty"`
}

// nonceSize is the length of what each side chooses at random, in bytes.
const nonceSize = 32

type (
	// Commit is the hash of the Reveal that will follow.
	Commit struct {
		Hash [32]byte `cbor:"1,keyasint"`
	}
	// Answer says which account the approver is a device of, and how far its chain
	// goes.
	Answer struct {
		Nonce   [nonceSize]byte `cbor:"1,keyasint"`
		Address string          `cbor:"2,keyasint"`
		Device  [16]byte        `cbor:"3,keyasint"`
		Head    [32]byte        `cbor:"4,keyasint"`
	}
	// Reveal has the new device's keys, and the one that the welcome is sealed to.
	Reveal struct {
		Nonce        [nonceSize]byte `cbor:"1,keyasint"`
		SignatureKey [32]byte        `cbor:"2,keyasint"`
		MailboxKey   []byte          `cbor:"3,keyasint"`
		WelcomeKey   []byte          `cbor:"4,keyasint"`
	}
	// Draft is the body of the statement that is to be signed.
	Draft struct {
		Body []byte `cbor:"1,keyasint"`
	}
	// Signature is the new device's, over the draft with that hash.
	Signature struct {
		Draft     [32]byte `cbor:"1,keyasint"`
		Signature [64]byte `cbor:"2,keyasint"`
	}
	// Welcome is sealed to Reveal.WelcomeKey.
	Welcome struct {
		Sealed []byte `cbor:"1,keyasint"`
	}
	// Abort: one side ended it.
	Abort struct {
		By     Side   `cbor:"1,keyasint"`
		Reason Reason `cbor:"2,keyasint"`
	}
)

// A Reason says why a side ended it.
type Reason uint8

// The reasons.
const (
	Cancelled   Reason = iota // by a person, or by an error there
	WrongDigits               // three times
	SecondUse                 // the code was used by others
	Changed                   // what came was not what was to come
)

// Err returns what the other side shows.
func (r Reason) Err() error {
	switch r {
	case WrongDigits:
		return chat.ErrLinkDigits
	case SecondUse:
		return chat.ErrLinkUsed
	case Changed:
		return chat.ErrLinkChanged
	}
	return chat.ErrLinkCancelled
}

// From returns the side that says a message, 0 for one that nobody says.
func (m Message) From() (from Side) {
	said := func(has bool, side Side) {
		switch {
		case has && from == 0:
			from = side
		case has:
			from = nobody
		}
	}
	said(m.Commit != nil, Joining)
	said(m.Answer != nil, Approving)
	said(m.Reveal != nil, Joining)
	said(m.Draft != nil, Approving)
	said(m.Signature != nil, Joining)
	said(m.Welcome != nil, Approving)
	said(m.Done, Joining)
	if m.Abort != nil {
		said(true, m.Abort.By)
	}
	if from >= nobody {
		return 0
	}
	return from
}

func (m Message) encode() ([]byte, error) { return dcbor.Marshal(m) }

func decode(b []byte) (m Message, err error) {
	if err := dcbor.Unmarshal(b, &m); err != nil || m.From() == 0 {
		return Message{}, chat.ErrLinkChanged
	}
	return m, nil
}
