// SPDX-License-Identifier: AGPL-3.0-or-later

package vaultcli

import (
	"fmt"
	"time"

	"github.com/securecrypt/securecrypt/internal/product/english"
	"github.com/securecrypt/securecrypt/vault"
)

// keyCmd are the commands for the keys of a vault.
type keyCmd struct {
	Rotate keyRotateCmd `cmd:"" help:"Begin a new key: what is written from now on is sealed by it."`
}

type keyRotateCmd struct {
	Everything bool `help:"Also seal again what is there, and delete the old. It may be stopped, and goes on when it is run again; other devices can work meanwhile."`
	Wait       days `help:"Keep what was forgotten less than so long ago, such as 14d or 0; with --everything." default:"14d"`
	DryRun     bool `help:"Say what would be sealed again." short:"n"`
}

// Run begins the next epoch, and seals everything again if wanted.
func (cmd *keyRotateCmd) Run(a *app, all *Commands) error {
	return a.withVault(all, func(v *vault.Vault, d *device) error {
		if !cmd.Everything {
			return cmd.rotate(a, v)
		}
		var done, total int
		stop := a.progress(func() (uint64, uint64, string) { return 0, 0, fmt.Sprintf("%d of %d packs", done, total) })
		r, err := v.Reseal(a.Ctx, vault.ResealOptions{Wait: time.Duration(cmd.Wait), DryRun: cmd.DryRun, Progress: func(d, t int) { done, total = d, t }})
		stop()
		if err != nil {
			if r != nil && r.Packs > 0 {
				a.Say("%d packs (%s) are sealed again so far; run the command again to go on", r.Packs, english.Size(int64(r.Bytes)))
			}
			return err
		}
		if !cmd.DryRun {
			if err := d.store.Clean(a.Ctx); err != nil {
				return err
			}
		}
		if a.JSON {
			a.PrintJSON(map[string]any{"type": "rotate", "epoch": r.Epoch, "packs": r.Packs, "bytes": r.Bytes, "deleted": r.Deleted, "left": r.Left, "unlisted": r.Unlisted, "dry_run": cmd.DryRun})
			return nil
		}
		_, _ = fmt.Fprintf(a.Stdout, "key %d: %d packs (%s) sealed again, %d old ones deleted\n", r.Epoch, r.Packs, english.Size(int64(r.Bytes)), r.Deleted)
		if r.Left > 0 {
			a.Say("%d packs of write-only devices stay until the next backup of each, and go with the run of this command after it", r.Left)
		}
		if r.Unlisted > 0 {
			a.Say("%d packs that no snapshot needs stay until securecrypt vault prune deletes them", r.Unlisted)
		}
		return nil
	})
}

func (cmd *keyRotateCmd) rotate(a *app, v *vault.Vault) error {
	epoch := v.Keys().Epoch()
	if cmd.DryRun {
		a.Say("key %d would begin", epoch+1)
		return nil
	}
	if err := v.Rotate(a.Ctx); err != nil {
		return err
	}
	if a.JSON {
		a.PrintJSON(map[string]any{"type": "rotate", "epoch": v.Keys().Epoch(), "packs": 0, "bytes": 0, "deleted": 0, "left": 0, "unlisted": 0, "dry_run": false})
		return nil
	}
	_, _ = fmt.Fprintf(a.Stdout, "key %d: what is written from now on is sealed by it\n", v.Keys().Epoch())
	return nil
}
