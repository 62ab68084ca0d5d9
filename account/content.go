// SPDX-License-Identifier: AGPL-3.0-or-later

package account

import (
	"time"

	"github.com/securecrypt/securecrypt/internal/codec/dcbor"
)

// Content is what a statement says: one of the structs of this file, of which
// each belongs to one Type.
type Content interface {
	Type() Type
	wire() any
	apply(s *State, u step) error // checks the rules of the type and changes s
}

// CreateContent begins an account. Its device and its recovery key sign.
type CreateContent struct {
	Address     Address
	RecoveryKey RecoveryKey
	Device      Device
}

// AddDevice adds a device.
type AddDevice struct{ Device Device }

// RevokeDevice ends a device's right to speak for the account.
type RevokeDevice struct{ Device DeviceID }

// RotateRecovery replaces the recovery key.
type RotateRecovery struct{ RecoveryKey RecoveryKey }

// ResetRequest announces that all devices will give way to one new device and
// a new recovery key, once Wait has passed without a veto.
type ResetRequest struct {
	RecoveryKey RecoveryKey
	Device      Device
	Wait        time.Duration // whole seconds
}

// ResetVeto stops the reset whose request has the head Request.
type ResetVeto struct{ Request Head }

// ResetCommit carries out the reset whose request has the head Request.
type ResetCommit struct{ Request Head }

// Move says that the account goes on at another address.
type Move struct{ Address Address }

// Close ends the account.
type Close struct{}

// Type implements Content.
func (CreateContent) Type() Type { return TypeCreate }

// Type implements Content.
func (AddDevice) Type() Type { return TypeAddDevice }

// Type implements Content.
func (RevokeDevice) Type() Type { return TypeRevokeDevice }

// Type implements Content.
func (RotateRecovery) Type() Type { return TypeRotateRecovery }

// Type implements Content.
func (ResetRequest) Type() Type { return TypeResetRequest }

// Type implements Content.
func (ResetVeto) Type() Type { return TypeResetVeto }

// Type implements Content.
func (ResetCommit) Type() Type { return TypeResetCommit }

// Type implements Content.
func (Move) Type() Type { return TypeMove }

// Type implements Content.
func (Close) Type() Type { return TypeClose }

type (
	wireDevice struct {
		SignatureKey []byte `cbor:"1,keyasint"`
		MailboxKey   []byte `cbor:"2,keyasint"`
	}
	wireCreate struct {
		Address     string     `cbor:"1,keyasint"`
		RecoveryKey []byte     `cbor:"2,keyasint"`
		Device      wireDevice `cbor:"3,keyasint"`
	}
	wireAddDevice struct {
		Device wireDevice `cbor:"1,keyasint"`
	}
	wireBytes struct {
		Value []byte `cbor:"1,keyasint"`
	}
	wireReset struct {
		RecoveryKey []byte     `cbor:"1,keyasint"`
		Device      wireDevice `cbor:"2,keyasint"`
		Wait        uint64     `cbor:"3,keyasint"`
	}
	wireMove struct {
		Address string `cbor:"1,keyasint"`
	}
	wireClose struct{}
)

func (d Device) wire() wireDevice {
	return wireDevice{SignatureKey: d.SignatureKey[:], MailboxKey: d.MailboxKey[:]}
}

func (c CreateContent) wire() any {
	return wireCreate{Address: c.Address.String(), RecoveryKey: c.RecoveryKey[:], Device: c.Device.wire()}
}
func (c AddDevice) wire() any      { return wireAddDevice{c.Device.wire()} }
func (c RevokeDevice) wire() any   { return wireBytes{c.Device[:]} }
func (c RotateRecovery) wire() any { return wireBytes{c.RecoveryKey[:]} }
func (c ResetRequest) wire() any {
	return wireReset{RecoveryKey: c.RecoveryKey[:], Device: c.Device.wire(), Wait: uint64(c.Wait / time.Second)}
}
func (c ResetVeto) wire() any   { return wireBytes{c.Request[:]} }
func (c ResetCommit) wire() any { return wireBytes{c.Request[:]} }
func (c Move) wire() any        { return wireMove{c.Address.String()} }
func (c Close) wire() any       { return wireClose{} }

// parseContent decodes the content of a statement of type t.
func parseContent(t uint64, b []byte) (Content, error) {
	if t > 0xff {
		t = 0
	}
	switch Type(t) {
	case TypeCreate:
		return parseCreate(b)
	case TypeAddDevice:
		w, err := decode[wireAddDevice](b)
		if err != nil {
			return nil, err
		}
		d, err := w.Device.parse()
		return AddDevice{d}, err
	case TypeRevokeDevice:
		v, err := parseBytes(b, DeviceIDSize)
		return RevokeDevice{DeviceID(v)}, err
	case TypeRotateRecovery:
		v, err := parseBytes(b, RecoveryKeySize)
		return RotateRecovery{RecoveryKey(v)}, err
	case TypeResetRequest:
		return parseResetRequest(b)
	case TypeResetVeto:
		v, err := parseBytes(b, len(Head{}))
		return ResetVeto{Head(v)}, err
	case TypeResetCommit:
		v, err := parseBytes(b, len(Head{}))
		return ResetCommit{Head(v)}, err
	case TypeMove:
		w, err := decode[wireMove](b)
		if err != nil {
			return nil, err
		}
		a, err := parseSignedAddress(w.Address)
		return Move{a}, err
	case TypeClose:
		_, err := decode[wireClose](b)
		return Close{}, err
	}
	return nil, broken("format-type", ErrUnknown, "a type of statement that this program does not know")
}

func parseCreate(b []byte) (Content, error) {
	w, err := decode[wireCreate](b)
	if err != nil {
		return nil, err
	}
	var c CreateContent
	if c.Address, err = parseSignedAddress(w.Address); err != nil {
		return nil, err
	}
	if c.RecoveryKey, err = parseRecoveryKey(w.RecoveryKey); err != nil {
		return nil, err
	}
	c.Device, err = w.Device.parse()
	return c, err
}

func parseResetRequest(b []byte) (Content, error) {
	w, err := decode[wireReset](b)
	if err != nil {
		return nil, err
	}
	if w.Wait > uint64(MaxResetWait/time.Second) {
		return nil, broken("format-wait", ErrMalformed, "a waiting period of more than 366 days")
	}
	c := ResetRequest{Wait: time.Duration(w.Wait) * time.Second}
	if c.RecoveryKey, err = parseRecoveryKey(w.RecoveryKey); err != nil {
		return nil, err
	}
	c.Device, err = w.Device.parse()
	return c, err
}

func (w wireDevice) parse() (d Device, err error) {
	if d.SignatureKey, err = NewSignatureKey(w.SignatureKey); err != nil {
		return Device{}, broken("format-device", ErrMalformed, "a signature key that has not 32 bytes")
	}
	if d.MailboxKey, err = NewMailboxKey(w.MailboxKey); err != nil {
		return Device{}, broken("format-mailbox", ErrMalformed, "a mailbox key that is not an X-Wing key")
	}
	return d, nil
}

func parseRecoveryKey(b []byte) (RecoveryKey, error) {
	k, err := NewRecoveryKey(b)
	if err != nil {
		return k, broken("format-recovery", ErrMalformed, "a recovery key that has not 32 bytes")
	}
	return k, nil
}

// parseBytes decodes wireBytes. Its result has n bytes also with an error.
func parseBytes(b []byte, n int) ([]byte, error) {
	w, err := decode[wireBytes](b)
	if err == nil && len(w.Value) != n {
		err = broken("format-length", ErrMalformed, "an identifier, key or hash of another length")
	}
	if err != nil {
		return make([]byte, n), err
	}
	return w.Value, nil
}

func parseSignedAddress(s string) (Address, error) {
	a, err := parseCanonicalAddress(s)
	if err != nil {
		return Address{}, broken("format-address", ErrMalformed, "an address that is not in its one spelling")
	}
	return a, nil
}

func decode[T any](b []byte) (T, error) {
	var w T
	if err := dcbor.Unmarshal(b, &w); err != nil {
		return w, malformed(err)
	}
	return w, nil
}
