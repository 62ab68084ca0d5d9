// SPDX-License-Identifier: AGPL-3.0-or-later

package account

import (
	"crypto/ed25519"
	"time"

	"github.com/securecrypt/securecrypt/internal/codec/dcbor"
)

// CreateParams is what an account begins with.
type CreateParams struct {
	Address    Address
	Time       time.Time // truncated to whole seconds
	DeviceKey  ed25519.PrivateKey
	MailboxKey MailboxKey
	Recovery   RecoverySecret
}

// Create returns the signed statement that begins an account.
func Create(p CreateParams) (statement []byte, err error) {
	if err := p.Address.Validate(); err != nil {
		return nil, err
	}
	if _, err := p.MailboxKey.HPKE(); err != nil {
		return nil, err
	}
	if len(p.DeviceKey) != ed25519.PrivateKeySize {
		return nil, errDeviceKey
	}
	recovery, err := p.Recovery.PrivateKey()
	if err != nil {
		return nil, err
	}
	c := CreateContent{
		Address:     p.Address,
		RecoveryKey: RecoveryKey(recovery.Public().(ed25519.PublicKey)),
		Device: Device{
			SignatureKey: SignatureKey(p.DeviceKey.Public().(ed25519.PublicKey)),
			MailboxKey:   p.MailboxKey,
		},
	}
	d, err := new(State).Draft(p.Time, c)
	if err != nil {
		return nil, err
	}
	return d.Statement(d.sign(RoleDevice, p.DeviceKey), d.sign(RoleRecovery, recovery))
}

// Draft is a statement that lacks its signatures. Its body can be sent to another
// device, which looks at what it says and signs it there.
type Draft struct {
	Sequence uint64
	Previous Head
	Time     time.Time
	Content  Content

	body []byte
}

// Draft returns a draft of the next statement. Its time is at, in whole seconds,
// or that of the last statement if at is before: a device whose clock is slow can
// sign nevertheless.
func (s *State) Draft(at time.Time, c Content) (*Draft, error) {
	if at.Before(s.f.Time) {
		at = s.f.Time
	}
	body, err := encodeBody(s.f.Length, s.f.Head, at, c)
	if err != nil {
		return nil, err
	}
	return ParseDraft(body)
}

// ParseDraft decodes what Body returns. Who signs a draft of somebody else checks
// that Content is what it should be, and that Previous is the head of a chain that
// it verified.
func ParseDraft(body []byte) (*Draft, error) {
	u := UnverifiedStatement{body: append([]byte(nil), body...)}
	if err := u.parseBody(); err != nil {
		return nil, err
	}
	return &Draft{u.Sequence, u.Previous, u.Time, u.Content, u.body}, nil
}

// Body returns the draft's encoding, which the caller must not change.
func (d *Draft) Body() []byte { return d.body }

// SignDevice signs the draft with a device's key.
func (d *Draft) SignDevice(key ed25519.PrivateKey) (Signature, error) {
	if len(key) != ed25519.PrivateKeySize {
		return Signature{}, errDeviceKey
	}
	return d.sign(RoleDevice, key), nil
}

// SignRecovery signs the draft with a recovery key.
func (d *Draft) SignRecovery(secret RecoverySecret) (Signature, error) {
	key, err := secret.PrivateKey()
	if err != nil {
		return Signature{}, err
	}
	return d.sign(RoleRecovery, key), nil
}

func (d *Draft) sign(role Role, key ed25519.PrivateKey) Signature {
	return Signature{
		Role:      role,
		Key:       [ed25519.PublicKeySize]byte(key.Public().(ed25519.PublicKey)),
		Signature: [ed25519.SignatureSize]byte(ed25519.Sign(key, signedBytes(role, d.body))),
	}
}

// Statement returns the signed statement. Its signatures are in the order that the
// rules of its type demand (RULES.md); State.Append verifies them.
func (d *Draft) Statement(signatures ...Signature) ([]byte, error) {
	w := wireStatement{Version: statementVersion, Body: d.body}
	for _, s := range signatures {
		w.Signatures = append(w.Signatures, wireSignature{Role: s.Role, Key: s.Key[:], Signature: s.Signature[:]})
	}
	return dcbor.Marshal(w)
}
