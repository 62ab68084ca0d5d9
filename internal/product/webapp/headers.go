// SPDX-License-Identifier: AGPL-3.0-or-later

package webapp

import (
	"net/http"
	"strings"
)

// Options adapt the application to who serves it.
type Options struct {
	// Server is the host that new accounts are offered; the page asks for one if it is empty.
	Server string
	// Loopback allows connections to servers on this machine without TLS, for
	// a page that is meant for this machine.
	Loopback bool
}

// policy is the Content Security Policy of a file. The page connects nowhere:
// the worker does, which has the core, and the service worker, which keeps the
// page's files. The page's one Trusted Types policy makes the addresses of both.
func (o Options) policy(file string) string {
	rules := []string{"default-src 'none'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'", "require-trusted-types-for 'script'"}
	switch {
	case strings.HasPrefix(file, "assets/worker-"):
		rules = append(rules, "script-src 'wasm-unsafe-eval'", o.connections(), "trusted-types 'none'")
	case file == "sw.js":
		rules = append(rules, "connect-src 'self'", "img-src 'self'", "trusted-types 'none'")
	default:
		rules = append(rules,
			"script-src 'self'", "style-src 'self'", "img-src 'self' blob:", "media-src blob:",
			"worker-src 'self'", "manifest-src 'self'", "trusted-types securecrypt-worker")
	}
	return strings.Join(rules, "; ")
}

// connections are those to servers, which may be anywhere.
func (o Options) connections() string {
	rule := "connect-src 'self' https: wss:"
	if o.Loopback {
		for _, host := range []string{"localhost:*", "127.0.0.1:*"} {
			rule += " http://" + host + " ws://" + host
		}
	}
	return rule
}

// off are the features of a browser that the page gives up.
var off = []string{
	"accelerometer", "ambient-light-sensor", "attribution-reporting", "bluetooth", "browsing-topics", "display-capture",
	"encrypted-media", "fullscreen", "gamepad", "geolocation", "gyroscope", "hid", "idle-detection", "local-fonts", "magnetometer",
	"midi", "otp-credentials", "payment", "picture-in-picture", "publickey-credentials-create", "publickey-credentials-get",
	"screen-wake-lock", "serial", "storage-access", "usb", "window-management", "xr-spatial-tracking",
}

func (o Options) setHeaders(h http.Header, file string) {
	h.Set("Content-Security-Policy", o.policy(file))
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Embedder-Policy", "require-corp")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(self), microphone=(self), "+strings.Join(off, "=(), ")+"=()")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
}
