// SPDX-License-Identifier: AGPL-3.0-or-later

// Package endpoint is what all transports know about servers: where they are
// and what their HTTP answers mean. It links neither net nor net/http, for the
// sake of the browser.
package endpoint

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/securecrypt/securecrypt/client"
	"github.com/securecrypt/securecrypt/protocol"
)

// Headers of the HTTP interface to blobs, and the type of what is uploaded.
const (
	HeaderLength    = "Upload-Length"
	HeaderOffset    = "Upload-Offset"
	HeaderExpiresIn = "Upload-Expires-In" // seconds
	UploadType      = "application/offset+octet-stream"
)

// MaxProblem is how much of a refusal is read, in bytes.
const MaxProblem = 4 << 10

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
		return 0, fmt.Errorf("%w: it answered with an offset that cannot be", client.ErrOffline)
	}
	return offset, nil
}

// problem is the body of a refusal (RFC 9457).
type problem struct {
	Code uint16 `json:"code"`
}

// Refusal returns the error that an HTTP answer stands for, a *protocol.Error
// or one that wraps client.ErrOffline. body is its beginning, as far as it
// could be read.
func Refusal(status int, retryAfter string, body []byte) error {
	var p problem
	if json.Unmarshal(body, &p) == nil && p.Code != 0 {
		e := &protocol.Error{Code: protocol.ErrorCode(p.Code)}
		if s, err := strconv.Atoi(retryAfter); err == nil && s >= 0 && s <= 86400 {
			e.RetryAfter = time.Duration(s) * time.Second
		}
		return e
	}
	switch status {
	case 404, 410: // not found, gone
		return &protocol.Error{Code: protocol.CodeNotFound}
	case 413: // content too large
		return &protocol.Error{Code: protocol.CodeTooLarge}
	case 429: // too many requests
		return &protocol.Error{Code: protocol.CodeRateLimited}
	}
	return fmt.Errorf("%w: the server answered with status %d", client.ErrOffline, status)
}
