// SPDX-License-Identifier: AGPL-3.0-or-later

package account_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/securecrypt/securecrypt/account"
)

func TestParseAddressAccepts(t *testing.T) {
	label := strings.Repeat("a", 63)
	longest := strings.Join([]string{label, label, label, label[:61]}, ".")
	for in, want := range map[string]string{
		"k7q2-m9xd-4tzp@example.org":              "k7q2-m9xd-4tzp@example.org",
		"Alice@Example.ORG":                       "alice@example.org",
		"a_b.c-d@localhost:8443":                  "a_b.c-d@localhost:8443",
		"0x@192.0.2.1":                            "0x@192.0.2.1",
		"al@192.0.2.1:1":                          "al@192.0.2.1:1",
		"al@[2001:DB8::0:1]":                      "al@[2001:db8::1]",
		"al@[::1]:65535":                          "al@[::1]:65535",
		strings.Repeat("a", 32) + "@" + longest:   strings.Repeat("a", 32) + "@" + longest,
		"al@xn--bcher-kva.example":                "al@xn--bcher-kva.example",
		"al@1.2.3.4a":                             "al@1.2.3.4a",
		strings.Repeat("a", 32) + "@a." + "b:443": strings.Repeat("a", 32) + "@a.b:443",
	} {
		a, err := account.ParseAddress(in)
		if err != nil || a.String() != want {
			t.Errorf("%s became %v, %v", in, a, err)
		}
		if back, err := account.ParseURI(a.URI()); err != nil || back != a {
			t.Errorf("%s became %v, %v", a.URI(), back, err)
		}
	}
}

func TestParseAddressRefuses(t *testing.T) {
	label := strings.Repeat("a", 63)
	for name, in := range map[string]string{
		"empty": "", "no at": "alice", "no name": "@example.org", "no host": "alice@", "two at": "alice@bob@example.org",
		"short name": "a@example.org", "long name": strings.Repeat("a", 33) + "@example.org", "name begins with dot": ".alice@example.org",
		"name begins with hyphen": "-alice@example.org", "name with plus": "a+b@example.org", "name with slash": "a/b@example.org",
		"letter outside ASCII": "älice@example.org", "letter that becomes ASCII": "alice@\u212Aelvin.example", "space": "al ice@example.org",
		"newline": "alice@example.org\n", "zero byte": "al\x00ce@example.org", "empty label": "alice@example..org", "final dot": "alice@example.org.",
		"long label": "alice@" + label + "a.org", "long host": "alice@" + strings.Join([]string{label, label, label, label}, "."),
		"label begins with hyphen": "alice@-a.org", "label ends with hyphen": "alice@a-.org", "label with underscore": "alice@a_b.org",
		"IPv4 out of range": "alice@192.0.2.256", "IPv4 of three": "alice@192.0.2", "IPv4 with zero": "alice@192.0.02.1",
		"IPv6 without brackets": "alice@2001:db8::1", "IPv4 in brackets": "alice@[192.0.2.1]", "IPv6 zone": "alice@[fe80::1%eth0]",
		"IPv4 in IPv6": "alice@[::ffff:192.0.2.1]", "unclosed bracket": "alice@[::1", "bracket at the end": "alice@::1]",
		"text after bracket": "alice@[::1]x", "empty port": "alice@example.org:", "port 0": "alice@example.org:0",
		"port 65536": "alice@example.org:65536", "port with zero": "alice@example.org:0443", "port with sign": "alice@example.org:+443",
		"two ports": "alice@example.org:1:2", "scheme": "https://alice@example.org", "path": "alice@example.org/x",
		"too long": strings.Repeat("a", account.MaxAddressLength) + "@a",
	} {
		a, err := account.ParseAddress(in)
		if !errors.Is(err, account.ErrAddress) {
			t.Errorf("%s: %v, %v", name, a, err)
			continue
		}
		for _, piece := range strings.FieldsFunc(in, func(r rune) bool { return r == '@' }) {
			if len(piece) > 4 && strings.Contains(err.Error(), piece) {
				t.Errorf("%s: the error repeats the text: %v", name, err)
			}
		}
	}
	for _, in := range []string{"mimi://example.org/u/Alice", "im://example.org/u/alice", "mimi://example.org/r/alice", "mimi:///u/alice", "mimi://a/u/b/u/cc"} {
		if a, err := account.ParseURI(in); !errors.Is(err, account.ErrAddress) {
			t.Errorf("%s: %v, %v", in, a, err)
		}
	}
}

func TestRandomName(t *testing.T) {
	form := regexp.MustCompile(`^[0-9a-hjkmnp-tv-z]{4}(-[0-9a-hjkmnp-tv-z]{4}){2}$`)
	random := rand.NewChaCha8([32]byte{1})
	seen := map[string]bool{}
	for range 100 {
		name, err := account.RandomName(random)
		if err != nil || !form.MatchString(name) || seen[name] {
			t.Fatal(name, err)
		}
		seen[name] = true
		if err := (account.Address{Name: name, Host: "a"}).Validate(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := account.RandomName(bytes.NewReader(nil)); err == nil {
		t.Fatal("a name without randomness")
	}
}

func TestAddressesComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringMatching(`[a-zA-Z0-9][a-z0-9._-]{1,31}@([a-zA-Z0-9]{1,9}(\.[a-z][a-z0-9]{0,9}){1,4}|\[[0-9a-f]{1,4}::[0-9A-F]{1,4}\])(:[1-9][0-9]{0,3})?`).Draw(t, "address")
		a, err := account.ParseAddress(s)
		if err != nil {
			t.Fatal(s, err)
		}
		text, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		var back account.Address
		if err := json.Unmarshal(text, &back); err != nil || back != a || back.Validate() != nil {
			t.Fatal(string(text), back, err)
		}
	})
	if b, err := (account.Address{Name: "A", Host: "b"}).MarshalText(); err == nil {
		t.Fatalf("an invalid address became %s", b)
	}
}

func TestAddressesStayOutOfLogs(t *testing.T) {
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("test", "address", account.Address{Name: "alice", Host: "example.org"})
	if strings.Contains(log.String(), "alice") || !strings.Contains(log.String(), "redacted") {
		t.Fatal(log.String())
	}
}

func TestKeyTexts(t *testing.T) {
	p := newPerson(t, 1, "alice@example.org")
	device := p.chain.Devices()[0]
	type text interface {
		fmt.Stringer
		MarshalText() ([]byte, error)
	}
	for _, c := range []struct {
		value text
		parse func([]byte) (text, error)
	}{
		{device.ID(), func(b []byte) (text, error) { id, err := account.ParseDeviceID(string(b)); return id, err }},
		{p.chain.Head(), func(b []byte) (text, error) { h, err := account.ParseHead(string(b)); return h, err }},
		{device.SignatureKey, func(b []byte) (text, error) { var k account.SignatureKey; err := k.UnmarshalText(b); return k, err }},
		{p.chain.RecoveryKey(), func(b []byte) (text, error) { var k account.RecoveryKey; err := k.UnmarshalText(b); return k, err }},
	} {
		b, err := c.value.MarshalText()
		if err != nil || string(b) != c.value.String() {
			t.Fatal(string(b), err)
		}
		if back, err := c.parse(b); err != nil || back != c.value {
			t.Errorf("%s became %v, %v", b, back, err)
		}
		prefix, digits, _ := strings.Cut(string(b), ":")
		for _, bad := range []string{"", digits, "x" + string(b), prefix + ":" + digits[2:], string(b) + "00", prefix + ":" + digits[1:] + "g", prefix + ":" + strings.ToUpper(digits)} {
			if back, err := c.parse([]byte(bad)); !errors.Is(err, account.ErrKey) || strings.Contains(err.Error(), digits[2:]) {
				t.Errorf("%q became %v, %v", bad, back, err)
			}
		}
	}
	if _, err := account.NewSignatureKey(make([]byte, 31)); !errors.Is(err, account.ErrKey) {
		t.Error(err)
	}
	if _, err := account.NewRecoveryKey(make([]byte, 33)); !errors.Is(err, account.ErrKey) {
		t.Error(err)
	}
	if !strings.HasPrefix(device.MailboxKey.String(), "mailboxkey:") || len(device.MailboxKey.String()) > 30 {
		t.Error(device.MailboxKey)
	}
}

func FuzzParseAddress(f *testing.F) {
	for _, s := range []string{"k7q2-m9xd-4tzp@example.org", "a_@[2001:db8::1]:1", "al@192.0.2.1", "", "@", "Al@X.y:65535"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := account.ParseAddress(s)
		if err != nil {
			return
		}
		if len(a.String()) > account.MaxAddressLength || a.Validate() != nil {
			t.Fatalf("%q became %v", s, a)
		}
		if back, err := account.ParseURI(a.URI()); err != nil || back != a {
			t.Fatalf("%v became %v, %v", a.URI(), back, err)
		}
	})
}
