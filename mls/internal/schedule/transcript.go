// SPDX-License-Identifier: Apache-2.0

package schedule

import (
	"github.com/securecrypt/securecrypt/mls/internal/suite"
	"github.com/securecrypt/securecrypt/mls/internal/wire"
	"github.com/securecrypt/securecrypt/mls/tlsenc"
)

// ConfirmedHash extends the transcript by a commit (RFC 9420, Section 8.2).
func ConfirmedHash(s *suite.Suite, interim []byte, commit *wire.AuthenticatedContent) []byte {
	return s.Hash(interim, commit.ConfirmedInput())
}

// InterimHash extends the transcript by a confirmation tag (Section 8.2).
func InterimHash(s *suite.Suite, confirmed, tag []byte) []byte {
	var w tlsenc.Writer
	w.Opaque(tag)
	return s.Hash(confirmed, w.Bytes())
}
