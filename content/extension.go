// SPDX-License-Identifier: AGPL-3.0-or-later

package content

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"unicode/utf8"

	"github.com/securecrypt/securecrypt/internal/codec/dcbor"
)

// Keys of the extensions that the draft defines.
var (
	KeySenderURI = ExtensionKey{Int: 1}
	KeyRoomURI   = ExtensionKey{Int: 2}
)

// ExtensionKey is a text if Text is not empty, else an integer. Negative
// integers and texts are for private use.
type ExtensionKey struct {
	Int  int64
	Text string
}

// Extensions are a message's extension fields. The values are deterministic
// CBOR.
type Extensions map[ExtensionKey][]byte

// Set gives e the extension key with the CBOR of value, and makes e if it is
// nil.
func (e *Extensions) Set(key ExtensionKey, value any) error {
	b, err := dcbor.Marshal(value)
	if err != nil {
		return err
	}
	if *e == nil {
		*e = make(Extensions)
	}
	(*e)[key] = b
	return nil
}

// SenderURI returns the sender that the message names, or nothing.
func (m *Message) SenderURI() string { return m.Extensions.text(KeySenderURI) }

// RoomURI returns the room that the message names, or nothing.
func (m *Message) RoomURI() string { return m.Extensions.text(KeyRoomURI) }

func (e Extensions) text(key ExtensionKey) string {
	var s string
	if b, ok := e[key]; !ok || dcbor.Unmarshal(b, &s) != nil {
		return ""
	}
	return s
}

func (k ExtensionKey) encode() []byte {
	if k.Text != "" {
		return append(appendHead(nil, majorText, uint64(len(k.Text))), k.Text...)
	}
	if k.Int < 0 {
		return appendHead(nil, majorNegative, uint64(-(k.Int + 1)))
	}
	return appendHead(nil, majorUnsigned, uint64(k.Int))
}

// encode returns the map in the order of its encoded keys.
func (e Extensions) encode() []byte {
	pairs := make([][2][]byte, 0, len(e))
	for k, v := range e {
		pairs = append(pairs, [2][]byte{k.encode(), v})
	}
	slices.SortFunc(pairs, func(a, b [2][]byte) int { return bytes.Compare(a[0], b[0]) })
	out := appendHead(nil, majorMap, uint64(len(pairs)))
	for _, p := range pairs {
		out = append(append(out, p[0]...), p[1]...)
	}
	return out
}

// check applies the rules of the draft to a map that Decode did not yield.
func (e Extensions) check() error {
	got, err := decodeExtensions(e.encode())
	if err == nil && !maps.EqualFunc(got, e, bytes.Equal) {
		err = fmt.Errorf("%w: extensions", ErrMalformed)
	}
	return err
}

// decodeExtensions decodes the whole of b.
func decodeExtensions(b []byte) (Extensions, error) {
	s := scanner{rest: b}
	major, n, err := s.head()
	if err != nil {
		return nil, err
	}
	if major != majorMap {
		return nil, fmt.Errorf("%w: extensions are a map", ErrMalformed)
	}
	if n > MaxExtensions {
		return nil, fmt.Errorf("%w: more than %d extensions", ErrTooLarge, MaxExtensions)
	}
	var out Extensions
	if n > 0 {
		out = make(Extensions, n)
	}
	var previous []byte
	for range n {
		raw, err := s.item(1)
		if err != nil {
			return nil, err
		}
		if bytes.Compare(raw, previous) <= 0 { // MC-7
			return nil, fmt.Errorf("%w: extensions repeated or out of order", ErrMalformed)
		}
		previous = raw
		key, err := decodeKey(raw)
		if err != nil {
			return nil, err
		}
		if out[key], err = s.item(2); err != nil {
			return nil, err
		}
		if err := checkExtension(key, out[key]); err != nil {
			return nil, err
		}
	}
	if len(s.rest) > 0 {
		return nil, fmt.Errorf("%w: bytes after the extensions", ErrMalformed)
	}
	return out, nil
}

func decodeKey(raw []byte) (ExtensionKey, error) {
	s := scanner{rest: raw}
	major, arg, err := s.head()
	if err != nil {
		return ExtensionKey{}, err
	}
	switch {
	case major == majorText && arg > 0 && arg <= MaxExtensionKeyLength:
		return ExtensionKey{Text: string(s.rest)}, nil
	case major == majorUnsigned && arg <= maxSafeInteger:
		return ExtensionKey{Int: int64(arg)}, nil
	case major == majorNegative && arg < maxSafeInteger:
		return ExtensionKey{Int: -1 - int64(arg)}, nil
	}
	// MC-6
	return ExtensionKey{}, fmt.Errorf("%w: an extension's key is an integer within 2^53 or 1 to %d bytes of text",
		ErrMalformed, MaxExtensionKeyLength)
}

func checkExtension(key ExtensionKey, value []byte) error {
	if len(value) > MaxExtensionSize {
		return fmt.Errorf("%w: an extension has at most %d bytes", ErrTooLarge, MaxExtensionSize)
	}
	if (key == KeySenderURI || key == KeyRoomURI) && value[0]>>5 != majorText { // MC-8
		return fmt.Errorf("%w: the URIs of sender and room are text", ErrMalformed)
	}
	return nil
}

// Major types of CBOR (RFC 8949, Section 3.1).
const (
	majorUnsigned = 0
	majorNegative = 1
	majorBytes    = 2
	majorText     = 3
	majorArray    = 4
	majorMap      = 5
	majorTag      = 6
	majorSimple   = 7
)

const (
	maxSafeInteger = 1<<53 - 1
	tagBignum      = 2
	tagNegBignum   = 3
)

// scanner walks over CBOR of any shape, which extensions may hold, and refuses
// all that is not deterministic or outside the draft's data model.
type scanner struct{ rest []byte }

func errForm(why string) error { return fmt.Errorf("%w: CBOR: %s", ErrMalformed, why) }

// head reads the initial byte of an item and its argument.
func (s *scanner) head() (major byte, arg uint64, err error) {
	if len(s.rest) == 0 {
		return 0, 0, errForm("too short")
	}
	major, info := s.rest[0]>>5, s.rest[0]&31
	s.rest = s.rest[1:]
	if info < 24 {
		return major, uint64(info), nil
	}
	if info > 27 {
		return 0, 0, errForm("indefinite length or reserved form")
	}
	n := 1 << (info - 24)
	if len(s.rest) < n {
		return 0, 0, errForm("too short")
	}
	for _, c := range s.rest[:n] {
		arg = arg<<8 | uint64(c)
	}
	s.rest = s.rest[n:]
	if major != majorSimple && len(appendHead(nil, major, arg)) != 1+n { // MC-1
		return 0, 0, errForm("not the shortest form")
	}
	return major, arg, nil
}

// item reads one item, whose arrays, maps and tags begin at the given level of
// nesting, and returns a copy of it.
func (s *scanner) item(level int) ([]byte, error) {
	before := s.rest
	if err := s.skip(level); err != nil {
		return nil, err
	}
	return bytes.Clone(before[:len(before)-len(s.rest)]), nil
}

func (s *scanner) skip(level int) error {
	before := s.rest
	major, arg, err := s.head()
	if err != nil {
		return err
	}
	if major >= majorArray && major <= majorTag && level > MaxExtensionDepth { // MC-14
		return fmt.Errorf("%w: extensions nest at most %d levels deep", ErrTooLarge, MaxExtensionDepth)
	}
	switch major {
	case majorBytes, majorText:
		if arg > uint64(len(s.rest)) {
			return errForm("too short")
		}
		if major == majorText && !utf8.Valid(s.rest[:arg]) { // MC-12
			return errForm("text that is not UTF-8")
		}
		s.rest = s.rest[arg:]
	case majorArray:
		for range arg {
			if err := s.skip(level + 1); err != nil {
				return err
			}
		}
	case majorMap:
		return s.pairs(arg, level)
	case majorTag:
		if arg == tagBignum || arg == tagNegBignum {
			return s.bignum()
		}
		return s.skip(level + 1)
	case majorSimple:
		return checkSimple(before[:len(before)-len(s.rest)], arg)
	}
	return nil
}

// pairs reads the n pairs of a map.
func (s *scanner) pairs(n uint64, level int) error {
	var previous []byte
	for range n {
		before := s.rest
		major, arg, err := s.head()
		if err != nil {
			return err
		}
		if major > majorText { // MC-9
			return errForm("a map's key that is no integer, text or bytes")
		}
		if major == majorUnsigned && arg > maxSafeInteger || major == majorNegative && arg >= maxSafeInteger { // MC-10
			return errForm("an integer key beyond 2^53")
		}
		s.rest = before
		if err := s.skip(level + 1); err != nil {
			return err
		}
		key := before[:len(before)-len(s.rest)]
		if bytes.Compare(key, previous) <= 0 {
			return errForm("keys repeated or out of order")
		}
		previous = key
		if err := s.skip(level + 1); err != nil {
			return err
		}
	}
	return nil
}

// bignum reads the content of a bignum, which has no shorter form.
func (s *scanner) bignum() error {
	major, n, err := s.head()
	if err != nil {
		return err
	}
	if major != majorBytes || n > uint64(len(s.rest)) || n <= 8 || s.rest[0] == 0 {
		return errForm("a bignum that is not in its shortest form")
	}
	s.rest = s.rest[n:]
	return nil
}

// checkSimple checks a simple value or floating-point number.
func checkSimple(raw []byte, arg uint64) error {
	switch len(raw) {
	case 1:
		return nil
	case 2:
		if arg < 32 {
			return errForm("a simple value that is not in its shortest form")
		}
		return nil
	}
	// MC-11: the encoder knows a single NaN.
	var f float64
	if err := dcbor.Unmarshal(raw, &f); err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return nil
}

// appendHead appends the shortest head with the argument.
func appendHead(b []byte, major byte, arg uint64) []byte {
	major <<= 5
	switch {
	case arg < 24:
		return append(b, major|byte(arg))
	case arg <= 0xff:
		return append(b, major|24, byte(arg))
	case arg <= 0xffff:
		return append(b, major|25, byte(arg>>8), byte(arg))
	case arg <= 0xffffffff:
		return append(b, major|26, byte(arg>>24), byte(arg>>16), byte(arg>>8), byte(arg))
	}
	return append(b, major|27, byte(arg>>56), byte(arg>>48), byte(arg>>40), byte(arg>>32),
		byte(arg>>24), byte(arg>>16), byte(arg>>8), byte(arg))
}
