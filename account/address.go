// SPDX-License-Identifier: AGPL-3.0-or-later

package account

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"strings"

	"github.com/securecrypt/securecrypt/internal/codec/crockford"
)

// Limits of an address, in bytes of its text.
const (
	MinNameLength    = 2
	MaxNameLength    = 32
	MaxLabelLength   = 63
	MaxHostLength    = 253 + len(":65535")
	MaxAddressLength = MaxNameLength + len("@") + MaxHostLength
)

// ErrAddress reports text that is not an address. It never repeats the text.
var ErrAddress = errors.New("account: not a valid address")

// Address is where somebody is reached: name@host. Both parts are in lower
// case and in their one spelling, so that addresses compare with ==. The zero
// value is no address; ParseAddress yields only valid ones.
type Address struct {
	// Name is random (k7q2-m9xd-4tzp) or chosen ([a-z0-9][a-z0-9._-]{1,31}).
	Name string
	// Host is a DNS name, an IPv4 address or an IPv6 address in brackets, and
	// may end in a port. The port is part of the address: none is implied.
	Host string
}

// ParseAddress reads name@host. Upper-case ASCII letters become lower case and
// an IPv6 address its shortest form; nothing else is repaired.
func ParseAddress(s string) (Address, error) {
	if len(s) > MaxAddressLength {
		return Address{}, fmt.Errorf("%w: too long", ErrAddress)
	}
	// ToLower maps some letters outside ASCII into it, so that they would pass.
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return Address{}, fmt.Errorf("%w: only visible ASCII characters are allowed", ErrAddress)
		}
	}
	name, host, ok := strings.Cut(strings.ToLower(s), "@")
	if !ok {
		return Address{}, fmt.Errorf("%w: no @ between name and host", ErrAddress)
	}
	if err := checkName(name); err != nil {
		return Address{}, err
	}
	host, err := canonicalHost(host)
	if err != nil {
		return Address{}, err
	}
	return Address{Name: name, Host: host}, nil
}

// parseCanonicalAddress is ParseAddress for what is signed: it accepts the one
// spelling only.
func parseCanonicalAddress(s string) (Address, error) {
	a, err := ParseAddress(s)
	if err != nil {
		return Address{}, err
	}
	if a.String() != s {
		return Address{}, fmt.Errorf("%w: not in its one spelling", ErrAddress)
	}
	return a, nil
}

// Validate returns ErrAddress unless a is what ParseAddress would yield.
func (a Address) Validate() error {
	_, err := parseCanonicalAddress(a.String())
	return err
}

// IsZero reports whether a is the zero value.
func (a Address) IsZero() bool { return a == Address{} }

// String returns name@host.
func (a Address) String() string { return a.Name + "@" + a.Host }

// URI returns the address as a MIMI user URI, as mentions and message IDs use
// it: mimi://host/u/name.
func (a Address) URI() string { return uriScheme + a.Host + uriPath + a.Name }

const (
	uriScheme = "mimi://"
	uriPath   = "/u/"
)

// ParseURI reads what URI returns and accepts no other spelling.
func ParseURI(s string) (Address, error) {
	rest, ok := strings.CutPrefix(s, uriScheme)
	if !ok {
		return Address{}, fmt.Errorf("%w: not a mimi URI", ErrAddress)
	}
	host, name, ok := strings.Cut(rest, uriPath)
	if !ok {
		return Address{}, fmt.Errorf("%w: not the URI of a user", ErrAddress)
	}
	return parseCanonicalAddress(name + "@" + host)
}

// MarshalText implements encoding.TextMarshaler; it refuses invalid addresses.
func (a Address) MarshalText() ([]byte, error) {
	if err := a.Validate(); err != nil {
		return nil, err
	}
	return []byte(a.String()), nil
}

// UnmarshalText implements encoding.TextUnmarshaler as ParseAddress does.
func (a *Address) UnmarshalText(b []byte) error {
	got, err := ParseAddress(string(b))
	if err != nil {
		return err
	}
	*a = got
	return nil
}

// randomNameLength is what a random name holds without its hyphens: 60 bits.
const randomNameLength = 12

// RandomName returns a name of 60 random bits, such as k7q2-m9xd-4tzp.
func RandomName(rand io.Reader) (string, error) {
	var b [8]byte
	if _, err := io.ReadFull(rand, b[:]); err != nil {
		return "", fmt.Errorf("account: reading randomness: %w", err)
	}
	return crockford.Group(crockford.Encoding.EncodeToString(b[:])[:randomNameLength], 4), nil
}

func checkName(s string) error {
	if len(s) < MinNameLength || len(s) > MaxNameLength {
		return fmt.Errorf("%w: a name has %d to %d characters", ErrAddress, MinNameLength, MaxNameLength)
	}
	for i := range len(s) {
		c := s[i]
		if !isAlphanumeric(c) && (i == 0 || c != '.' && c != '_' && c != '-') {
			return fmt.Errorf("%w: a name has letters and digits, and after the first also . _ -", ErrAddress)
		}
	}
	return nil
}

// canonicalHost checks a host in lower case and returns its one spelling.
func canonicalHost(s string) (string, error) {
	host, port := s, ""
	if i := strings.LastIndexByte(s, ':'); i >= 0 && !strings.HasSuffix(s, "]") {
		host, port = s[:i], s[i:]
		if err := checkPort(port[1:]); err != nil {
			return "", err
		}
	}
	if inner, ok := strings.CutPrefix(host, "["); ok {
		inner, ok := strings.CutSuffix(inner, "]")
		ip, err := netip.ParseAddr(inner)
		if !ok || err != nil || !ip.Is6() || ip.Is4In6() || ip.Zone() != "" {
			return "", fmt.Errorf("%w: brackets hold an IPv6 address without zone", ErrAddress)
		}
		return "[" + ip.String() + "]" + port, nil
	}
	if ip, err := netip.ParseAddr(host); err == nil && ip.Is4() {
		return host + port, nil
	}
	return host + port, checkDomain(host)
}

func checkPort(s string) error {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil || n == 0 || s[0] == '0' || s[0] == '+' {
		return fmt.Errorf("%w: a port is a number from 1 to 65535", ErrAddress)
	}
	return nil
}

// checkDomain accepts host names (RFC 1123, Section 2.1). A last label of
// digits alone would be a misspelt IPv4 address.
func checkDomain(s string) error {
	if len(s) > MaxHostLength-len(":65535") {
		return fmt.Errorf("%w: host too long", ErrAddress)
	}
	labels := strings.Split(s, ".")
	for _, l := range labels {
		if len(l) == 0 || len(l) > MaxLabelLength {
			return fmt.Errorf("%w: each part of a host has 1 to %d characters", ErrAddress, MaxLabelLength)
		}
		for i := range len(l) {
			edge := i == 0 || i == len(l)-1
			if !isAlphanumeric(l[i]) && (l[i] != '-' || edge) {
				return fmt.Errorf("%w: a host has letters, digits and inner hyphens", ErrAddress)
			}
		}
	}
	if strings.Trim(labels[len(labels)-1], "0123456789") == "" {
		return fmt.Errorf("%w: not an IPv4 address", ErrAddress)
	}
	return nil
}

func isAlphanumeric(c byte) bool { return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' }
