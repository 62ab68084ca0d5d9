// SPDX-License-Identifier: AGPL-3.0-or-later

package s3

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/securecrypt/securecrypt/vault/storage"
	"github.com/securecrypt/securecrypt/vault/storage/s3/s3test"
	"github.com/securecrypt/securecrypt/vault/storage/storagetest"
)

// startServer runs an S3 server for a test, in memory where the system can.
func startServer(t *testing.T) *s3test.Server {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "securecrypt-s3-")
	if err != nil {
		dir = t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return startServerIn(t, dir)
}

func startServerIn(t *testing.T, dir string) *s3test.Server {
	t.Helper()
	s, err := s3test.Start(t.Context(), dir)
	if errors.Is(err, s3test.ErrMissing) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s
}

func options() Options {
	return Options{
		Credentials: credentials.NewStaticV4(s3test.AccessKey, s3test.SecretKey, ""), Region: "us-east-1",
		Wait: func(ctx context.Context, _ time.Duration) error { return ctx.Err() }, // without a pause
	}
}

func address(t *testing.T, s *s3test.Server, prefix string) Address {
	t.Helper()
	a, err := ParseAddress(s.URL(prefix))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func connectTo(t *testing.T, s *s3test.Server, prefix string, o Options) *Storage {
	t.Helper()
	v, err := connect(address(t, s, prefix), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = v.Close() })
	return v
}

func TestS3Conforms(t *testing.T) {
	server := startServer(t)
	n := 0
	storagetest.Run(t, func(t *testing.T) func() storage.Storage {
		n++
		prefix := fmt.Sprintf("vaults/%d", n)
		if _, err := Create(t.Context(), address(t, server, prefix), options()); err != nil {
			t.Fatal(err)
		}
		return func() storage.Storage { return connectTo(t, server, prefix, options()) }
	})
}

func TestCreateRefusesAPrefixInUse(t *testing.T) {
	server, ctx := startServer(t), t.Context()
	for prefix, begun := range map[string]string{"whole": "", "part": "vaults/begun"} {
		t.Run(prefix, func(t *testing.T) {
			a := address(t, server, begun)
			if begun == "" {
				a.Bucket = "empty"
				if err := os.Mkdir(filepath.Join(filepath.Dir(server.Dir), a.Bucket), 0o700); err != nil {
					t.Fatal(err)
				}
			}
			for range 2 { // the first may have been interrupted
				v, err := Create(ctx, a, options())
				if err != nil {
					t.Fatal(err)
				}
				if err := v.Replace(ctx, "keys/1", nil); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := Open(ctx, a, options()); !errors.Is(err, storage.ErrNotFound) {
				t.Errorf("opening a prefix without a vault: %v", err)
			}
			v, err := Create(ctx, a, options())
			if err != nil {
				t.Fatal(err)
			}
			if err := v.Create(ctx, "config", []byte("c")); err != nil {
				t.Fatal(err)
			}
			if _, err := Create(ctx, a, options()); err == nil || !strings.Contains(err.Error(), "already") {
				t.Errorf("a prefix with a vault: %v", err)
			}
			if _, err := Open(ctx, a, options()); err != nil {
				t.Error(err)
			}
			above := a
			above.Prefix = "vaults/"
			if _, err := Create(ctx, above, options()); begun != "" && (err == nil || !strings.Contains(err.Error(), "not empty")) {
				t.Errorf("a prefix with something else: %v", err)
			}
		})
	}
	missing := address(t, server, "x")
	missing.Bucket = "missing"
	if _, err := Create(ctx, missing, options()); err == nil || !strings.Contains(err.Error(), "make it with") {
		t.Errorf("a bucket that is not there: %v", err)
	}
	if _, err := Open(ctx, missing, options()); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("a bucket that is not there: %v", err)
	}
}

// A service that ignores If-None-Match is found by the probe.
func TestServiceThatOverwritesIsForOneDevice(t *testing.T) {
	server, err := s3test.StartUnconditional(t.Context(), t.TempDir())
	if errors.Is(err, s3test.ErrMissing) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	ctx := t.Context()
	a, b := connectTo(t, server, "v", options()), connectTo(t, server, "v", options())
	if err := storage.Probe(ctx, a, b, 1); !errors.Is(err, storage.ErrNotAtomic) {
		t.Errorf("probing: %v", err)
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// faults are failures of the n-th request.
type faults struct {
	mu     sync.Mutex
	n      int  // guarded by mu, like all below
	failAt int  // number of the request that fails, from 1 on
	every  bool // as do all later ones
	failed int
	after  bool // the request is carried out, and its answer lost
	body   bool // the answer is cut in its body
	status int  // instead of cutting: the service answers with this
}

func (f *faults) fails() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.n++
	fails := f.n == f.failAt || f.every && f.n > f.failAt
	if fails {
		f.failed++
	}
	return fails
}

var errCut = errors.New("the test cut the connection")

func (f *faults) RoundTrip(r *http.Request) (*http.Response, error) {
	if !f.fails() {
		return http.DefaultTransport.RoundTrip(r)
	}
	if f.after || f.body {
		res, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			return nil, err
		}
		if f.body {
			res.Body = struct {
				io.Reader
				io.Closer
			}{io.MultiReader(io.LimitReader(res.Body, 10), errReader{}), res.Body}
			return res, nil
		}
		return nil, errors.Join(errCut, res.Body.Close())
	}
	if r.Body != nil {
		_, _ = io.CopyN(io.Discard, r.Body, 10) // a part was sent
		_ = r.Body.Close()
	}
	if f.status != 0 {
		return &http.Response{StatusCode: f.status, Status: http.StatusText(f.status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{}, Body: http.NoBody, Request: r}, nil
	}
	return nil, errCut
}

type errReader struct{}

func (errReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// Whichever request is lost, before or after the service carried it out, an object
// is created once, by the call that says so.
func TestCallsSurviveEachFault(t *testing.T) {
	server, ctx := startServer(t), t.Context()
	plain := connectTo(t, server, "v", options())
	if err := plain.Create(ctx, "log/1", []byte("theirs")); err != nil {
		t.Fatal(err)
	}
	type kind struct {
		after, body bool
		status      int
	}
	for _, kind := range []kind{{}, {after: true}, {body: true}, {status: 503}, {status: 500}} {
		for n := 2; ; n++ { // the first request tells that the service is reached
			f := &faults{failAt: n, after: kind.after, body: kind.body, status: kind.status}
			o := options()
			o.Transport = f
			v := connectTo(t, server, "v", o)
			fail := func(what string, err error) { t.Fatalf("%+v, request %d: %s: %v", kind, n, what, err) }
			if _, err := v.Size(ctx, "log/1"); err != nil {
				fail("Size", err)
			}
			if err := v.Create(ctx, "packs/1", []byte("mine, with more than ten bytes")); err != nil {
				fail("Create", err)
			}
			if err := v.Create(ctx, "log/1", []byte("mine!!")); !errors.Is(err, storage.ErrExists) {
				fail("Create of a taken name", err)
			}
			if b, err := v.Read(ctx, "packs/1", 0, 30); err != nil || string(b) != "mine, with more than ten bytes" {
				fail("Read", err)
			}
			listed := 0
			if err := v.List(ctx, "packs/", func(string, int64) error { listed++; return nil }); err != nil || listed != 1 {
				fail("List", err)
			}
			if err := v.Replace(ctx, "packs/1", []byte("new")); err != nil {
				fail("Replace", err)
			}
			if err := v.Delete(ctx, "packs/1"); err != nil {
				fail("Delete", err)
			}
			if b, err := plain.Read(ctx, "log/1", 0, 6); err != nil || string(b) != "theirs" {
				fail("the object of others", err)
			}
			if f.failed == 0 {
				if n < 7 {
					t.Errorf("only %d requests could fail", n-1)
				}
				break
			}
		}
	}
}

func TestServiceThatIsGoneIsGivenUp(t *testing.T) {
	server, ctx := startServer(t), t.Context()
	f := &faults{failAt: 2, every: true}
	o := options()
	o.Transport = f
	v := connectTo(t, server, "v", o)
	if _, err := v.Size(ctx, "config"); !errors.Is(err, storage.ErrNotFound) {
		t.Fatal(err)
	}
	if err := v.Create(ctx, "packs/1", []byte("x")); !errors.Is(err, ErrConnection) || f.failed != maxRetries+1 {
		t.Errorf("after %d requests: %v", f.failed, err)
	}
	server.Stop()
	never := connectTo(t, server, "v", options())
	if _, err := never.Size(ctx, "config"); !errors.Is(err, ErrConnection) || !strings.Contains(err.Error(), "check the address") {
		t.Errorf("a service that was never there: %v", err)
	}
}

// TLS is the default, and a certificate that nobody vouches for is refused.
func TestCertificatesAreChecked(t *testing.T) {
	dir, ctx := t.TempDir(), t.Context()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, NotAfter: time.Now().Add(time.Hour)}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{"cert": {Type: "CERTIFICATE", Bytes: cert}, "key": {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	server, err := s3test.StartTLS(ctx, dir, filepath.Join(dir, "cert"), filepath.Join(dir, "key"))
	if errors.Is(err, s3test.ErrMissing) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	a, err := ParseAddress("s3://" + server.Host + "/" + server.Bucket + "/v")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Create(ctx, a, options()); err == nil || !strings.Contains(err.Error(), "certificate") || !strings.Contains(err.Error(), "SSL_CERT_FILE") {
		t.Errorf("a certificate that nobody vouches for: %v", err)
	}
	o := options()
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}))
	o.Transport = &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}
	v, err := Create(ctx, a, o)
	if err != nil {
		t.Fatal(err)
	}
	data := bytes.Repeat([]byte("x"), 100000)
	if err := v.Create(ctx, "packs/1", data); err != nil {
		t.Fatal(err)
	}
	if b, err := storage.ReadAll(ctx, v, "packs/1", storage.MaxObject); err != nil || !bytes.Equal(b, data) {
		t.Errorf("%d bytes are read, %v", len(b), err)
	}
	if err := v.Create(ctx, "packs/1", nil); !errors.Is(err, storage.ErrExists) {
		t.Errorf("creating a name that is taken: %v", err)
	}
}

// A service that answers a range with something else is not believed.
func TestRangesAreChecked(t *testing.T) {
	server, ctx := startServer(t), t.Context()
	v := connectTo(t, server, "v", options())
	if err := v.Create(ctx, "packs/1", []byte("0123456789")); err != nil {
		t.Fatal(err)
	}
	for _, lie := range []string{"bytes 0-1/10", "bytes 50-51/100", ""} {
		o := options()
		o.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
			res, err := http.DefaultTransport.RoundTrip(r)
			if err == nil {
				res.Header.Set("Content-Range", lie)
			}
			return res, err
		})
		lying := connectTo(t, server, "v", o)
		if b, err := lying.Read(ctx, "packs/1", 5, 2); err == nil || !strings.Contains(err.Error(), "another range") {
			t.Errorf("the range %q: %q, %v", lie, b, err)
		}
	}
}

// A listing that repeats its first page is refused.
func TestListingThatRepeatsIsRefused(t *testing.T) {
	server, ctx := startServer(t), t.Context()
	v := connectTo(t, server, "v", options())
	for i := range 3 {
		if err := v.Create(ctx, fmt.Sprintf("packs/%d", i), nil); err != nil {
			t.Fatal(err)
		}
	}
	pages, first := 1, []byte(nil)
	o := options()
	o.Transport = roundTripper(func(r *http.Request) (*http.Response, error) { // each page says that another one follows
		if r.URL.Query().Get("continuation-token") != "" {
			pages++
		}
		if first == nil {
			res, err := http.DefaultTransport.RoundTrip(r)
			if err != nil {
				return nil, err
			}
			b, err := io.ReadAll(res.Body)
			if err := errors.Join(err, res.Body.Close()); err != nil {
				return nil, err
			}
			first = bytes.Replace(b, []byte("<IsTruncated>false</IsTruncated>"), []byte("<IsTruncated>true</IsTruncated><NextContinuationToken>next</NextContinuationToken>"), 1)
		}
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(first)), ContentLength: int64(len(first)), Request: r}, nil
	})
	lying := connectTo(t, server, "v", o)
	n := 0
	err := lying.List(ctx, "packs/", func(string, int64) error { n++; return nil })
	if err == nil || !strings.Contains(err.Error(), "out of order") || n != 3 || pages != 2 {
		t.Errorf("%d names of 3, %d pages: %v", n, pages, err)
	}
}

func TestCredentialsAreNeeded(t *testing.T) {
	server, ctx := startServer(t), t.Context()
	t.Setenv("HOME", t.TempDir())
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_ACCESS_KEY", "AWS_SECRET_ACCESS_KEY", "AWS_SECRET_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE", "AWS_REGION", "AWS_DEFAULT_REGION"} {
		t.Setenv(name, "")
	}
	a := address(t, server, "v")
	if _, err := Create(ctx, a, DefaultOptions()); !errors.Is(err, ErrCredentials) || !strings.Contains(err.Error(), "AWS_ACCESS_KEY_ID") {
		t.Errorf("without credentials: %v", err)
	}
	file := filepath.Join(t.TempDir(), "credentials")
	if err := os.WriteFile(file, []byte("[default]\naws_access_key_id = "+s3test.AccessKey+"\naws_secret_access_key = "+s3test.SecretKey+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", file)
	if _, err := Create(ctx, a, DefaultOptions()); err != nil {
		t.Errorf("credentials from a file: %v", err)
	}
	t.Setenv("AWS_ACCESS_KEY_ID", s3test.AccessKey)
	t.Setenv("AWS_SECRET_ACCESS_KEY", "wrong")
	if _, err := Create(ctx, a, DefaultOptions()); !errors.Is(err, ErrCredentials) || strings.Contains(err.Error(), "wrong") {
		t.Errorf("wrong credentials from the environment: %v", err)
	}
	t.Setenv("AWS_SECRET_ACCESS_KEY", s3test.SecretKey)
	if _, err := Create(ctx, a, DefaultOptions()); err != nil {
		t.Errorf("credentials from the environment: %v", err)
	}
}

func TestErrorsOfServices(t *testing.T) {
	s := &Storage{address: Address{Host: "h", Bucket: "b"}}
	for _, c := range []struct {
		answer minio.ErrorResponse
		want   error
	}{
		{minio.ErrorResponse{StatusCode: 507, Code: "InsufficientStorage"}, storage.ErrFull},
		{minio.ErrorResponse{StatusCode: 403, Code: "QuotaExceeded"}, storage.ErrFull},
		{minio.ErrorResponse{StatusCode: 404, Code: "NoSuchKey"}, storage.ErrNotFound},
		{minio.ErrorResponse{StatusCode: 403, Code: "AccessDenied"}, ErrCredentials},
	} {
		if err := s.explain("creating", "packs/1", c.answer); !errors.Is(err, c.want) || isTransient(c.answer) {
			t.Errorf("%+v: %v", c.answer, err)
		}
	}
	if conflict := (minio.ErrorResponse{StatusCode: 409, Code: "ConditionalRequestConflict"}); !isTransient(conflict) || isTaken(conflict) {
		t.Error("a conflict with another writer is not tried again")
	}
}

func TestAddresses(t *testing.T) {
	for in, want := range map[string]Address{
		"s3://s3.example/bucket":                    {false, "s3.example", "bucket", ""},
		"s3://s3.example:9000/bucket/a/b/":          {false, "s3.example:9000", "bucket", "a/b/"},
		"s3+http://127.0.0.1:7070/bucket/a//../b":   {true, "127.0.0.1:7070", "bucket", "b/"},
		"s3+http://localhost/bucket":                {true, "localhost", "bucket", ""},
		"s3+http://[::1]:7070/bucket/with%20spaces": {true, "[::1]:7070", "bucket", "with spaces/"},
	} {
		got, err := ParseAddress(in)
		if err != nil || got != want {
			t.Errorf("%s: %+v, %v", in, got, err)
			continue
		}
		if again, err := ParseAddress(got.String()); err != nil || again != got {
			t.Errorf("%s is written as %s, which is %+v, %v", in, got, again, err)
		}
	}
	for _, in := range []string{"", "s3://", "s3://h", "s3://h/", "s3:///b", "s3://h:0/b", "s3://h:/b", "s3://h/b?x", "s3://h/b#x", "https://h/b", "s3+http://example.org/b", "s3+http://192.168.0.1/b"} {
		if a, err := ParseAddress(in); err == nil {
			t.Errorf("%q is taken as %+v", in, a)
		}
	}
	if _, err := ParseAddress("s3://key:hunter2@h/b"); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("an address with a secret: %v", err)
	}
}
