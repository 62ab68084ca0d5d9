// SPDX-License-Identifier: AGPL-3.0-or-later

package vaultcli

import (
	"fmt"

	"github.com/securecrypt/securecrypt/internal/product/console"
	"github.com/securecrypt/securecrypt/internal/product/english"
	"github.com/securecrypt/securecrypt/internal/product/termtext"
	"github.com/securecrypt/securecrypt/vault"
	"github.com/securecrypt/securecrypt/vault/vaultcopy"
)

type copyCmd struct {
	To        place    `arg:"" help:"Folder or address of the vault to copy into, which this device has to know."`
	Snapshots []uint64 `arg:"" optional:"" help:"Numbers of snapshots; all that are whole and were never copied if none is given."`
	Level     string   `help:"How hard to compress: fastest, default or better." enum:"fastest,default,better" default:"default"`
	VerifyAll bool     `help:"Decrypt and compare all data before it is written; without it, a part."`
	DryRun    bool     `help:"Read and count, and write nothing." short:"n"`
}

// Run copies snapshots from the vault of --vault into another one.
func (cmd *copyCmd) Run(a *app, all *Commands) error {
	return a.withVault(all, func(from *vault.Vault, _ *device) error {
		target := *all
		target.Vault = cmd.To
		return a.withVault(&target, func(to *vault.Vault, _ *device) error { return cmd.copy(a, from, to) })
	})
}

func (cmd *copyCmd) copy(a *app, from, to *vault.Vault) error {
	p := new(vaultcopy.Progress)
	o := vaultcopy.Options{Snapshots: cmd.Snapshots, Level: levels[cmd.Level], VerifyAll: cmd.VerifyAll, DryRun: cmd.DryRun, Warn: a.warn(),
		Copied: func(from, to uint64) { cmd.copied(a, from, to) }}
	stop := a.progress(func() (uint64, uint64, string) { return p.Bytes.Load(), 0, fmt.Sprintf("%d files", p.Files.Load()) })
	r, err := vaultcopy.Run(a.Ctx, from, to, o, p)
	stop()
	if err != nil {
		return fmt.Errorf("%w (while copying into %s: check both places)", advised(err), termtext.Line(string(cmd.To)))
	}
	lost := p.Lost.Load()
	if a.JSON {
		a.PrintJSON(map[string]any{"type": "copy", "copied": r.Copied, "present": r.Present, "files": p.Files.Load(), "read_bytes": p.Bytes.Load(),
			"new_bytes": r.NewBytes, "stored": r.Stored, "lost": lost, "dry_run": cmd.DryRun})
	} else {
		what := "%d snapshots are copied, %d were there; %s read, %s new, %s stored\n"
		if cmd.DryRun {
			what = "dry run: %d snapshots would be copied, %d are there; %s read, %s new, %s to store\n"
		}
		_, _ = fmt.Fprintf(a.Stdout, what, r.Copied, r.Present, english.Size(int64(p.Bytes.Load())), english.Size(int64(r.NewBytes)), english.Size(int64(r.Stored)))
	}
	if lost > 0 {
		return console.WithCode(fmt.Errorf("the snapshots are copied, but data of %d files or folders is lost in the first vault, and they are marked in the copies: see above. securecrypt vault check --repair saves what can be read there", lost), console.ExitIncomplete)
	}
	return nil
}

func (cmd *copyCmd) copied(a *app, from, to uint64) {
	switch {
	case a.JSON && cmd.DryRun:
		a.PrintJSON(map[string]any{"type": "copied", "from": from})
	case a.JSON:
		a.PrintJSON(map[string]any{"type": "copied", "from": from, "snapshot": to})
	case cmd.DryRun:
		_, _ = fmt.Fprintf(a.Stdout, "snapshot %d would be copied\n", from)
	default:
		_, _ = fmt.Fprintf(a.Stdout, "snapshot %d is copied, as snapshot %d\n", from, to)
	}
}
