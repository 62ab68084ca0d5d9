// SPDX-License-Identifier: AGPL-3.0-or-later

package origin

import (
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"testing"
)

func TestProxiesSayWhoAsks(t *testing.T) {
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	for _, c := range []struct {
		what, remote, header string
		sent                 map[string][]string
		want                 string
	}{
		{"a direct connection", "192.0.2.1:5", HeaderXForwardedFor, nil, "192.0.2.1"},
		{"nobody trusted speaks", "192.0.2.1:5", HeaderXForwardedFor, map[string][]string{"X-Forwarded-For": {"198.51.100.1"}}, "192.0.2.1"},
		{"a proxy", "10.0.0.1:5", HeaderXForwardedFor, map[string][]string{"X-Forwarded-For": {"198.51.100.1"}}, "198.51.100.1"},
		{"what the client made up comes first", "10.0.0.1:5", HeaderXForwardedFor, map[string][]string{"X-Forwarded-For": {"203.0.113.9, 198.51.100.1"}}, "198.51.100.1"},
		{"in a header of its own, too", "10.0.0.1:5", HeaderXForwardedFor, map[string][]string{"X-Forwarded-For": {"203.0.113.9", "198.51.100.1"}}, "198.51.100.1"},
		{"two proxies", "10.0.0.1:5", HeaderXForwardedFor, map[string][]string{"X-Forwarded-For": {"203.0.113.9, 198.51.100.1, 10.0.0.2"}}, "198.51.100.1"},
		{"the other header is the client's", "10.0.0.1:5", HeaderXForwardedFor, map[string][]string{"Forwarded": {"for=203.0.113.9"}, "X-Forwarded-For": {"198.51.100.1"}}, "198.51.100.1"},
		{"a proxy that says nothing", "10.0.0.1:5", HeaderXForwardedFor, nil, "10.0.0.1"},
		{"nonsense", "10.0.0.1:5", HeaderXForwardedFor, map[string][]string{"X-Forwarded-For": {"unknown"}}, "10.0.0.1"},
		{"an address with a port", "10.0.0.1:5", HeaderXForwardedFor, map[string][]string{"X-Forwarded-For": {"198.51.100.1:4000"}}, "198.51.100.1"},
		{"IPv6", "[::1]:5", HeaderXForwardedFor, map[string][]string{"X-Forwarded-For": {"2001:db8::7"}}, "2001:db8::7"},
		{"an IPv4 address within IPv6", "[::ffff:10.0.0.1]:5", HeaderXForwardedFor, map[string][]string{"X-Forwarded-For": {"::ffff:198.51.100.1"}}, "198.51.100.1"},
		{"RFC 7239", "10.0.0.1:5", HeaderForwarded, map[string][]string{"Forwarded": {`for=203.0.113.9, For="[2001:db8::7]:4711";proto=https`}}, "2001:db8::7"},
		{"RFC 7239, in quotes", "10.0.0.1:5", HeaderForwarded, map[string][]string{"Forwarded": {`for="198.51.100.1:_port";by="a,b;c"`}}, "198.51.100.1"},
		{"RFC 7239, hidden", "10.0.0.1:5", HeaderForwarded, map[string][]string{"Forwarded": {`for=_hidden`}}, "10.0.0.1"},
		{"an open quote of the client", "10.0.0.1:5", HeaderForwarded, map[string][]string{"Forwarded": {`for="203.0.113.9`, `for=198.51.100.1`}}, "10.0.0.1"},
		{"an open quote that swallows the proxy's", "10.0.0.1:5", HeaderForwarded, map[string][]string{"Forwarded": {`for=203.0.113.9;x="`, `for="[2001:db8::7]"`}}, "10.0.0.1"},
		{"the PROXY protocol", "198.51.100.1:5", "", map[string][]string{"X-Forwarded-For": {"203.0.113.9"}}, "198.51.100.1"},
	} {
		p := &Proxies{Trusted: trusted, Header: c.header}
		got := p.client(&http.Request{RemoteAddr: c.remote, Header: c.sent})
		if got.String() != c.want {
			t.Errorf("%s: %s, want %s", c.what, got, c.want)
		}
	}
}

func FuzzForwarded(f *testing.F) {
	f.Add(`for=203.0.113.9, For="[2001:db8::7]:4711";proto=https`)
	f.Add("203.0.113.9, 198.51.100.1:80")
	f.Add(`for="`)
	f.Add(`for=203.0.113.9;x="`)
	f.Fuzz(func(t *testing.T, value string) {
		for _, name := range []string{HeaderForwarded, HeaderXForwardedFor} {
			p := &Proxies{Trusted: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, Header: name}
			// The proxy adds its own element; nothing that the client wrote may count.
			h := http.Header{name: {value, "198.51.100.1"}}
			if name == HeaderForwarded {
				h = http.Header{name: {value, `for="198.51.100.1:17"`}}
			}
			got := p.client(&http.Request{RemoteAddr: "10.0.0.1:5", Header: h}).String()
			if got != "198.51.100.1" && got != "10.0.0.1" {
				t.Errorf("%q leads to %s", value, got)
			}
		}
	})
}

func TestUnknownProxiesAreTold(t *testing.T) {
	for _, c := range []struct {
		what, remote string
		header       http.Header
		n            int
		want         string
	}{
		{"a proxy on this machine", "127.0.0.1:5", http.Header{"X-Forwarded-For": {"192.0.2.1"}}, 1, "a proxy on this machine"},
		{"everybody at one address", "192.0.2.1:5", nil, proxyWarnThreshold, "all connections come from one address"},
		{"few connections", "192.0.2.1:5", nil, proxyWarnThreshold - 1, ""},
		{"a trusted proxy", "10.0.0.1:5", http.Header{"X-Forwarded-For": {"192.0.2.1"}}, proxyWarnThreshold, ""},
		{"a stranger who invents a header", "192.0.2.1:5", http.Header{"X-Forwarded-For": {"192.0.2.1"}}, 1, ""},
	} {
		var log strings.Builder
		w := &proxyWarner{log: slog.New(slog.NewTextHandler(&log, nil))}
		p := &Proxies{Trusted: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}
		for range c.n + 1 {
			if c.n == proxyWarnThreshold-1 { // and one more from elsewhere
				w.see(p, &http.Request{RemoteAddr: "198.51.100.1:5"})
			}
			w.see(p, &http.Request{RemoteAddr: c.remote, Header: c.header})
		}
		if got := strings.Count(log.String(), "\n"); (c.want != "") != (got == 1) || !strings.Contains(log.String(), c.want) {
			t.Errorf("%s: %q", c.what, log.String())
		}
		if strings.Contains(log.String(), "192.0.2") {
			t.Errorf("%s: the log has an address", c.what)
		}
	}
}
