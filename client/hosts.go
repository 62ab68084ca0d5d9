// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"time"

	"code.dny.dev/ssrf"

	"github.com/securecrypt/securecrypt/protocol"
)

// ErrPrivateHost means that an address leads to this machine or to a private
// network, where somebody with a public address has no server.
var ErrPrivateHost = errors.New("this is an address of a private network, and not contacted from outside of it: use the server's public name")

// A HomeTransport is a Transport that finds out where names lead. It is told
// the account's own server when a profile is opened: if that is public, it
// connects to public addresses alone, and its errors wrap ErrPrivateHost
// otherwise.
type HomeTransport interface {
	Transport
	SetHome(host string)
}

// publicAddress knows the addresses of the public internet.
var publicAddress = ssrf.New(ssrf.WithAnyPort())

// privateNames are domains that no public server has: RFC 6761, RFC 6762, RFC
// 8375 and ICANN's reservation of .internal.
var privateNames = []string{"localhost", "local", "internal", "home.arpa"}

// PrivateHost reports whether the text of a host, the part of an address after
// the @, says that it is this machine or lies in a private network: an address
// that is not public, localhost, or a name without a dot. Other names may lead
// there, too.
func PrivateHost(host string) bool {
	name := host
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
		name = host[:i]
	}
	name = strings.Trim(name, "[]")
	if ip, err := netip.ParseAddr(name); err == nil {
		return publicAddress.SafeAddr(ip.Unmap()) != nil
	}
	labels := strings.Split(name, ".")
	last := labels[len(labels)-1]
	// Browsers take a name that ends so for an IPv4 address.
	number := strings.HasPrefix(last, "0x") && strings.Trim(last[2:], "0123456789abcdef") == ""
	return len(labels) == 1 || number || slices.ContainsFunc(privateNames, func(p string) bool {
		return name == p || strings.HasSuffix(name, "."+p)
	})
}

// checkHost refuses a server in a private network, unless the account's own
// is in one, too.
func (c *Client) checkHost(host string) error { return checkHost(c.self.address.Host, host) }

func checkHost(home, host string) error {
	if host == home || PrivateHost(home) || !PrivateHost(host) {
		return nil
	}
	return fmt.Errorf("%s: %w", host, ErrPrivateHost)
}

// guarded is a transport that refuses servers in private networks.
type guarded struct {
	Transport
	home string
}

// guard has a transport keep to what an account with that server may contact.
func guard(t Transport, home string) Transport {
	if h, ok := t.(HomeTransport); ok {
		h.SetHome(home)
	}
	return guarded{t, home}
}

func (g guarded) Dial(ctx context.Context, host string) (Conn, error) {
	if err := checkHost(g.home, host); err != nil {
		return nil, err
	}
	return g.Transport.Dial(ctx, host)
}

func (g guarded) Blobs(host string) Blobs {
	if err := checkHost(g.home, host); err != nil {
		return noBlobs{err}
	}
	return g.Transport.Blobs(host)
}

// noBlobs are those of a server that is not contacted.
type noBlobs struct{ err error }

func (b noBlobs) Create(context.Context, protocol.UploadToken, int64, time.Duration) (int64, error) {
	return 0, b.err
}

func (b noBlobs) Append(context.Context, protocol.UploadToken, int64, io.Reader) error { return b.err }

func (b noBlobs) Fetch(context.Context, protocol.BlobID, int64) (io.ReadCloser, error) {
	return nil, b.err
}
