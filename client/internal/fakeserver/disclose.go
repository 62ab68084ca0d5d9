// SPDX-License-Identifier: AGPL-3.0-or-later

package fakeserver

import (
	"crypto/sha256"
	"fmt"

	"github.com/securecrypt/securecrypt/protocol"
)

// partSize is the length of the parts of a disclosure: short, so that all have
// several.
const partSize = 8

func (s *Server) disclose(c *conn, b *protocol.AccountDisclose) (protocol.Body, func(), error) {
	name := c.identity.name
	whole := fmt.Sprintf(`{"address":"%s@%s"}`, name, s.host)
	if s.faults.Disclosure != nil {
		whole = s.faults.Disclosure(name)
	}
	if b.Offset >= uint64(len(whole)) {
		return nil, nil, refuse(protocol.CodeInvalid)
	}
	part := whole[b.Offset:]
	return &protocol.Disclosure{
		Hash: sha256.Sum256([]byte(whole)), Size: uint64(len(whole)), Part: []byte(part[:min(len(part), partSize)]),
	}, nil, nil
}
