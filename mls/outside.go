// SPDX-License-Identifier: Apache-2.0

package mls

import (
	"fmt"
	"time"

	"github.com/securecrypt/securecrypt/mls/internal/framing"
	"github.com/securecrypt/securecrypt/mls/internal/rule"
	"github.com/securecrypt/securecrypt/mls/internal/suite"
	"github.com/securecrypt/securecrypt/mls/internal/tree"
	"github.com/securecrypt/securecrypt/mls/internal/wire"
)

// processOutside verifies a message of the present epoch by one who is no member: a
// commit that its sender joins with, or a proposal.
func (g *Group) processOutside(m *wire.PublicMessage, now time.Time) (Received, Delta, error) {
	st := g.state
	content := &wire.AuthenticatedContent{Format: wire.FormatPublic, Content: m.Content, Auth: m.Auth}
	key, err := st.outsideKey(&m.Content)
	if err != nil {
		return nil, Delta{}, err
	}
	if err := framing.Verify(st.suite, key, content, st.encoded); err != nil {
		return nil, Delta{}, err
	}
	return g.handshake(g.store.begin(), content, now)
}

// outsideKey returns the key that must have signed a message by one who is no member
// (RFC 9420, Sections 6.1, 12.1.8 and 12.4.3.2).
func (st *state) outsideKey(c *wire.FramedContent) (suite.VerifyKey, error) {
	if c.Sender.Type == wire.SenderNewMemberCommit {
		if c.Type != wire.ContentCommit {
			return suite.VerifyKey{}, rule.Broken("6-sender-content", "message is not of the kind that its sender may send")
		}
		if c.Commit.Path == nil {
			return suite.VerifyKey{}, rule.Broken("12.4.3.2-path", "external commit without an update path")
		}
		return tree.NewLeaf(c.Commit.Path.Leaf).VerifyKey(st.suite)
	}
	return suite.VerifyKey{}, fmt.Errorf("%w: proposal by one who is no member", ErrUnsupported)
}
