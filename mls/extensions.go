// SPDX-License-Identifier: Apache-2.0

package mls

import (
	"slices"

	"github.com/securecrypt/securecrypt/mls/internal/wire"
)

// RequiredCapabilities is what every member of a group must support beyond the
// defaults (RFC 9420, Section 11.1).
type RequiredCapabilities struct {
	Extensions  []ExtensionType
	Proposals   []ProposalType
	Credentials []CredentialType
}

// Extension encodes the demands for a group context.
func (r RequiredCapabilities) Extension() Extension {
	c := wire.RequiredCapabilities{
		Extensions: u16s(r.Extensions), Proposals: u16s(r.Proposals), Credentials: u16s(r.Credentials),
	}
	return Extension{ExtensionRequiredCapabilities, c.Marshal()}
}

// ParseRequiredCapabilities decodes the data of a required_capabilities extension.
func ParseRequiredCapabilities(data []byte) (RequiredCapabilities, error) {
	c, err := wire.ParseRequiredCapabilities(data)
	if err != nil {
		return RequiredCapabilities{}, malformed("required_capabilities", err)
	}
	return RequiredCapabilities{
		Extensions:  fromU16s[ExtensionType](c.Extensions),
		Proposals:   fromU16s[ProposalType](c.Proposals),
		Credentials: fromU16s[CredentialType](c.Credentials),
	}, nil
}

// ExternalSender may propose changes of a group without being a member (RFC 9420,
// Section 12.1.8.1).
type ExternalSender struct {
	SignatureKey []byte
	Credential   Credential
}

// ExternalSenders encodes the external_senders extension of a group context.
func ExternalSenders(senders ...ExternalSender) Extension {
	list := make([]wire.ExternalSender, 0, len(senders))
	for _, s := range senders {
		list = append(list, wire.ExternalSender{SignatureKey: s.SignatureKey, Credential: s.Credential.wire()})
	}
	return Extension{ExtensionExternalSenders, wire.MarshalExternalSenders(list)}
}

// ParseExternalSenders decodes the data of an external_senders extension.
func ParseExternalSenders(data []byte) ([]ExternalSender, error) {
	list, err := wire.ParseExternalSenders(data)
	if err != nil {
		return nil, malformed("external_senders", err)
	}
	out := make([]ExternalSender, 0, len(list))
	for _, s := range list {
		out = append(out, ExternalSender{slices.Clone(s.SignatureKey), credentialFromWire(s.Credential)})
	}
	return out, nil
}
