// SPDX-License-Identifier: AGPL-3.0-or-later

package protocol

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"fmt"

	"github.com/securecrypt/securecrypt/internal/codec/dcbor"
)

// A ChannelID is the 32 random bytes that name a channel on its server.
type ChannelID [32]byte

// A DeviceID names a device within its account: the first 16 bytes of the
// SHA-256 hash of its signature public key.
type DeviceID [16]byte

// A ChainHead names an account chain up to one of its statements: the hash of that
// statement, which package account computes. Zeros stand for no chain.
type ChainHead [32]byte

// An Incarnation names one life of a server's data folder: 16 random bytes that
// change when the folder is begun, restored from a backup, or found to be a copy.
// Zeros stand for a server that does not tell.
type Incarnation [16]byte

// A Generation names what a device's profile continues: 16 random bytes that the
// device chooses at its first sign-in, and again when a copy of its profile takes
// over. Zeros stand for a device that does not tell.
type Generation [16]byte

// A Nonce is a server's challenge to one connection.
type Nonce [32]byte

// An AccessKey is the public half of the Ed25519 key pair that the members of
// an epoch derive from it; its private half opens the channel.
type AccessKey [ed25519.PublicKeySize]byte

// A Signature is an Ed25519 signature.
type Signature [ed25519.SignatureSize]byte

// An UploadToken is the secret of whoever uploads a blob: 32 random bytes.
type UploadToken [32]byte

// A BlobID names a blob; who knows it may fetch the ciphertext.
type BlobID [32]byte

// A WakeToken is a secret of a device: 32 random bytes. Whoever knows it may have
// the device woken, and nothing else.
type WakeToken [32]byte

// String redacts the token.
func (t WakeToken) String() string { return "wake token (secret)" }

// A SessionMark names one sign-in of a device, so that a server can tell the
// device from a copy of its profile.
type SessionMark struct {
	// Counter is one more than that of the sign-in before.
	Counter uint64 `cbor:"1,keyasint"`
	// ID is random.
	ID [16]byte `cbor:"2,keyasint"`
}

// IsZero reports whether there is no mark.
func (m SessionMark) IsZero() bool { return m == SessionMark{} }

// markLen is the length of an EntryMark.
const markLen = 16

// EntryMark returns what ChannelState.Mark says of an entry: the first 16 bytes
// of the SHA-256 hash of its ciphertext.
func EntryMark(ciphertext []byte) []byte {
	hash := sha256.Sum256(ciphertext)
	return hash[:markLen]
}

// A PushKey is a server's public key towards push services (RFC 8292): a point
// of P-256, uncompressed.
type PushKey [65]byte

// BlobID returns the name of the blob that this token uploads: its SHA-256
// hash.
func (t UploadToken) BlobID() BlobID { return sha256.Sum256(t[:]) }

// Text returns the token as it stands in an Authorization header.
func (t UploadToken) Text() string { return base64.RawURLEncoding.EncodeToString(t[:]) }

// String redacts the token.
func (t UploadToken) String() string { return "upload token (secret)" }

// String returns the identifier as it stands in a URL.
func (id BlobID) String() string { return base64.RawURLEncoding.EncodeToString(id[:]) }

// ParseBlobID is the inverse of [BlobID.String].
func ParseBlobID(s string) (BlobID, error) {
	id, err := parse32(s)
	if err != nil {
		return BlobID{}, fmt.Errorf("%w: blob identifier", ErrMalformed)
	}
	return BlobID(id), nil
}

// ParseUploadToken is the inverse of [UploadToken.Text].
func ParseUploadToken(s string) (UploadToken, error) {
	t, err := parse32(s)
	if err != nil {
		return UploadToken{}, fmt.Errorf("%w: upload token", ErrMalformed)
	}
	return UploadToken(t), nil
}

func parse32(s string) (out [32]byte, err error) {
	enc := base64.RawURLEncoding.Strict()
	if len(s) != enc.EncodedLen(len(out)) { // the decoder skips line ends
		return out, ErrMalformed
	}
	b, err := enc.DecodeString(s)
	if err != nil || len(b) != len(out) {
		return out, ErrMalformed
	}
	return [32]byte(b), nil
}

// The first element of what is signed tells the purposes apart.
const (
	authenticateLabel = "securecrypt/v1/authenticate"
	openLabel         = "securecrypt/v1/open"
)

// AuthenticateChallenge returns what a device signs with its signature key to
// identify a connection: host is the server's name as in the account's
// address, nonce the one of the connection.
func AuthenticateChallenge(host string, nonce Nonce, name string, device DeviceID) []byte {
	return mustMarshal([]any{authenticateLabel, host, nonce, name, device})
}

// OpenChallenge returns what a member signs with an epoch's access key to
// open a channel on the connection with that nonce.
func OpenChallenge(host string, nonce Nonce, channel ChannelID, epoch uint64) []byte {
	return mustMarshal([]any{openLabel, host, nonce, channel, epoch})
}

func mustMarshal(v any) []byte {
	b, err := dcbor.Marshal(v)
	if err != nil {
		panic("protocol: " + err.Error()) // the types above always encode
	}
	return b
}
