// SPDX-License-Identifier: Apache-2.0

package mls

import (
	"bytes"
	"fmt"

	"github.com/securecrypt/securecrypt/mls/internal/rule"
	"github.com/securecrypt/securecrypt/mls/internal/suite"
	"github.com/securecrypt/securecrypt/mls/internal/wire"
	"github.com/securecrypt/securecrypt/mls/tlsenc"
)

// GroupInfo describes an epoch of a group to those who are outside (RFC 9420,
// Section 12.4.3). It is decoded, not verified: StageExternalJoin does that.
type GroupInfo struct {
	info  *wire.GroupInfo
	suite *suite.Suite
}

// ParseGroupInfo decodes an MLSMessage that holds a group info.
func ParseGroupInfo(b []byte) (*GroupInfo, error) {
	m, err := wire.ParseMessage(bytes.Clone(b))
	if err != nil {
		return nil, malformed("group info", err)
	}
	if m.GroupInfo == nil {
		return nil, fmt.Errorf("%w: no group info", ErrMalformed)
	}
	s, err := lookup(CipherSuite(m.GroupInfo.Context.CipherSuite))
	if err != nil {
		return nil, err
	}
	return &GroupInfo{m.GroupInfo, s}, nil
}

// Context is the unverified group context.
func (i *GroupInfo) Context() GroupContext { return contextFromWire(&i.info.Context) }

// Extensions are those of the group info itself, unverified.
func (i *GroupInfo) Extensions() []Extension { return extensionsFromWire(i.info.Extensions) }

// GroupInfoOptions says what a group info carries.
type GroupInfoOptions struct {
	RatchetTree bool // the ratchet_tree extension
	ExternalPub bool // the external_pub extension, for external joins
	Extensions  []Extension
}

// GroupInfo returns a signed description of the epoch (RFC 9420,
// Section 12.4.3) as an MLSMessage.
func (g *Group) GroupInfo(o GroupInfoOptions) ([]byte, error) {
	if err := g.whole(); err != nil {
		return nil, err
	}
	info, err := g.state.groupInfo(o)
	if err != nil {
		return nil, err
	}
	return (&wire.Message{GroupInfo: info}).Bytes(), nil
}

const groupInfoLabel = "GroupInfoTBS"

func (st *state) groupInfo(o GroupInfoOptions) (*wire.GroupInfo, error) {
	info := &wire.GroupInfo{
		Context:         st.context,
		Extensions:      extensionsToWire(o.Extensions),
		ConfirmationTag: st.tag,
		Signer:          uint32(st.own),
	}
	if o.RatchetTree {
		info.Extensions = append(info.Extensions, wire.Extension{Type: wire.ExtRatchetTree, Data: st.tree.Bytes()})
	}
	if o.ExternalPub {
		key, err := st.secrets.ExternalKey()
		if err != nil {
			return nil, err
		}
		info.Extensions = append(info.Extensions, externalPub(key.PublicKey().Bytes()))
	}
	if info.Extensions.Duplicate() {
		return nil, rule.Broken("13.4-info-extension-twice", "group info with two extensions of one type")
	}
	var err error
	info.Signature, err = st.suite.Sign(st.signer, groupInfoLabel, info.TBS())
	return info, err
}

func externalPub(key []byte) wire.Extension {
	var w tlsenc.Writer
	w.Opaque(key)
	return wire.Extension{Type: wire.ExtExternalPub, Data: w.Bytes()}
}
