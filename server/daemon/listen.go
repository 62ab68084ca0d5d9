// SPDX-License-Identifier: AGPL-3.0-or-later

package daemon

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/caddyserver/certmagic"
	"go.uber.org/zap"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/internal/product/loopback"
)

func (c *serveCmd) listen(ctx context.Context) (net.Listener, error) {
	address := c.Listen
	if address == "" {
		address = tlsListen
		if c.TLS == "plain" {
			address = plainListen
		}
	}
	ln, err := c.open(ctx, address)
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s: %w. Is another server running there? Choose another address with --listen", address, err)
	}
	if c.TLS == "plain" && !isLoopback(ln.Addr()) {
		return nil, errors.Join(usage("without TLS the server listens on loopback alone, not on %s. Use --tls=auto with --host, or --tls=files, "+
			"or let a reverse proxy on this machine speak TLS", address), ln.Close())
	}
	return ln, nil
}

// open takes both addresses of localhost, so that nobody else on this machine
// gets what is meant for this server. One address is taken alone.
func (c *serveCmd) open(ctx context.Context, address string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(address)
	if err == nil && c.TLS == "plain" && host == "localhost" {
		return loopback.Listen(ctx, address)
	}
	return new(net.ListenConfig).Listen(ctx, "tcp", address)
}

func portOf(ln net.Listener) string {
	_, port, _ := net.SplitHostPort(ln.Addr().String()) // a listener's address has a port
	return port
}

func isLoopback(a net.Addr) bool {
	ap, err := netip.ParseAddrPort(a.String())
	return err == nil && ap.Addr().Unmap().IsLoopback()
}

// onLoopback says whether a server of that name is one for this machine alone.
func onLoopback(host string) bool {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = host
	}
	ip, err := netip.ParseAddr(name)
	return name == "localhost" || err == nil && ip.IsLoopback()
}

// hostFor returns the host part of this server's addresses; before is the one
// that the data folder belongs to, if any.
func (c *serveCmd) hostFor(ln net.Listener, before string) (string, error) {
	host := strings.ToLower(c.Host)
	if host == "" && before != "" {
		return before, nil
	}
	if host == "" {
		if !isLoopback(ln.Addr()) {
			return "", usage("--host is needed: the name under which others reach this server")
		}
		host = "localhost:" + portOf(ln)
	}
	addr, err := account.ParseAddress("aa@" + host)
	if err != nil {
		return "", usage("--host must be a name such as chat.example.org, perhaps with :PORT, not %q", c.Host)
	}
	return addr.Host, nil
}

// security returns the TLS configuration that --tls asks for; nil is none.
func (c *serveCmd) security(ctx context.Context, host, data string) (*tls.Config, error) {
	switch c.TLS {
	case "auto":
		return c.automatic(ctx, host, data)
	case "files":
		return c.files()
	}
	return nil, nil
}

// automatic gets certificates by ACME over this very listener (TLS-ALPN). The
// library's own log is dropped: it holds addresses.
func (c *serveCmd) automatic(ctx context.Context, host, data string) (*tls.Config, error) {
	name, _, _ := strings.Cut(host, ":")
	if _, err := netip.ParseAddr(name); c.Host == "" || err == nil || name == "localhost" {
		return nil, usage("--tls=auto needs --host with a name that the internet knows, such as chat.example.org")
	}
	var config *certmagic.Config
	cache := certmagic.NewCache(certmagic.CacheOptions{
		GetConfigForCert: func(certmagic.Certificate) (*certmagic.Config, error) { return config, nil },
		Logger:           zap.NewNop(),
	})
	config = certmagic.New(cache, certmagic.Config{
		Storage: &certmagic.FileStorage{Path: filepath.Join(data, "certs")},
		Logger:  zap.NewNop(),
	})
	config.Issuers = []certmagic.Issuer{certmagic.NewACMEIssuer(config, certmagic.ACMEIssuer{
		CA: certmagic.LetsEncryptProductionCA, Email: c.ACMEEmail, Agreed: true, DisableHTTPChallenge: true, Logger: zap.NewNop(),
	})}
	if err := config.ManageAsync(ctx, []string{name}); err != nil {
		return nil, fmt.Errorf("cannot get a certificate for %s: %w. Check that the name leads to this machine, or pass a certificate with --tls=files", name, err)
	}
	out := config.TLSConfig()
	out.MinVersion = tls.VersionTLS13
	out.NextProtos = append([]string{"h2", "http/1.1"}, out.NextProtos...)
	return out, nil
}

// files uses a certificate from files and reads them again when they change.
func (c *serveCmd) files() (*tls.Config, error) {
	if c.TLSCert == "" || c.TLSKey == "" {
		return nil, usage("--tls=files needs --tls-cert and --tls-key")
	}
	p := &pair{cert: c.TLSCert, key: c.TLSKey}
	c.certificate = p
	if _, err := p.get(nil); err != nil {
		return nil, fmt.Errorf("cannot use the certificate: %w. Check --tls-cert and --tls-key", err)
	}
	return &tls.Config{MinVersion: tls.VersionTLS13, GetCertificate: p.get, NextProtos: []string{"h2", "http/1.1"}}, nil
}

// pair is a certificate in files.
type pair struct {
	cert, key string

	mu      sync.Mutex
	loaded  *tls.Certificate
	changed time.Time
}

// reload reads the files again whatever their times say.
func (p *pair) reload() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	fresh, err := tls.LoadX509KeyPair(p.cert, p.key)
	if err != nil {
		return err
	}
	p.loaded = &fresh
	if info, err := os.Stat(p.cert); err == nil {
		p.changed = info.ModTime()
	}
	return nil
}

func (p *pair) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	info, err := os.Stat(p.cert)
	if err == nil && p.loaded != nil && info.ModTime().Equal(p.changed) {
		return p.loaded, nil
	}
	fresh, loadErr := tls.LoadX509KeyPair(p.cert, p.key)
	if loadErr != nil || err != nil {
		if p.loaded != nil {
			return p.loaded, nil // half replaced; the next handshake tries again
		}
		return nil, errors.Join(err, loadErr)
	}
	p.loaded, p.changed = &fresh, info.ModTime()
	return p.loaded, nil
}
