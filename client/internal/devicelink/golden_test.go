// SPDX-License-Identifier: AGPL-3.0-or-later

package devicelink

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write golden files that do not exist yet")

// filled returns n bytes of one value.
func filled(n int, b byte) []byte { return bytes.Repeat([]byte{b}, n) }

// TestGoldenLink fixes what two programs of different versions must agree on.
func TestGoldenLink(t *testing.T) {
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	code, err := NewCode("chat.example:8443", bytes.NewReader([]byte("abcdefghijklmnopqrst")))
	must(err)
	meet, err := code.Rendezvous()
	must(err)
	reveal := &Reveal{Nonce: [32]byte(filled(32, 1)), SignatureKey: [32]byte(filled(32, 2)), MailboxKey: filled(1216, 3), WelcomeKey: filled(1216, 4)}
	hash, err := commitmentTo(reveal)
	must(err)
	commit := &Commit{hash}
	answer := &Answer{Nonce: [32]byte(filled(32, 5)), Address: "alice@chat.example", Device: [16]byte(filled(16, 6)), Head: [32]byte(filled(32, 7))}
	transcript, err := transcriptOf(code.Host, commit, answer, reveal)
	must(err)
	digits, err := transcript.digits()
	must(err)
	signed, err := transcript.signed(&welcome{Version: welcomeVersion, Head: [32]byte(filled(32, 8)), Profile: "Alice"})
	must(err)
	var out strings.Builder
	line := func(name string, value any) { _, _ = fmt.Fprintf(&out, "%s: %v\n", name, value) }
	line("code", code.Text())
	line("uri", code.URI())
	line("channel", hex.EncodeToString(meet.Channel[:]))
	line("access key", hex.EncodeToString(meet.Access.Public().(ed25519.PublicKey)))
	line("transcript", hex.EncodeToString(transcript[:]))
	line("digits", digits)
	line("welcome info", hex.EncodeToString(transcript.welcomeInfo()))
	line("welcome signed", hex.EncodeToString(signed))
	for _, m := range []struct {
		name string
		Message
	}{
		{"commit", Message{Commit: commit}}, {"answer", Message{Answer: answer}}, {"reveal", Message{Reveal: reveal}},
		{"draft", Message{Draft: &Draft{filled(3, 10)}}}, {"signature", Message{Signature: &Signature{[32]byte(filled(32, 11)), [64]byte(filled(64, 12))}}},
		{"welcome", Message{Welcome: &Welcome{filled(3, 13)}}}, {"done", Message{Done: true}}, {"abort", Message{Abort: &Abort{Joining, WrongDigits}}},
	} {
		b, err := m.encode()
		must(err)
		line(m.name, hex.EncodeToString(b))
		if got, err := decode(b); err != nil || got.From() == 0 {
			t.Errorf("%s is not read again: %v", m.name, err)
		}
	}
	path := filepath.Join("testdata", "golden", "link.txt")
	want, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) && *update {
		must(os.MkdirAll(filepath.Dir(path), 0o755))
		must(os.WriteFile(path, []byte(out.String()), 0o644))
		return
	}
	must(err)
	if string(want) != out.String() {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
	// What was sealed once is opened by later versions.
	sealed := filepath.Join("testdata", "golden", "entry.hex")
	text, err := os.ReadFile(sealed)
	if errors.Is(err, os.ErrNotExist) && *update {
		b, err := meet.Seal(Message{Commit: commit})
		must(err)
		must(os.WriteFile(sealed, []byte(hex.EncodeToString(b)+"\n"), 0o644))
		return
	}
	must(err)
	b, err := hex.DecodeString(strings.TrimSpace(string(text)))
	must(err)
	m, err := meet.Open(b)
	if err != nil || m.Commit == nil || m.Commit.Hash != hash {
		t.Errorf("an entry of before: %+v, %v", m, err)
	}
}
