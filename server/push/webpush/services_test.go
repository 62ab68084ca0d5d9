// SPDX-License-Identifier: AGPL-3.0-or-later

package webpush

import "testing"

// What a name resolves to is looked at before anything is sent there.
func TestWhereConnectionsMayLead(t *testing.T) {
	s, err := parseServices([]string{"fcm.googleapis.com", "localhost:8443"})
	if err != nil {
		t.Fatal(err)
	}
	for _, address := range []string{"142.250.74.106:443", "[2a00:1450:4001:82f::200a]:443", "127.0.0.1:8443", "[::1]:8443", "[::ffff:127.0.0.1]:8443"} {
		if err := s.control("tcp", address, nil); err != nil {
			t.Errorf("%s is refused", address)
		}
	}
	for _, address := range []string{
		"142.250.74.106:80", "142.250.74.106:8443", "127.0.0.1:443", "[::1]:443", "[::ffff:127.0.0.1]:443", "10.1.2.3:443", "10.1.2.3:8443",
		"172.16.0.1:443", "192.168.1.1:443", "169.254.169.254:443", "100.64.0.1:443", "0.0.0.0:443", "0.0.0.0:8443", "224.0.0.1:443", "255.255.255.255:443",
		"198.18.0.1:443", "192.0.0.8:443", "203.0.113.1:443", "240.0.0.1:443", "[::]:443", "[fe80::1%eth0]:443", "[fc00::1]:443", "[fd00:ec2::254]:443",
		"[ff02::1]:443", "[64:ff9b::7f00:1]:443", "[2002:7f00:1::1]:443", "[2001::1]:443", "[2001:db8::1]:443", "[::127.0.0.1]:443", "[::ffff:10.0.0.1]:443", "junk",
	} {
		if err := s.control("tcp", address, nil); err == nil {
			t.Errorf("%s is taken", address)
		}
	}
}
