// SPDX-License-Identifier: AGPL-3.0-or-later

package console_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/securecrypt/securecrypt/client/keyring"
	"github.com/securecrypt/securecrypt/internal/product/console"
	"github.com/securecrypt/securecrypt/internal/product/termtext"
)

func newConsole(passphrase string) (*console.Console, *bytes.Buffer) {
	var out bytes.Buffer
	return &console.Console{Flags: console.Flags{PassphraseFile: passphrase}, Stdin: strings.NewReader(""), Stdout: termtext.NewWriter(&out), Stderr: termtext.NewWriter(&out)}, &out
}

func write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestKeysOpenWithTheirPassphrase makes keys with and without a passphrase, and
// has them opened with the right one, a wrong one, and none.
func TestKeysOpenWithTheirPassphrase(t *testing.T) {
	dir := t.TempDir()
	right, wrong := write(t, filepath.Join(dir, "right"), "eleven quiet boats cross the bay\r\n"), write(t, filepath.Join(dir, "wrong"), "twelve boats\n")
	t.Setenv(console.PassphraseVar, "") // Unsetenv below is undone after the test
	if err := os.Unsetenv(console.PassphraseVar); err != nil {
		t.Fatal(err)
	}
	sealed, plain := t.TempDir(), t.TempDir()
	c, _ := newConsole(right)
	made, err := c.NewKey(sealed, false)
	if err != nil {
		t.Fatal(err)
	}
	if k, err := c.ReadKey(sealed); err != nil || k != made {
		t.Errorf("with the right passphrase: %v", err)
	}
	if _, err := c.NewKey(sealed, false); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a key was replaced: %v", err)
	}
	c, _ = newConsole(wrong)
	if _, err := c.ReadKey(sealed); !errors.Is(err, keyring.ErrPassphrase) {
		t.Errorf("with a wrong passphrase: %v", err)
	}
	c, _ = newConsole("")
	if _, err := c.ReadKey(sealed); err == nil {
		t.Error("opened without a passphrase")
	} else if code, ok := console.CodeOf(err); !ok || code != console.ExitLocked {
		t.Errorf("without a passphrase: %v, code %d", err, code)
	}
	if made, err = c.NewKey(plain, true); err != nil {
		t.Fatal(err)
	}
	if k, err := c.ReadKey(plain); err != nil || k != made {
		t.Errorf("a key in the open: %v", err)
	}
	if _, err := c.ReadKey(dir); !errors.Is(err, console.ErrNoKey) {
		t.Errorf("a folder without a key: %v", err)
	}
}

// TestErrorsKeepTheirCodes wraps errors and looks for their codes.
func TestErrorsKeepTheirCodes(t *testing.T) {
	err := fmt.Errorf("while trying: %w", console.WithCode(fs.ErrNotExist, console.ExitNotFound))
	if code, ok := console.CodeOf(err); !ok || code != console.ExitNotFound || !errors.Is(err, fs.ErrNotExist) || console.IsUnwritten(err) {
		t.Errorf("%v has code %d", err, code)
	}
	if _, ok := console.CodeOf(fs.ErrNotExist); ok {
		t.Error("an error without a code has one")
	}
	if err := fmt.Errorf("at the end: %w", console.Unwritten(fs.ErrPermission)); !console.IsUnwritten(err) || !errors.Is(err, fs.ErrPermission) {
		t.Error("an error of the output is not known as one")
	}
}

// TestOutputIsHarmless prints what acts on terminals.
func TestOutputIsHarmless(t *testing.T) {
	c, out := newConsole("")
	c.Say("%s", "two\nlines\x1b[2J")
	c.PrintJSON(map[string]string{"a": "<\x1b"})
	if s := out.String(); strings.ContainsAny(s, "\x1b") || strings.Count(s, "\n") != 2 || !strings.Contains(s, `{"a":"<\u001b"}`) {
		t.Errorf("printed: %q", s)
	}
}
