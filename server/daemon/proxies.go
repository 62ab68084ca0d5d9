// SPDX-License-Identifier: AGPL-3.0-or-later

package daemon

import (
	"net"
	"net/netip"
	"strings"

	"github.com/pires/go-proxyproto"

	"github.com/securecrypt/securecrypt/server/fairness"
	"github.com/securecrypt/securecrypt/server/internal/origin"
)

// proxyFlags say which reverse proxies are believed, and how they tell whom
// they speak for.
type proxyFlags struct {
	TrustedProxies []string `help:"Addresses or networks of the reverse proxies that say where requests come from, such as 10.0.0.7 or fd00::/64; loopback stands for this machine." placeholder:"ADDRESS"`
	ProxyHeader    string   `help:"How they say it: ${enum}. They must set this header themselves, and not pass on a client's." enum:"x-forwarded-for,forwarded,proxy-protocol" default:"x-forwarded-for"`
}

const proxyProtocol = "proxy-protocol"

// proxies returns what the flags mean.
func (f proxyFlags) proxies() (origin.Proxies, error) {
	p := origin.Proxies{Header: origin.HeaderXForwardedFor}
	switch f.ProxyHeader {
	case "forwarded":
		p.Header = origin.HeaderForwarded
	case proxyProtocol:
		p.Header = ""
		if len(f.TrustedProxies) == 0 {
			return p, usage("--proxy-header=proxy-protocol needs --trusted-proxies: the addresses of the proxies that speak it")
		}
	}
	for _, text := range f.TrustedProxies {
		prefixes, ok := parseProxy(strings.TrimSpace(text))
		if !ok {
			return p, usage("--trusted-proxies takes addresses such as 10.0.0.7, networks such as fd00::/64, or loopback, not %q", text)
		}
		p.Trusted = append(p.Trusted, prefixes...)
	}
	return p, nil
}

func parseProxy(text string) ([]netip.Prefix, bool) {
	if text == "loopback" {
		return []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}, true
	}
	if prefix, err := netip.ParsePrefix(text); err == nil {
		if addr := prefix.Addr(); addr.Is4In6() && prefix.Bits() >= 96 {
			prefix = netip.PrefixFrom(addr.Unmap(), prefix.Bits()-96)
		}
		return []netip.Prefix{prefix.Masked()}, true
	}
	addr, err := netip.ParseAddr(text)
	if err != nil {
		return nil, false
	}
	addr = addr.Unmap().WithZone("")
	return []netip.Prefix{netip.PrefixFrom(addr, addr.BitLen())}, true
}

// accept makes trusted proxies' connections speak the PROXY protocol, if they
// are to.
func (f proxyFlags) accept(ln net.Listener, p *origin.Proxies) net.Listener {
	if f.ProxyHeader != proxyProtocol {
		return ln
	}
	return &proxyproto.Listener{
		Listener:          ln,
		ReadHeaderTimeout: fairness.DefaultHeaderTimeout,
		ConnPolicy: func(o proxyproto.ConnPolicyOptions) (proxyproto.Policy, error) {
			ap, err := netip.ParseAddrPort(o.Upstream.String())
			if err != nil || !p.Trusts(ap.Addr()) {
				return proxyproto.SKIP, nil
			}
			return proxyproto.REQUIRE, nil
		},
	}
}
