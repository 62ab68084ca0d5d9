// SPDX-License-Identifier: AGPL-3.0-or-later

package s3

import (
	"fmt"
	"net"
	"net/url"
	"path"
	"strconv"
	"strings"
)

// Schemes that begin addresses. Plain HTTP is for servers on this machine: what
// it shows to the network includes names and sizes of objects, and lets others
// change them.
const (
	Scheme      = "s3://"
	SchemePlain = "s3+http://"
)

// Address names a part of a bucket.
type Address struct {
	Plain  bool   // HTTP without TLS
	Host   string // with the port if it is not the usual one
	Bucket string
	// Prefix begins the keys of all objects. It is empty or ends with a slash.
	Prefix string
}

// ParseAddress parses s3://host[:port]/bucket/prefix, which is reached by HTTPS,
// and s3+http://… for a server on this machine.
func ParseAddress(s string) (Address, error) {
	const form = "an address looks like s3://host:port/bucket/prefix"
	u, err := url.Parse(s)
	if err != nil || !strings.HasPrefix(s, Scheme) && !strings.HasPrefix(s, SchemePlain) {
		return Address{}, fmt.Errorf("s3: not an address of a bucket: %s", form) // the error of url.Parse would show a password
	}
	if u.User != nil {
		return Address{}, fmt.Errorf("s3: the address has credentials in it: remove them, and set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY instead; %s", form)
	}
	a := Address{Plain: strings.HasPrefix(s, SchemePlain), Host: u.Host}
	bucket, prefix, _ := strings.Cut(strings.TrimPrefix(path.Clean(u.Path), "/"), "/")
	a.Bucket = bucket
	if prefix != "" {
		a.Prefix = prefix + "/"
	}
	switch port, err := strconv.ParseUint(u.Port(), 10, 16); {
	case u.Port() != "" && (err != nil || port == 0):
		return Address{}, fmt.Errorf("s3: %q is not a port: %s", u.Port(), form)
	case u.Hostname() == "" || strings.HasSuffix(u.Host, ":"):
		return Address{}, fmt.Errorf("s3: the address needs a host, such as s3.eu-central-1.amazonaws.com: %s", form)
	case u.RawQuery != "" || u.Fragment != "":
		return Address{}, fmt.Errorf("s3: the address has a '?' or '#' in it: choose another prefix; %s", form)
	case a.Bucket == "" || a.Bucket == "." || a.Bucket == "..":
		return Address{}, fmt.Errorf("s3: the address needs a bucket: %s", form)
	case a.Plain && !isLoopback(u.Hostname()):
		return Address{}, fmt.Errorf("s3: %s is plain HTTP, which is for servers on this machine only: use %s", SchemePlain, Scheme)
	}
	return a, nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// String returns the address in the form that ParseAddress takes.
func (a Address) String() string {
	scheme := strings.TrimSuffix(Scheme, "://")
	if a.Plain {
		scheme = strings.TrimSuffix(SchemePlain, "://")
	}
	return (&url.URL{Scheme: scheme, Host: a.Host, Path: "/" + strings.TrimSuffix(a.Bucket+"/"+a.Prefix, "/")}).String()
}
