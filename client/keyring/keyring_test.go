// SPDX-License-Identifier: AGPL-3.0-or-later

package keyring_test

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/securecrypt/securecrypt/client/keyring"
)

func TestOnlyTheRightPassphraseOpens(t *testing.T) {
	key := keyring.NewStoreKey()
	sealed, err := keyring.Seal(key, []byte("correct horse"))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(sealed, key[:]) {
		t.Fatal("the key is not sealed")
	}
	got, err := keyring.Open(sealed, []byte("correct horse"))
	if err != nil || got != key {
		t.Fatalf("got %v, error %v", got == key, err)
	}
	if _, err := keyring.Open(sealed, []byte("correct horsf")); !errors.Is(err, keyring.ErrPassphrase) {
		t.Errorf("wrong passphrase: %v", err)
	}
	sealed[len(sealed)-1] ^= 1
	if _, err := keyring.Open(sealed, []byte("correct horse")); !errors.Is(err, keyring.ErrPassphrase) {
		t.Errorf("changed box: %v", err)
	}
}

func TestDamagedFilesAreRefusedWithoutWork(t *testing.T) {
	sealed, err := keyring.Seal(keyring.NewStoreKey(), nil)
	if err != nil {
		t.Fatal(err)
	}
	greedy := bytes.Replace(sealed, []byte{0x03, 0x1a, 0x00, 0x01, 0x00, 0x00}, []byte{0x03, 0x1a, 0x7f, 0xff, 0xff, 0xff}, 1)
	if bytes.Equal(greedy, sealed) {
		t.Fatal("the memory cost is not where the test expects it")
	}
	for name, b := range map[string][]byte{"empty": nil, "cut": sealed[:20], "greedy": greedy, "text": []byte("secret")} {
		if _, err := keyring.Open(b, nil); !errors.Is(err, keyring.ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Two keys that were sealed beside each other are told apart by what opens
// them, and by nothing else.
func TestSealedBeside(t *testing.T) {
	first, second := keyring.NewStoreKey(), keyring.NewStoreKey()
	a, err := keyring.Seal(first, []byte("mine"))
	if err != nil {
		t.Fatal(err)
	}
	b, err := keyring.SealBeside(a, second, []byte("theirs"))
	if err != nil {
		t.Fatal(err)
	}
	none, err := keyring.NoneBeside(a)
	if err != nil {
		t.Fatal(err)
	}
	if len(a) != len(b) || len(b) != len(none) {
		t.Errorf("they have %d, %d and %d bytes", len(a), len(b), len(none))
	}
	for words, want := range map[string]keyring.StoreKey{"mine": first, "theirs": second} {
		if key, which, err := keyring.OpenAny([]byte(words), a, b); err != nil || key != want || (which == 1) != (words == "theirs") {
			t.Errorf("%s opens %d: %v", words, which, err)
		}
	}
	if key, err := keyring.Open(b, []byte("theirs")); err != nil || key != second {
		t.Errorf("by itself: %v", err)
	}
	for _, words := range []string{"", "other", "theirs"} {
		if _, _, err := keyring.OpenAny([]byte(words), a, none); !errors.Is(err, keyring.ErrPassphrase) {
			t.Errorf("%q: %v", words, err)
		}
	}
	if key, _, err := keyring.OpenAny([]byte("mine"), a, []byte("damaged")); err != nil || key != first {
		t.Errorf("beside a damaged one: %v", err)
	}
	if _, _, err := keyring.OpenAny([]byte("mine"), []byte("damaged"), none); !errors.Is(err, keyring.ErrFormat) {
		t.Errorf("damaged: %v", err)
	}
	if _, err := keyring.SealBeside([]byte("damaged"), second, nil); !errors.Is(err, keyring.ErrFormat) {
		t.Errorf("beside a damaged one: %v", err)
	}
	if _, err := keyring.NoneBeside(nil); !errors.Is(err, keyring.ErrFormat) {
		t.Errorf("beside nothing: %v", err)
	}
}

func BenchmarkOpenAny(b *testing.B) {
	first, err := keyring.Seal(keyring.NewStoreKey(), []byte("mine"))
	if err != nil {
		b.Fatal(err)
	}
	second, err := keyring.SealBeside(first, keyring.NewStoreKey(), []byte("theirs"))
	if err != nil {
		b.Fatal(err)
	}
	for _, words := range []string{"mine", "theirs", "other"} {
		b.Run(words, func(b *testing.B) {
			for b.Loop() {
				_, _, _ = keyring.OpenAny([]byte(words), first, second)
			}
		})
	}
}

func TestStoreKeysDoNotPrintThemselves(t *testing.T) {
	key := keyring.StoreKey([]byte("0123456789abcdef0123456789abcdef"))
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if s := fmt.Sprintf(verb, key); s != "store key (secret)" {
			t.Errorf("%s prints %q", verb, s)
		}
	}
}
