// SPDX-License-Identifier: AGPL-3.0-or-later

package account

import (
	"fmt"
	"time"

	"github.com/securecrypt/securecrypt/internal/codec/dcbor"
)

// snapshotVersion is that of the encoding of a State. Who has stored another one
// verifies the statements again.
const snapshotVersion = 1

type snapshot struct {
	_       struct{} `cbor:",toarray"`
	Version uint64
	Fields  fields
}

// MarshalBinary returns the encoding of s, for a store that nobody else writes to:
// UnmarshalBinary believes it, and verifies no signature.
func (s *State) MarshalBinary() ([]byte, error) {
	return dcbor.Marshal(snapshot{Version: snapshotVersion, Fields: s.f})
}

// UnmarshalBinary makes s what MarshalBinary was called on. The error is ErrUnknown
// for an encoding of another version, else ErrMalformed.
func (s *State) UnmarshalBinary(b []byte) error {
	if err := checkVersion(b, snapshotVersion); err != nil {
		return err
	}
	var w snapshot
	if err := dcbor.Unmarshal(b, &w); err != nil {
		return malformed(err)
	}
	w.Fields.toUTC()
	s.f = w.Fields
	return nil
}

// toUTC sets the location of all times, which the decoder leaves open.
func (f *fields) toUTC() {
	times := []*time.Time{&f.Created, &f.Time, &f.Published, &f.Reset.VetoAt, &f.Rotation.VetoAt}
	for i := range f.History {
		times = append(times, &f.History[i].AddedAt, &f.History[i].RevokedAt)
	}
	for i := range f.Recovery {
		times = append(times, &f.Recovery[i].AddedAt, &f.Recovery[i].ReplacedAt)
	}
	for _, p := range []*Pending{f.Reset.Pending, f.Rotation.Pending} {
		if p != nil {
			times = append(times, &p.Claimed, &p.Published)
		}
	}
	for _, t := range times {
		*t = t.UTC()
	}
}

type chainSnapshot struct {
	_          struct{} `cbor:",toarray"`
	Version    uint64
	Fields     fields
	Statements [][]byte
	Published  []time.Time
}

// MarshalBinary returns the encoding of c, for a store that nobody else writes to:
// UnmarshalBinary believes it, and verifies no signature.
func (c *Chain) MarshalBinary() ([]byte, error) {
	return dcbor.Marshal(chainSnapshot{Version: snapshotVersion, Fields: c.state.f, Statements: c.statements, Published: c.published})
}

// UnmarshalBinary makes c what MarshalBinary was called on. The error is ErrUnknown
// for an encoding of another version, else ErrMalformed.
func (c *Chain) UnmarshalBinary(b []byte) error {
	if err := checkVersion(b, snapshotVersion); err != nil {
		return err
	}
	var w chainSnapshot
	if err := dcbor.Unmarshal(b, &w); err != nil {
		return malformed(err)
	}
	w.Fields.toUTC()
	heads := make([]Head, len(w.Statements))
	for i, statement := range w.Statements {
		heads[i] = headOf(statement)
	}
	n := len(heads)
	if n == 0 || n != len(w.Published) || uint64(n) != w.Fields.Length || heads[n-1] != w.Fields.Head || w.Fields.Identity >= w.Fields.Length {
		return malformed(fmt.Errorf("the statements are not those of the state"))
	}
	for i := range w.Published {
		w.Published[i] = w.Published[i].UTC()
	}
	*c = Chain{state: &State{f: w.Fields}, statements: w.Statements, heads: heads, published: w.Published}
	return nil
}
