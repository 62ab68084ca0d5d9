// SPDX-License-Identifier: AGPL-3.0-or-later

package content

import (
	"fmt"

	"github.com/securecrypt/securecrypt/internal/codec/dcbor"
)

// MaxStatuses bounds the entries of one status report.
const MaxStatuses = 4096

// Status is what became of a message at the reporter's. Values from 7 on are
// unknown.
type Status uint8

// The statuses of draft-mahy-mimi-message-status-01, Section 3.
const (
	StatusUnread    Status = 0
	StatusDelivered Status = 1
	StatusRead      Status = 2
	StatusExpired   Status = 3
	StatusDeleted   Status = 4
	StatusHidden    Status = 5
	StatusError     Status = 6
)

// MessageStatus is one entry of a status report.
type MessageStatus struct {
	ID     MessageID
	Status Status
}

type wireStatus struct {
	_      struct{} `cbor:",toarray"`
	ID     []byte
	Status Status
}

// EncodeStatusReport returns the encoding of a report. It refuses what
// DecodeStatusReport would refuse.
func EncodeStatusReport(report []MessageStatus) ([]byte, error) {
	if len(report) > MaxStatuses {
		return nil, fmt.Errorf("%w: more than %d statuses", ErrTooLarge, MaxStatuses)
	}
	w := make([]wireStatus, len(report))
	for i, s := range report {
		if s.ID[0] != hashSHA256 {
			return nil, fmt.Errorf("%w: message ID", ErrMalformed)
		}
		w[i] = wireStatus{ID: s.ID[:], Status: s.Status}
	}
	return dcbor.Marshal(w)
}

// DecodeStatusReport decodes the whole of b, the content of a part of type
// TypeStatus.
func DecodeStatusReport(b []byte) ([]MessageStatus, error) {
	if len(b) > MaxSize {
		return nil, fmt.Errorf("%w: a report has at most %d bytes", ErrTooLarge, MaxSize)
	}
	var w []wireStatus
	if err := unmarshal(b, &w); err != nil {
		return nil, err
	}
	if len(w) > MaxStatuses {
		return nil, fmt.Errorf("%w: more than %d statuses", ErrTooLarge, MaxStatuses)
	}
	out := make([]MessageStatus, len(w))
	for i, s := range w {
		id, err := fromWireID(&s.ID)
		if err != nil {
			return nil, err
		}
		out[i] = MessageStatus{ID: id, Status: s.Status}
	}
	return out, nil
}
