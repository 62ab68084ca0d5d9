// SPDX-License-Identifier: AGPL-3.0-or-later

package content

import (
	"fmt"
	"unicode/utf8"

	"github.com/securecrypt/securecrypt/internal/codec/dcbor"
)

// Limits. Those of the draft are marked so; the others are this package's.
// Lengths are in bytes.
const (
	MaxSize               = 256 << 10 // of an encoded message
	MaxParts              = 1024      // draft, Section 9.1
	MaxDepth              = 4         // of parts, the body being the first level; draft, Section 6.3
	MaxTopicIDLength      = 4096      // draft, Section 9.1
	MaxExtensions         = 64
	MaxExtensionSize      = 4096 // of one value
	MaxExtensionKeyLength = 255  // draft, Section 6.2
	MaxExtensionDepth     = 4    // the extensions map being the first level; draft, Section 6.3
	MaxLanguageLength     = 256
	MaxContentTypeLength  = 256
	MaxURLLength          = 4096
	MaxKeyLength          = 256 // of key, nonce, additional data and hash each
	MaxDescriptionLength  = 4096
	MaxFilenameLength     = 1024
)

type wireMessage struct {
	_          struct{} `cbor:",toarray"`
	Salt       []byte
	Replaces   *[]byte
	TopicID    []byte
	Expires    *wireExpiration
	InReplyTo  *[]byte
	Extensions dcbor.RawMessage
	Body       dcbor.RawMessage
}

type wireExpiration struct {
	_        struct{} `cbor:",toarray"`
	Relative bool
	Seconds  uint32
}

type wireNull struct {
	_           struct{} `cbor:",toarray"`
	Disposition uint8
	Language    string
	Cardinality uint64
}

type wireSingle struct {
	_           struct{} `cbor:",toarray"`
	Disposition uint8
	Language    string
	Cardinality uint64
	ContentType string
	Content     []byte
}

type wireExternal struct {
	_           struct{} `cbor:",toarray"`
	Disposition uint8
	Language    string
	Cardinality uint64
	ContentType string
	URL         string
	Expires     uint32
	Size        uint64
	EncAlg      uint16
	Key         []byte
	Nonce       []byte
	AAD         []byte
	HashAlg     uint8
	ContentHash []byte
	Description string
	Filename    string
}

type wireMulti struct {
	_           struct{} `cbor:",toarray"`
	Disposition uint8
	Language    string
	Cardinality uint64
	Semantics   uint8
	Parts       []dcbor.RawMessage
}

// Decode decodes the whole of b. The error is ErrMalformed or ErrTooLarge. The
// message does not share b's memory.
func Decode(b []byte) (*Message, error) {
	if len(b) > MaxSize { // MC-23
		return nil, fmt.Errorf("%w: a message has at most %d bytes", ErrTooLarge, MaxSize)
	}
	var w wireMessage
	if err := unmarshal(b, &w); err != nil { // MC-1, MC-5, MC-12
		return nil, err
	}
	m := &Message{TopicID: w.TopicID}
	if len(w.Salt) != SaltSize { // MC-2
		return nil, fmt.Errorf("%w: a salt has %d bytes", ErrMalformed, SaltSize)
	}
	if m.Salt = Salt(w.Salt); m.Salt == (Salt{}) {
		return nil, fmt.Errorf("%w: a salt is random", ErrMalformed)
	}
	var err error
	if m.Replaces, err = fromWireID(w.Replaces); err != nil {
		return nil, err
	}
	if m.InReplyTo, err = fromWireID(w.InReplyTo); err != nil {
		return nil, err
	}
	if w.Expires != nil {
		m.Expires = &Expiration{Relative: w.Expires.Relative, Seconds: w.Expires.Seconds}
	}
	if m.Extensions, err = decodeExtensions(w.Extensions); err != nil {
		return nil, err
	}
	parts := 0
	if m.Body, err = decodePart(w.Body, 1, &parts); err != nil {
		return nil, err
	}
	return m, m.check()
}

// Encode returns the encoding of m. It refuses what Decode would refuse.
func (m *Message) Encode() ([]byte, error) {
	if m.Salt == (Salt{}) {
		return nil, ErrNoSalt
	}
	if err := m.check(); err != nil {
		return nil, err
	}
	if err := m.Extensions.check(); err != nil {
		return nil, err
	}
	body, err := encodePart(m.Body)
	if err != nil {
		return nil, err
	}
	w := wireMessage{
		Salt: m.Salt[:], Replaces: toWireID(m.Replaces), TopicID: m.TopicID, InReplyTo: toWireID(m.InReplyTo),
		Extensions: m.Extensions.encode(), Body: body,
	}
	if m.Expires != nil {
		w.Expires = &wireExpiration{Relative: m.Expires.Relative, Seconds: m.Expires.Seconds}
	}
	b, err := dcbor.Marshal(w)
	if err == nil && len(b) > MaxSize {
		err = fmt.Errorf("%w: a message has at most %d bytes", ErrTooLarge, MaxSize)
	}
	if err != nil {
		return nil, err
	}
	return b, nil
}

func fromWireID(b *[]byte) (MessageID, error) {
	if b == nil {
		return MessageID{}, nil
	}
	if len(*b) != MessageIDSize || (*b)[0] != hashSHA256 { // MC-3
		return MessageID{}, fmt.Errorf("%w: message ID", ErrMalformed)
	}
	return MessageID(*b), nil
}

func toWireID(id MessageID) *[]byte {
	if id.IsZero() {
		return nil
	}
	b := id[:]
	return &b
}

// decodePart decodes a part at the given depth and counts it.
func decodePart(b []byte, depth int, count *int) (Part, error) {
	if depth > MaxDepth { // MC-13
		return Part{}, fmt.Errorf("%w: parts nest at most %d levels deep", ErrTooLarge, MaxDepth)
	}
	if *count++; *count > MaxParts { // MC-15
		return Part{}, fmt.Errorf("%w: more than %d parts", ErrTooLarge, MaxParts)
	}
	var elements []dcbor.RawMessage
	if err := unmarshal(b, &elements); err != nil {
		return Part{}, err
	}
	var cardinality uint64
	if len(elements) < 3 {
		return Part{}, fmt.Errorf("%w: a part has at least three elements", ErrMalformed)
	}
	if err := unmarshal(elements[2], &cardinality); err != nil {
		return Part{}, err
	}
	switch cardinality {
	case cardinalityNull:
		var w wireNull
		err := unmarshal(b, &w) // MC-19
		return Part{Disposition(w.Disposition), w.Language, Null{}}, err
	case cardinalitySingle:
		var w wireSingle
		err := unmarshal(b, &w)
		return Part{Disposition(w.Disposition), w.Language, Single{w.ContentType, w.Content}}, err
	case cardinalityExternal:
		var w wireExternal
		err := unmarshal(b, &w) // MC-20
		return Part{Disposition(w.Disposition), w.Language, External{
			ContentType: w.ContentType, URL: w.URL, Expires: w.Expires, Size: w.Size, EncAlg: w.EncAlg, Key: w.Key,
			Nonce: w.Nonce, AAD: w.AAD, HashAlg: w.HashAlg, ContentHash: w.ContentHash, Description: w.Description,
			Filename: w.Filename,
		}}, err
	case cardinalityMulti:
		return decodeMulti(b, depth, count)
	}
	return Part{}, fmt.Errorf("%w: unknown cardinality", ErrMalformed) // MC-16
}

func decodeMulti(b []byte, depth int, count *int) (Part, error) {
	var w wireMulti
	if err := unmarshal(b, &w); err != nil {
		return Part{}, err
	}
	if len(w.Parts) > MaxParts {
		return Part{}, fmt.Errorf("%w: more than %d parts", ErrTooLarge, MaxParts)
	}
	m := Multi{Semantics: Semantics(w.Semantics), Parts: make([]Part, len(w.Parts))}
	for i, raw := range w.Parts {
		var err error
		if m.Parts[i], err = decodePart(raw, depth+1, count); err != nil {
			return Part{}, err
		}
	}
	return Part{Disposition(w.Disposition), w.Language, m}, nil
}

func encodePart(p Part) (dcbor.RawMessage, error) {
	d, l, c := uint8(p.Disposition), p.Language, p.Content.cardinality()
	switch v := p.Content.(type) {
	case Single:
		return dcbor.Marshal(wireSingle{Disposition: d, Language: l, Cardinality: c, ContentType: v.ContentType, Content: v.Content})
	case External:
		return dcbor.Marshal(wireExternal{
			Disposition: d, Language: l, Cardinality: c, ContentType: v.ContentType, URL: v.URL, Expires: v.Expires,
			Size: v.Size, EncAlg: v.EncAlg, Key: v.Key, Nonce: v.Nonce, AAD: v.AAD, HashAlg: v.HashAlg,
			ContentHash: v.ContentHash, Description: v.Description, Filename: v.Filename,
		})
	case Multi:
		w := wireMulti{Disposition: d, Language: l, Cardinality: c, Semantics: uint8(v.Semantics)}
		for _, part := range v.Parts {
			raw, err := encodePart(part)
			if err != nil {
				return nil, err
			}
			w.Parts = append(w.Parts, raw)
		}
		return dcbor.Marshal(w)
	}
	return dcbor.Marshal(wireNull{Disposition: d, Language: l, Cardinality: c})
}

func unmarshal(b []byte, v any) error {
	if err := dcbor.Unmarshal(b, v); err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return nil
}

// check applies the rules that hold for a message wherever it comes from. Those
// of extensions are their own.
func (m *Message) check() error {
	for _, id := range []MessageID{m.Replaces, m.InReplyTo} {
		if !id.IsZero() && id[0] != hashSHA256 {
			return fmt.Errorf("%w: message ID", ErrMalformed)
		}
	}
	if len(m.TopicID) > MaxTopicIDLength { // MC-4
		return fmt.Errorf("%w: a topic has at most %d bytes", ErrTooLarge, MaxTopicIDLength)
	}
	count := 0
	return m.Body.check(1, &count)
}

func (p Part) check(depth int, count *int) error {
	if *count++; *count > MaxParts {
		return fmt.Errorf("%w: more than %d parts", ErrTooLarge, MaxParts)
	}
	if depth > MaxDepth {
		return fmt.Errorf("%w: parts nest at most %d levels deep", ErrTooLarge, MaxDepth)
	}
	if err := checkText(p.Language, MaxLanguageLength, "language"); err != nil {
		return err
	}
	switch v := p.Content.(type) {
	case Null:
		return nil
	case Single:
		return checkText(v.ContentType, MaxContentTypeLength, "media type")
	case External:
		return v.check()
	case Multi:
		return v.check(depth, count)
	}
	return fmt.Errorf("%w: a part without content", ErrMalformed)
}

func (e External) check() error {
	for _, t := range []struct {
		s    string
		max  int
		name string
	}{
		{e.ContentType, MaxContentTypeLength, "media type"},
		{e.URL, MaxURLLength, "URL"},
		{e.Description, MaxDescriptionLength, "description"},
		{e.Filename, MaxFilenameLength, "file name"},
	} {
		if err := checkText(t.s, t.max, t.name); err != nil {
			return err
		}
	}
	if max(len(e.Key), len(e.Nonce), len(e.AAD), len(e.ContentHash)) > MaxKeyLength {
		return fmt.Errorf("%w: a key, nonce, additional data or hash has at most %d bytes", ErrTooLarge, MaxKeyLength)
	}
	if e.EncAlg == AEADNone && len(e.Key)+len(e.Nonce)+len(e.AAD) > 0 { // MC-21
		return fmt.Errorf("%w: a key without an algorithm", ErrMalformed)
	}
	if e.HashAlg == HashNone && len(e.ContentHash) > 0 {
		return fmt.Errorf("%w: a hash without an algorithm", ErrMalformed)
	}
	return nil
}

func (m Multi) check(depth int, count *int) error {
	if m.Semantics > ProcessAll { // MC-17
		return fmt.Errorf("%w: unknown part semantics", ErrMalformed)
	}
	if len(m.Parts) < 2 { // MC-18
		return fmt.Errorf("%w: multiple parts are at least two", ErrMalformed)
	}
	for _, p := range m.Parts {
		if err := p.check(depth+1, count); err != nil {
			return err
		}
	}
	return nil
}

func checkText(s string, limit int, name string) error {
	if len(s) > limit { // MC-22
		return fmt.Errorf("%w: a %s has at most %d bytes", ErrTooLarge, name, limit)
	}
	if !utf8.ValidString(s) {
		return fmt.Errorf("%w: a %s that is not UTF-8", ErrMalformed, name)
	}
	return nil
}
