// SPDX-License-Identifier: AGPL-3.0-or-later

package daemon_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// certificate writes a certificate for chat.example and its key.
func certificate(t *testing.T, dir string, serial int64) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), DNSNames: []string{"chat.example"}, NotAfter: time.Now().Add(time.Hour)}
	cert, certErr := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	private, keyErr := x509.MarshalPKCS8PrivateKey(key)
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	err = errors.Join(certErr, keyErr,
		os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600),
		os.WriteFile(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}), 0o600))
	if err != nil {
		t.Fatal(err)
	}
	return certFile, keyFile
}

// TestTLSFromFiles speaks both versions of HTTP, and sees a new certificate
// without a restart.
func TestTLSFromFiles(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := certificate(t, dir, 1)
	s := serve(t, filepath.Join(dir, "data"), "--listen", "127.0.0.1:0", "--host", "chat.example",
		"--tls", "files", "--tls-cert", certFile, "--tls-key", keyFile)
	defer s.stop(t)
	if s.url != "https://chat.example" {
		t.Errorf("ready at %s", s.url)
	}
	get := func(two bool) (proto string, serial int64, err error) {
		transport := &http.Transport{
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, "tcp", s.listens)
			},
			TLSClientConfig:   &tls.Config{InsecureSkipVerify: true}, // the test compares serial numbers
			ForceAttemptHTTP2: two,
		}
		defer transport.CloseIdleConnections()
		resp, err := (&http.Client{Transport: transport}).Get("https://chat.example/health")
		if err != nil {
			return "", 0, err
		}
		if resp.StatusCode != http.StatusOK {
			err = fmt.Errorf("answer %s", resp.Status)
		}
		if got := resp.Header.Get("Strict-Transport-Security"); got != "max-age=31536000" {
			err = errors.Join(err, fmt.Errorf("Strict-Transport-Security is %q", got))
		}
		return resp.Proto, resp.TLS.PeerCertificates[0].SerialNumber.Int64(), errors.Join(err, resp.Body.Close())
	}
	for two, want := range map[bool]string{false: "HTTP/1.1", true: "HTTP/2.0"} {
		if proto, serial, err := get(two); err != nil || proto != want || serial != 1 {
			t.Errorf("%s with certificate %d, %v; want %s", proto, serial, err, want)
		}
	}
	certificate(t, dir, 2)
	later := time.Now().Add(time.Minute) // whatever the file system's clock resolves
	if err := os.Chtimes(certFile, later, later); err != nil {
		t.Fatal(err)
	}
	if _, serial, err := get(true); err != nil || serial != 2 {
		t.Errorf("certificate %d, %v", serial, err)
	}
	if code, _, errs := run(t, "--data", filepath.Join(dir, "other"), "serve", "--listen", "127.0.0.1:0", "--host", "chat.example", "--tls", "files",
		"--tls-cert", filepath.Join(dir, "missing.pem"), "--tls-key", keyFile); code == 0 || errs == "" {
		t.Errorf("without a certificate: %d %q", code, errs)
	}
}
