// SPDX-License-Identifier: AGPL-3.0-or-later

package records

import (
	"github.com/securecrypt/securecrypt/client/attach"
	"github.com/securecrypt/securecrypt/content"
	"github.com/securecrypt/securecrypt/protocol"
)

// A Held is an edit, a reaction or the like by an unconfirmed member.
type Held struct {
	Version uint8             `cbor:"1,keyasint"`
	From    string            `cbor:"2,keyasint"`
	ID      content.MessageID `cbor:"3,keyasint"`
	Content []byte            `cbor:"4,keyasint"`
}

// A File is a file that the profile keeps.
type File struct {
	Version uint8 `cbor:"1,keyasint"`
	// Have is how many bytes there are: all of them if Whole.
	Have  int64  `cbor:"2,keyasint"`
	Whole bool   `cbor:"3,keyasint"`
	Hash  []byte `cbor:"4,keyasint,omitempty"` // SHA-256 of all of it
	Used  int64  `cbor:"5,keyasint"`           // Unix seconds, about
	// Attached is when the file was attached, in Unix seconds, 0 once it is in
	// a message; what follows is how it will be sent.
	Attached int64                   `cbor:"6,keyasint,omitempty"`
	Name     string                  `cbor:"7,keyasint,omitempty"`
	Type     string                  `cbor:"8,keyasint,omitempty"`
	Secret   [attach.SecretSize]byte `cbor:"9,keyasint"`
	Token    protocol.UploadToken    `cbor:"10,keyasint"`
	// Uses are the messages that it was sent with or opened from; none if that
	// was not noted.
	Uses []Use `cbor:"11,keyasint,omitempty"`
}

// A Use names a message that has a file.
type Use struct {
	CID   CID    `cbor:"1,keyasint"`
	Order uint64 `cbor:"2,keyasint"`
}
