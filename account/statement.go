// SPDX-License-Identifier: AGPL-3.0-or-later

package account

import (
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/securecrypt/securecrypt/internal/codec/dcbor"
)

// Limits of statements.
const (
	// MaxStatementSize bounds one statement in bytes; a create has about 1,700.
	MaxStatementSize = 4096
	// MaxStatements bounds a chain.
	MaxStatements = 1024
	// MaxSignatures bounds the signatures under one statement.
	MaxSignatures = 4
	// MaxTime is the last time a statement can carry, in Unix seconds: the end
	// of the year 9999.
	MaxTime = 253402300799
	// MaxResetWait is the longest waiting period of a reset.
	MaxResetWait = 366 * 24 * time.Hour
)

// statementVersion is the one version of statements there is.
const statementVersion = 1

var (
	// ErrMalformed reports a statement or credential that is not in its format.
	ErrMalformed = errors.New("account: malformed")
	// ErrUnknown reports a version or a statement type that this program does
	// not know; a newer one may.
	ErrUnknown = errors.New("account: unknown version or type")
)

// Type says what a statement does.
type Type uint8

// The types of statements. All but TypeCreate are refused by Verify.
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
func (s *UnverifiedStatement) Head() Head {
	h := sha256.New()
	h.Write([]byte(headContext))
	h.Write(s.raw)
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
	if len(b) > MaxStatementSize { // AC-20
		return nil, fmt.Errorf("%w: a statement has at most %d bytes", ErrMalformed, MaxStatementSize)
	}
	if err := checkVersion(b, statementVersion); err != nil {
		return nil, err
	}
	s := &UnverifiedStatement{raw: append([]byte(nil), b...)}
	var w wireStatement
	if err := dcbor.Unmarshal(s.raw, &w); err != nil { // AC-18, AC-19
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
	if err := dcbor.Unmarshal(s.body, &w); err != nil { // AC-15
		return malformed(err)
	}
	if len(w.Previous) != len(s.Previous) { // AC-13
		return fmt.Errorf("%w: the previous hash has %d bytes", ErrMalformed, len(s.Previous))
	}
	if w.Time > MaxTime { // AC-14
		return fmt.Errorf("%w: time out of range", ErrMalformed)
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
	if len(in) == 0 || len(in) > MaxSignatures { // AC-12
		return nil, fmt.Errorf("%w: a statement has 1 to %d signatures", ErrMalformed, MaxSignatures)
	}
	out := make([]Signature, len(in))
	for i, w := range in {
		if w.Role != RoleDevice && w.Role != RoleRecovery {
			return nil, fmt.Errorf("%w: role of a signature", ErrMalformed)
		}
		if len(w.Key) != ed25519.PublicKeySize || len(w.Signature) != ed25519.SignatureSize {
			return nil, fmt.Errorf("%w: size of a signature or its key", ErrMalformed)
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
		return fmt.Errorf("%w: no version", ErrMalformed)
	}
	var version uint64
	if err := dcbor.Unmarshal(elements[0], &version); err != nil {
		return malformed(err)
	}
	if version != want { // AC-10
		return fmt.Errorf("%w: version %d", ErrUnknown, version)
	}
	return nil
}

// signer is a private key and the capacity in which it signs.
type signer struct {
	role Role
	key  ed25519.PrivateKey
}

// encodeStatement signs body and returns the statement.
func encodeStatement(seq uint64, previous Head, at time.Time, c Content, signers ...signer) ([]byte, error) {
	content, err := dcbor.Marshal(c.wire())
	if err != nil {
		return nil, err
	}
	if at.Unix() < 0 || at.Unix() > MaxTime {
		return nil, fmt.Errorf("%w: time out of range", ErrMalformed)
	}
	body, err := dcbor.Marshal(wireBody{
		Type: uint64(c.Type()), Sequence: seq, Previous: previous[:], Time: uint64(at.Unix()), Content: content,
	})
	if err != nil {
		return nil, err
	}
	w := wireStatement{Version: statementVersion, Body: body}
	for _, s := range signers {
		w.Signatures = append(w.Signatures, wireSignature{
			Role:      s.role,
			Key:       s.key.Public().(ed25519.PublicKey),
			Signature: ed25519.Sign(s.key, signedBytes(s.role, body)),
		})
	}
	return dcbor.Marshal(w)
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

func malformed(err error) error { return fmt.Errorf("%w: %w", ErrMalformed, err) }
