// SPDX-License-Identifier: AGPL-3.0-or-later

package content

import (
	"fmt"
	"math"
	"time"

	"github.com/securecrypt/securecrypt/internal/codec/dcbor"
)

// DerivedValues are what a client knows of a message besides its content
// (draft-ietf-mimi-content-08, Section 4.6). They are never sent.
type DerivedValues struct {
	ID MessageID
	// HubAccepted is in whole milliseconds; the draft's extended time is not
	// supported.
	HubAccepted     time.Time
	GroupID         []byte
	SenderLeaf      uint32
	SenderClientURL string
	SenderUserURL   string
	RoomURL         string
}

type wireDerived struct {
	_               struct{} `cbor:",toarray"`
	ID              []byte
	HubAccepted     uint64
	GroupID         []byte
	SenderLeaf      uint32
	SenderClientURL string
	SenderUserURL   string
	RoomURL         string
}

// Encode returns the encoding of v.
func (v *DerivedValues) Encode() ([]byte, error) {
	if v.HubAccepted.UnixMilli() < 0 || v.ID[0] != hashSHA256 {
		return nil, fmt.Errorf("%w: derived values", ErrMalformed)
	}
	return dcbor.Marshal(wireDerived{
		ID: v.ID[:], HubAccepted: uint64(v.HubAccepted.UnixMilli()), GroupID: v.GroupID, SenderLeaf: v.SenderLeaf,
		SenderClientURL: v.SenderClientURL, SenderUserURL: v.SenderUserURL, RoomURL: v.RoomURL,
	})
}

// DecodeDerivedValues decodes the whole of b.
func DecodeDerivedValues(b []byte) (*DerivedValues, error) {
	if len(b) > MaxSize {
		return nil, fmt.Errorf("%w: derived values have at most %d bytes", ErrTooLarge, MaxSize)
	}
	var w wireDerived
	if err := unmarshal(b, &w); err != nil {
		return nil, err
	}
	id, err := fromWireID(&w.ID)
	if err != nil {
		return nil, err
	}
	if w.HubAccepted > math.MaxInt64 {
		return nil, fmt.Errorf("%w: time out of range", ErrMalformed)
	}
	return &DerivedValues{
		ID: id, HubAccepted: time.UnixMilli(int64(w.HubAccepted)).UTC(), GroupID: w.GroupID, SenderLeaf: w.SenderLeaf,
		SenderClientURL: w.SenderClientURL, SenderUserURL: w.SenderUserURL, RoomURL: w.RoomURL,
	}, nil
}
