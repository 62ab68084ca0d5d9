// SPDX-License-Identifier: AGPL-3.0-or-later

package keyring_test

import (
	"strings"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/client/keyring"
)

func TestWeakPassphrases(t *testing.T) {
	for passphrase, want := range map[string]bool{
		"": true, "1": true, "12345678": true, "password": true, "P@ssw0rd1998": true, "iloveyou2": true, "qwertyuiop": true, "abcabcabcabcabcabcabc": true,
		strings.Repeat("a", 100): true, "letmein!": true, "Summer2024!": true, "dragonmonkey": true, "zxcvbnm123": true, "hello world": true,
		"9876543210": true, "ABCDEFGHIJ": true, "Tr0ub4dor": true, "31.12.1999": true,
		"correct horse battery staple": false, "kQ7$vB2x:WjR": false, "jkwqvhxzptrlmn": false, "die gelbe Lampe singt leise": false,
		"слон идёт домой по снегу": false, "正しい馬の電池留め": false, "S2RN-MGJ8-QJB2-JZTZ": false,
	} {
		if got := keyring.Weak(passphrase); got != want {
			t.Errorf("%q: weak %v", passphrase, got)
		}
	}
	began := time.Now()
	keyring.Weak(strings.Repeat("passwordqwertzuiop1998", 50))
	if took := time.Since(began); took > time.Second {
		t.Errorf("a long one took %v", took)
	}
}
