// SPDX-License-Identifier: AGPL-3.0-or-later

package webpush

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"syscall"
)

// DefaultServices are those of the common browsers: Chromium and its kin,
// Firefox, Safari, Edge.
var DefaultServices = []string{"fcm.googleapis.com", "updates.push.services.mozilla.com", "*.push.apple.com", "*.notify.windows.com"}

// services are the push services that may be contacted.
type services struct {
	hosts    map[string]bool // host, or loopback host:port
	suffixes []string        // with the dot in front
	loopback map[string]bool // ports that may be dialled on this machine
}

var hostName = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]*$`)

// parseServices reads an operator's list.
func parseServices(list []string) (services, error) {
	s := services{hosts: map[string]bool{}, loopback: map[string]bool{}}
	for _, entry := range list {
		entry = strings.ToLower(strings.TrimSpace(entry))
		suffix, wild := strings.CutPrefix(entry, "*.")
		host, port, err := net.SplitHostPort(entry)
		switch {
		case wild && hostName.MatchString(suffix):
			s.suffixes = append(s.suffixes, "."+suffix)
		case hostName.MatchString(entry):
			s.hosts[entry] = true
		case err == nil && isLoopback(host) && port != "":
			s.hosts[entry], s.loopback[port] = true, true
		default:
			return s, fmt.Errorf("webpush: %q is no push service: a name such as push.example.org, *.push.example.org, or localhost:PORT", entry)
		}
	}
	return s, nil
}

func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

// parse returns an endpoint's URL if it may be contacted.
func (s services) parse(endpoint string) (*url.URL, bool) {
	u, err := url.Parse(endpoint)
	if err != nil || u.Scheme != "https" || u.Opaque != "" || u.User != nil || u.Fragment != "" || u.Host != strings.ToLower(u.Host) {
		return nil, false
	}
	if s.hosts[u.Host] {
		return u, true
	}
	host := u.Hostname()
	if port := u.Port(); port != "443" && u.Host != host {
		return nil, false
	}
	u.Host = host
	if s.hosts[host] {
		return u, true
	}
	for _, suffix := range s.suffixes {
		if strings.HasSuffix(host, suffix) && hostName.MatchString(host) {
			return u, true
		}
	}
	return nil, false
}

// control refuses connections to anywhere but the public internet. It is asked
// after the name was looked up, so that no name leads elsewhere.
func (s services) control(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("webpush: %w", err)
	}
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("webpush: %w", err)
	}
	ip := at.Addr().Unmap()
	if isPublic(ip) && port == "443" || ip.IsLoopback() && s.loopback[port] {
		return nil
	}
	return errElsewhere
}

// special are ranges that are not reached through the public internet or lead
// back from it (the IANA registries of special-purpose addresses), besides
// those that package netip knows.
var special = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("100.64.0.0/10"),
	netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("192.0.2.0/24"),
	netip.MustParsePrefix("192.88.99.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("198.51.100.0/24"),
	netip.MustParsePrefix("203.0.113.0/24"),
	netip.MustParsePrefix("240.0.0.0/4"),
}

// global is where IPv6 addresses of the public internet lie; in it are ranges
// that stand for others.
var (
	global  = netip.MustParsePrefix("2000::/3")
	stands6 = []netip.Prefix{
		netip.MustParsePrefix("2001::/23"),
		netip.MustParsePrefix("2001:db8::/32"),
		netip.MustParsePrefix("2002::/16"),
		netip.MustParsePrefix("3fff::/20"),
	}
)

func isPublic(ip netip.Addr) bool {
	if !ip.IsGlobalUnicast() || ip.IsPrivate() {
		return false
	}
	ranges := special
	if ip.Is6() {
		ranges = stands6
		if !global.Contains(ip) {
			return false
		}
	}
	for _, r := range ranges {
		if r.Contains(ip) {
			return false
		}
	}
	return true
}
