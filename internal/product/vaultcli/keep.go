// SPDX-License-Identifier: AGPL-3.0-or-later

package vaultcli

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/securecrypt/securecrypt/internal/product/console"
	"github.com/securecrypt/securecrypt/internal/product/english"
	"github.com/securecrypt/securecrypt/internal/product/termtext"
	"github.com/securecrypt/securecrypt/vault"
)

type checkCmd struct {
	Read   bool  `help:"Read all data, and check that it is what was written."`
	Deep   bool  `help:"Also decompress everything, and check each identifier."`
	Repair bool  `help:"Rebuild damaged data from parity, as far as it reaches."`
	Sample share `help:"Read a share of the packs, such as 2%, and each time the next ones: 50 runs with 2% read all." placeholder:"SHARE"`
	Packs  bool  `help:"List the packs, with the day when this device last found each intact."`
}

// Run verifies the vault.
func (cmd *checkCmd) Run(a *app, all *Commands) error {
	return a.withVault(all, func(v *vault.Vault, d *device) error {
		var done, total int
		proofs := d.proofs()
		stop := a.progress(func() (uint64, uint64, string) { return 0, 0, fmt.Sprintf("%d of %d packs", done, total) })
		r, err := v.Check(a.Ctx, vault.CheckOptions{Read: cmd.Read, Deep: cmd.Deep, Repair: cmd.Repair, Sample: float64(cmd.Sample), Proofs: proofs, Hash: true,
			Progress: func(d, t int) { done, total = d, t }})
		stop()
		if cmd.Read || cmd.Deep || cmd.Repair || cmd.Sample > 0 {
			d.keepProofs(proofs) // what was read before an error counts
		}
		if err != nil {
			return err
		}
		for _, p := range r.Problems {
			cmd.problem(a, &p)
		}
		if a.JSON {
			a.PrintJSON(map[string]any{"type": "check", "entries": r.Entries, "snapshots": r.Snapshots, "packs": r.Packs, "bytes": r.Bytes,
				"packs_read": r.PacksRead, "packs_hashed": r.PacksHashed, "chunks": r.Chunks, "problems": len(r.Problems), "lost": r.Lost(), "ok": !r.Bad()})
		} else {
			hashed := ""
			if r.PacksHashed > 0 {
				hashed = fmt.Sprintf(", %d hashed by the server", r.PacksHashed)
			}
			_, _ = fmt.Fprintf(a.Stdout, "%d snapshots, %d packs with %s, %d of them read%s: ", r.Snapshots, r.Packs, english.Size(int64(r.Bytes)), r.PacksRead, hashed)
			_, _ = fmt.Fprintln(a.Stdout, map[bool]string{true: "problems remain", false: "no problems remain"}[r.Bad()])
		}
		if err := a.printProofs(v, proofs, cmd.Packs); err != nil {
			return err
		}
		switch {
		case r.Lost():
			return console.WithCode(errors.New("some files cannot be restored: see above. If you have a copy of the vault, put the packs named above back from it. "+
				"Otherwise run securecrypt vault check --repair, which saves what can be read, and then back up again: what your files still have is stored again"), console.ExitError)
		case r.Bad():
			return console.WithCode(errors.New("the vault is damaged, and everything can be restored: run securecrypt vault check --repair"), console.ExitError)
		}
		return nil
	})
}

func (cmd *checkCmd) problem(a *app, p *vault.Problem) {
	if a.JSON {
		a.PrintJSON(map[string]any{"type": "problem", "pack": p.Pack, "repaired": p.Repaired, "lost": p.Lost, "snapshot": p.Snapshot, "path": p.Path, "error": p.Err.Error()})
		return
	}
	switch {
	case p.Lost:
		_, _ = fmt.Fprintf(a.Stdout, "lost: snapshot %d, %s: %s\n", p.Snapshot, termtext.Line(p.Path), termtext.Line(p.Err.Error()))
	case p.Repaired:
		_, _ = fmt.Fprintf(a.Stdout, "repaired: %s: %s\n", p.Pack, termtext.Line(p.Err.Error()))
	default:
		_, _ = fmt.Fprintf(a.Stdout, "damaged: %s: %s\n", p.Pack, termtext.Line(p.Err.Error()))
	}
}

type forgetCmd struct {
	Snapshots   []uint64 `arg:"" optional:"" help:"Numbers of snapshots to forget."`
	KeepLast    int      `help:"Keep the newest so many." placeholder:"N"`
	KeepHourly  int      `help:"Keep the first of each of the newest so many hours." placeholder:"N"`
	KeepDaily   int      `help:"Keep the first of each of the newest so many days." placeholder:"N"`
	KeepWeekly  int      `help:"Keep the first of each of the newest so many weeks." placeholder:"N"`
	KeepMonthly int      `help:"Keep the first of each of the newest so many months." placeholder:"N"`
	KeepYearly  int      `help:"Keep the first of each of the newest so many years." placeholder:"N"`
	Release     bool     `help:"Forget also snapshots whose successor lost or re-wrote much. Look at securecrypt vault diff first."`
	DryRun      bool     `help:"Show what would go and what would stay." short:"n"`
}

// Run gives snapshots up.
func (cmd *forgetCmd) Run(a *app, all *Commands) error {
	policy := vault.Policy{Last: cmd.KeepLast, Hourly: cmd.KeepHourly, Daily: cmd.KeepDaily, Weekly: cmd.KeepWeekly, Monthly: cmd.KeepMonthly,
		Yearly: cmd.KeepYearly, Release: cmd.Release}
	if len(cmd.Snapshots) > 0 && !policy.Empty() {
		return console.WithCode(errors.New("name snapshots or say what to keep, not both"), console.ExitUsage)
	}
	return a.withVault(all, func(v *vault.Vault, _ *device) error {
		var gone []uint64
		if len(cmd.Snapshots) > 0 {
			for _, n := range cmd.Snapshots {
				s, err := v.Snapshot(fmt.Sprint(n))
				if err != nil {
					return err
				}
				a.printSnapshot(v, s, map[string]any{"keep": false}, "goes")
				gone = append(gone, n)
			}
		} else {
			decisions, err := v.Decide(policy)
			if err != nil {
				return err
			}
			for _, d := range decisions {
				text := "goes"
				if d.Keep {
					text = "stays: " + strings.Join(d.Reasons, ", ")
				} else {
					gone = append(gone, d.Snapshot.Seq)
				}
				a.printSnapshot(v, d.Snapshot, map[string]any{"keep": d.Keep, "reasons": d.Reasons}, text)
			}
		}
		if len(gone) == 0 || cmd.DryRun {
			a.Say("%d snapshots would be forgotten", len(gone))
			return nil
		}
		seq, err := v.Forget(a.Ctx, gone, "")
		if err != nil {
			return err
		}
		a.Say("%d snapshots are forgotten; securecrypt vault undo %d brings them back until prune has deleted their data", len(gone), seq)
		return nil
	})
}

type undoCmd struct {
	Forgets []uint64 `arg:"" optional:"" help:"Numbers that forget printed; the last one if none is given."`
	DryRun  bool     `help:"Show which snapshots would come back." short:"n"`
}

// Run takes forget back.
func (cmd *undoCmd) Run(a *app, all *Commands) error {
	return a.withVault(all, func(v *vault.Vault, _ *device) error {
		forgets := cmd.Forgets
		known := v.State().Forgets()
		if len(forgets) == 0 {
			if len(known) == 0 {
				return console.WithCode(errors.New("nothing was forgotten: securecrypt vault snapshots lists what there is"), console.ExitNotFound)
			}
			forgets = known[len(known)-1:]
		}
		back := 0
		for _, s := range v.State().Forgotten() {
			for _, n := range forgets {
				if s.Forgotten == n+1 {
					back++
					a.printSnapshot(v, s, nil)
				}
			}
		}
		if back == 0 {
			return console.WithCode(errors.New("no forgotten snapshot belongs to that number: securecrypt vault snapshots --forgotten lists them"), console.ExitNotFound)
		}
		if cmd.DryRun {
			a.Say("%d snapshots would come back", back)
			return nil
		}
		if err := v.Undo(a.Ctx, forgets); err != nil {
			return err
		}
		a.Say("%d snapshots are back", back)
		return nil
	})
}

type pruneCmd struct {
	Wait     days `help:"How long data stays after it was announced or forgotten, such as 14d or 0." default:"14d"`
	NoRepack bool `help:"Leave packs alone that are needed in part."`
	DryRun   bool `help:"Say what would be deleted." short:"n"`
}

// Run deletes what nothing needs.
func (cmd *pruneCmd) Run(a *app, all *Commands) error {
	return a.withVault(all, func(v *vault.Vault, d *device) error {
		r, err := v.Prune(a.Ctx, vault.PruneOptions{Wait: time.Duration(cmd.Wait), NoRepack: cmd.NoRepack, DryRun: cmd.DryRun})
		if err != nil {
			return err
		}
		if !cmd.DryRun {
			if err := d.store.Clean(a.Ctx); err != nil {
				return err
			}
		}
		if a.JSON {
			a.PrintJSON(map[string]any{"type": "prune", "deleted": r.Deleted, "deleted_bytes": r.DeletedBytes, "waiting": r.Waiting, "waiting_bytes": r.WaitingBytes,
				"repacked": r.Repacked, "repacked_bytes": r.RepackedBytes, "no_room": r.NoRoom, "dry_run": cmd.DryRun})
		} else {
			_, _ = fmt.Fprintf(a.Stdout, "%d packs deleted (%s), %d written again without what nothing needs, %d announced (%s): they go %s from now on at the earliest\n",
				r.Deleted, english.Size(int64(r.DeletedBytes)), r.Repacked, r.Waiting, english.Size(int64(r.WaitingBytes)), time.Duration(cmd.Wait))
		}
		if r.NoRoom {
			a.Say("there was no room to write packs again; run prune once more when there is")
		}
		return nil
	})
}

type statsCmd struct {
	Packs bool `help:"List the packs, with the day when this device last found each intact."`
}

// Run prints sizes and counts.
func (cmd *statsCmd) Run(a *app, all *Commands) error {
	return a.withVault(all, func(v *vault.Vault, d *device) error {
		s, err := v.Stats(a.Ctx)
		if err != nil {
			return err
		}
		if a.JSON {
			a.PrintJSON(map[string]any{"type": "stats", "id": v.ID().String(), "path": d.location, "snapshots": s.Snapshots, "forgotten": s.Forgotten, "devices": s.Devices,
				"entries": s.Entries, "packs": s.Packs, "bytes": s.Bytes, "parity_bytes": s.ParityBytes, "log_bytes": s.LogBytes, "announced": s.Announced, "chunks": s.Chunks})
			return a.printProofs(v, d.proofs(), cmd.Packs)
		}
		_, _ = fmt.Fprintf(a.Stdout, "vault %s in %s\n%d snapshots, %d forgotten, %d devices, %d log entries (%s)\n%d packs with %s, of which %s are parity; %d chunks; %d packs are announced for deletion\n",
			v.ID().String()[:16], termtext.Line(d.location), s.Snapshots, s.Forgotten, s.Devices, s.Entries, english.Size(int64(s.LogBytes)), s.Packs, english.Size(int64(s.Bytes)), english.Size(int64(s.ParityBytes)), s.Chunks, s.Announced)
		for _, x := range devicesOf(v) {
			note := ""
			if x.Revoked != 0 {
				note = "  (revoked)"
			}
			_, _ = fmt.Fprintf(a.Stdout, "device %x  %s%s\n", x.ID[:4], termtext.Name(x.Name), note)
		}
		return a.printProofs(v, d.proofs(), cmd.Packs)
	})
}
