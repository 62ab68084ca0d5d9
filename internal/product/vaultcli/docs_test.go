// SPDX-License-Identifier: AGPL-3.0-or-later

package vaultcli

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// TestDocumentedCommands compares the table of commands in docs/cli.md with the
// commands, their arguments and flags.
func TestDocumentedCommands(t *testing.T) {
	var root struct {
		Vault Commands `cmd:""`
	}
	parser, err := kong.New(&root, kong.NamedMapper("path", kong.MapperFunc(nil)))
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, leaf := range parser.Model.Leaves(true) {
		name := strings.TrimPrefix(leaf.FullPath(), parser.Model.Name+" vault ")
		for _, p := range leaf.Positional {
			name += " " + p.Summary()
		}
		var flags []string
		for _, f := range leaf.Flags {
			flags = append(flags, "`--"+f.Name+"`")
		}
		want = append(want, "| `"+name+"` | "+strings.Join(flags, ", ")+" |")
	}
	text, err := os.ReadFile("../../../docs/cli.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, found := strings.Cut(string(text), "| `vault …` | flags |\n|---|---|\n")
	table, _, _ := strings.Cut(after, "\n\n")
	got := strings.Split(table, "\n")
	for i := range got { // an empty cell has one blank
		got[i] = strings.Replace(got[i], "|  |", "| |", 1)
	}
	for i := range want {
		want[i] = strings.Replace(want[i], "|  |", "| |", 1)
	}
	if !found || !slices.Equal(got, want) {
		t.Errorf("docs/cli.md has the table\n%s\nand the commands are\n%s", table, strings.Join(want, "\n"))
	}
}
