// SPDX-License-Identifier: AGPL-3.0-or-later

package backend

import (
	"errors"
	"net/netip"
	"slices"
	"strings"

	"code.dny.dev/ssrf"
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
