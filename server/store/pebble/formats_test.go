// SPDX-License-Identifier: AGPL-3.0-or-later

package pebble

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hpke"
	"crypto/rand"
	"errors"
	"reflect"
	"slices"
	"testing"
	"time"

	engine "github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/protocol"
	"github.com/securecrypt/securecrypt/server"
)

// TestFormat1IsUpgraded opens a store as an earlier version left it, whose
// channels did not expire.
func TestFormat1IsUpgraded(t *testing.T) {
	fs := vfs.NewMem()
	s, err := Open("db", Options{FS: fs, Reserve: 1})
	if err != nil {
		t.Fatal(err)
	}
	old := append([]byte{1}, 0, 1, 1, 3) // epoch 0, one entry of three bytes
	for key, value := range map[string][]byte{
		string(keyFormat):                                 encodeValue(valueFormat{Version: 1}),
		string(keyTotals):                                 encodeValue(valueTotals{V: 1, Channels: 1}),
		string(key32(prefixChannel, channel)):             old,
		string(keyChannelNumber(prefixEpoch, channel, 0)): encodeValue(valueEpoch{V: 1}),
		string(keyChannelNumber(prefixEntry, channel, 1)): appendEntry(nil, &server.EntryRow{Expires: 1 << 40, Ciphertext: []byte("abc")}),
		string(keyExpiry(minuteOf(1<<40), keyChannelNumber(prefixEntry, channel, 1))): encodeRun(1),
	} {
		if err := s.db.Set([]byte(key), value, engine.Sync); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 { // the second time it is up to date
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if s, err = Open("db", Options{FS: fs, Reserve: 1}); err != nil {
			t.Fatal(err)
		}
		found, err := s.Check(t.Context(), "")
		if err != nil || len(found.Problems) > 0 {
			t.Fatalf("%v, %v", found.Problems, err)
		}
	}
	defer func() { _ = s.Close() }()
	err = s.View(t.Context(), func(tx server.ReadTx) error {
		row, err := tx.Channels().Channel(channel)
		if row.Last != 1 || row.Bytes != 3 || row.Expires < time.Now().Add(firstExpiry-time.Hour).Unix() {
			t.Errorf("channel %+v", row)
		}
		if usage, _ := tx.Usage(); usage.RowBytes != 3 {
			t.Errorf("usage %+v", usage)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// TestFormat2IsUpgraded opens a store whose blobs have no hashes.
func TestFormat2IsUpgraded(t *testing.T) {
	fs := vfs.NewMem()
	s := openTest(t, "db", Options{FS: fs, Reserve: 1})
	id := protocol.BlobID{1}
	key := key32(prefixBlob, id)
	for key, value := range map[string][]byte{
		string(keyFormat):                       encodeValue(valueFormat{Version: 2}),
		string(keyTotals):                       encodeValue(valueTotals{V: 1, BlobBytes: 5}),
		string(key):                             encodeValue(valueBlob1{V: 1, Length: 5, Offset: 5, Expires: 1 << 40, UploadUntil: 7}),
		string(keyExpiry(minuteOf(1<<40), key)): encodeRun(1),
	} {
		if err := s.db.Set([]byte(key), value, engine.Sync); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openTest(t, "db", Options{FS: fs, Reserve: 1})
	defer func() { _ = s.Close() }() // in memory
	format, err := (&tx{r: s.db}).get(keyFormat)
	if found, checkErr := s.Check(t.Context(), ""); err != nil || checkErr != nil || len(found.Problems) > 0 || !bytes.Equal(format, encodeValue(valueFormat{Version: formatVersion})) {
		t.Errorf("%+v, %x, %v, %v", found, format, err, checkErr)
	}
	want := server.BlobRow{Blob: id, Length: 5, Offset: 5, Expires: 1 << 40, UploadUntil: 7}
	err = s.Update(t.Context(), func(tx server.WriteTx) error {
		row, err := tx.Blobs().Blob(id)
		if !reflect.DeepEqual(row, want) {
			t.Errorf("a row of format 2: %+v", row)
		}
		want.Hash = []byte{8}
		return errors.Join(err, tx.Blobs().Put(want))
	})
	if err != nil {
		t.Fatal(err)
	}
	err = s.View(t.Context(), func(tx server.ReadTx) error {
		row, err := tx.Blobs().Blob(id)
		if !reflect.DeepEqual(row, want) {
			t.Errorf("written again: %+v", row)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestFormats pins keys and values: data folders last longer than programs.
func TestFormats(t *testing.T) {
	ref := server.DeviceRef{Name: "bob", Device: protocol.DeviceID{1}}
	entry := &server.EntryRow{Channel: channel, Seq: 258, Epoch: 300, Kind: protocol.KindCommit, Expires: 1_800_000_000, Ciphertext: []byte{0xaa}}
	for name, c := range map[string]struct{ got, want []byte }{
		"account key": {keyAccount("bob"), []byte("abob")},
		"letter key":  {keyDeviceNumber(prefixLetter, ref, 258), append([]byte("lbob\x00\x01"), append(make([]byte, 15), 0, 0, 0, 0, 0, 0, 1, 2)...)},
		"entry key":   {keyChannelNumber(prefixEntry, channel, 258), append([]byte{'n', 1}, append(make([]byte, 31), 0, 0, 0, 0, 0, 0, 1, 2)...)},
		"expiry key":  {keyExpiry(258, []byte("o")), []byte{'x', 0, 0, 0, 0, 0, 0, 1, 2, 'o'}},
		"entry":       {appendEntry(nil, entry), []byte{1, 1, 0xac, 2, 0x80, 0xa4, 0xa7, 0xda, 6, 0xaa}},
		"channel":     {encodeChannel(&server.ChannelRow{Epoch: 1, Last: 2, Entries: 3, Bytes: 300, Expires: 5}), []byte{2, 1, 2, 3, 0xac, 2, 5}},
		"token key":   {keyDevice(prefixToken, ref, 0), append([]byte("dbob\x00\x01"), make([]byte, 15)...)},
		"token":       {encodeValue(valueToken{V: 1, Hash: [32]byte{2}}), append([]byte{0x82, 1, 0x58, 32, 2}, make([]byte, 31)...)},
		"run":         {encodeRun(5), []byte{1, 5}},
		"format":      {encodeValue(valueFormat{Version: 1}), []byte{0x81, 1}},
		"key package": {encodeValue(valueBytes{V: 1, B: []byte{0xaa}}), []byte{0x82, 1, 0x41, 0xaa}},
		"mailbox":     {encodeValue(valueMailbox{V: 1, Last: 2, Letters: 3, Bytes: 4}), []byte{0x84, 1, 2, 3, 4}},
		"wake key":    {key32(prefixWake, [32]byte{1}), append([]byte{'w', 1}, make([]byte, 31)...)},
		"wake":        {encodeValue(valueWake{V: 1, Endpoint: "a", Expires: 2}), []byte{0x83, 1, 0x61, 'a', 2}},
		"blob 1":      {encodeValue(valueBlob1{V: 1, Length: 2, Offset: 3, Expires: 4, UploadUntil: 5}), []byte{0x85, 1, 2, 3, 4, 5}},
		"blob":        {encodeValue(valueBlob{V: 2, Length: 2, Offset: 2, Expires: 4, UploadUntil: 5, Hash: []byte{6}}), []byte{0x87, 2, 2, 2, 4, 5, 0x41, 6, 0x40}},
		"session key": {keyDevice(prefixSession, ref, 0), append([]byte("gbob\x00\x01"), make([]byte, 15)...)},
		"session": {
			encodeValue(valueSession{V: 1, Counter: 2, ID: [16]byte{3}, Highest: 4, Copied: true, Generation: protocol.Generation{5}}),
			slices.Concat([]byte{0x86, 1, 2, 0x50, 3}, make([]byte, 15), []byte{4, 0xf5, 0x50, 5}, make([]byte, 15)),
		},
		"name key": {keyReserved("bob"), []byte("rbob")},
		"name":     {encodeValue(valueReserved{V: 1, Hash: [32]byte{2}}), append([]byte{0x82, 1, 0x58, 32, 2}, make([]byte, 31)...)},
		"state":    {encodeValue(valueState{V: 1, Incarnation: protocol.Incarnation{2}, Newest: 3, Boot: "a", Uptime: 4}), append([]byte{0x85, 1, 0x50, 2}, append(make([]byte, 15), 3, 0x61, 'a', 4)...)},
	} {
		if !bytes.Equal(c.got, c.want) {
			t.Errorf("%s: %x, want %x", name, c.got, c.want)
		}
	}
	if got, err := decodeEntry(keyChannelNumber(prefixEntry, channel, 258), appendEntry(nil, entry)); err != nil || !reflect.DeepEqual(got, *entry) {
		t.Errorf("entry decodes as %+v, %v", got, err)
	}
	if minuteOf(time.Unix(61, 0).Unix()) != 2 || minuteOf(60) != 1 {
		t.Error("minutes")
	}
}

// rotatedAccount returns the chain of a new account and a statement that replaces
// its recovery key.
func rotatedAccount(t *testing.T, a account.Address) (chain *account.Chain, next []byte) {
	t.Helper()
	try := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	_, device, err := ed25519.GenerateKey(rand.Reader)
	try(err)
	letters, err := hpke.MLKEM768X25519().GenerateKey()
	try(err)
	mailboxKey, err := account.NewMailboxKey(letters.PublicKey().Bytes())
	try(err)
	old, err := account.NewRecoverySecret(rand.Reader)
	try(err)
	secret, err := account.NewRecoverySecret(rand.Reader)
	try(err)
	first, err := account.Create(account.CreateParams{Address: a, Time: time.Unix(1_760_000_000, 0), DeviceKey: device, MailboxKey: mailboxKey, Recovery: old})
	try(err)
	chain, err = account.Verify(a, [][]byte{first})
	try(err)
	private, err := secret.PrivateKey()
	try(err)
	draft, err := chain.State().Draft(time.Now(), account.RotateRecovery{RecoveryKey: account.RecoveryKey(private.Public().(ed25519.PublicKey))})
	try(err)
	byOld, err := draft.SignRecovery(old)
	try(err)
	byNew, err := draft.SignRecovery(secret)
	try(err)
	next, err = draft.Statement(byOld, byNew)
	try(err)
	return chain, next
}

// TestFormat3IsRead opens a store whose accounts have their statements in their row,
// as people had who registered before chains grew, and appends a statement.
func TestFormat3IsRead(t *testing.T) {
	const host = "chat.example"
	fs := vfs.NewMem()
	s := openTest(t, "db", Options{FS: fs, Reserve: 1})
	chain, replaced := rotatedAccount(t, account.Address{Name: "bob", Host: host})
	for key, value := range map[string][]byte{
		string(keyFormat):         encodeValue(valueFormat{Version: 3}),
		string(keyTotals):         encodeValue(valueTotals{V: 1, Accounts: 1}),
		string(keyAccount("bob")): encodeValue(valueAccount1{V: 1, Statements: chain.Statements()}),
	} {
		if err := s.db.Set([]byte(key), value, engine.Sync); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openTest(t, "db", Options{FS: fs, Reserve: 1})
	defer func() { _ = s.Close() }() // in memory
	wantChain := func() {
		t.Helper()
		if found, err := s.Check(t.Context(), host); err != nil || len(found.Problems) > 0 {
			t.Errorf("%+v, %v", found, err)
		}
		err := s.View(t.Context(), func(tx server.ReadTx) error {
			row, err := tx.Accounts().Account("bob")
			rows, err2 := tx.Accounts().Statements(row, 0, 1<<20)
			var statements [][]byte
			for _, r := range rows {
				statements = append(statements, r.Statement)
			}
			state, err3 := server.NewAccountRow(chain.State())
			usage, err4 := tx.Usage()
			if !reflect.DeepEqual(row, state) || !reflect.DeepEqual(statements, chain.Statements()) || usage.RowBytes != sizeOf(statements) {
				t.Errorf("%d statements, usage %+v", len(statements), usage)
			}
			return errors.Join(err, err2, err3, err4)
		})
		if err != nil {
			t.Error(err)
		}
	}
	wantChain()
	published := time.Now().Truncate(time.Second)
	chain, err := chain.Append(replaced, published)
	if err != nil {
		t.Fatal(err)
	}
	row, err := server.NewAccountRow(chain.State())
	if err != nil {
		t.Fatal(err)
	}
	next := server.StatementRow{Name: "bob", Number: 1, Published: published.Unix(), Statement: replaced}
	err = s.Update(t.Context(), func(tx server.WriteTx) error {
		return tx.Accounts().Append(row, next)
	})
	if err != nil {
		t.Fatal(err)
	}
	wantChain()
	if err := s.db.Set(keyAccount("bob"), encodeAccount(server.AccountRow{Length: row.Length, Head: row.Head, State: row.State[1:]}), engine.Sync); err != nil {
		t.Fatal(err)
	}
	if found, err := s.Check(t.Context(), host); err != nil || len(found.Problems) != 1 {
		t.Errorf("another state: %+v, %v", found, err)
	}
	err = s.Update(t.Context(), func(tx server.WriteTx) error { return tx.Accounts().Delete("bob") })
	usage, _ := (&tx{usage: &s.usage}).Usage()
	if err != nil || usage.RowBytes != 0 {
		t.Errorf("deleted: %+v, %v", usage, err)
	}
}
