// SPDX-License-Identifier: AGPL-3.0-or-later

package account_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/securecrypt/securecrypt/account"
)

func TestSafetyNumber(t *testing.T) {
	alice, bob := newPerson(t, 1, "alice@example.org"), newPerson(t, 2, "bob@example.net")
	mallory := newPerson(t, 3, "bob@example.net")
	s := account.SafetyNumber(alice.chain, bob.chain)
	if s != account.SafetyNumber(bob.chain, alice.chain) {
		t.Fatal("it depends on the order")
	}
	if !regexp.MustCompile(`^\d{5}( \d{5}){11}$`).MatchString(s.Digits()) {
		t.Fatal(s.Digits())
	}
	if err := s.Match(account.SafetyNumber(bob.chain, alice.chain).QR()); err != nil {
		t.Fatal(err)
	}
	false1 := account.SafetyNumber(alice.chain, mallory.chain)
	if err := s.Match(false1.QR()); !errors.Is(err, account.ErrSafetyMismatch) || s.Digits() == false1.Digits() {
		t.Fatal(err)
	}
	moved := newPerson(t, 2, "bob@example.com")
	if s.Digits() == account.SafetyNumber(alice.chain, moved.chain).Digits() {
		t.Fatal("the address does not count")
	}
	qr := s.QR()
	for name, bad := range map[string][]byte{
		"empty": nil, "other version": append([]byte("SCSN\x02"), qr[5:]...), "short": qr[:len(qr)-1], "long": append(bytes.Clone(qr), 0),
	} {
		if err := s.Match(bad); !errors.Is(err, account.ErrNotSafetyCode) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestLeaf(t *testing.T) {
	p, other := newPerson(t, 1, "alice@example.org"), newPerson(t, 2, "bob@example.net")
	device, stranger := p.chain.Devices()[0], other.chain.Devices()[0]
	cred := account.Credential{Address: p.params.Address, Device: device.ID()}
	if d, err := p.chain.Leaf(cred, device.SignatureKey[:]); err != nil || d != device {
		t.Fatal(err)
	}
	if _, err := other.chain.Leaf(cred, device.SignatureKey[:]); !errors.Is(err, account.ErrWrongAddress) {
		t.Error(err)
	}
	if _, err := p.chain.Leaf(cred, stranger.SignatureKey[:]); !errors.Is(err, account.ErrNotInChain) {
		t.Error(err)
	}
	if _, err := p.chain.Leaf(cred, nil); !errors.Is(err, account.ErrNotInChain) {
		t.Error(err)
	}
	cred.Device = stranger.ID()
	if _, err := p.chain.Leaf(cred, stranger.SignatureKey[:]); !errors.Is(err, account.ErrNotInChain) {
		t.Error(err)
	}
}

func TestCredentialsComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		addr, err := account.ParseAddress(rapid.StringMatching(`[a-z0-9][a-z0-9._-]{1,31}@[a-z]{1,20}(:[1-9][0-9]{0,3})?`).Draw(t, "address"))
		if err != nil {
			t.Fatal(err)
		}
		c := account.Credential{Address: addr, Device: account.DeviceID(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "device"))}
		b, err := c.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if back, err := account.ParseCredential(b); err != nil || back != c {
			t.Fatal(back, err)
		}
	})
	if _, err := (account.Credential{}).Encode(); !errors.Is(err, account.ErrAddress) {
		t.Fatal(err)
	}
}

func FuzzDecodeCredential(f *testing.F) {
	b, err := account.Credential{Address: account.Address{Name: "alice", Host: "[::1]:80"}}.Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := account.ParseCredential(b)
		if err != nil {
			return
		}
		if again, err := c.Encode(); err != nil || !bytes.Equal(again, b) {
			t.Fatalf("%x became %x, %v", b, again, err)
		}
	})
}

// TestRulesHaveTests keeps the identifiers in the sources and those in the
// tests the same.
func TestRulesHaveTests(t *testing.T) {
	id := regexp.MustCompile(`\bAC-\d+\b`)
	sources, tests := map[string]bool{}, map[string]bool{}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		found := sources
		if strings.HasSuffix(f, "_test.go") {
			found = tests
		}
		for _, rule := range id.FindAllString(string(b), -1) {
			found[rule] = true
		}
	}
	for rule := range sources {
		if !tests[rule] {
			t.Errorf("%s has no test", rule)
		}
	}
	for rule := range tests {
		if !sources[rule] {
			t.Errorf("%s is tested, but no source names it", rule)
		}
	}
}
