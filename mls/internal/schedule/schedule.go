// SPDX-License-Identifier: Apache-2.0

package schedule

import (
	"crypto/hpke"

	"github.com/securecrypt/securecrypt/mls/internal/suite"
	"github.com/securecrypt/securecrypt/mls/internal/wire"
)

// Init is the init_secret that one epoch hands to the next.
type Init struct {
	suite  *suite.Suite
	secret suite.Secret
}

// NewInit takes up an init secret.
func NewInit(s *suite.Suite, secret suite.Secret) Init { return Init{s, secret} }

// Wipe erases the secret.
func (i Init) Wipe() { i.secret.Wipe() }

// Joiner is the joiner_secret, which welcomes carry.
type Joiner struct {
	suite  *suite.Suite
	secret suite.Secret
}

// Commit adds the secret of a commit. Context is that of the new epoch.
func (i Init) Commit(commitSecret suite.Secret, context *wire.GroupContext) Joiner {
	s := i.suite
	mid := s.Extract(i.secret, commitSecret)
	defer mid.Wipe()
	return Joiner{s, s.ExpandWithLabel(mid, "joiner", context.Bytes(), s.HashSize())}
}

// NewJoiner takes up the joiner secret of a welcome.
func NewJoiner(s *suite.Suite, secret suite.Secret) Joiner { return Joiner{s, secret} }

// Secret returns the raw secret, to be sealed to new members.
func (j Joiner) Secret() suite.Secret { return j.secret }

// Member is the secret between joiner_secret and epoch_secret.
type Member struct {
	suite  *suite.Suite
	secret suite.Secret
}

// PSK adds the pre-shared keys; NoPSK is for none.
func (j Joiner) PSK(psk PSKSecret) Member {
	return Member{j.suite, j.suite.Extract(j.secret, psk.secret)}
}

// WelcomeSecret derives welcome_secret.
func (m Member) WelcomeSecret() suite.Secret { return m.suite.DeriveSecret(m.secret, "welcome") }

// WelcomeKey derives key and nonce of the encrypted group info
// (RFC 9420, Section 12.4.3.1).
func (m Member) WelcomeKey() (key, nonce suite.Secret) {
	welcome := m.WelcomeSecret()
	defer welcome.Wipe()
	return m.suite.ExpandWithLabel(welcome, "key", nil, m.suite.KeySize()),
		m.suite.ExpandWithLabel(welcome, "nonce", nil, suite.NonceSize)
}

// Epoch derives the secrets of the epoch that context describes.
func (m Member) Epoch(context *wire.GroupContext) *Epoch {
	s := m.suite
	secret := s.ExpandWithLabel(m.secret, "epoch", context.Bytes(), s.HashSize())
	defer secret.Wipe()
	return NewEpoch(s, secret)
}

// Epoch holds the secrets of an epoch (RFC 9420, Section 8, Table 4).
type Epoch struct {
	suite *suite.Suite

	SenderData    suite.Secret
	Encryption    suite.Secret // for the secret tree alone; erased once that is made
	Exporter      suite.Secret
	External      suite.Secret
	Confirmation  suite.Secret // erased once the epoch is confirmed
	Membership    suite.Secret
	Resumption    suite.Secret
	Authenticator suite.Secret
	Init          suite.Secret
	Components    suite.Secret // for the exporter tree alone; erased once that is made
}

// NewEpoch derives everything from an epoch secret: that of a new group, which is
// random, or one that Member.Epoch derived.
func NewEpoch(s *suite.Suite, secret suite.Secret) *Epoch {
	e := s.Expander(secret)
	derive := func(label string) suite.Secret { return e.Expand(s.Zero(), label, nil) }
	return &Epoch{
		suite:         s,
		SenderData:    derive("sender data"),
		Encryption:    derive("encryption"),
		Exporter:      derive("exporter"),
		External:      derive("external"),
		Confirmation:  derive("confirm"),
		Membership:    derive("membership"),
		Resumption:    derive("resumption"),
		Authenticator: derive("authentication"),
		Init:          derive("init"),
		Components:    derive("application_export"), // draft-ietf-mls-extensions
	}
}

// RestoreEpoch returns an Epoch whose secrets the caller fills in.
func RestoreEpoch(s *suite.Suite) *Epoch { return &Epoch{suite: s} }

// Next begins the schedule of the following epoch.
func (e *Epoch) Next() Init { return Init{e.suite, e.Init} }

// Export is MLS-Exporter (RFC 9420, Section 8.5).
func (e *Epoch) Export(label string, context []byte, n int) suite.Secret {
	s := e.suite
	secret := s.DeriveSecret(e.Exporter, label)
	defer secret.Wipe()
	return s.ExpandWithLabel(secret, "exported", s.Hash(context), n)
}

// ExternalKey derives the key pair for external commits (RFC 9420, Section 8).
func (e *Epoch) ExternalKey() (hpke.PrivateKey, error) { return e.suite.DeriveKeyPair(e.External) }

const externalInitLabel = "external init secret"

// SendInit makes an init secret for the group with the external public key, and
// the KEM output that tells the group (RFC 9420, Section 8.3).
func SendInit(s *suite.Suite, externalPub hpke.PublicKey) (kemOutput []byte, init Init, err error) {
	kemOutput, secret, err := s.SendExport(externalPub, externalInitLabel)
	return kemOutput, Init{s, secret}, err
}

// ReceiveInit opens the KEM output of an ExternalInit (RFC 9420, Section 8.3).
func (e *Epoch) ReceiveInit(kemOutput []byte) (Init, error) {
	key, err := e.ExternalKey()
	if err != nil {
		return Init{}, err
	}
	secret, err := e.suite.ReceiveExport(key, externalInitLabel, kemOutput)
	return Init{e.suite, secret}, err
}

// Tag computes the confirmation tag (RFC 9420, Section 6.1).
func (e *Epoch) Tag(confirmedTranscriptHash []byte) []byte {
	return e.suite.MAC(e.Confirmation, confirmedTranscriptHash)
}

// Confirms verifies a confirmation tag in constant time.
func (e *Epoch) Confirms(confirmedTranscriptHash, tag []byte) bool {
	return e.suite.VerifyMAC(e.Confirmation, confirmedTranscriptHash, tag)
}
