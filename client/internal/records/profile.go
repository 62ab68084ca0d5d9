// SPDX-License-Identifier: AGPL-3.0-or-later

package records

import "github.com/securecrypt/securecrypt/protocol"

// UpdateProfile changes the record of the account.
func UpdateProfile(tx *Tx, change func(*Profile)) error {
	var rec Profile
	if _, err := tx.Load([]byte(TableProfile), &rec); err != nil {
		return err
	}
	change(&rec)
	return tx.Save([]byte(TableProfile), &rec)
}

type Profile struct {
	Version    uint8  `cbor:"1,keyasint"`
	Address    string `cbor:"2,keyasint"`
	Statement  []byte `cbor:"3,keyasint"` // the create statement
	SigningKey []byte `cbor:"4,keyasint"` // Ed25519 seed
	MailboxKey []byte `cbor:"5,keyasint"` // X-Wing private key
	Registered bool   `cbor:"6,keyasint"`
	Invite     string `cbor:"7,keyasint,omitempty"` // until registered
	Name       string `cbor:"8,keyasint,omitempty"` // shown to others
	Letters    uint64 `cbor:"9,keyasint"`           // highest number of a letter
	// LastResort is when the key package of last resort was published, in
	// Unix seconds.
	LastResort int64 `cbor:"10,keyasint,omitempty"`
	// Recovery is the recovery secret as text, until its owner has noted it.
	Recovery string `cbor:"11,keyasint,omitempty"`
	// Asked: the server was asked to register the account, and may have done it.
	Asked bool `cbor:"12,keyasint,omitempty"`
	// Session is that of the last sign-in, at SignedIn in Unix seconds, and
	// NextSession that of the one under way. TakeOver has that one win over
	// another copy of the profile; Takeovers counts how often it was set.
	Session     protocol.SessionMark `cbor:"13,keyasint,omitzero"`
	NextSession protocol.SessionMark `cbor:"14,keyasint,omitzero"`
	SignedIn    int64                `cbor:"15,keyasint,omitempty"`
	TakeOver    bool                 `cbor:"16,keyasint,omitempty"`
	Takeovers   uint32               `cbor:"17,keyasint,omitempty"`
	// Seen is when the account's server was seen last, by the earlier of both
	// clocks, in Unix seconds.
	Seen int64 `cbor:"18,keyasint,omitempty"`
	// Generation names what this copy of the profile continues.
	Generation protocol.Generation `cbor:"19,keyasint,omitzero"`
	// Unsent is a statement of the account's chain that the server may not have yet.
	Unsent []byte `cbor:"20,keyasint,omitempty"`
	// Sealing is the public half of the recovery key's sealing key, signed by the recovery
	// key; empty if this device never had it. Restore is the private half on a device that
	// came back by the recovery key, until it has what the server keeps.
	Sealing []byte `cbor:"22,keyasint,omitempty"`
	Restore []byte `cbor:"23,keyasint,omitempty"`
	// StateCounter is the highest counter of what the server keeps for the recovery that
	// was seen, StateHash the SHA-256 of the newest state that this device knows there.
	StateCounter uint64 `cbor:"24,keyasint,omitempty"`
	StateHash    []byte `cbor:"25,keyasint,omitempty"`
	// Linking is since when, in Unix seconds, this device's keys may be in the account's
	// chain, if it is not known yet whether they are.
	Linking int64 `cbor:"21,keyasint,omitempty"`
	// Duress: the interface that opens the store has a passphrase of duress,
	// which what lies beside the store does not tell.
	Duress bool `cbor:"40,keyasint,omitempty"`
}

// A KeptLetter is a letter that this device has taken from the server
// and not opened yet.
type KeptLetter struct {
	Version  uint8  `cbor:"1,keyasint"`
	Letter   []byte `cbor:"2,keyasint"`
	Received int64  `cbor:"3,keyasint"` // Unix seconds
	// Fetches counts the attempts to fetch its tree.
	Fetches uint8 `cbor:"4,keyasint,omitempty"`
}

type KeyPackage struct {
	Version    uint8  `cbor:"1,keyasint"`
	KeyPackage []byte `cbor:"2,keyasint"`
	Private    []byte `cbor:"3,keyasint"`
}
