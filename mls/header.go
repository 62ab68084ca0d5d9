// SPDX-License-Identifier: Apache-2.0

package mls

import (
	"bytes"

	"github.com/securecrypt/securecrypt/mls/internal/wire"
)

// MessageType says what an MLSMessage holds (RFC 9420, Section 6).
type MessageType uint16

// The types of messages.
const (
	MessagePublic     MessageType = 1
	MessagePrivate    MessageType = 2
	MessageWelcome    MessageType = 3
	MessageGroupInfo  MessageType = 4
	MessageKeyPackage MessageType = 5
)

// ContentType says what a public or private message carries (RFC 9420, Section 6).
type ContentType uint8

// The types of content.
const (
	ContentApplication ContentType = 1
	ContentProposal    ContentType = 2
	ContentCommit      ContentType = 3
)

// Header is what a delivery service can see of a message. Nothing of it is verified.
type Header struct {
	Type MessageType
	// GroupID and Epoch are those of messages within a group and of group infos.
	GroupID []byte
	Epoch   uint64
	// ContentType and AAD are those of public and private messages.
	ContentType ContentType
	AAD         []byte
	// SenderType and Sender, a leaf or a place in the external_senders extension, are
	// those of public messages.
	SenderType SenderType
	Sender     LeafIndex
	// CipherSuite is that of welcomes, group infos and key packages.
	CipherSuite CipherSuite
}

// ParseHeader reads the header of an MLSMessage, without a group and without decoding
// what follows: a server orders commits by it, for instance. A message with a proper
// header may still be malformed.
func ParseHeader(b []byte) (Header, error) {
	h, err := wire.ParseHeader(b)
	if err != nil {
		return Header{}, malformed("message", err)
	}
	return Header{
		Type: MessageType(h.Format), GroupID: bytes.Clone(h.GroupID), Epoch: h.Epoch,
		ContentType: ContentType(h.Type), AAD: bytes.Clone(h.AAD),
		SenderType: SenderType(h.Sender.Type), Sender: LeafIndex(h.Sender.Index), CipherSuite: CipherSuite(h.CipherSuite),
	}, nil
}
