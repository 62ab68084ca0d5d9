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
	// a page that itself comes from this machine.
	Loopback bool
}

// policy is the Content Security Policy. The one Trusted Types policy makes
// the addresses of the worker and of the service worker.
func (o Options) policy() string {
	connect := "connect-src 'self' https: wss:"
	if o.Loopback {
		for _, host := range []string{"localhost:*", "127.0.0.1:*"} {
			connect += " http://" + host + " ws://" + host
		}
	}
	return strings.Join([]string{
		"default-src 'none'",
		"script-src 'self' 'wasm-unsafe-eval'",
		"style-src 'self'",
		"img-src 'self' blob:",
		"media-src blob:",
		"font-src 'none'",
		connect,
		"worker-src 'self'",
		"manifest-src 'self'",
		"frame-ancestors 'none'",
		"base-uri 'none'",
		"form-action 'none'",
		"require-trusted-types-for 'script'",
		"trusted-types securecrypt-worker",
	}, "; ")
}

// off are the features of a browser that the page gives up.
var off = []string{
	"accelerometer", "ambient-light-sensor", "attribution-reporting", "bluetooth", "browsing-topics", "display-capture",
	"encrypted-media", "fullscreen", "gamepad", "geolocation", "gyroscope", "hid", "idle-detection", "local-fonts", "magnetometer",
	"midi", "otp-credentials", "payment", "picture-in-picture", "publickey-credentials-create", "publickey-credentials-get",
	"screen-wake-lock", "serial", "storage-access", "usb", "window-management", "xr-spatial-tracking",
}

func (o Options) setHeaders(h http.Header) {
	h.Set("Content-Security-Policy", o.policy())
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Embedder-Policy", "require-corp")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(self), microphone=(self), "+strings.Join(off, "=(), ")+"=()")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
}
