// SPDX-License-Identifier: AGPL-3.0-or-later

package e2e_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/cockroachdb/pebble/v2"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client"
	"github.com/securecrypt/securecrypt/client/backend"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/files/disk"
	"github.com/securecrypt/securecrypt/client/keyring"
	"github.com/securecrypt/securecrypt/client/store/sqlite"
	"github.com/securecrypt/securecrypt/content"
	"github.com/securecrypt/securecrypt/protocol"
	"github.com/securecrypt/securecrypt/server/servertest"
)

// marks are what people write and name in the scenario, by what they are.
var marks = map[string]string{
	"text":         "mark-of-a-text-Xq81",
	"edit":         "mark-of-an-edit-Zr52",
	"reply":        "mark-of-a-reply-Lp06",
	"file name":    "mark-of-a-file-name-Vw33",
	"file content": "mark-of-a-file-content-Jm94",
	"title":        "mark-of-a-group-title-Tn17",
	"new title":    "mark-of-a-new-title-Kd28",
	"profile name": "mark-of-a-profile-name-Bs49",
	"private name": "mark-of-a-private-name-Hg65",
	"setting":      "mark-of-a-setting-Yc70",
	"draft":        "mark-of-a-draft-Fw12",
}

// forms returns what a mark looks like in the encodings that are searched for.
func forms(mark string) map[string][]byte {
	raw := []byte(mark)
	back := slices.Clone(raw)
	slices.Reverse(back)
	var little, big []byte
	for _, u := range utf16.Encode([]rune(mark)) {
		little = append(little, byte(u), byte(u>>8))
		big = append(big, byte(u>>8), byte(u))
	}
	out := map[string][]byte{
		"raw": raw, "reversed": back, "UTF-16LE": little, "UTF-16BE": big,
		"hex": []byte(hex.EncodeToString(raw)), "HEX": []byte(strings.ToUpper(hex.EncodeToString(raw))),
	}
	for shift, name := range []string{"base64", "base64+1", "base64+2"} {
		out[name] = base64At(base64.RawStdEncoding, raw, shift)
		out[name+" url"] = base64At(base64.RawURLEncoding, raw, shift)
	}
	return out
}

// base64At returns what of the encoding does not depend on what stands before
// and after raw, if shift bytes stand before it.
func base64At(enc *base64.Encoding, raw []byte, shift int) []byte {
	b := enc.EncodeToString(append(make([]byte, shift), raw...))
	first := (shift*8 + 5) / 6
	last := (shift + len(raw)) * 8 / 6
	return []byte(b[first:last])
}

// search returns the marks that haystack holds, each with its encoding.
func search(haystack []byte) map[string]bool {
	found := map[string]bool{}
	for what, mark := range marks {
		for form, needle := range forms(mark) {
			if bytes.Contains(haystack, needle) {
				found[what+" as "+form] = true
			}
		}
	}
	return found
}

// everything returns all that a server keeps, logs, measures and sends.
func everything(t *testing.T, s *servertest.Instance, wire *recorder) map[string][]byte {
	t.Helper()
	families, err := s.Metrics.Gather()
	must(t, err)
	var metrics bytes.Buffer
	for _, f := range families {
		metrics.WriteString(f.String())
	}
	s.Stop(t)
	return map[string][]byte{
		"wire": wire.all(), "log": []byte(s.Logs.String()), "metrics": metrics.Bytes(),
		"files": readAll(t, s.Dir), "records": records(t, filepath.Join(s.Dir, "store")),
	}
}

func readAll(t *testing.T, dir string) (all []byte) {
	must(t, filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err != nil || !info.Mode().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		all = append(append(append(all, path...), '\n'), b...)
		return err
	}))
	return all
}

// records returns the database's records: in its files they may be compressed.
func records(t *testing.T, dir string) (all []byte) {
	db, err := pebble.Open(dir, &pebble.Options{ReadOnly: true, Logger: silent{}})
	must(t, err)
	defer func() { _ = db.Close() }()
	it, err := db.NewIter(nil)
	must(t, err)
	defer func() { _ = it.Close() }()
	for it.First(); it.Valid(); it.Next() {
		all = append(append(all, it.Key()...), it.Value()...)
	}
	must(t, it.Error())
	if len(all) == 0 {
		t.Fatal("the database has no records: the search would find nothing whatever is there")
	}
	return all
}

type silent struct{}

func (silent) Infof(string, ...any)  {}
func (silent) Errorf(string, ...any) {}
func (silent) Fatalf(string, ...any) {}

// TestPlaintextIsNowhere plants marked texts, names and files in a whole
// scenario and searches all that the server has and passes on for them.
func TestPlaintextIsNowhere(t *testing.T) {
	s := servertest.Start(t, servertest.Options{})
	wire := &recorder{Transport: newTransport(t)}
	dir := t.TempDir()
	scenario(t, s.Host, wire, dir)
	for where, haystack := range everything(t, s, wire) {
		for what := range search(haystack) {
			t.Errorf("%s: found the %s", where, what)
		}
	}
	for what := range search(readAll(t, filepath.Join(dir, "profiles"))) {
		t.Errorf("profiles at rest: found the %s", what)
	}
}

// scenario has two people do everything that leaves something on a server.
func scenario(t *testing.T, host string, transport backend.Transport, dir string) {
	t.Helper()
	a, b := storedPerson(t, host, "alice", transport, dir), storedPerson(t, host, "bob", transport, dir)
	must(t, a.Account().SetProfile(soon(t), marks["profile name"]))
	must(t, a.People().SetName(b.Address(), marks["private name"]))
	must(t, a.Account().SetSettings(soon(t), chat.Settings{
		ReadReports: true, DeliveryReports: true, Typing: true, Interface: map[string]string{"mark": marks["setting"]},
	}))
	file := filepath.Join(dir, marks["file name"]+".txt")
	must(t, os.WriteFile(file, bytes.Repeat([]byte(marks["file content"]+"\n"), 5000), 0o600))
	direct, err := a.Direct(soon(t), b.Address())
	must(t, err)
	first, err := a.Send(soon(t), direct, chat.Draft{Text: marks["text"], Files: []string{file}})
	must(t, err)
	must(t, a.Messages().Edit(soon(t), direct, first.ID, marks["edit"]))
	must(t, a.WaitUntilSent(soon(t), direct))
	must(t, a.ConnectAll())
	b.accept()
	must(t, b.Sync(soon(t)))
	reply := chat.Draft{Text: marks["reply"], ReplyTo: first.ID}
	_, err = b.Send(soon(t), direct, reply)
	must(t, err)
	must(t, b.Messages().React(soon(t), direct, first.ID, "👍", false))
	must(t, b.WaitUntilSent(soon(t), direct))
	got, err := b.Messages().Message(direct, first.ID)
	must(t, err)
	if got.Text != marks["edit"] || len(got.Attachments) != 1 {
		t.Fatalf("the scenario did not work: %+v", got)
	}
	path, err := b.Files().Save(soon(t), direct, first.ID, got.Attachments[0].Index, filepath.Join(dir, "saved"))
	must(t, err)
	if !strings.Contains(path, marks["file name"]) {
		t.Fatalf("saved as %s", path)
	}
	reportsAndTyping(t, a, b, direct, first.ID)
	group, err := a.CreateGroup(soon(t), marks["title"], []account.Address{b.Address()})
	must(t, err)
	must(t, a.Groups().Rename(soon(t), group, marks["new title"]))
	must(t, a.WaitUntilSent(soon(t), group))
	eventually(t, func() error {
		_, err := b.Find(marks["new title"])
		return err
	})
	linkDevice(t, a, direct, transport, dir)
	recoverAccount(t, a, transport, dir)
	must(t, a.Messages().Delete(soon(t), direct, first.ID))
	must(t, a.WaitUntilSent(soon(t), direct))
	must(t, b.Leave(soon(t), group))
	must(t, b.WaitUntilSent(soon(t), group))
}

// linkDevice links a device, whose profile lies in a file, has it take the history in
// and choose something, and revokes it.
func linkDevice(t *testing.T, a *person, direct chat.ConversationID, transport backend.Transport, dir string) {
	t.Helper()
	cfg := storedDevice(t, "phone", transport, dir)
	code, digits, done := make(chan string, 1), make(chan string, 1), make(chan error, 1)
	go func() {
		_, err := a.Devices().Approve(soon(t), client.Approval{
			ShowCode: func(c chat.LinkCode) { code <- c.URI },
			Digits:   func(context.Context, int) (string, error) { return <-digits, nil },
		})
		done <- err
	}()
	linked, err := client.Link(soon(t), cfg, client.NewDevice{
		Code: <-code, Show: func(_ account.Address, shown string) { digits <- shown },
	})
	must(t, errors.Join(err, <-done))
	phone, err := client.Open(cfg)
	must(t, err)
	defer phone.Close()
	must(t, phone.ConnectAll())
	must(t, phone.Sync(soon(t)))
	if profile, _, err := phone.Account().Profile(); profile != marks["profile name"] || err != nil {
		t.Errorf("the device's profile name is %q, %v", profile, err)
	}
	must(t, phone.Devices().WaitUntilTaken(soon(t)))
	hasReply := false
	must(t, phone.Messages().History(direct, func(m chat.Message) bool {
		hasReply = hasReply || m.Text == marks["reply"]
		return true
	}))
	if _, err := phone.Find(marks["new title"]); err != nil || !hasReply {
		t.Errorf("the history did not come: %v, the reply: %v", err, hasReply)
	}
	must(t, phone.List().SetDraft(soon(t), direct, marks["draft"], content.MessageID{}))
	eventually(t, func() error {
		conv, err := a.Conversation(direct)
		if err == nil && conv.Draft != marks["draft"] {
			err = fmt.Errorf("the draft is %q", conv.Draft)
		}
		return err
	})
	_, err = a.Devices().Revoke(soon(t), client.Revocation{Device: linked.Device})
	must(t, err)
	eventually(t, func() error {
		if err := phone.Sync(soon(t)); !errors.Is(err, chat.ErrRevoked) {
			return fmt.Errorf("the revoked device reports %w", err)
		}
		return nil
	})
}

// recoverAccount has a device come back with the recovery key, once the server keeps the
// account's state.
func recoverAccount(t *testing.T, a *person, transport backend.Transport, dir string) {
	t.Helper()
	eventually(t, func() error {
		whole, err := a.Account().Disclosure(soon(t))
		if err == nil && !bytes.Contains(whole, []byte(`"table":"recovery","rows":[{`)) {
			err = errors.New("the server keeps no state of the account")
		}
		return err
	})
	cfg := storedDevice(t, "tablet", transport, dir)
	must(t, client.Recover(soon(t), cfg, a.Address(), a.key))
	tablet, err := client.Open(cfg)
	must(t, err)
	defer tablet.Close()
	must(t, tablet.ConnectAll())
	eventually(t, func() error {
		_, err := tablet.Find(marks["new title"])
		return err
	})
}

// storedDevice returns the configuration of a device whose profile lies in a file.
func storedDevice(t *testing.T, name string, transport backend.Transport, dir string) client.Config {
	t.Helper()
	must(t, os.MkdirAll(filepath.Join(dir, "profiles"), 0o700))
	store, err := sqlite.Open(filepath.Join(dir, "profiles", name+".db"))
	must(t, err)
	t.Cleanup(func() { _ = store.Close() }) // searched meanwhile; what counts is in the files
	return client.Config{Store: store, Key: keyring.NewStoreKey(), Transport: transport, Files: disk.Files{}}
}

// reportsAndTyping has alice read in the end that bob read something, bob see
// her type, and her see what the server knows.
func reportsAndTyping(t *testing.T, a, b *person, direct chat.ConversationID, said content.MessageID) {
	t.Helper()
	must(t, b.MarkRead(soon(t), direct))
	eventually(t, func() error {
		m, err := a.Messages().Message(direct, said)
		if err == nil && (m.State != chat.StateRead || m.Delivered != 1 || m.Read != 1) {
			err = fmt.Errorf("the message is %v: %d have it, %d read it", m.State, m.Delivered, m.Read)
		}
		return err
	})
	must(t, b.Sync(soon(t)))
	eventually(t, func() error {
		must(t, a.Typing(soon(t), direct, true))
		if !b.sawTyping.Load() {
			return errors.New("bob has not seen alice type")
		}
		return nil
	})
	whole, err := a.Account().Disclosure(soon(t))
	must(t, err)
	if !bytes.Contains(whole, []byte(a.Address().String())) {
		t.Errorf("what the server knows: %s", whole)
	}
}

// storedPerson is a person whose profile lies in a file.
func storedPerson(t *testing.T, host, name string, transport backend.Transport, dir string) *person {
	t.Helper()
	p := registered(t, host, name, storedDevice(t, name, transport, dir))
	t.Cleanup(p.Close)
	return p
}

// TestPlaintextWouldBeFound stores the marks unencrypted, as no client can,
// and expects the search to find each of them in each encoding.
func TestPlaintextWouldBeFound(t *testing.T) {
	s := servertest.Start(t, servertest.Options{})
	wire := &recorder{Transport: newTransport(t)}
	conn, err := wire.Dial(soon(t), s.Host)
	must(t, err)
	defer func() { _ = conn.Close() }()
	_, err = conn.Read(soon(t)) // hello
	must(t, err)
	access := accessPair(t)
	channel := protocol.ChannelID{1}
	ask(t, conn, 1, protocol.OpChannelCreate, &protocol.ChannelCreate{Channel: channel, Key: access.public})
	ask(t, conn, 2, protocol.OpChannelOpen, &protocol.ChannelOpen{Channel: channel, Signature: access.open(s.Host, wire, channel)})
	var plain []byte
	for _, mark := range marks {
		for _, form := range forms(mark) {
			plain = append(append(plain, form...), ' ')
		}
	}
	ask(t, conn, 3, protocol.OpChannelPost, &protocol.ChannelPost{Channel: channel, Ciphertext: plain})
	found := everything(t, s, wire)
	for _, where := range []string{"wire", "files", "records"} {
		if got, want := len(search(found[where])), len(marks)*len(forms(marks["text"])); got != want {
			t.Errorf("%s: the search finds %d of %d", where, got, want)
		}
	}
}
