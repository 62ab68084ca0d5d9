// SPDX-License-Identifier: AGPL-3.0-or-later

package origin

import (
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"

	"github.com/securecrypt/securecrypt/server/fairness"
)

// Config is what a [Resolver] is made from. All fields must be set.
type Config struct {
	Host    string // of this server's own page
	Proxies *Proxies
	Origins *fairness.OriginSet
	Shares  *fairness.Shares
	Log     *slog.Logger
	Refused func() // is called for each connection that a guarded listener closes
}

// A Resolver finds the origins of requests and connections. Its methods may be
// called concurrently.
type Resolver struct {
	Config
	warner proxyWarner
}

// NewResolver returns a resolver.
func NewResolver(c Config) *Resolver {
	return &Resolver{Config: c, warner: proxyWarner{log: c.Log}}
}

// Enter returns the origin of an HTTP request; it is to be left.
func (r *Resolver) Enter(req *http.Request) *fairness.Origin {
	return r.Origins.Enter(r.Proxies.client(req), r.siteOf(req))
}

// WarnOfProxy tells the operator, once, when a request shows that a proxy stands
// before the server that is not trusted.
func (r *Resolver) WarnOfProxy(req *http.Request) { r.warner.see(r.Proxies, req) }

// siteOf returns the origin of the web site whose page made a request; it is
// empty for programs, for this server's own page and for pages of the visitor's
// own machine. A browser sets this header and does not let a page change it.
func (r *Resolver) siteOf(req *http.Request) string {
	site := req.Header.Get("Origin")
	if site == "" {
		return ""
	}
	u, err := url.Parse(site)
	if err != nil {
		return "malformed"
	}
	if u.Host == r.Host || isLocalName(u.Hostname()) {
		return ""
	}
	return site
}

func isLocalName(name string) bool {
	ip, err := netip.ParseAddr(name)
	return name == "localhost" || err == nil && ip.IsLoopback()
}
