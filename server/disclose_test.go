// SPDX-License-Identifier: AGPL-3.0-or-later

package server_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/protocol"
	"github.com/securecrypt/securecrypt/server"
	"github.com/securecrypt/securecrypt/server/servertest"
)

// TestDisclosureCoversEveryColumn proves that each field of each table is
// printed, or belongs to a table that names nobody and says why.
func TestDisclosureCoversEveryColumn(t *testing.T) {
	i := servertest.Start(t, servertest.Options{})
	p := servertest.NewPerson(t, i.Host, "bob")
	bob := servertest.Dial(t, i)
	bob.Must(protocol.OpRegister, p.Registration(), &protocol.Empty{})
	bob.Must(protocol.OpAuthenticate, p.SignIn(bob, mark(1, 1), protocol.SessionMark{}), &protocol.Empty{})
	bob.Must(protocol.OpKeyPackagesPublish, &protocol.KeyPackagesPublish{KeyPackages: [][]byte{[]byte("marked key package")}, LastResort: []byte("last")}, &protocol.KeyPackagesStatus{})
	servertest.Dial(t, i).Must(protocol.OpLetterSend, &protocol.LetterSend{Name: "bob", Device: p.Device, Letter: []byte("marked letter"), ID: [16]byte{1}}, &protocol.Empty{})
	bob.Must(protocol.OpRecoveryPut, &protocol.RecoveryPut{Counter: 1, Data: []byte("sealed")}, &protocol.Empty{})
	bob.Must(protocol.OpMailboxToken, &protocol.MailboxToken{Hash: [32]byte{1}}, &protocol.Empty{})

	v := vaultOf(t, i, p, 1)
	check(t, v.Create(t.Context(), "config", []byte("a")))
	check(t, v.Create(t.Context(), "log/1", []byte("b")))
	check(t, v.Delete(t.Context(), "log/1"))

	addr, err := account.ParseAddress("bob@" + i.Host)
	if err != nil {
		t.Fatal(err)
	}
	d, err := server.Disclose(context.Background(), i.Store, addr)
	if err != nil {
		t.Fatal(err)
	}
	asJSON, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	var asText strings.Builder
	if err := d.WriteText(&asText); err != nil {
		t.Fatal(err)
	}
	for _, table := range server.Tables() {
		if !table.Disclosed {
			if table.Reason == "" {
				t.Errorf("%s is not disclosed, without a reason", table.Name)
			}
			if !strings.Contains(asText.String(), table.Name+": "+table.Reason) {
				t.Errorf("%s: the text does not say why it is not disclosed", table.Name)
			}
			continue
		}
		if table.Name == "reserved_name" {
			continue // of accounts that were deleted: TestDisclosureOfADeletedAccount
		}
		rows := rowsOf(d, table.Name)
		if len(rows) == 0 {
			t.Errorf("%s: no row, so that nothing is proved", table.Name)
			continue
		}
		row := reflect.TypeOf(table.Row)
		for n := range row.NumField() {
			field := row.Field(n).Name
			if _, ok := rows[0][field]; !ok {
				t.Errorf("%s.%s is not disclosed", table.Name, field)
			}
			if !strings.Contains(asText.String(), field+": ") || !strings.Contains(string(asJSON), `"`+field+`":`) {
				t.Errorf("%s.%s is not printed", table.Name, field)
			}
		}
	}
	for _, mark := range []string{"bWFya2VkIGtleSBwYWNrYWdl", "bWFya2VkIGxldHRlcg=="} {
		if !strings.Contains(asText.String(), mark) || !strings.Contains(string(asJSON), mark) {
			t.Errorf("%q is not printed", mark)
		}
	}
}

func rowsOf(d *server.Disclosure, table string) []map[string]any {
	for _, got := range d.Tables {
		if got.Table == table {
			return got.Rows
		}
	}
	return nil
}

func TestDisclosureOfNobody(t *testing.T) {
	i := servertest.Start(t, servertest.Options{Memory: true})
	addr, err := account.ParseAddress("nobody@" + i.Host)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := server.Disclose(context.Background(), i.Store, addr); !errors.Is(err, server.ErrNotFound) {
		t.Errorf("error %v", err)
	}
}

// Of an account that was deleted there is its name and a hash.
func TestDisclosureOfADeletedAccount(t *testing.T) {
	i := servertest.Start(t, servertest.Options{Memory: true})
	p, bob := servertest.Register(t, i, "bob")
	bob.Must(protocol.OpAccountDelete, &protocol.Empty{}, &protocol.Empty{})
	addr, err := account.ParseAddress("bob@" + i.Host)
	if err != nil {
		t.Fatal(err)
	}
	d, err := server.Disclose(t.Context(), i.Store, addr)
	if err != nil {
		t.Fatal(err)
	}
	hash := sha256.Sum256(p.Statement)
	for _, table := range d.Tables {
		if table.Table != "reserved_name" && len(table.Rows) > 0 {
			t.Errorf("%s: %v", table.Table, table.Rows)
		}
	}
	want := []map[string]any{{"Name": "bob", "Hash": hex.EncodeToString(hash[:])}}
	if got := rowsOf(d, "reserved_name"); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
