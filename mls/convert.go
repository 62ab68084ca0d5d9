// SPDX-License-Identifier: Apache-2.0

package mls

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/securecrypt/securecrypt/mls/internal/suite"
	"github.com/securecrypt/securecrypt/mls/internal/wire"
	"github.com/securecrypt/securecrypt/mls/tlsenc"
)

var errNoRand = errors.New("mls: no source of randomness")

func lookup(cs CipherSuite) (*suite.Suite, error) {
	s, err := suite.Lookup(uint16(cs))
	if err != nil {
		return nil, fmt.Errorf("%w: cipher suite %#04x", ErrUnsupported, uint16(cs))
	}
	return s, nil
}

// malformed turns an error of decoding into ErrMalformed.
func malformed(what string, err error) error {
	if err == nil || !errors.Is(err, tlsenc.ErrMalformed) {
		return err
	}
	return fmt.Errorf("%w: %s", ErrMalformed, what)
}

func draw(rand io.Reader, n int) ([]byte, error) {
	if rand == nil {
		return nil, errNoRand
	}
	b := make([]byte, n)
	_, err := io.ReadFull(rand, b)
	return b, err
}

func (e Extension) wire() wire.Extension {
	return wire.Extension{Type: uint16(e.Type), Data: e.Data}
}

func extensionsToWire(list []Extension) wire.Extensions {
	out := make(wire.Extensions, 0, len(list))
	for _, e := range list {
		out = append(out, e.wire())
	}
	return out
}

func extensionsFromWire(list wire.Extensions) []Extension {
	out := make([]Extension, 0, len(list))
	for _, e := range list {
		out = append(out, Extension{ExtensionType(e.Type), slices.Clone(e.Data)})
	}
	return out
}

func (c Credential) wire() wire.Credential {
	return wire.Credential{Type: uint16(c.Type), Data: slices.Clone(c.Data)}
}

func credentialFromWire(c wire.Credential) Credential {
	return Credential{CredentialType(c.Type), slices.Clone(c.Data)}
}

func u16s[T ~uint16](list []T) []uint16 {
	out := make([]uint16, 0, len(list))
	for _, v := range list {
		out = append(out, uint16(v))
	}
	return out
}

func fromU16s[T ~uint16](list []uint16) []T {
	out := make([]T, 0, len(list))
	for _, v := range list {
		out = append(out, T(v))
	}
	return out
}

func (c Capabilities) empty() bool {
	return len(c.Versions)+len(c.CipherSuites)+len(c.Extensions)+len(c.Proposals)+len(c.Credentials) == 0
}

// wire leaves out default types, which must not be listed (RFC 9420, Section 7.2).
func (c Capabilities) wire() wire.Capabilities {
	return wire.Capabilities{
		Versions:     slices.Clone(c.Versions),
		CipherSuites: u16s(c.CipherSuites),
		Extensions:   slices.DeleteFunc(u16s(c.Extensions), wire.DefaultExtension),
		Proposals:    slices.DeleteFunc(u16s(c.Proposals), wire.DefaultProposal),
		Credentials:  u16s(c.Credentials),
	}
}

func capabilitiesFromWire(c wire.Capabilities) Capabilities {
	return Capabilities{
		Versions:     slices.Clone(c.Versions),
		CipherSuites: fromU16s[CipherSuite](c.CipherSuites),
		Extensions:   fromU16s[ExtensionType](c.Extensions),
		Proposals:    fromU16s[ProposalType](c.Proposals),
		Credentials:  fromU16s[CredentialType](c.Credentials),
	}
}

func (l Lifetime) wire() wire.Lifetime {
	return wire.Lifetime{NotBefore: seconds(l.NotBefore), NotAfter: seconds(l.NotAfter)}
}

func seconds(t time.Time) uint64 { return uint64(max(0, t.Unix())) }

// maxSeconds keeps times within what time.Time represents sensibly.
const maxSeconds = 1 << 38

func fromSeconds(s uint64) time.Time { return time.Unix(int64(min(s, maxSeconds)), 0).UTC() }

func contextFromWire(c *wire.GroupContext) GroupContext {
	return GroupContext{
		CipherSuite:             CipherSuite(c.CipherSuite),
		GroupID:                 slices.Clone(c.GroupID),
		Epoch:                   c.Epoch,
		TreeHash:                slices.Clone(c.TreeHash),
		ConfirmedTranscriptHash: slices.Clone(c.ConfirmedTranscriptHash),
		Extensions:              extensionsFromWire(c.Extensions),
	}
}
