// SPDX-License-Identifier: AGPL-3.0-or-later

package account

import (
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/securecrypt/securecrypt/internal/codec/dcbor"
)

// Limits of statements.
const (
	// MaxStatementSize bounds one statement in bytes; a create has about 1,700.
	MaxStatementSize = 4096
	// MaxSignatures bounds the signatures under one statement.
	MaxSignatures = 4
	// MaxTime is the last time a statement can carry, in Unix seconds: the end
	// of the year 9999.
	MaxTime = 253402300799
	// MaxResetWait is the longest waiting period that a reset-request can name. The
	// rules take no other than Wait.
	MaxResetWait = 366 * 24 * time.Hour
)

// statementVersion is the one version of statements there is.
const statementVersion = 1

// Type says what a statement does.
type Type uint8

// The types of statements.
const (
	TypeCreate         Type = 1
	TypeAddDevice      Type = 2
	TypeRevokeDevice   Type = 3
	TypeRotateRecovery Type = 4
	TypeResetRequest   Type = 5
	TypeResetVeto      Type = 6
	TypeResetCommit    Type = 7
	TypeMove           Type = 8
	TypeClose          Type = 9
)

var typeNames = map[Type]string{
	TypeCreate: "create", TypeAddDevice: "add-device", TypeRevokeDevice: "revoke-device",
	TypeRotateRecovery: "rotate-recovery", TypeResetRequest: "reset-request", TypeResetVeto: "reset-veto",
	TypeResetCommit: "reset-commit", TypeMove: "move", TypeClose: "close",
}

// String returns the type's name.
func (t Type) String() string {
	if s, ok := typeNames[t]; ok {
		return s
	}
	return fmt.Sprintf("type %d", uint8(t))
}

// Role says in what capacity a key signed. It is part of what is signed.
type Role uint8

// The roles of signers.
const (
	RoleDevice   Role = 1
	RoleRecovery Role = 2
)

// Domain separation of everything that this package signs and hashes.
const (
	deviceSignatureContext   = "SecureCrypt account statement v1, signed by a device\x00"
	recoverySignatureContext = "SecureCrypt account statement v1, signed by the recovery key\x00"
	headContext              = "SecureCrypt account head v1\x00"
)

// Signature is one signature under a statement.
type Signature struct {
	Role      Role
	Key       [ed25519.PublicKeySize]byte
	Signature [ed25519.SignatureSize]byte
}

// UnverifiedStatement is a well-formed statement about which nothing else is
// known: neither its signatures nor its place in a chain have been checked.
type UnverifiedStatement struct {
	Type       Type
	Sequence   uint64
	Previous   Head
	Time       time.Time // whole seconds, UTC
	Content    Content
	Signatures []Signature

	raw  []byte
	body []byte // what is signed, as it stands in raw
}

// Bytes returns the statement's encoding, which the caller must not change.
func (s *UnverifiedStatement) Bytes() []byte { return s.raw }

// Head returns the head of a chain that ends in s.
func (s *UnverifiedStatement) Head() Head { return headOf(s.raw) }

func headOf(statement []byte) Head {
	h := sha256.New()
	h.Write([]byte(headContext))
	h.Write(statement)
	return Head(h.Sum(nil))
}

type wireStatement struct {
	_          struct{} `cbor:",toarray"`
	Version    uint64
	Body       []byte
	Signatures []wireSignature
}

type wireSignature struct {
	_         struct{} `cbor:",toarray"`
	Role      Role
	Key       []byte
	Signature []byte
}

type wireBody struct {
	Type     uint64           `cbor:"1,keyasint"`
	Sequence uint64           `cbor:"2,keyasint"`
	Previous []byte           `cbor:"3,keyasint"`
	Time     uint64           `cbor:"4,keyasint"`
	Content  dcbor.RawMessage `cbor:"5,keyasint"`
}

// ParseStatement decodes one statement of any known type. It copies b. The
// error is ErrUnknown for a version or type of the future, else ErrMalformed.
func ParseStatement(b []byte) (*UnverifiedStatement, error) {
	if len(b) > MaxStatementSize {
		return nil, broken("format-size", ErrMalformed, "a statement of more than 4,096 bytes")
	}
	if err := checkVersion(b, statementVersion); err != nil {
		return nil, err
	}
	s := &UnverifiedStatement{raw: append([]byte(nil), b...)}
	var w wireStatement
	if err := dcbor.Unmarshal(s.raw, &w); err != nil {
		return nil, malformed(err)
	}
	s.body = w.Body
	var err error
	if s.Signatures, err = fromWireSignatures(w.Signatures); err != nil {
		return nil, err
	}
	return s, s.parseBody()
}

func (s *UnverifiedStatement) parseBody() error {
	var w wireBody
	if err := dcbor.Unmarshal(s.body, &w); err != nil {
		return malformed(err)
	}
	if len(w.Previous) != len(s.Previous) {
		return broken("format-previous", ErrMalformed, "a hash of the statement before that has not 32 bytes")
	}
	if w.Time > MaxTime {
		return broken("format-time", ErrMalformed, "a time after the year 9999")
	}
	s.Sequence, s.Previous = w.Sequence, Head(w.Previous)
	s.Time = time.Unix(int64(w.Time), 0).UTC()
	var err error
	s.Content, err = parseContent(w.Type, w.Content)
	if err != nil {
		return err
	}
	s.Type = s.Content.Type()
	return nil
}

func fromWireSignatures(in []wireSignature) ([]Signature, error) {
	if len(in) == 0 || len(in) > MaxSignatures {
		return nil, broken("format-signatures", ErrMalformed, "no signature, or more than four")
	}
	out := make([]Signature, len(in))
	for i, w := range in {
		if w.Role != RoleDevice && w.Role != RoleRecovery {
			return nil, broken("format-role", ErrMalformed, "a signature in an unknown role")
		}
		if len(w.Key) != ed25519.PublicKeySize || len(w.Signature) != ed25519.SignatureSize {
			return nil, broken("format-signature", ErrMalformed, "a signature or signer's key of another size")
		}
		out[i] = Signature{Role: w.Role, Key: [32]byte(w.Key), Signature: [64]byte(w.Signature)}
	}
	return out, nil
}

// checkVersion looks at the first element of the array b alone, so that a
// later version may have any other elements.
func checkVersion(b []byte, want uint64) error {
	var elements []dcbor.RawMessage
	if err := dcbor.Unmarshal(b, &elements); err != nil {
		return malformed(err)
	}
	if len(elements) == 0 {
		return broken("format-empty", ErrMalformed, "an array without a version")
	}
	var version uint64
	if err := dcbor.Unmarshal(elements[0], &version); err != nil {
		return malformed(err)
	}
	if version != want {
		return broken("format-version", ErrUnknown, "a version that this program does not know")
	}
	return nil
}

// encodeBody returns the part of a statement that is signed.
func encodeBody(seq uint64, previous Head, at time.Time, c Content) ([]byte, error) {
	content, err := dcbor.Marshal(c.wire())
	if err != nil {
		return nil, err
	}
	if at.Unix() < 0 || at.Unix() > MaxTime {
		return nil, errTime
	}
	return dcbor.Marshal(wireBody{
		Type: uint64(c.Type()), Sequence: seq, Previous: previous[:], Time: uint64(at.Unix()), Content: content,
	})
}

func signedBytes(r Role, body []byte) []byte {
	context := deviceSignatureContext
	if r == RoleRecovery {
		context = recoverySignatureContext
	}
	return append([]byte(context), body...)
}

// verify reports whether the signature is s.Key's over body.
func (s Signature) verify(body []byte) bool {
	return ed25519.Verify(s.Key[:], signedBytes(s.Role, body), s.Signature[:])
}

// malformed is the error of bytes that are not the one encoding of what they
// should be.
func malformed(err error) error {
	return fmt.Errorf("%w: %w", broken("format-encoding", ErrMalformed, "bytes that are not the one encoding of such a value"), err)
}
