// SPDX-License-Identifier: AGPL-3.0-or-later

package content

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
)

var (
	// ErrMalformed reports bytes that are not MIMI content, or a Message that
	// could not be encoded because it breaks a rule of the format.
	ErrMalformed = errors.New("content: malformed message")
	// ErrTooLarge reports a message beyond a limit of this package.
	ErrTooLarge = errors.New("content: message beyond a limit")
	// ErrNoSalt reports a message that was not given a salt before encoding.
	ErrNoSalt = errors.New("content: message without salt")
)

// SaltSize is in bytes.
const SaltSize = 16

// Salt makes message IDs unguessable and unique.
type Salt [SaltSize]byte

// NewSalt takes a salt from rand.
func NewSalt(rand io.Reader) (Salt, error) {
	var s Salt
	if _, err := io.ReadFull(rand, s[:]); err != nil {
		return Salt{}, fmt.Errorf("content: reading randomness: %w", err)
	}
	return s, nil
}

// MessageIDSize is in bytes.
const MessageIDSize = 32

// hashSHA256 is SHA-256 in the IANA registry of named information hashes, and
// the first byte of every message ID.
const hashSHA256 = 1

// MessageID names a message: a hash of its content, sender and room. The zero
// value stands for none.
type MessageID [MessageIDSize]byte

// ParseMessageID reads what String returns.
func ParseMessageID(s string) (MessageID, error) {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != MessageIDSize || b[0] != hashSHA256 || hex.EncodeToString(b) != s {
		return MessageID{}, errors.New("content: a message ID is 64 hex digits in lower case, the first two 01")
	}
	return MessageID(b), nil
}

// ID returns the ID of an encoded message, given the URIs of its sender and of
// the room (draft-ietf-mimi-content-08, Section 3.3).
func ID(senderURI, roomURI string, message []byte) (MessageID, error) {
	if len(senderURI) > math.MaxUint16 || len(roomURI) > math.MaxUint16 {
		return MessageID{}, fmt.Errorf("%w: URI of sender or room", ErrTooLarge)
	}
	// A message is an array of seven whose first element is 16 bytes.
	if len(message) < 2+SaltSize || message[0] != 0x87 || message[1] != 0x50 {
		return MessageID{}, fmt.Errorf("%w: no salt", ErrMalformed)
	}
	var in []byte
	in = append(binary.BigEndian.AppendUint16(in, uint16(len(senderURI))), senderURI...)
	in = append(binary.BigEndian.AppendUint16(in, uint16(len(roomURI))), roomURI...)
	in = append(in, message...)
	in = append(in, message[2:2+SaltSize]...)
	sum := sha256.Sum256(in)
	id := MessageID{hashSHA256}
	copy(id[1:], sum[:])
	return id, nil
}

// IsZero reports whether id stands for none.
func (id MessageID) IsZero() bool { return id == MessageID{} }

// String returns the ID in hex.
func (id MessageID) String() string { return hex.EncodeToString(id[:]) }

// MarshalText implements encoding.TextMarshaler; no ID is an empty text.
func (id MessageID) MarshalText() ([]byte, error) {
	if id.IsZero() {
		return []byte{}, nil
	}
	return []byte(id.String()), nil
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (id *MessageID) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*id = MessageID{}
		return nil
	}
	got, err := ParseMessageID(string(b))
	if err != nil {
		return err
	}
	*id = got
	return nil
}

// Message is one MIMI content message.
type Message struct {
	Salt Salt
	// Replaces names the first version of the message that this one edits,
	// deletes or withdraws; zero if none.
	Replaces MessageID
	// TopicID groups messages; empty if there is no topic.
	TopicID []byte
	// Expires asks to forget the message; nil if it lasts.
	Expires *Expiration
	// InReplyTo names the message answered or reacted to; zero if none.
	InReplyTo  MessageID
	Extensions Extensions
	Body       Part
}

// Salted returns m with a new salt from rand, as every message needs before it
// is encoded.
func (m Message) Salted(rand io.Reader) (Message, error) {
	s, err := NewSalt(rand)
	if err != nil {
		return Message{}, err
	}
	m.Salt = s
	return m, nil
}

// Part is the body of a message or a part of one.
type Part struct {
	Disposition Disposition
	// Language is empty or a comma-separated list of language tags (RFC 5646),
	// which this package does not check.
	Language string
	// Content is Null, Single, External or Multi.
	Content PartContent
}

// PartContent is one of Null, Single, External and Multi.
type PartContent interface{ cardinality() uint64 }

// Null is the content of a part that says nothing, as in deletions.
type Null struct{}

// Single carries its content within the message.
type Single struct {
	ContentType string // media type with parameters
	Content     []byte
}

// External refers to content elsewhere.
type External struct {
	ContentType string
	URL         string
	Expires     uint32 // Unix seconds after which the URL is of no use; 0 for never
	Size        uint64 // bytes; 0 if not given
	EncAlg      uint16 // an AEAD number; 0 if the content is not encrypted
	Key         []byte
	Nonce       []byte
	AAD         []byte
	HashAlg     uint8 // a named information hash; 0 if there is none
	ContentHash []byte
	Description string
	// Filename is the sender's suggestion. Never use it as a path: see
	// SafeFilename.
	Filename string
}

// Multi holds two or more parts.
type Multi struct {
	Semantics Semantics
	Parts     []Part
}

const (
	cardinalityNull     = 0
	cardinalitySingle   = 1
	cardinalityExternal = 2
	cardinalityMulti    = 3
)

func (Null) cardinality() uint64     { return cardinalityNull }
func (Single) cardinality() uint64   { return cardinalitySingle }
func (External) cardinality() uint64 { return cardinalityExternal }
func (Multi) cardinality() uint64    { return cardinalityMulti }

// Semantics says how the parts of a Multi belong together.
type Semantics uint8

// The semantics of multiple parts.
const (
	ChooseOne  Semantics = 0 // alternatives
	SingleUnit Semantics = 1 // all or nothing
	ProcessAll Semantics = 2 // as many as possible
)

// Disposition says what a part is for. Values from 9 on are unknown and count
// as DispositionRender.
type Disposition uint8

// The dispositions of the draft.
const (
	DispositionUnspecified Disposition = 0
	DispositionRender      Disposition = 1
	DispositionReaction    Disposition = 2
	DispositionProfile     Disposition = 3
	DispositionInline      Disposition = 4
	DispositionIcon        Disposition = 5
	DispositionAttachment  Disposition = 6
	DispositionSession     Disposition = 7
	DispositionPreview     Disposition = 8
)

// AEAD numbers (IANA AEAD Algorithms) that an External's EncAlg may hold.
const (
	AEADNone             = 0
	AEADAES128GCM        = 1
	AEADAES256GCM        = 2
	AEADChaCha20Poly1305 = 29
	// AEADPrivateUse is the first number of the range for private use.
	AEADPrivateUse = 0x8000
)

// Named information hashes that an External's HashAlg may hold.
const (
	HashNone   = 0
	HashSHA256 = hashSHA256
)
