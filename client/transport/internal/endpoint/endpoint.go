// SPDX-License-Identifier: AGPL-3.0-or-later

// Package endpoint is what all transports know about servers: where they are
// and what their HTTP answers mean. It links neither net nor net/http, for the
// sake of the browser.
package endpoint

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/securecrypt/securecrypt/client/backend"
	"github.com/securecrypt/securecrypt/protocol"
)

// Loopback reports whether host (with or without a port) is the machine
// itself: there, and only there, plain connections are made.
func Loopback(host string) bool {
	name := host
	if i := strings.LastIndexByte(host, ':'); i == strings.IndexByte(host, ':') && i >= 0 || i > 0 && host[i-1] == ']' {
		name = host[:i]
	}
	name = strings.Trim(name, "[]")
	if name == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(name)
	return err == nil && ip.IsLoopback()
}

// URL returns a server's address for the scheme http or ws, with TLS except
// on the machine itself.
func URL(scheme, host, path string) string {
	if !Loopback(host) {
		scheme += "s"
	}
	return scheme + "://" + host + path
}

// ParseOffset reads how much of a blob of length bytes a server says to have.
func ParseOffset(s string, length int64) (int64, error) {
	offset, err := strconv.ParseInt(s, 10, 64)
	if err != nil || offset < 0 || offset > length {
		return 0, fmt.Errorf("%w: it answered with an offset that cannot be", backend.ErrOffline)
	}
	return offset, nil
}

// ErrForeign is for an answer that looks right and has no file in it: something
// between answered, such as the page on which a network wants people to sign in.
var ErrForeign = fmt.Errorf("%w: %s", backend.ErrOffline, Foreign(200))

// Refusal returns the error that an HTTP answer about a blob stands for, if it
// is none of the statuses that were expected. body is its beginning, as far as
// it could be read. What no SecureCrypt server says was said by something in
// between, whose words are of no use to anybody: the error says that.
func Refusal(status int, contentType, retryAfter string, body []byte) error {
	if refused := protocol.ParseBlobRefusal(status, contentType, retryAfter, body); refused != nil {
		return refused
	}
	wait := protocol.ParseRetryAfter(retryAfter)
	switch {
	case status == 413: // content too large
		return &foreignError{"a proxy in front of the server lets no file of this size through: send smaller ones, or ask the server's operator to raise its limit", &protocol.Error{Code: protocol.CodeTooLarge}}
	case status == 429: // too many requests
		return &foreignError{"a proxy in front of the server asks for fewer requests", &protocol.Error{Code: protocol.CodeRateLimited, RetryAfter: wait}}
	case status == 503: // service unavailable
		return &foreignError{"a proxy says that the server is busy or off", &protocol.Error{Code: protocol.CodeUnavailable, RetryAfter: wait}}
	}
	return fmt.Errorf("%w: %s", backend.ErrOffline, Foreign(status))
}

// Foreign says what it means that an HTTP answer with this status came from
// where a SecureCrypt server should be.
func Foreign(status int) string {
	switch {
	case status == 502, status == 504: // bad gateway, gateway timeout
		return fmt.Sprintf("a proxy gets no answer from it (status %d)", status)
	case status >= 300 && status < 400:
		return "its address leads elsewhere: check the address, or sign in to this network first"
	case status == 401, status == 403, status == 407, status == 511:
		return fmt.Sprintf("a proxy or this network does not let the request through (status %d)", status)
	case status == 429:
		return "too many connections or requests came from your network address (status 429)"
	case status == 503:
		return "it, or a proxy in front of it, is full or off, or has too many connections from your network address (status 503)"
	case status >= 500:
		return fmt.Sprintf("it, or a proxy in front of it, failed (status %d)", status)
	}
	return fmt.Sprintf("what answers at its address is no SecureCrypt server (status %d)", status)
}

// Unconnected returns the error that an HTTP answer in the place of a connection
// stands for. It wraps client.ErrOffline, and client.ErrTurnedAway if what answered
// takes no connections at the moment.
func Unconnected(status int, retryAfter string) error {
	if status != 429 && status != 503 {
		return fmt.Errorf("%w: %s", backend.ErrOffline, Foreign(status))
	}
	after := "a minute"
	if wait := protocol.ParseRetryAfter(retryAfter); wait > 0 {
		after = wait.String()
	}
	return fmt.Errorf("%w: %s; try again in %s", backend.ErrTurnedAway, Foreign(status), after)
}

// A foreignError is a refusal by something in front of a server, with words of
// its own.
type foreignError struct {
	text    string
	refusal *protocol.Error
}

// Error returns the words and, where there is one, the wait.
func (e *foreignError) Error() string {
	if e.refusal.RetryAfter > 0 {
		return fmt.Sprintf("%s; try again in %s", e.text, e.refusal.RetryAfter)
	}
	return e.text
}

// Unwrap returns the refusal.
func (e *foreignError) Unwrap() error { return e.refusal }
