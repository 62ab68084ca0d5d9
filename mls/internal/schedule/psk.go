// SPDX-License-Identifier: Apache-2.0

package schedule

import (
	"github.com/securecrypt/securecrypt/mls/internal/suite"
	"github.com/securecrypt/securecrypt/mls/internal/wire"
	"github.com/securecrypt/securecrypt/mls/tlsenc"
)

// PSKSecret is the psk_secret of RFC 9420, Section 8.4.
type PSKSecret struct{ secret suite.Secret }

// NoPSK is the psk_secret of a commit without pre-shared keys.
func NoPSK(s *suite.Suite) PSKSecret { return PSKSecret{s.Zero()} }

// PSKInput is a pre-shared key with its identifier.
type PSKInput struct {
	ID     wire.PSKID
	Secret suite.Secret
}

// CombinePSKs chains pre-shared keys in their order.
func CombinePSKs(s *suite.Suite, psks []PSKInput) PSKSecret {
	out := NoPSK(s)
	for i, p := range psks {
		var label tlsenc.Writer
		p.ID.Marshal(&label)
		label.U16(uint16(i))
		label.U16(uint16(len(psks)))
		extracted := s.Extract(s.Zero(), p.Secret)
		input := s.ExpandWithLabel(extracted, "derived psk", label.Bytes(), s.HashSize())
		next := s.Extract(input, out.secret)
		extracted.Wipe()
		input.Wipe()
		out.secret = next
	}
	return out
}

// Secret returns the raw secret.
func (p PSKSecret) Secret() suite.Secret { return p.secret }

// RawPSK takes up a psk_secret that was combined elsewhere.
func RawPSK(secret suite.Secret) PSKSecret { return PSKSecret{secret} }
