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

func TestStoreKeysDoNotPrintThemselves(t *testing.T) {
	key := keyring.StoreKey([]byte("0123456789abcdef0123456789abcdef"))
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if s := fmt.Sprintf(verb, key); s != "store key (secret)" {
			t.Errorf("%s prints %q", verb, s)
		}
	}
}
