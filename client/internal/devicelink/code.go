// SPDX-License-Identifier: AGPL-3.0-or-later

package devicelink

import (
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/internal/codec/crockford"
)

// CodeLife is for how long a code can be used.
const CodeLife = 10 * time.Minute

const (
	secretLength   = 20 // characters: 100 random bits
	checksumLength = 4  // characters: one slip in a million goes unnoticed
	maxCodeText    = 512
	uriScheme      = "securecrypt-link:"
)

const (
	checksumContext = "SecureCrypt link code checksum v1\x00"
	channelInfo     = "securecrypt/v1/link/channel"
	accessInfo      = "securecrypt/v1/link/access"
	entriesInfo     = "securecrypt/v1/link/entries"
)

// A Code leads two devices to each other: it names a server and has a secret of
// 100 bits.
type Code struct {
	Host   string
	secret string // as crockford.Encoding writes it
}

// NewCode returns a code for a meeting at a server.
func NewCode(host string, rand io.Reader) (Code, error) {
	var b [secretLength]byte
	if _, err := io.ReadFull(rand, b[:]); err != nil {
		return Code{}, fmt.Errorf("devicelink: reading randomness: %w", err)
	}
	for i := range b {
		b[i] = crockford.Alphabet[b[i]&31]
	}
	return Code{host, string(b[:])}, nil
}

// ParseCode reads what Text and URI return, as people write it. The error is
// chat.ErrLinkCode.
func ParseCode(text string) (Code, error) {
	if len(text) > maxCodeText {
		return Code{}, chat.ErrLinkCode
	}
	text = strings.TrimSpace(text)
	if rest, ok := cutPrefixFold(text, uriScheme); ok {
		text = rest
	}
	host, secret, ok := strings.Cut(text, "/")
	if !ok {
		return Code{}, chat.ErrLinkCode
	}
	at, err := account.ParseAddress("server@" + strings.TrimSpace(host))
	if err != nil {
		return Code{}, chat.ErrLinkCode
	}
	clean := crockford.Clean(secret)
	if len(clean) != secretLength+checksumLength {
		return Code{}, chat.ErrLinkCode
	}
	for _, c := range clean {
		if strings.IndexByte(crockford.Alphabet, c) < 0 {
			return Code{}, chat.ErrLinkCode
		}
	}
	c := Code{at.Host, string(clean[:secretLength])}
	if subtle.ConstantTimeCompare(clean[secretLength:], []byte(c.checksum())) != 1 {
		return Code{}, chat.ErrLinkCode
	}
	return c, nil
}

func cutPrefixFold(s, prefix string) (string, bool) {
	if len(s) < len(prefix) || !strings.EqualFold(s[:len(prefix)], prefix) {
		return s, false
	}
	return s[len(prefix):], true
}

// Text returns the code to be typed: the server, a slash, and six groups of four
// characters.
func (c Code) Text() string { return c.Host + "/" + crockford.Group(c.secret+c.checksum(), 4) }

// URI returns what a QR code holds.
func (c Code) URI() string { return uriScheme + c.Text() }

// String does not show the secret.
func (c Code) String() string { return uriScheme + c.Host + "/redacted" }

// GoString does not show the secret.
func (c Code) GoString() string { return c.String() }

func (c Code) checksum() string {
	sum := sha256.Sum256([]byte(checksumContext + c.Host + "\x00" + c.secret))
	return crockford.Encoding.EncodeToString(sum[:])[:checksumLength]
}

// derive returns bytes for one purpose.
func (c Code) derive(info string, n int) ([]byte, error) {
	b, err := hkdf.Key(sha256.New, []byte(c.secret), []byte(c.Host), info, n)
	if err != nil {
		return nil, fmt.Errorf("devicelink: %w", err)
	}
	return b, nil
}
