// SPDX-License-Identifier: AGPL-3.0-or-later

package account

import (
	"bytes"
	"crypto/sha512"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

const (
	safetyPartyContext = "SecureCrypt safety number v1, party\x00"
	safetyPairContext  = "SecureCrypt safety number v1, pair\x00"
	safetyQRPrefix     = "SCSN\x01"
	safetyGroups       = 12
)

var (
	// ErrNotSafetyCode reports a scanned code that is no safety number, or one
	// of another version.
	ErrNotSafetyCode = errors.New("account: the scanned code is not a safety number")
	// ErrSafetyMismatch reports the safety number of other accounts than these:
	// one of the two people does not see the other's account.
	ErrSafetyMismatch = errors.New("account: the safety numbers differ")
)

// Safety is the safety number of two accounts: both people see the same if,
// and only if, each has the other's account. It stays the same when devices and
// recovery keys come and go, since the chains prove that, and changes with an
// address and with a reset.
type Safety struct{ digest [sha512.Size]byte }

// SafetyNumber returns the number of two accounts, whatever their order.
func SafetyNumber(a, b *Chain) Safety {
	low, high := a.fingerprint(), b.fingerprint()
	if bytes.Compare(low[:], high[:]) > 0 {
		low, high = high, low
	}
	h := sha512.New()
	h.Write([]byte(safetyPairContext))
	h.Write(low[:])
	h.Write(high[:])
	return Safety{[sha512.Size]byte(h.Sum(nil))}
}

// fingerprint binds the address, the create statement and, after a reset, the last
// reset-commit, which names its request and with it all that came before.
func (c *Chain) fingerprint() [sha512.Size]byte {
	h := sha512.New()
	h.Write([]byte(safetyPartyContext))
	fields := [][]byte{[]byte(c.Address().String()), c.statements[0]}
	if c.state.f.Identity > 0 {
		fields = append(fields, c.statements[c.state.f.Identity])
	}
	for _, field := range fields {
		h.Write(binary.BigEndian.AppendUint32(nil, uint32(len(field))))
		h.Write(field)
	}
	return [sha512.Size]byte(h.Sum(nil))
}

// Digits returns 60 decimal digits in 12 groups of 5, to read to each other:
// each group is five bytes of the digest modulo 100,000.
func (s Safety) Digits() string {
	groups := make([]string, safetyGroups)
	for i := range groups {
		var b [8]byte
		copy(b[3:], s.digest[5*i:5*i+5])
		groups[i] = fmt.Sprintf("%05d", binary.BigEndian.Uint64(b[:])%100_000)
	}
	return strings.Join(groups, " ")
}

// QR returns the bytes that a QR code carries: SCSN, a version byte of 1 and
// the whole digest.
func (s Safety) QR() []byte { return append([]byte(safetyQRPrefix), s.digest[:]...) }

// Match compares s with the bytes of the other person's QR code. It returns
// nil, ErrSafetyMismatch or ErrNotSafetyCode.
func (s Safety) Match(qr []byte) error {
	digest, ok := bytes.CutPrefix(qr, []byte(safetyQRPrefix))
	if !ok || len(digest) != len(s.digest) {
		return ErrNotSafetyCode
	}
	if !bytes.Equal(digest, s.digest[:]) {
		return ErrSafetyMismatch
	}
	return nil
}

// Code returns QR as text, in base64url: what a QR code holds, so that it can be
// typed and passed on as well.
func (s Safety) Code() string { return base64.RawURLEncoding.EncodeToString(s.QR()) }

// MatchCode is Match for what Code returns.
func (s Safety) MatchCode(code string) error {
	b, err := base64.RawURLEncoding.DecodeString(strings.TrimSpace(code))
	if err != nil {
		return ErrNotSafetyCode
	}
	return s.Match(b)
}
