// SPDX-License-Identifier: Apache-2.0

package mls

import (
	"bytes"

	"github.com/securecrypt/securecrypt/mls/internal/rule"
	"github.com/securecrypt/securecrypt/mls/internal/schedule"
	"github.com/securecrypt/securecrypt/mls/internal/suite"
	"github.com/securecrypt/securecrypt/mls/internal/wire"
)

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

func (c *Config) externalPSK(id wire.PSKID) suite.Secret {
	if id.Type != wire.PSKExternal || c.PSKs == nil {
		return nil
	}
	secret, err := c.PSKs.ExternalPSK(id.ID)
	if err != nil {
		return nil
	}
	return secret
}

// psk returns a pre-shared key, nil if it is not known.
func (g *Group) psk(id wire.PSKID) suite.Secret {
	if id.Type == wire.PSKExternal {
		return g.cfg.externalPSK(id)
	}
	if !bytes.Equal(id.GroupID, g.state.context.GroupID) {
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
