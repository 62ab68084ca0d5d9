// SPDX-License-Identifier: AGPL-3.0-or-later

package websocket

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"code.dny.dev/ssrf"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/securecrypt/securecrypt/client/backend"
)

// names resolves some names, by a DNS server of its own.
func names(t *testing.T, addresses map[string]string) *net.Resolver {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	go func() {
		buf := make([]byte, 1500)
		for {
			n, from, err := c.ReadFrom(buf)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if m.Unpack(buf[:n]) != nil || len(m.Questions) != 1 {
				continue
			}
			q := m.Questions[0]
			answer := dnsmessage.Message{Header: dnsmessage.Header{ID: m.ID, Response: true, Authoritative: true}, Questions: m.Questions}
			ip, err := netip.ParseAddr(addresses[strings.TrimSuffix(q.Name.String(), ".")])
			head := dnsmessage.ResourceHeader{Name: q.Name, Class: dnsmessage.ClassINET}
			switch {
			case err != nil:
				answer.RCode = dnsmessage.RCodeNameError
			case ip.Is4() && q.Type == dnsmessage.TypeA:
				answer.Answers = []dnsmessage.Resource{{Header: head, Body: &dnsmessage.AResource{A: ip.As4()}}}
			case ip.Is6() && q.Type == dnsmessage.TypeAAAA:
				answer.Answers = []dnsmessage.Resource{{Header: head, Body: &dnsmessage.AAAAResource{AAAA: ip.As16()}}}
			}
			if b, err := answer.Pack(); err == nil {
				_, _ = c.WriteTo(b, from)
			}
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "udp", c.LocalAddr().String())
	}}
}

// A name that resolves to a private address is not connected to, unless the own
// server has one, too; the own server itself always is.
func TestNamesLeadToNoPrivateNetwork(t *testing.T) {
	var contacts atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { contacts.Add(1) }))
	t.Cleanup(s.Close)
	_, port, err := net.SplitHostPort(strings.TrimPrefix(s.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	r := names(t, map[string]string{
		"rebind.example": "127.0.0.1", "rebind6.example": "::1", "metadata.example": "169.254.169.254", "office.example": "10.0.0.1",
		"mapped.example": "::ffff:127.0.0.1", "nat64.example": "64:ff9b::7f00:1", "public.example": "192.0.9.1", "home.example": "127.0.0.1",
	})
	g := newGate(r)
	for _, home := range []string{"public.example", "nowhere.example", "public.example:8443"} {
		g.setHome(home)
		for _, name := range []string{"rebind.example", "rebind6.example", "metadata.example", "office.example", "mapped.example", "nat64.example", "127.0.0.1", "::1", "localhost"} {
			c, err := g.dial(t.Context(), "tcp", net.JoinHostPort(name, port))
			if err == nil {
				_ = c.Close()
			}
			if err := failed(name, err); !errors.Is(err, backend.ErrPrivateHost) || errors.Is(err, backend.ErrOffline) || !strings.HasPrefix(err.Error(), name) {
				t.Errorf("from %s to %s: %v", home, name, err)
			}
		}
	}
	g.setHome("home.example:" + port)
	for _, name := range []string{"home.example", "rebind.example"} {
		c, err := g.dial(t.Context(), "tcp", net.JoinHostPort(name, port))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		_ = c.Close()
	}
	if n := contacts.Load(); n != 0 {
		t.Errorf("%d requests", n)
	}
}

// A network that says that the own server has a private address opens no private
// network but itself.
func TestWhereHomeLiesIsLookedUpAgain(t *testing.T) {
	s := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(s.Close)
	address := strings.TrimPrefix(s.URL, "http://")
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	g := newGate(names(t, map[string]string{"home.example": "10.0.0.1"}))
	g.setHome("home.example")
	there := net.JoinHostPort("127.0.0.1", port)
	c, err := g.dial(t.Context(), "tcp", there)
	if err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
	g.resolver = names(t, map[string]string{"home.example": "192.0.9.1"})
	if _, err := g.dial(t.Context(), "tcp", there); !errors.Is(err, ssrf.ErrProhibitedIP) {
		t.Errorf("a private address was dialled: %v", err)
	}
}

// A proxy may be anywhere.
func TestProxiesMayBePrivate(t *testing.T) {
	g := newGate(net.DefaultResolver)
	g.setHome("public.example")
	s := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(s.Close)
	address := strings.TrimPrefix(s.URL, "http://")
	if _, err := g.dial(t.Context(), "tcp", address); err == nil {
		t.Fatal("a private address was dialled")
	}
	g.proxies[address] = true
	c, err := g.dial(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
}

func TestPublicAddresses(t *testing.T) {
	for address, want := range map[string]bool{
		"142.250.74.106": true, "2a00:1450:4001:82f::200a": true, "64:ff9b::8efa:4a6a": true,
		"127.0.0.1": false, "10.0.0.1": false, "172.16.0.1": false, "192.168.1.1": false, "169.254.169.254": false, "100.64.0.1": false, "0.0.0.0": false,
		"::1": false, "::": false, "fe80::1%eth0": false, "fd00::1": false, "::ffff:10.0.0.1": false, "64:ff9b::a00:1": false, "64:ff9b:1::1": false, "2002:7f00:1::1": false,
	} {
		if got := isPublic(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s: %v", address, got)
		}
	}
}

// The environment's proxy is used, whichever variable names it, and nothing goes
// past one that cannot be used.
func TestProxiesOfTheEnvironment(t *testing.T) {
	for _, c := range []struct{ https, all, no, url, want, fails string }{
		{"", "", "", "https://chat.example", "", ""},
		{"socks5://one:1", "socks5://two:2", "", "https://chat.example", "socks5://one:1", ""},
		{"", "socks5h://two:2", "", "https://chat.example/v1", "socks5h://two:2", ""},
		{"", "two:2", "", "https://chat.example/v1", "http://two:2", ""},
		{"", "socks5://two:2", "other.example,chat.example", "https://chat.example", "", ""},
		{"", "socks5://two:2", ".example", "https://a.chat.example", "", ""},
		{"", "socks5://two:2", "", "http://localhost:7480", "", ""},
		{"", "socks4://two:2", "", "https://chat.example", "", "ALL_PROXY of the environment names a proxy of a kind"},
		{"", "socks4://two:2", "chat.example", "https://chat.example", "", ""},
		{"socks5://", "", "", "https://chat.example", "", "HTTPS_PROXY of the environment is no address"},
		{"http://a b:c", "", "", "https://chat.example", "", "HTTPS_PROXY of the environment is no address"},
		{"socks4://one:1", "", "", "http://127.0.0.1:7480", "", ""},
	} {
		for name, value := range map[string]string{"HTTPS_PROXY": c.https, "ALL_PROXY": c.all, "NO_PROXY": c.no} {
			t.Setenv(name, value)
			t.Setenv(strings.ToLower(name), "")
		}
		u, err := url.Parse(c.url)
		if err != nil {
			t.Fatal(err)
		}
		got, err := proxyFromEnvironment()(u)
		switch {
		case c.fails != "":
			if err == nil || !strings.Contains(err.Error(), c.fails) {
				t.Errorf("%+v: %v, %v", c, got, err)
			}
		case err != nil || (got == nil) != (c.want == "") || got != nil && got.String() != c.want:
			t.Errorf("%+v: %v, %v", c, got, err)
		}
	}
}
