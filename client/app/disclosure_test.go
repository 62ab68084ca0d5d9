// SPDX-License-Identifier: AGPL-3.0-or-later

package app

import (
	"crypto/ed25519"
	"crypto/hpke"
	"crypto/rand"
	"encoding/json"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/account"
)

func TestBegun(t *testing.T) {
	at := time.Unix(1_760_000_000, 0)
	addr := account.Address{Name: "ana", Host: "here.example"}
	statement := created(t, addr, at)
	answer := func(statements ...[]byte) []byte {
		b, err := json.Marshal(map[string]any{"address": addr.String(), "tables": []any{
			map[string]any{"table": "key_package", "rows": []any{map[string]any{"Number": 1}}},
			map[string]any{"table": "account", "rows": []any{map[string]any{"Name": "ana", "Statements": statements}}},
		}})
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	later, err := json.Marshal(map[string]any{"tables": []any{
		map[string]any{"table": "account", "rows": []any{map[string]any{"Name": "ana", "Length": 2, "State": []byte("state")}}},
		map[string]any{"table": "statement", "rows": []any{map[string]any{"Number": 0, "Statement": statement}, map[string]any{"Number": 1, "Statement": []byte("next")}}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	for name, raw := range map[string][]byte{"of a server of before": answer(statement), "with rows of statements": later} {
		if got := begun(addr, raw); got != millis(at) {
			t.Errorf("%s: the account began at %d, want %d", name, got, millis(at))
		}
	}
	statement[len(statement)-1] ^= 1
	for _, raw := range [][]byte{answer(statement), answer(), []byte(`{"tables": [{"rows": [{"Statements": "no"}]}]}`), []byte("nonsense")} {
		if got := begun(addr, raw); got != 0 {
			t.Errorf("%.60s began at %d", raw, got)
		}
	}
}

// created returns the statement that begins an account.
func created(t *testing.T, addr account.Address, at time.Time) []byte {
	t.Helper()
	_, device, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	letters, err := hpke.MLKEM768X25519().GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	mailbox, err := account.NewMailboxKey(letters.PublicKey().Bytes())
	if err != nil {
		t.Fatal(err)
	}
	recovery, err := account.NewRecoverySecret(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	statement, err := account.Create(account.CreateParams{Address: addr, Time: at, DeviceKey: device, MailboxKey: mailbox, Recovery: recovery})
	if err != nil {
		t.Fatal(err)
	}
	return statement
}
