// SPDX-License-Identifier: AGPL-3.0-or-later

package keys

import (
	"crypto/ed25519"
	"crypto/hpke"
	"errors"
	"strings"
	"testing"
)

// TestEpochsFollowEachOther revokes one of two devices.
func TestEpochsFollowEachOther(t *testing.T) {
	secret, c, _, d, k, first := newVault(t)
	gone := must(NewDevice())
	second := must(k.AddDevice([]*Object{first}, 1, gone.KEM.PublicKey()))
	session, entry := must(k.NewSession()), must(k.SealEntry(3, []byte("old")))
	next, fingerprint, err := k.NextEpoch(0, []hpke.PublicKey{d.KEM.PublicKey()})
	if err != nil {
		t.Fatal(err)
	}
	next = must(ParseObject(next.Encode()))
	all := []*Object{next, second, first}
	later := must(NewDevice())
	if err := k.Advance(2, fingerprint); err != nil || k.Epoch() != 2 {
		t.Fatalf("epoch %d: %v", k.Epoch(), err)
	}
	all = append([]*Object{must(k.AddDevice(all, 1, later.KEM.PublicKey()))}, all...)
	id := must(k.IDKey(DomainFiles, KindData))
	recovered, _, err := OpenRecovery(c, all, secret)
	if err != nil {
		t.Fatal(err)
	}
	for name, ring := range map[string]*Keyring{"device": must(Open(c, all, d.KEM)), "later": must(Open(c, all, later.KEM)), "recovery": recovered} {
		if ring.Epoch() != 1 || ring.Advance(3, fingerprint) == nil || ring.Advance(2, [32]byte{1}) == nil {
			t.Errorf("%s: begins in epoch %d, or begins any", name, ring.Epoch())
		}
		if err := ring.Advance(2, fingerprint); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got, epoch, err := ring.OpenEntry(3, entry); err != nil || epoch != 1 || string(got) != "old" {
			t.Errorf("%s: an entry of the first epoch: %v", name, err)
		}
		if got := must(ring.OpenSession(1, session.Sealed)); got.secret != session.secret {
			t.Errorf("%s: a session of the first epoch", name)
		}
		if got := must(ring.IDKey(DomainFiles, KindData)); string(got) != string(id) {
			t.Errorf("%s: other identifiers", name)
		}
		if ring.Fingerprint() != k.Fingerprint() {
			t.Errorf("%s: the fingerprint changed", name)
		}
	}
	old := must(Open(c, all, gone.KEM))
	if err := old.Advance(2, fingerprint); !errors.Is(err, ErrNoRoot) {
		t.Errorf("the revoked device: %v", err)
	}
	if _, _, err := old.OpenEntry(4, must(k.SealEntry(4, []byte("new")))); !errors.Is(err, ErrKey) {
		t.Errorf("the revoked device opens a new entry: %v", err)
	}
	if _, err := old.OpenSession(2, must(k.NewSession()).Sealed); !errors.Is(err, ErrKey) {
		t.Errorf("the revoked device opens a new session: %v", err)
	}
}

// TestPlantedKeysDoNotCount has a revoked device write keys of its own, under a
// greater name, for those that stay.
func TestPlantedKeysDoNotCount(t *testing.T) {
	_, c, _, d, k, first := newVault(t)
	gone := must(NewDevice())
	second := must(k.AddDevice([]*Object{first}, 1, gone.KEM.PublicKey()))
	thief := must(Open(c, []*Object{second}, gone.KEM))
	next, fingerprint, err := k.NextEpoch(0, []hpke.PublicKey{d.KEM.PublicKey()})
	if err != nil {
		t.Fatal(err)
	}
	planted, plantedPrint, err := thief.NextEpoch(7, []hpke.PublicKey{d.KEM.PublicKey()})
	if err != nil {
		t.Fatal(err)
	}
	_, _, _, _, foreign, _ := newVault(t)
	made, _, err := foreign.NextEpoch(9, []hpke.PublicKey{d.KEM.PublicKey()})
	if err != nil {
		t.Fatal(err)
	}
	ring := must(Open(c, []*Object{made, planted, next, second, first}, d.KEM))
	if err := ring.Advance(2, fingerprint); err != nil {
		t.Fatal(err)
	}
	if _, _, err := k.OpenEntry(1, must(ring.SealEntry(1, nil))); !errors.Is(err, ErrKey) {
		t.Errorf("the maker of the epoch is in it before the log says so: %v", err)
	}
	if err := k.Advance(2, fingerprint); err != nil {
		t.Fatal(err)
	}
	if _, _, err := k.OpenEntry(1, must(ring.SealEntry(1, nil))); err != nil {
		t.Error(err)
	}
	if err := thief.Advance(2, plantedPrint); err != nil {
		t.Fatal(err)
	}
	if _, _, err := thief.OpenEntry(1, must(ring.SealEntry(1, nil))); !errors.Is(err, ErrKey) {
		t.Errorf("the thief reads: %v", err)
	}
}

// TestEpochsEnd fills a keys object with the roots of all epochs that it has room
// for.
func TestEpochsEnd(t *testing.T) {
	_, c, _, d, k, o := newVault(t)
	for k.Epoch() < MaxEpochs {
		next, fingerprint, err := k.NextEpoch(0, []hpke.PublicKey{d.KEM.PublicKey()})
		if err != nil {
			t.Fatalf("epoch %d: %v", k.Epoch()+1, err)
		}
		if err := k.Advance(k.Epoch()+1, fingerprint); err != nil {
			t.Fatal(err)
		}
		o = next
	}
	if ring := must(Open(c, []*Object{o}, d.KEM)); len(ring.known) != MaxEpochs {
		t.Errorf("the last object has %d roots", len(ring.known))
	}
	if _, _, err := k.NextEpoch(0, nil); err == nil {
		t.Error("there is room for another epoch")
	}
}

func TestTextOfADevice(t *testing.T) {
	d := must(NewDevice())
	text := must(d.Public("laptop — ü").Text())
	p, err := ParsePublicDevice("  " + text + "\n")
	if err != nil || p.ID() != d.ID() || p.Name != "laptop — ü" || string(p.KEM) != string(d.KEM.PublicKey().Bytes()) {
		t.Fatalf("read %+v: %v", p, err)
	}
	for _, bad := range []string{"", text[:len(text)-1], text[1:], text + "A", strings.Replace(text, text[100:104], "AAAA", 1)} {
		if _, err := ParsePublicDevice(bad); !errors.Is(err, ErrPublicDevice) {
			t.Errorf("%.40q: %v", bad, err)
		}
	}
	key := d.Signature.Public().(ed25519.PublicKey)
	code := JoinCode([32]byte{1}, key)
	if !SameCode(strings.ToUpper(code[:4]+"-"+code[4:8]+" "+code[8:]), code) || SameCode(JoinCode([32]byte{2}, key), code) || SameCode("", code) {
		t.Error("codes are compared wrongly")
	}
}

func FuzzParsePublicDevice(f *testing.F) {
	f.Add(must(must(NewDevice()).Public("name").Text()))
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ParsePublicDevice(text)
		if err != nil {
			return
		}
		if again := must(p.Text()); again != strings.TrimSpace(text) {
			t.Error("a device's text is encoded otherwise")
		}
	})
}
