// SPDX-License-Identifier: AGPL-3.0-or-later

package main

import (
	"net"
	"testing"
)

// A port that somebody else has on either address of localhost is no place for
// the server.
func TestFreePort(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
		taken, err := net.Listen("tcp", address)
		if err != nil {
			t.Logf("without %s on this machine: %v", address, err)
			continue
		}
		t.Cleanup(func() { _ = taken.Close() }) // the test is over
		was := taken.Addr().(*net.TCPAddr).Port
		if port, err := freePort(t.Context(), was); err != nil || port == 0 || port == was {
			t.Errorf("beside %s: port %d, %v", address, port, err)
		}
	}
	free, err := freePort(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := freePort(t.Context(), free); err != nil || again != free {
		t.Errorf("port %d, which is free, became %d, %v", free, again, err)
	}
}
