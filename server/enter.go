// SPDX-License-Identifier: AGPL-3.0-or-later

package server

import (
	"crypto/sha256"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/securecrypt/securecrypt/server/fairness"
)

// siteOf returns the origin of the web site whose page made a request; it is
// empty for programs, for this server's own page and for pages of the visitor's
// own machine. A browser sets this header and does not let a page change it.
func (s *Server) siteOf(r *http.Request) string {
	site := r.Header.Get("Origin")
	if site == "" {
		return ""
	}
	u, err := url.Parse(site)
	if err != nil {
		return "malformed"
	}
	if u.Host == s.host || isLocalName(u.Hostname()) {
		return ""
	}
	return site
}

func isLocalName(name string) bool {
	ip, err := netip.ParseAddr(name)
	return name == "localhost" || err == nil && ip.IsLoopback()
}

// enter returns the origin of an HTTP request; it is to be left.
func (s *Server) enter(r *http.Request) *fairness.Origin {
	return s.origins.Enter(s.proxies.client(r), s.siteOf(r))
}

// targetSets are all targets of anonymous requests.
type targetSets struct {
	keyPackages *fairness.Targets[string]            // an account's
	letter      *fairness.Targets[DeviceRef]         // of strangers, in letterUnits
	room        *fairness.Targets[DeviceRef]         // bytes that strangers' letters take
	wake        *fairness.Targets[[sha256.Size]byte] // by a token's hash
}

func newTargetSets(l *fairness.Limits) *targetSets {
	half := float64(l.MaxMailboxBytes) / 2
	return &targetSets{
		keyPackages: fairness.NewTargets[string](l.TargetTake),
		letter:      fairness.NewTargets[DeviceRef](l.TargetLetter),
		room:        fairness.NewTargets[DeviceRef](fairness.Rate{Burst: half, PerSecond: half / fairness.KeptFor.Seconds()}),
		wake:        fairness.NewTargets[[sha256.Size]byte](l.TargetWake),
	}
}

func (t *targetSets) forget(now time.Time) {
	t.keyPackages.Forget(now)
	t.letter.Forget(now)
	t.room.Forget(now)
	t.wake.Forget(now)
}
