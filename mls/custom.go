// SPDX-License-Identifier: Apache-2.0

package mls

import (
	"fmt"
	"slices"

	"github.com/securecrypt/securecrypt/mls/internal/wire"
)

// CustomProposal is a type of proposal that the application defines. It is encoded as
// one vector of bytes, which this package passes on, and counts only in groups all of
// whose members list the type in their Capabilities.
type CustomProposal struct {
	Type ProposalType
	// NeedsPath forces a path in the commit (RFC 9420, Section 12.4).
	NeedsPath bool
	// ByExternalSender lets those of the external_senders extension propose it.
	ByExternalSender bool
	// InExternalCommit lets those who join from outside commit it.
	InExternalCommit bool
}

// Custom is a proposal of a type that the application defines.
type Custom struct {
	Type ProposalType
	Data []byte
}

func (c Custom) proposal() *wire.Proposal {
	return &wire.Proposal{Type: uint16(c.Type), Data: slices.Clone(c.Data)}
}

// custom finds a type that the application defines, or returns nil.
func (c *Config) custom(t wire.ProposalType) *CustomProposal {
	for i := range c.Proposals {
		if uint16(c.Proposals[i].Type) == t {
			return &c.Proposals[i]
		}
	}
	return nil
}

func (c *Config) checkCustom() error {
	for _, p := range c.Proposals {
		if t := uint16(p.Type); t == 0 || wire.KnownProposal(t) || isGREASE(t) {
			return fmt.Errorf("mls: proposal type %#04x is not the application's", t)
		}
	}
	return nil
}
