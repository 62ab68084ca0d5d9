// SPDX-License-Identifier: AGPL-3.0-or-later

package protocol

import (
	"errors"
	"fmt"

	"github.com/securecrypt/securecrypt/internal/codec/dcbor"
)

// ErrMalformed is wrapped by the errors for bytes or values that break this
// package's rules, whoever sent them.
var ErrMalformed = errors.New("protocol: malformed")

// Kind tells the four kinds of frame apart.
type Kind uint8

// The kinds of frame.
const (
	// KindRequest is sent by clients alone: Code is the Op.
	KindRequest Kind = iota
	// KindResponse answers the request with the same ID: Code is zero, Body
	// the result.
	KindResponse
	// KindError refuses the request with the same ID: Code is the ErrorCode,
	// Body an ErrorBody.
	KindError
	// KindEvent is sent by servers unasked: ID is zero, Code the EventType.
	KindEvent
)

// A Frame is the unit of the protocol. Body is the encoding of the structure
// that Kind and Code call for; it is checked when it is decoded.
type Frame struct {
	_    struct{} `cbor:",toarray"`
	Kind Kind
	ID   uint64
	Code uint16
	Body dcbor.RawMessage
}

// Append encodes a frame with the given body and appends it to dst.
func Append(dst []byte, kind Kind, id uint64, code uint16, body any) ([]byte, error) {
	raw, err := dcbor.Marshal(body)
	if err != nil {
		return dst, fmt.Errorf("protocol: encoding a body: %w", err)
	}
	b, err := dcbor.Marshal(Frame{Kind: kind, ID: id, Code: code, Body: raw})
	if err != nil {
		return dst, fmt.Errorf("protocol: encoding a frame: %w", err)
	}
	return append(dst, b...), nil
}

// ParseFrame decodes the first frame of a WebSocket message and returns the
// bytes after it. The error, if any, wraps [ErrMalformed].
func ParseFrame(b []byte) (f Frame, rest []byte, err error) {
	rest, err = dcbor.UnmarshalFirst(b, &f)
	if err != nil {
		return Frame{}, nil, fmt.Errorf("%w: frame: %w", ErrMalformed, err)
	}
	if err := f.check(); err != nil {
		return Frame{}, nil, err
	}
	return f, rest, nil
}

func (f *Frame) check() error {
	switch {
	case f.Kind > KindEvent:
		return fmt.Errorf("%w: frame of unknown kind", ErrMalformed)
	case f.Kind == KindEvent && f.ID != 0, f.Kind != KindEvent && f.ID == 0:
		return fmt.Errorf("%w: frame identifier", ErrMalformed)
	case f.Kind == KindResponse && f.Code != 0, f.Kind != KindResponse && f.Code == 0:
		return fmt.Errorf("%w: frame code", ErrMalformed)
	}
	return nil
}

// A Body is the content of a frame. Validate checks the rules that the types
// alone do not enforce, lengths first; its error wraps [ErrMalformed].
type Body interface{ Validate() error }

// DecodeBody decodes the body of a frame into v and validates it. The error,
// if any, wraps [ErrMalformed].
func DecodeBody(raw []byte, v Body) error {
	if err := dcbor.Unmarshal(raw, v); err != nil {
		return fmt.Errorf("%w: body: %w", ErrMalformed, err)
	}
	return v.Validate()
}
