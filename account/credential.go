// SPDX-License-Identifier: AGPL-3.0-or-later

package account

import (
	"github.com/securecrypt/securecrypt/internal/codec/dcbor"
)

// MaxCredentialSize bounds an encoded credential in bytes.
const MaxCredentialSize = MaxAddressLength + DeviceIDSize + 16

const credentialVersion = 1

// Credential is the identity in an MLS BasicCredential (RFC 9420, Section 5.3):
// it claims an address and a device, and Chain.Leaf checks the claim.
type Credential struct {
	Address Address
	Device  DeviceID
}

type wireCredential struct {
	_       struct{} `cbor:",toarray"`
	Version uint64
	Address string
	Device  []byte
}

// Encode returns the identity bytes; it refuses an invalid address.
func (c Credential) Encode() ([]byte, error) {
	if err := c.Address.Validate(); err != nil {
		return nil, err
	}
	return dcbor.Marshal(wireCredential{Version: credentialVersion, Address: c.Address.String(), Device: c.Device[:]})
}

// ParseCredential decodes identity bytes. The error is ErrUnknown for a version
// of the future, else ErrMalformed.
func ParseCredential(b []byte) (Credential, error) {
	if len(b) > MaxCredentialSize {
		return Credential{}, broken("credential-size", ErrMalformed, "a credential of more than 324 bytes")
	}
	if err := checkVersion(b, credentialVersion); err != nil {
		return Credential{}, err
	}
	w, err := decode[wireCredential](b)
	if err != nil {
		return Credential{}, err
	}
	a, err := parseSignedAddress(w.Address)
	if err != nil {
		return Credential{}, err
	}
	if len(w.Device) != DeviceIDSize {
		return Credential{}, broken("credential-device", ErrMalformed, "a device identifier that has not 16 bytes")
	}
	return Credential{Address: a, Device: DeviceID(w.Device)}, nil
}
