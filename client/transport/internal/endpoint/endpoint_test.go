// SPDX-License-Identifier: AGPL-3.0-or-later

package endpoint_test

import (
	"testing"

	"github.com/securecrypt/securecrypt/client/transport/internal/endpoint"
)

// Only the machine itself is reached without TLS.
func TestLoopback(t *testing.T) {
	for host, want := range map[string]bool{
		"localhost": true, "localhost:80": true, "127.0.0.1": true, "127.9.9.9:1": true, "[::1]": true, "[::1]:80": true, "::1": true,
		"example.com": false, "localhost.example.com": false, "127.0.0.1.example.com": false, "10.0.0.1": false, "[::]:80": false,
		"0.0.0.0": false, "[::ffff:10.0.0.1]:1": false, "": false, "localhosts": false, "2130706433": false, ":": false, "[": false, "]:1": false,
	} {
		if got := endpoint.Loopback(host); got != want {
			t.Errorf("%q: %v", host, got)
		}
	}
}

func TestURL(t *testing.T) {
	for host, want := range map[string]string{"localhost:7480": "ws://localhost:7480/v1", "example.com": "wss://example.com/v1"} {
		if got := endpoint.URL("ws", host, "/v1"); got != want {
			t.Errorf("%q: %q, want %q", host, got, want)
		}
	}
}
