// SPDX-License-Identifier: AGPL-3.0-or-later

package origin

import (
	"log/slog"
	"net/http"
	"net/netip"
	"sync"
)

// proxyWarner tells the operator, once, that a proxy stands before the server
// of which the server does not know: then all people share the limits of one
// address.
type proxyWarner struct {
	log *slog.Logger

	mu     sync.Mutex
	told   bool
	first  netip.Addr
	others bool
	count  int
}

// proxyWarnThreshold is the number of connections, all from one address, from
// which on the server warns about an untrusted proxy.
const proxyWarnThreshold = 200

func (p *proxyWarner) see(proxies *Proxies, r *http.Request) {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || proxies.Trusts(ap.Addr()) {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.told {
		return
	}
	if p.count == 0 {
		p.first = ap.Addr()
	}
	p.count++
	p.others = p.others || ap.Addr() != p.first
	switch {
	case isForwarded(r.Header) && ap.Addr().Unmap().IsLoopback():
		p.told = true
		p.log.Warn("a proxy on this machine passes requests on, but it is not trusted, so that all people share the limits of one address: name it with --trusted-proxies")
	case p.count >= proxyWarnThreshold && !p.others:
		p.told = true
		p.log.Warn("all connections come from one address, and share its limits: if it is a proxy, name it with --trusted-proxies")
	}
}
