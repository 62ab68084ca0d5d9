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

	"code.dny.dev/ssrf"
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

// public knows the addresses of the public internet.
var public = ssrf.New()

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
	if public.SafeAddr(ip) == nil && port == "443" || ip.IsLoopback() && s.loopback[port] {
		return nil
	}
	return errElsewhere
}
