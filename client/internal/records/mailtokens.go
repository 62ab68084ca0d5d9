// SPDX-License-Identifier: AGPL-3.0-or-later

package records

import (
	"crypto/rand"
	"slices"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/protocol"
)

// mailTokenSize is the length of a delivery token in bytes.
const mailTokenSize = 32

// maxPeerDevices is of how many devices of an account the tokens are kept.
const maxPeerDevices = 8

// A MailToken has the delivery token of this device. Letters that show it
// come from contacts, and are not subject to the server's limits for strangers.
type MailToken struct {
	Version uint8  `cbor:"1,keyasint"`
	Token   []byte `cbor:"2,keyasint"`
}

// A PeerTokens has the delivery tokens that somebody told.
type PeerTokens struct {
	Version uint8       `cbor:"1,keyasint"`
	Devices []PeerToken `cbor:"2,keyasint,omitempty"`
}

type PeerToken struct {
	Device account.DeviceID `cbor:"1,keyasint"`
	Token  []byte           `cbor:"2,keyasint"`
}

// A MailTold is the delivery token that the members of a conversation were
// told last; Again: some joined since.
type MailTold struct {
	Token []byte `cbor:"1,keyasint,omitempty"`
	Again bool   `cbor:"2,keyasint,omitempty"`
}

// LoadMailToken returns the delivery token of this device, if it has one.
func LoadMailToken(tx *Tx) (rec MailToken, err error) {
	_, err = tx.Load([]byte(tableMailToken), &rec)
	return rec, err
}

// NewMailToken has another token take the place of the present one: somebody
// knows that one who should not.
func NewMailToken(tx *Tx) error {
	rec := MailToken{Version: Version, Token: make([]byte, mailTokenSize)}
	if _, err := rand.Read(rec.Token); err != nil {
		return err
	}
	return tx.Save([]byte(tableMailToken), &rec)
}

func peerTokensKey(tx *Tx, address string) []byte {
	return Key(tableMailToken, tx.Index([]byte(address)))
}

// PeerTokenOf returns the token that somebody's device told, nil if it is not
// known.
func PeerTokenOf(tx *Tx, address string, device protocol.DeviceID) (token []byte, err error) {
	var rec PeerTokens
	_, err = tx.Load(peerTokensKey(tx, address), &rec)
	for _, one := range rec.Devices {
		if protocol.DeviceID(one.Device) == device {
			token = one.Token
		}
	}
	return token, err
}

// SavePeerToken keeps the token that somebody's device told.
func SavePeerToken(tx *Tx, from string, told PeerToken) error {
	var rec PeerTokens
	if _, err := tx.Load(peerTokensKey(tx, from), &rec); err != nil {
		return err
	}
	rec.Version = Version
	rec.Devices = slices.DeleteFunc(rec.Devices, func(one PeerToken) bool { return one.Device == told.Device })
	rec.Devices = append(rec.Devices, told)
	rec.Devices = rec.Devices[max(0, len(rec.Devices)-maxPeerDevices):]
	return tx.Save(peerTokensKey(tx, from), &rec)
}
