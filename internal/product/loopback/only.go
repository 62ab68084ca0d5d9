// SPDX-License-Identifier: AGPL-3.0-or-later

package loopback

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// Only answers requests that name this machine and the port, or one of the
// other names with their ports, and refuses all else (RFC 9110, Section
// 15.5.20).
func Only(h http.Handler, port string, others ...string) http.Handler {
	names := slices.Clone(others)
	for _, host := range hosts {
		names = append(names, host+":"+port)
		if port == "80" { // which browsers leave out
			names = append(names, host)
		}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if slices.Contains(names, strings.ToLower(r.Host)) {
			h.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		w.Header().Set("Referrer-Policy", "no-referrer")
		http.Error(w, fmt.Sprintf("This program is there for browsers on its own machine. Open http://localhost:%s there.", port), http.StatusMisdirectedRequest)
	})
}
