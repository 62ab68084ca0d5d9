// SPDX-License-Identifier: Apache-2.0

package mls

import (
	"bytes"
	"io"
	"slices"

	"github.com/securecrypt/securecrypt/mls/internal/rule"
	"github.com/securecrypt/securecrypt/mls/internal/schedule"
	"github.com/securecrypt/securecrypt/mls/internal/suite"
	"github.com/securecrypt/securecrypt/mls/internal/wire"
)

// PSKType says where a pre-shared key comes from (RFC 9420, Section 8.4).
type PSKType uint8

// The types of pre-shared keys.
const (
	PSKExternal   PSKType = 1 // from the application, by Config.PSKs
	PSKResumption PSKType = 2 // from an epoch of a group
	PSKComponent  PSKType = 3 // from a component, by Config.Components (draft-ietf-mls-extensions)
)

// PSKUsage says what a resumption key serves for (RFC 9420, Section 8.4).
type PSKUsage uint8

// The usages of resumption keys. An application can ask for the first alone.
const (
	UsageApplication PSKUsage = 1
	UsageReInit      PSKUsage = 2
	UsageBranch      PSKUsage = 3
)

// PSKID names a pre-shared key. The nonce that goes with it is drawn where it is
// proposed, so that a key can be used again and again.
type PSKID struct {
	Type      PSKType
	Component ComponentID // of PSKComponent
	ID        []byte      // of PSKExternal and PSKComponent
	Usage     PSKUsage    // of PSKResumption, as are the next two
	GroupID   []byte
	Epoch     uint64
}

// ExternalPSK names a key that the application holds.
func ExternalPSK(id []byte) PSKID { return PSKID{Type: PSKExternal, ID: slices.Clone(id)} }

// ComponentPSK names a key that a component of the application holds.
func ComponentPSK(component ComponentID, id []byte) PSKID {
	return PSKID{Type: PSKComponent, Component: component, ID: slices.Clone(id)}
}

// ResumptionPSK names the key of an epoch of a group: with it, one who commits proves to
// have been a member then. Policy.PastEpochs bounds how far back members know it.
func ResumptionPSK(groupID []byte, epoch uint64) PSKID {
	return PSKID{Type: PSKResumption, Usage: UsageApplication, GroupID: slices.Clone(groupID), Epoch: epoch}
}

// proposal draws a nonce for a key and proposes it (RFC 9420, Section 12.1.4).
func (id PSKID) proposal(s *suite.Suite, rand io.Reader) (*wire.Proposal, error) {
	nonce, err := draw(rand, s.HashSize())
	if err != nil {
		return nil, err
	}
	return &wire.Proposal{Type: wire.PSK, PSK: wire.PSKID{
		Type: wire.PSKType(id.Type), Component: uint16(id.Component), ID: slices.Clone(id.ID), Usage: wire.PSKUsage(id.Usage),
		GroupID: slices.Clone(id.GroupID), Epoch: id.Epoch, Nonce: nonce,
	}}, nil
}

func pskFromWire(id wire.PSKID) *PSKID {
	return &PSKID{
		PSKType(id.Type), ComponentID(id.Component), slices.Clone(id.ID),
		PSKUsage(id.Usage), slices.Clone(id.GroupID), id.Epoch,
	}
}

// maxPSKs is what the index of PSKLabel can count.
const maxPSKs = 1<<16 - 1

// combine finds pre-shared keys and chains them (RFC 9420, Section 8.4).
func combine(s *suite.Suite, ids []wire.PSKID, find func(wire.PSKID) suite.Secret) (schedule.PSKSecret, error) {
	if len(ids) > maxPSKs {
		return schedule.PSKSecret{}, rule.Broken("size-psks", "more than %d pre-shared keys", maxPSKs)
	}
	inputs := make([]schedule.PSKInput, 0, len(ids))
	for _, id := range ids {
		secret := find(id)
		if secret == nil {
			return schedule.PSKSecret{}, ErrUnknownPSK
		}
		inputs = append(inputs, schedule.PSKInput{ID: id, Secret: secret})
	}
	return schedule.CombinePSKs(s, inputs), nil
}

// givenPSK returns a key from the application, nil if there is none.
func (c *Config) givenPSK(id wire.PSKID) suite.Secret {
	var secret []byte
	var err error
	switch {
	case id.Type == wire.PSKExternal && c.PSKs != nil:
		secret, err = c.PSKs.ExternalPSK(id.ID)
	case id.Type == wire.PSKComponent && c.Components != nil:
		secret, err = c.Components.PSK(ComponentID(id.Component), id.ID)
	}
	if err != nil {
		return nil
	}
	return secret
}

// psk returns a pre-shared key, nil if it is not known.
func (g *Group) psk(id wire.PSKID) suite.Secret {
	if id.Type != wire.PSKResumption {
		return g.cfg.givenPSK(id)
	}
	if secret := g.resumptionPSK(id); secret != nil {
		return secret
	}
	return g.parent.resumptionPSK(id)
}

// resumptionPSK returns the key of an epoch of the group that is still kept.
func (g *Group) resumptionPSK(id wire.PSKID) suite.Secret {
	if g == nil || g.removed || id.Type != wire.PSKResumption || !bytes.Equal(id.GroupID, g.state.context.GroupID) {
		return nil
	}
	if id.Epoch == g.state.context.Epoch {
		return g.state.secrets.Resumption
	}
	for _, p := range g.past {
		if p.context.Epoch == id.Epoch {
			return p.resumption
		}
	}
	return nil
}

// pskWith finds keys for one who joins and may know another group, or an older state of
// this one.
func (c *Config) pskWith(from *Group) func(wire.PSKID) suite.Secret {
	return func(id wire.PSKID) suite.Secret {
		if id.Type != wire.PSKResumption {
			return c.givenPSK(id)
		}
		return from.resumptionPSK(id)
	}
}
