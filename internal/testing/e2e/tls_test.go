// SPDX-License-Identifier: AGPL-3.0-or-later

package e2e_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// makeCertificate writes cert.pem and key.pem for a host, which later commands
// trust: certificate HOST.
func makeCertificate(ts *testscript.TestScript, _ bool, args []string) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ts.Check(err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: args, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	ts.Check(err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	ts.Check(err)
	for name, block := range map[string]*pem.Block{
		"cert.pem": {Type: "CERTIFICATE", Bytes: cert},
		"key.pem":  {Type: "PRIVATE KEY", Bytes: private},
	} {
		ts.Check(os.WriteFile(ts.MkAbs(name), pem.EncodeToMemory(block), 0o600))
	}
	ts.Setenv("SSL_CERT_FILE", ts.MkAbs("cert.pem"))
}

// startProxy runs a proxy that later commands use, and by which a name leads
// to a server of the script: proxy HOST SERVER.
func startProxy(ts *testscript.TestScript, _ bool, args []string) {
	host := args[0]
	address := ts.Getenv(args[1] + "_LISTENS")
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect || !strings.HasPrefix(r.Host, host+":") {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		server, err := net.Dial("tcp", address)
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		caller, early, err := http.NewResponseController(w).Hijack()
		if err != nil {
			_ = server.Close()
			return
		}
		_, _ = io.WriteString(caller, "HTTP/1.1 200 Connection established\r\n\r\n")
		go func() { _ = relay(server, early) }() // what was read already lies there
		_ = relay(caller, server)                // either may hang up
	}))
	ts.Defer(proxy.Close)
	ts.Setenv("HTTPS_PROXY", proxy.URL)
}

func relay(to net.Conn, from io.Reader) error {
	_, err := io.Copy(to, from)
	return errors.Join(err, to.Close())
}
