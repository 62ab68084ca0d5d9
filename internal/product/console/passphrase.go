// SPDX-License-Identifier: AGPL-3.0-or-later

package console

import (
	"bytes"
	"errors"
	"fmt"
	"os"

	"golang.org/x/term"

	"github.com/securecrypt/securecrypt/internal/product/secretmem"
)

// PassphraseVar holds the passphrase, where no file and no terminal does.
const PassphraseVar = "SECURECRYPT_PASSPHRASE"

// byteOrderMark is what some editors put at the beginning of a file. It is no
// part of a passphrase.
const byteOrderMark = "\ufeff"

// markedFile reports whether the passphrase's file begins with such a mark.
func (c *Console) markedFile() bool {
	b, err := os.ReadFile(c.PassphraseFile)
	defer clear(b)
	return c.PassphraseFile != "" && err == nil && bytes.HasPrefix(b, []byte(byteOrderMark))
}

// passphrase finds the passphrase, and keeps it out of swap. Who asked for it
// clears it.
func (c *Console) passphrase(prompt string, isNew bool) ([]byte, error) {
	b, err := c.findPassphrase(prompt, isNew)
	secretmem.Lock(b)
	return b, err
}

// findPassphrase looks for the passphrase in a file, in the environment, or
// asks for it, twice if it is a new one.
func (c *Console) findPassphrase(prompt string, isNew bool) ([]byte, error) {
	if c.PassphraseFile != "" {
		b, err := os.ReadFile(c.PassphraseFile)
		if err != nil {
			return nil, WithCode(fmt.Errorf("reading the passphrase: %w", err), ExitLocked)
		}
		if bytes.HasPrefix(b, []byte("\xff\xfe")) || bytes.HasPrefix(b, []byte("\xfe\xff")) {
			return nil, WithCode(fmt.Errorf("%s is in UTF-16: save it as UTF-8", c.PassphraseFile), ExitLocked)
		}
		line, _, _ := bytes.Cut(bytes.TrimPrefix(b, []byte(byteOrderMark)), []byte("\n"))
		return bytes.TrimSuffix(line, []byte("\r")), nil
	}
	if s, ok := os.LookupEnv(PassphraseVar); ok {
		return []byte(s), nil
	}
	stdin, ok := c.Stdin.(*os.File)
	if !ok || !term.IsTerminal(int(stdin.Fd())) {
		return nil, WithCode(fmt.Errorf("no passphrase: set %s, use --passphrase-file, or run this in a terminal", PassphraseVar), ExitLocked)
	}
	if c.kept != nil && !isNew {
		return bytes.Clone(c.kept), nil
	}
	first, err := c.ask(stdin, prompt)
	if err == nil && c.KeepPassphrase && !isNew {
		c.kept = bytes.Clone(first)
		secretmem.Lock(c.kept)
	}
	if err != nil || !isNew {
		return first, err
	}
	again, err := c.ask(stdin, "The same again: ")
	defer clear(again)
	if err == nil && string(again) != string(first) {
		err = WithCode(errors.New("the two differ; nothing was created: try again"), ExitLocked)
	}
	return first, err
}

func (c *Console) ask(tty *os.File, prompt string) ([]byte, error) {
	_, _ = fmt.Fprint(c.Stderr, prompt)
	b, err := term.ReadPassword(int(tty.Fd()))
	_, _ = fmt.Fprintln(c.Stderr)
	return b, err
}

// AskSecret asks for a secret that is not the passphrase, and keeps it out of swap.
// asked is false if there is no terminal to ask on. Who asked for it clears it.
func (c *Console) AskSecret(prompt string) (b []byte, asked bool, err error) {
	stdin, ok := c.Stdin.(*os.File)
	if !ok || !term.IsTerminal(int(stdin.Fd())) {
		return nil, false, nil
	}
	b, err = c.ask(stdin, prompt)
	secretmem.Lock(b)
	return b, true, err
}
