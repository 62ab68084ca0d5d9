// SPDX-License-Identifier: AGPL-3.0-or-later

package account_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/securecrypt/securecrypt/account"
)

func newSecret(t testing.TB, seed string) account.RecoverySecret {
	t.Helper()
	s, err := account.NewRecoverySecret(strings.NewReader(strings.Repeat(seed, account.RecoverySecretSize)))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestRecoverySecretsComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, err := account.NewRecoverySecret(bytes.NewReader(rapid.SliceOfN(rapid.ByteMin(1), 20, 20).Draw(t, "secret")))
		if err != nil {
			t.Fatal(err)
		}
		text := s.Reveal()
		if len(text) != 44 {
			t.Fatal(len(text))
		}
		for _, as := range []string{
			text, strings.ToLower(text), strings.ReplaceAll(text, "-", ""), strings.ReplaceAll(text, "-", " \n"),
			strings.NewReplacer("0", "O", "1", "I").Replace(text), strings.NewReplacer("0", "o", "1", "l").Replace(text),
		} {
			if back, err := account.ParseRecoverySecret(as); err != nil || !back.Equal(s) {
				t.Fatal("the secret did not come back", err)
			}
		}
	})
}

func TestRecoverySecretNoticesSlips(t *testing.T) {
	text := newSecret(t, "x").Reveal()
	const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	for i := range text {
		for _, c := range alphabet {
			if byte(c) == text[i] || text[i] == '-' {
				continue
			}
			if _, err := account.ParseRecoverySecret(text[:i] + string(c) + text[i+1:]); !errors.Is(err, account.ErrRecoveryText) {
				t.Fatalf("position %d, %c: %v", i, c, err)
			}
		}
	}
	for name, bad := range map[string]string{
		"empty": "", "short": text[:43], "long": text + "0", "a letter of no alphabet": "U" + text[1:], "endless": strings.Repeat("-", 10_000),
		"no ASCII": "é" + text[2:], "equals": text[:42] + "==",
	} {
		_, err := account.ParseRecoverySecret(bad)
		if !errors.Is(err, account.ErrRecoveryText) || strings.Contains(err.Error(), text[:9]) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRecoverySecretDoesNotShow(t *testing.T) {
	s := newSecret(t, "x")
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("test", "secret", s, "inside", struct{ S account.RecoverySecret }{s})
	encoded, err := json.Marshal([]any{s})
	if err != nil {
		t.Fatal(err)
	}
	type hidden struct{ s account.RecoverySecret }
	all := log.String() + string(encoded) + s.String() + s.GoString()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%p"} {
		all += fmt.Sprintf(verb, s) + fmt.Sprintf(verb, &s) + fmt.Sprintf(verb, hidden{s}) + fmt.Sprintf(verb, []account.RecoverySecret{s})
	}
	for _, trace := range []string{"xxxx", "7878", "120 120", s.Reveal(), s.Reveal()[:4]} {
		if strings.Contains(all, trace) {
			t.Fatalf("%q shows in %s", trace, all)
		}
	}
}

func TestRecoverySecretErases(t *testing.T) {
	s := newSecret(t, "x")
	other := s
	s.Erase()
	if _, err := other.PrivateKey(); !errors.Is(err, account.ErrNoSecret) || other.Reveal() != "" || other.Equal(newSecret(t, "x")) {
		t.Fatal("the copy lives on", err)
	}
	var zero account.RecoverySecret
	zero.Erase()
	if _, err := zero.PrivateKey(); !errors.Is(err, account.ErrNoSecret) || zero.Reveal() != "" || zero.Equal(zero) {
		t.Fatal(err)
	}
	if _, err := account.NewRecoverySecret(strings.NewReader("short")); err == nil {
		t.Fatal("a secret of too little randomness")
	}
}

func FuzzParseRecoverySecret(f *testing.F) {
	f.Add(newSecret(f, "x").Reveal())
	f.Add("0000-0000-0000-0000-0000-0000-0000-0000-0000")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := account.ParseRecoverySecret(text)
		if err != nil || s.Reveal() == "" {
			return
		}
		if back, err := account.ParseRecoverySecret(s.Reveal()); err != nil || !back.Equal(s) {
			t.Fatal(err)
		}
	})
}
