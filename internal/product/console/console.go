// SPDX-License-Identifier: AGPL-3.0-or-later

package console

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/alecthomas/kong"
	"golang.org/x/term"

	"github.com/securecrypt/securecrypt/internal/product/termtext"
)

// Flags are the flags of every command.
type Flags struct {
	Home           string           `help:"Folder of the profile." type:"path" env:"SECURECRYPT_HOME" placeholder:"DIR"`
	JSON           bool             `help:"Print JSON Lines." env:"SECURECRYPT_JSON"`
	PassphraseFile string           `help:"Read the passphrase from the first line of FILE." type:"path" env:"SECURECRYPT_PASSPHRASE_FILE" placeholder:"FILE"`
	Verbose        bool             `help:"Say on standard error what the connections do." short:"v"`
	Version        kong.VersionFlag `help:"Print the version."`
}

// Console is what commands work with. Its streams are the edge of the program: see
// package termtext.
type Console struct {
	Flags
	Ctx    context.Context
	Stdin  io.Reader
	Stdout *termtext.Writer
	Stderr *termtext.Writer
	// Dir is what relative paths begin at; empty is the process's own.
	Dir string
	// NoStdout and NoStderr: the program was started without that stream.
	NoStdout, NoStderr bool
	// KeepPassphrase keeps the passphrase in memory after the first prompt, until the
	// program ends.
	KeepPassphrase bool
	kept           []byte
}

// Say prints one line on standard error, whatever the arguments hold.
func (c *Console) Say(format string, args ...any) {
	_, _ = fmt.Fprintf(c.Stderr, "securecrypt: %s\n", termtext.Line(fmt.Sprintf(format, args...)))
}

// PrintJSON prints one line on standard output.
func (c *Console) PrintJSON(v any) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		c.Say("this should not have happened: %v; please report it", err)
		return
	}
	_, _ = c.Stdout.Write(termtext.JSON(b.Bytes())) // the writer keeps the error
}

// IsTerminal reports whether a person sees what is written to f.
func IsTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }
