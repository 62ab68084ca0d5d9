// SPDX-License-Identifier: AGPL-3.0-or-later

// Package dcbor encodes and decodes deterministic CBOR (RFC 8949, Section
// 4.2.1): what goes on the wire, what is signed and what is stored all use it.
//
// Every value has exactly one encoding. Unmarshal therefore refuses whatever
// Marshal would not have produced: longer integer forms, unsorted or repeated
// map keys, indefinite lengths, unknown struct fields, trailing bytes. A
// signature over an encoding is thus a signature over the value.
//
// The package is not for CBOR that others wrote by other rules.
package dcbor

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/fxamacker/cbor/v2"
)

// Limits that hold for every decoded value, whatever its type.
const (
	// MaxNesting bounds how deep arrays and maps may nest.
	MaxNesting = 16
	// MaxElements bounds the elements of one array and the pairs of one map.
	MaxElements = 1 << 16
)

// ErrNotDeterministic reports well-formed CBOR that is not in its one
// deterministic form.
var ErrNotDeterministic = errors.New("dcbor: not in deterministic form")

// RawMessage is an encoded value kept as it is.
type RawMessage = cbor.RawMessage

var (
	encMode = must(cbor.EncOptions{
		Sort:          cbor.SortCoreDeterministic,
		ShortestFloat: cbor.ShortestFloat16,
		NaNConvert:    cbor.NaNConvert7e00,
		InfConvert:    cbor.InfConvertFloat16,
		IndefLength:   cbor.IndefLengthForbidden,
		NilContainers: cbor.NilContainerAsEmpty,
		TagsMd:        cbor.TagsAllowed,
	}.EncMode())
	decMode = must(cbor.DecOptions{
		DupMapKey:         cbor.DupMapKeyEnforcedAPF,
		IndefLength:       cbor.IndefLengthForbidden,
		MaxNestedLevels:   MaxNesting,
		MaxArrayElements:  MaxElements,
		MaxMapPairs:       MaxElements,
		ExtraReturnErrors: cbor.ExtraDecErrorUnknownField,
		UTF8:              cbor.UTF8RejectInvalid,
		IntDec:            cbor.IntDecConvertNone,
		TagsMd:            cbor.TagsAllowed,
	}.DecMode())
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// Marshal returns the deterministic encoding of v.
func Marshal(v any) ([]byte, error) {
	b, err := encMode.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("dcbor: encoding: %w", err)
	}
	return b, nil
}

// Unmarshal decodes the whole of b into v, a non-nil pointer. It refuses
// anything but the deterministic encoding of the value that it yields; v is
// not to be used after an error.
func Unmarshal(b []byte, v any) error {
	if err := decMode.Unmarshal(b, v); err != nil {
		return fmt.Errorf("dcbor: decoding: %w", err)
	}
	again, err := encMode.Marshal(v)
	if err != nil {
		return fmt.Errorf("dcbor: decoding: %w", err)
	}
	if !bytes.Equal(b, again) {
		return ErrNotDeterministic
	}
	return nil
}

// UnmarshalFirst decodes the first value of the CBOR sequence b (RFC 8742)
// into v and returns the bytes after it. The checks are those of Unmarshal.
func UnmarshalFirst(b []byte, v any) (rest []byte, err error) {
	rest, err = decMode.UnmarshalFirst(b, new(RawMessage))
	if err != nil {
		return nil, fmt.Errorf("dcbor: decoding: %w", err)
	}
	return rest, Unmarshal(b[:len(b)-len(rest)], v)
}
