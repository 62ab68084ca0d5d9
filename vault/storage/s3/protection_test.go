// SPDX-License-Identifier: AGPL-3.0-or-later

package s3

import (
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7/pkg/lifecycle"

	"github.com/securecrypt/securecrypt/vault/storage"
	"github.com/securecrypt/securecrypt/vault/storage/s3/s3test"
	"github.com/securecrypt/securecrypt/vault/storage/storagetest"
)

// startVersioned runs an S3 server whose bucket keeps older versions.
func startVersioned(t *testing.T) *s3test.Server {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "securecrypt-s3-")
	if err != nil {
		dir = t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	s, err := s3test.StartVersioned(t.Context(), dir)
	if errors.Is(err, s3test.ErrMissing) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	if err := connectTo(t, s, "", options()).client.EnableVersioning(t.Context(), s.Bucket); err != nil {
		t.Fatal(err)
	}
	return s
}

// withoutVersionDelete answers as a service does whose policy forbids deleting
// versions; a policy of the test's server holds for other users than its first alone.
func withoutVersionDelete(r *http.Request) (*http.Response, error) {
	if r.Method != http.MethodDelete || r.URL.Query().Get("versionId") == "" {
		return http.DefaultTransport.RoundTrip(r)
	}
	return &http.Response{StatusCode: http.StatusForbidden, Header: http.Header{"Content-Type": {"application/xml"}}, Request: r,
		Body: io.NopCloser(strings.NewReader("<Error><Code>AccessDenied</Code><Message>no</Message></Error>"))}, nil
}

func protection(t *testing.T, s *Storage) Protection {
	t.Helper()
	p, err := s.Protection(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.List(t.Context(), "", func(name string, _ int64) error {
		t.Errorf("%s is left", name)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestProtectionOfBuckets(t *testing.T) {
	if p := protection(t, connectTo(t, startServer(t), "vault", options())); p != (Protection{Erasable: true}) {
		t.Errorf("a bucket without versions: %+v", p)
	}
	server := startVersioned(t)
	s := connectTo(t, server, "vault", options())
	if p := protection(t, s); p != (Protection{Versions: true, Erasable: true}) {
		t.Errorf("a bucket with versions, and credentials that can delete them: %+v", p)
	}
	o := options()
	o.Transport = roundTripper(withoutVersionDelete)
	if p := protection(t, connectTo(t, server, "vault", o)); p != (Protection{Versions: true}) {
		t.Errorf("credentials that cannot delete versions: %+v", p)
	}
	if err := s.client.SuspendVersioning(t.Context(), server.Bucket); err != nil {
		t.Fatal(err)
	}
	if p := protection(t, s); p.Versions || !p.Erasable {
		t.Errorf("a bucket that has stopped to keep versions: %+v", p)
	}
}

// TestRulesForVersions has the answers of services with rules, which the test's server
// does not have.
func TestRulesForVersions(t *testing.T) {
	server := startServer(t)
	for body, want := range map[string]int{
		rules("Enabled", "", 30): 30, rules("Enabled", "vault", 14): 14, rules("Enabled", "other", 7): 0, rules("Disabled", "", 7): 0,
		"<LifecycleConfiguration></LifecycleConfiguration>": 0,
	} {
		o := options()
		o.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
			if !r.URL.Query().Has("lifecycle") {
				return http.DefaultTransport.RoundTrip(r)
			}
			return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Request: r, Body: io.NopCloser(strings.NewReader(body))}, nil
		})
		if days, err := connectTo(t, server, "vault", o).versionDays(t.Context()); err != nil || days != want {
			t.Errorf("%s: %d days, %v", body, days, err)
		}
	}
}

func rules(status, prefix string, days int) string {
	r := lifecycle.Rule{ID: "versions", Status: status, RuleFilter: lifecycle.Filter{Prefix: prefix},
		NoncurrentVersionExpiration: lifecycle.NoncurrentVersionExpiration{NoncurrentDays: lifecycle.ExpirationDays(days)}}
	b, err := xml.Marshal(&lifecycle.Configuration{Rules: []lifecycle.Rule{r}})
	if err != nil {
		panic(err) // the types can be encoded
	}
	return string(b)
}

// TestVersionedBucketConforms holds a bucket that keeps versions against the contract
// of storages: what is deleted is gone for them.
func TestVersionedBucketConforms(t *testing.T) {
	if testing.Short() {
		t.Skip("TestS3Conforms does the same with a bucket that keeps no versions")
	}
	server, n := startVersioned(t), 0
	storagetest.Run(t, func(t *testing.T) func() storage.Storage {
		n++
		prefix := string(rune('a' + n))
		return func() storage.Storage { return connectTo(t, server, prefix, options()) }
	}, storagetest.Lack{Test: storagetest.DeletedName, Reason: "versitygw takes the mark of a deletion for an object (If-None-Match)"})
}
