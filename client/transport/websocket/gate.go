// SPDX-License-Identifier: AGPL-3.0-or-later

package websocket

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"code.dny.dev/ssrf"
	"golang.org/x/net/http/httpproxy"

	"github.com/securecrypt/securecrypt/client/backend"
	"github.com/securecrypt/securecrypt/client/transport/internal/endpoint"
)

// A gate decides which addresses are connected to. The account's own server
// and proxies may be anywhere; others must have public addresses, unless the own
// server has a private one. Addresses are looked at after names were resolved, so
// that no name leads elsewhere. Names that a proxy resolves are the proxy's
// business.
type gate struct {
	resolver *net.Resolver
	any      net.Dialer
	public   net.Dialer
	// environment is proxyFromEnvironment.
	environment func(*url.URL) (*url.URL, error)

	mu      sync.Mutex      // guards what follows
	home    string          // as dialled, host:port; empty lets everything pass
	private bool            // the text of home says that it has a private address
	proxies map[string]bool // as dialled
}

func newGate(r *net.Resolver) *gate {
	g := &gate{resolver: r, proxies: map[string]bool{}, environment: proxyFromEnvironment()}
	g.any = net.Dialer{Timeout: dialTimeout, KeepAlive: 15 * time.Second, Resolver: r}
	g.public = g.any
	g.public.Control = control
	return g
}

// publicAddress knows the addresses of the public internet.
var publicAddress = ssrf.New(ssrf.WithAnyPort())

func control(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err == nil && !isPublic(at.Addr()) {
		err = ssrf.ErrProhibitedIP
	}
	return err
}

// isPublic takes those addresses for public, too, by which a network without
// IPv4 reaches a public one (RFC 6052).
func isPublic(ip netip.Addr) bool {
	ip = ip.Unmap()
	if ssrf.IPv6NAT64Prefix.Contains(ip) {
		b := ip.As16()
		ip = netip.AddrFrom4([4]byte(b[len(b)-4:]))
	}
	return publicAddress.SafeAddr(ip) == nil
}

func (g *gate) setHome(host string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.home, g.private = dialled(host), backend.PrivateHost(host)
}

// dialled is a host as net/http dials it.
func dialled(host string) string {
	u, err := url.Parse(endpoint.URL("http", host, ""))
	if err != nil {
		return host
	}
	return withPort(u)
}

func withPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "socks5": "1080", "socks5h": "1080"}[u.Scheme]
	}
	if port == "" {
		port = "80"
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// proxySchemes are the kinds of proxy that net/http can use.
var proxySchemes = []string{"http", "https", "socks5", "socks5h"}

// proxyFromEnvironment returns how the environment leads to servers: by
// HTTPS_PROXY, or by ALL_PROXY where that is not set, and around both for what
// NO_PROXY lists. The function fails for a proxy that cannot be used: nothing then
// goes past it.
func proxyFromEnvironment() func(*url.URL) (*url.URL, error) {
	env, name := httpproxy.FromEnvironment(), "HTTPS_PROXY"
	if env.HTTPSProxy == "" {
		env.HTTPSProxy, name = cmp.Or(os.Getenv("ALL_PROXY"), os.Getenv("all_proxy")), "ALL_PROXY"
	}
	var broken error
	if proxy, err := url.Parse(env.HTTPSProxy); err != nil || strings.Contains(env.HTTPSProxy, "://") && proxy.Host == "" {
		broken = fmt.Errorf("%s of the environment is no address of a proxy: write it as socks5://host:port or http://host:port, or unset it", name)
	} else if proxy.Host != "" && !slices.Contains(proxySchemes, proxy.Scheme) {
		broken = fmt.Errorf("%s of the environment names a proxy of a kind that this program cannot use (%s): use http, https, socks5 or socks5h, or unset it", name, proxy.Scheme)
	}
	if broken != nil {
		env.HTTPSProxy = "http://broken.invalid" // for whatever NO_PROXY does not list
	}
	find := env.ProxyFunc()
	return func(u *url.URL) (*url.URL, error) {
		proxy, err := find(u)
		if proxy != nil && broken != nil {
			return nil, broken
		}
		return proxy, err
	}
}

// proxy returns which proxy leads to a server, and remembers where it is.
func (g *gate) proxy(r *http.Request) (*url.URL, error) {
	u, err := g.environment(r.URL)
	if err == nil && u != nil {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.proxies[strings.ToLower(withPort(u))] = true
	}
	return u, err
}

func (g *gate) dial(ctx context.Context, network, address string) (net.Conn, error) {
	g.mu.Lock()
	free := g.home == "" || g.home == address || g.proxies[strings.ToLower(address)]
	g.mu.Unlock()
	if free || g.homeIsPrivate(ctx) {
		return g.any.DialContext(ctx, network, address)
	}
	return g.public.DialContext(ctx, network, address)
}

// homeIsPrivate looks up whether the own server has a private address. If that
// cannot be found out now, it counts as public. The answer is that of the network
// which the device is in now, and may be another one in the next.
func (g *gate) homeIsPrivate(ctx context.Context) bool {
	g.mu.Lock()
	home, private := g.home, g.private
	g.mu.Unlock()
	if private {
		return true
	}
	host, _, err := net.SplitHostPort(home)
	if err != nil {
		return false
	}
	all, err := g.resolver.LookupNetIP(ctx, "ip", host)
	return err == nil && slices.ContainsFunc(all, func(ip netip.Addr) bool { return !isPublic(ip) })
}
