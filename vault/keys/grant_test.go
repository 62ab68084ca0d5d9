// SPDX-License-Identifier: AGPL-3.0-or-later

package keys

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"testing"
)

func trustAll(ed25519.PublicKey) bool { return true }

// grantFor makes a write object for a new write-only device.
func grantFor(t *testing.T, k *Keyring, signer *Device) (*Device, []byte) {
	t.Helper()
	w := must(NewDevice())
	p := &GrantParams{Signer: signer.Signature, Receivers: []Receiver{{w.ID(), w.KEM.PublicKey(), FirstOwnDomain}}, Entries: 7, Head: [32]byte{7}}
	return w, must(k.NewWriteObject(5, p))
}

func TestGrantsAreForTheirDeviceAlone(t *testing.T) {
	_, c, _, d, k, _ := newVault(t)
	w, object := grantFor(t, k, d)
	g, err := OpenGrant(c, object, w, trustAll)
	if err != nil || g.Entries != 7 || g.Domain != FirstOwnDomain {
		t.Fatalf("%+v: %v", g, err)
	}
	ring := must(NewWriterKeyring(c, g))
	for _, kind := range []Kind{KindData, KindTree, KindIndex} {
		if !bytes.Equal(must(ring.IDKey(FirstOwnDomain, kind)), must(k.IDKey(FirstOwnDomain, kind))) {
			t.Errorf("another key for kind %d", kind)
		}
		if bytes.Equal(must(ring.IDKey(DomainFiles, kind)), must(k.IDKey(DomainFiles, kind))) {
			t.Errorf("it has the full devices' key for kind %d", kind)
		}
	}
	if !bytes.Equal(must(ring.ChunkerKey(FirstOwnDomain)), must(k.ChunkerKey(FirstOwnDomain))) || !bytes.Equal(must(ring.PageKey(FirstOwnDomain)), must(k.PageKey(FirstOwnDomain))) {
		t.Error("other keys for chunks and pages")
	}
	if plain, _, err := k.OpenEntry(9, must(ring.SealEntry(9, []byte("entry")))); err != nil || string(plain) != "entry" {
		t.Errorf("its entry: %v", err)
	}
	s := must(ring.NewSession())
	if got := must(k.OpenSession(s.Epoch, s.Sealed)); got.secret != s.secret {
		t.Error("its session has another secret")
	}
	if _, err := ring.OpenSession(s.Epoch, s.Sealed); !errors.Is(err, ErrKey) {
		t.Errorf("it opens a session: %v", err)
	}
	if _, err := OpenGrant(c, object, must(NewDevice()), trustAll); !errors.Is(err, ErrNotGranted) {
		t.Errorf("another device: %v", err)
	}
}

func TestGrantsNeedATrustedSignature(t *testing.T) {
	_, c, _, d, k, _ := newVault(t)
	w, object := grantFor(t, k, d)
	if _, err := OpenGrant(c, object, w, func(ed25519.PublicKey) bool { return false }); !errors.Is(err, ErrForged) {
		t.Errorf("nobody is trusted: %v", err)
	}
	// Somebody who knows all public keys makes a vault's pair of their own.
	_, _, _, thief, foreign, _ := newVault(t)
	foreign.config, foreign.hash = c, k.hash
	p := &GrantParams{Signer: thief.Signature, Receivers: []Receiver{{w.ID(), w.KEM.PublicKey(), FirstOwnDomain}}}
	forged := must(foreign.NewWriteObject(6, p))
	if _, err := OpenGrant(c, forged, w, func(key ed25519.PublicKey) bool { return key.Equal(d.Signature.Public()) }); !errors.Is(err, ErrForged) {
		t.Errorf("a forged grant: %v", err)
	}
	if _, err := OpenGrant(c, object[:len(object)-1], w, trustAll); !errors.Is(err, ErrFormat) {
		t.Errorf("an object that is cut off: %v", err)
	}
	_, c2, _, _, _, _ := newVault(t)
	if _, err := OpenGrant(c2, object, w, trustAll); !errors.Is(err, ErrNotGranted) {
		t.Errorf("another vault's configuration: %v", err)
	}
}

func FuzzOpenGrant(f *testing.F) {
	_, c, _, d, k, _ := newVault(f)
	w := must(NewDevice())
	f.Add(must(k.NewWriteObject(5, &GrantParams{Signer: d.Signature, Receivers: []Receiver{{w.ID(), w.KEM.PublicKey(), FirstOwnDomain}}})))
	f.Add([]byte("SCVWRIT1"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if g, err := OpenGrant(c, b, w, trustAll); err == nil && g.Domain < FirstOwnDomain {
			t.Error("a grant of a domain that cannot be")
		}
	})
}
