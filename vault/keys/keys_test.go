// SPDX-License-Identifier: AGPL-3.0-or-later

package keys

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"testing"

	"github.com/securecrypt/securecrypt/account"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func newVault(t testing.TB) (account.RecoverySecret, *Config, *Recovery, *Device, *Keyring, *Object) {
	t.Helper()
	secret := must(account.NewRecoverySecret(rand.Reader))
	c, r, err := NewConfig(secret)
	if err != nil {
		t.Fatal(err)
	}
	d := must(NewDevice())
	k, o, err := New(c, r, d.KEM.PublicKey())
	if err != nil {
		t.Fatal(err)
	}
	return secret, c, r, d, k, o
}

func TestDevicesAndTheRecoveryKeyOpenAVault(t *testing.T) {
	secret, c, _, d, k, o := newVault(t)
	o = must(ParseObject(o.Encode()))
	c = must(ParseConfig(must(c.Encode())))
	if got := must(Open(c, []*Object{o}, d.KEM)); got.current().root != k.current().root || *got.current().dedup != *k.current().dedup {
		t.Error("the device opens another root")
	}
	recovered, _, err := OpenRecovery(c, []*Object{o}, secret)
	if err != nil || recovered.current().root != k.current().root {
		t.Errorf("the recovery key: %v", err)
	}
	second := must(NewDevice())
	if _, err := Open(c, []*Object{o}, second.KEM); !errors.Is(err, ErrKey) {
		t.Errorf("a device that was not added: %v", err)
	}
	for i := range 9 { // beyond the first eight slots
		next := must(NewDevice())
		o = must(ParseObject(must(recovered.AddDevice([]*Object{o}, o.Revision+1, next.KEM.PublicKey())).Encode()))
		if o.Revision != uint32(i+1) || len(o.slots)%slotsStep != 0 {
			t.Errorf("revision %d with %d slots", o.Revision, len(o.slots))
		}
		for _, device := range []*Device{d, next} {
			if got := must(Open(c, []*Object{o}, device.KEM)); got.current().root != k.current().root {
				t.Error("another root after a device was added")
			}
		}
	}
	if len(o.slots) != 16 {
		t.Errorf("%d slots for eleven keys", len(o.slots))
	}
	if _, _, err := OpenRecovery(c, []*Object{o}, must(account.NewRecoverySecret(rand.Reader))); !errors.Is(err, ErrKey) {
		t.Errorf("another recovery key: %v", err)
	}
}

// TestForgedKeysAreRefused has somebody who knows all public keys, and not the
// recovery key, make a root of their own and wrap it to the device.
func TestForgedKeysAreRefused(t *testing.T) {
	_, c, _, d, _, _ := newVault(t)
	_, _, mine, _, _, _ := newVault(t)
	_, o, err := New(c, mine, d.KEM.PublicKey())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(c, []*Object{o}, d.KEM); !errors.Is(err, ErrForged) {
		t.Errorf("forged keys: %v", err)
	}
}

func TestAnAlteredConfigurationOpensNothing(t *testing.T) {
	secret, c, _, d, _, o := newVault(t)
	other := *c
	other.RecoverySignature = bytes.Clone(c.RecoverySignature)
	other.RecoverySignature[0] ^= 1
	if _, err := Open(&other, []*Object{o}, d.KEM); err == nil {
		t.Error("an altered configuration opens")
	}
	if _, _, err := OpenRecovery(&other, []*Object{o}, secret); err == nil {
		t.Error("an altered configuration opens with the recovery key")
	}
	b := must(c.Encode())
	b[ConfigSize-1] = 1
	if _, err := ParseConfig(b); !errors.Is(err, ErrFormat) {
		t.Errorf("bytes behind the configuration: %v", err)
	}
}

func TestSessionsBelongToTheirVault(t *testing.T) {
	_, _, _, _, k, _ := newVault(t)
	_, _, _, _, other, _ := newVault(t)
	s := must(k.NewSession())
	if got := must(k.OpenSession(1, s.Sealed)); got.secret != s.secret {
		t.Error("another secret")
	}
	if _, err := other.OpenSession(1, s.Sealed); !errors.Is(err, ErrKey) {
		t.Errorf("another vault's session: %v", err)
	}
	if _, err := k.OpenSession(2, s.Sealed); !errors.Is(err, ErrKey) {
		t.Errorf("another epoch's session: %v", err)
	}
	entry := must(k.SealEntry(5, []byte("entry")))
	if got, epoch, err := k.OpenEntry(5, entry); err != nil || epoch != 1 || string(got) != "entry" {
		t.Errorf("read %q of epoch %d: %v", got, epoch, err)
	}
	if _, _, err := k.OpenEntry(6, entry); !errors.Is(err, ErrKey) {
		t.Errorf("an entry in another's place: %v", err)
	}
}

// TestKeysDiffer: no two purposes have the same key.
func TestKeysDiffer(t *testing.T) {
	_, _, _, _, k, _ := newVault(t)
	seen := map[string]string{}
	for name, key := range map[string][]byte{
		"chunker": must(k.ChunkerKey(DomainFiles)), "data": must(k.IDKey(DomainFiles, KindData)), "tree": must(k.IDKey(DomainFiles, KindTree)),
		"index": must(k.IDKey(DomainFiles, KindIndex)), "pages": must(k.PageKey(DomainFiles)), "other domain": must(k.IDKey(2, KindData)),
		"local": must(k.LocalKey("x")), "dedup": k.current().dedup[:], "root": k.current().root[:],
	} {
		if before := seen[string(key)]; before != "" {
			t.Errorf("%s has the key of %s", name, before)
		}
		seen[string(key)] = name
	}
}

func TestSecretsAreNotPrinted(t *testing.T) {
	_, _, _, d, k, _ := newVault(t)
	for _, v := range []any{d, k, Grant{}, &Grant{}} {
		for _, format := range []string{"%v", "%s", "%#v"} {
			if got := fmt.Sprintf(format, v); got != "device:redacted" && got != "keyring:redacted" && got != "grant:redacted" {
				t.Errorf("%s prints %s", format, got)
			}
		}
	}
}

func FuzzParseConfig(f *testing.F) {
	_, c, _, _, _, _ := newVault(f)
	f.Add(must(c.Encode()))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := ParseConfig(b)
		if err != nil {
			return
		}
		if again, err := c.Encode(); err != nil || !bytes.Equal(again, b) {
			t.Errorf("a configuration is encoded otherwise: %v", err)
		}
	})
}

func FuzzParseObject(f *testing.F) {
	_, _, _, _, _, o := newVault(f)
	f.Add(o.Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		if o, err := ParseObject(b); err == nil && !bytes.Equal(o.Encode(), b) {
			t.Error("a keys object is encoded otherwise")
		}
	})
}
