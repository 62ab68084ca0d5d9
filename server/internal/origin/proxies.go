// SPDX-License-Identifier: AGPL-3.0-or-later

package origin

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// Proxies are the reverse proxies whose word counts on where a request comes
// from.
type Proxies struct {
	// Trusted are their addresses.
	Trusted []netip.Prefix
	// Header is the one header that they set: HeaderXForwardedFor,
	// HeaderForwarded, or none where the connection itself tells (the PROXY
	// protocol). Any other header may be the client's invention.
	Header string
}

// The headers of [Proxies].
const (
	HeaderXForwardedFor = "X-Forwarded-For"
	HeaderForwarded     = "Forwarded" // RFC 7239
)

// Trusts reports whether an address is that of a trusted proxy.
func (p *Proxies) Trusts(addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	for _, prefix := range p.Trusted {
		if prefix.Contains(addr) {
			return true
		}
	}
	return false
}

// client returns where a request comes from: the remote address, or, if that is
// a trusted proxy's, what the proxy says. What a client writes into the header
// stands before what the proxies add, and does not count.
func (p *Proxies) client(r *http.Request) netip.Addr {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	addr := ap.Addr().Unmap()
	if !p.Trusts(addr) || p.Header == "" {
		return addr
	}
	hops := forwardedFor(r.Header, p.Header)
	for i := len(hops) - 1; i >= 0; i-- {
		hop, ok := parseNode(hops[i])
		if !ok {
			return addr // the proxy hides it, and is responsible itself
		}
		if addr = hop; !p.Trusts(addr) {
			return addr
		}
	}
	return addr
}

// isForwarded reports whether a request says that a proxy passed it on.
func isForwarded(h http.Header) bool {
	return h.Get(HeaderForwarded) != "" || h.Get(HeaderXForwardedFor) != ""
}

// forwardedFor returns the addresses that proxies added to a header, the
// nearest last.
func forwardedFor(h http.Header, name string) (hops []string) {
	value := strings.Join(h.Values(name), ",")
	if value == "" {
		return nil
	}
	if name != HeaderForwarded {
		for hop := range strings.SplitSeq(value, ",") {
			hops = append(hops, strings.TrimSpace(hop))
		}
		return hops
	}
	if strings.Count(value, `"`)%2 != 0 {
		return []string{""} // an open quote of the client's would hide what the proxy adds
	}
	for _, element := range splitQuoted(value, ',') {
		hop := ""
		for _, pair := range splitQuoted(element, ';') {
			name, value, _ := strings.Cut(strings.TrimSpace(pair), "=")
			if strings.EqualFold(strings.TrimSpace(name), "for") {
				hop = strings.Trim(strings.TrimSpace(value), `"`)
			}
		}
		hops = append(hops, hop)
	}
	return hops
}

// splitQuoted splits at a separator outside of quoted strings.
func splitQuoted(s string, separator rune) (parts []string) {
	quoted, start := false, 0
	for i, c := range s {
		switch {
		case c == '"':
			quoted = !quoted
		case c == separator && !quoted:
			parts = append(parts, s[start:i])
			start = i + 1
		}
	}
	return append(parts, s[start:])
}

// parseNode reads an address with or without a port, as both headers have it.
func parseNode(s string) (netip.Addr, bool) {
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return ap.Addr().Unmap(), ap.Addr().Zone() == ""
	}
	if host, _, err := net.SplitHostPort(s); err == nil {
		s = host // a port that is a name (RFC 7239, Section 6.3)
	}
	addr, err := netip.ParseAddr(strings.Trim(s, "[]"))
	return addr.Unmap(), err == nil && addr.Zone() == ""
}
