// SPDX-License-Identifier: AGPL-3.0-or-later

package vaultcli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/securecrypt/securecrypt/internal/product/console"
	"github.com/securecrypt/securecrypt/internal/product/english"
	"github.com/securecrypt/securecrypt/internal/product/foreign"
	"github.com/securecrypt/securecrypt/internal/product/termtext"
	"github.com/securecrypt/securecrypt/vault"
	"github.com/securecrypt/securecrypt/vault/backup"
	"github.com/securecrypt/securecrypt/vault/oplog"
)

type importCmd struct {
	Program   string   `arg:"" enum:"restic,borg" help:"Program that made the repository: restic or borg. It has to be installed."`
	Repo      string   `arg:"" name:"repository" help:"Repository, as the program takes it."`
	Snapshots []string `arg:"" optional:"" help:"Beginnings of identifiers of snapshots, or names of archives; all that were never imported if none is given."`
	Level     string   `help:"How hard to compress: fastest, default or better." enum:"fastest,default,better" default:"default"`
	VerifyAll bool     `help:"Decrypt and compare all data before it is written; without it, a part."`
	KeepGoing bool     `help:"Import also snapshots with files that the program cannot read, and mark those files. Without it, the import ends before such a snapshot."`
	DryRun    bool     `help:"List what would be imported." short:"n"`
}

// Run imports snapshots, the oldest first.
func (cmd *importCmd) Run(a *app, all *Commands) error {
	repo, err := foreign.Open(cmd.Program, cmd.Repo)
	if errors.Is(err, foreign.ErrNoProgram) {
		return console.WithCode(fmt.Errorf("%s is not installed, and its repository is read with it: install the package %[1]s, or %[1]sbackup where that is its name", cmd.Program), console.ExitNotFound)
	}
	if err != nil {
		return err
	}
	return a.withVault(all, func(v *vault.Vault, _ *device) error {
		if err := cmd.password(a, repo); err != nil {
			return err
		}
		listed, err := repo.List(a.Ctx)
		if err != nil {
			return programError(err)
		}
		chosen, err := cmd.choose(listed)
		if err != nil {
			return err
		}
		i := &importer{app: a, cmd: cmd, repo: repo, vault: v, cache: memoryCache{}}
		return i.run(chosen)
	})
}

// programError adds what to do to an error of restic or borg.
func programError(err error) error {
	if errors.Is(err, foreign.ErrProgram) {
		return console.WithCode(fmt.Errorf("%w. What to do: run the program itself with the same repository and password, and follow what it says", err), console.ExitRefused)
	}
	return err
}

// password asks for the password of the repository if nothing tells it.
func (cmd *importCmd) password(a *app, repo *foreign.Repository) error {
	if repo.HasPassword() {
		return nil
	}
	b, asked, err := a.AskSecret("Password of the repository: ")
	defer clear(b)
	switch {
	case err != nil:
		return err
	case asked:
		repo.SetPassword(string(b))
	case cmd.Program == "restic": // a repository of borg may have none
		return console.WithCode(fmt.Errorf("no password of the repository: set %s, or run this in a terminal", repo.PasswordVariable()), console.ExitLocked)
	}
	return nil
}

// choose returns the snapshots that the command line names, or all.
func (cmd *importCmd) choose(listed []foreign.Snapshot) ([]foreign.Snapshot, error) {
	if len(cmd.Snapshots) == 0 {
		return listed, nil
	}
	wanted := map[string]bool{}
	for _, text := range cmd.Snapshots {
		var found []string
		for _, s := range listed {
			if s.Name == text || len(text) >= 4 && strings.HasPrefix(s.ID, text) {
				found = append(found, s.ID)
			}
		}
		if len(found) != 1 {
			return nil, console.WithCode(fmt.Errorf("%d snapshots of the repository are called %q: enter the beginning of an identifier, of 4 digits or more, or the name of an archive; --dry-run lists them", len(found), text), console.ExitNotFound)
		}
		wanted[found[0]] = true
	}
	return slices.DeleteFunc(slices.Clone(listed), func(s foreign.Snapshot) bool { return !wanted[s.ID] }), nil
}

// An importer imports snapshots of one repository.
type importer struct {
	*app
	cmd   *importCmd
	repo  *foreign.Repository
	vault *vault.Vault
	// cache has the times of change of the files of the snapshots so far, so that
	// only what changed is read.
	cache memoryCache

	imported, present, unreadable, newBytes, stored, readBytes uint64
}

// memoryCache is a backup.Cache that ends with the command.
type memoryCache map[int][]byte

// Load implements backup.Cache.
func (c memoryCache) Load(part int) ([]byte, error) { return c[part], nil }

// Store implements backup.Cache.
func (c memoryCache) Store(part int, b []byte) error {
	c[part] = slices.Clone(b)
	return nil
}

// tag returns the tag of what was imported from a snapshot.
func (i *importer) tag(s *foreign.Snapshot) string {
	return fmt.Sprintf("import of %s/%.16s", i.cmd.Program, s.ID)
}

// there reports whether a snapshot was imported as a whole: it may be forgotten
// since.
func (i *importer) there(s *foreign.Snapshot) bool {
	is := func(x *oplog.Snapshot) bool { return !x.Body.Partial && slices.Contains(x.Body.Tags, i.tag(s)) }
	return slices.ContainsFunc(i.vault.State().Live(), is) || slices.ContainsFunc(i.vault.State().Forgotten(), is)
}

func (i *importer) run(chosen []foreign.Snapshot) error {
	for n := range chosen {
		s := &chosen[n]
		if len(i.cmd.Snapshots) == 0 && i.there(s) {
			i.present++
			continue
		}
		if i.cmd.DryRun {
			i.imported++
			i.announce(s, nil)
			continue
		}
		r, err := i.snapshot(s, n+1, len(chosen))
		if err != nil {
			return fmt.Errorf("%w (while importing %s of %s; %d snapshots were imported before it, and are left out when the command is run again)", err, termtext.Quote(s.Name), s.Time.Local().Format("2006-01-02 15:04:05"), i.imported)
		}
		i.imported++
		i.unreadable += r.Counts.Unreadable
		i.newBytes, i.stored, i.readBytes = i.newBytes+r.Counts.NewBytes, i.stored+r.Counts.Stored, i.readBytes+r.Counts.ReadBytes
		i.announce(s, r)
	}
	return i.summary()
}

// snapshot imports one snapshot.
func (i *importer) snapshot(s *foreign.Snapshot, number, count int) (*backup.Result, error) {
	m, err := i.repo.Mount(i.Ctx, s)
	if err != nil {
		return nil, programError(err)
	}
	ctx, cancel := context.WithCancelCause(i.Ctx)
	defer cancel(nil)
	go func() {
		select {
		case <-m.Ended:
			cancel(programError(m.Err()))
		case <-ctx.Done():
		}
	}()
	warn := i.warn()
	o := backup.Options{Source: m.Dir, Paths: rooted(s.Paths), Host: s.Host, Tags: append(slices.Clone(s.Tags), i.tag(s)), Level: levels[i.cmd.Level], VerifyAll: i.cmd.VerifyAll,
		Strict: true, Cache: i.cache, Interval: backup.DefaultInterval, Partial: i.partial, Time: s.Time, Now: time.Now,
		Warn: func(path string, err error) {
			warn(path, err)
			if !i.cmd.KeepGoing { // cancelled before the file counts as read, so that nothing is published
				cancel(console.WithCode(fmt.Errorf("%s could not read a file of it: see above. Check the repository with %[1]s check, or import what can be read with --keep-going", i.cmd.Program), console.ExitError))
			}
		}}
	p := new(backup.Progress)
	stop := i.progress(func() (uint64, uint64, string) {
		return p.Bytes.Load(), 0, fmt.Sprintf("snapshot %d of %d, %d files, %s read", number, count, p.Files.Load(), english.Size(int64(p.ReadBytes.Load())))
	})
	r, err := backup.Run(ctx, i.vault, o, p)
	stop()
	if cause := context.Cause(ctx); err != nil && cause != nil && i.Ctx.Err() == nil {
		err = cause
	}
	cancel(nil)
	return r, errors.Join(err, m.Close())
}

// rooted returns paths as absolute ones: borg notes them as they were given.
func rooted(paths []string) (out []string) {
	for _, p := range paths {
		if !strings.HasPrefix(p, "/") {
			p = "/" + p
		}
		out = append(out, p)
	}
	if len(out) == 0 {
		out = []string{"/"}
	}
	return out
}

// announce says that a snapshot was imported, or would be if r is nil.
func (i *importer) announce(s *foreign.Snapshot, r *backup.Result) {
	if i.JSON {
		line := map[string]any{"type": "imported", "id": s.ID, "name": s.Name, "time": s.Time.UTC(), "host": s.Host, "paths": s.Paths, "tags": s.Tags}
		if r != nil {
			for k, x := range countsJSON(&r.Counts) {
				line[k] = x
			}
			line["snapshot"] = r.Seq
		}
		i.PrintJSON(line)
		return
	}
	what := "would be imported"
	if r != nil {
		what = fmt.Sprintf("is imported as snapshot %d: %d files, %s; %d read, %s new", r.Seq, r.Counts.Files, english.Size(int64(r.Counts.Bytes)), r.Counts.Read, english.Size(int64(r.Counts.NewBytes)))
	}
	_, _ = fmt.Fprintf(i.Stdout, "%s  %s  %s  %s  %s\n", termtext.Quote(s.Name), s.Time.Local().Format("2006-01-02 15:04:05"), termtext.Name(s.Host), termtext.Line(fmt.Sprint(s.Paths)), what)
}

func (i *importer) summary() error {
	if i.JSON {
		i.PrintJSON(map[string]any{"type": "import", "imported": i.imported, "present": i.present, "read_bytes": i.readBytes, "new_bytes": i.newBytes, "stored": i.stored,
			"unreadable": i.unreadable, "dry_run": i.cmd.DryRun})
	} else {
		what := "%d snapshots are imported, %d were there; %s new, %s stored\n"
		if i.cmd.DryRun {
			what = "dry run: %d snapshots would be imported, %d are there\n"
			_, _ = fmt.Fprintf(i.Stdout, what, i.imported, i.present)
			return nil
		}
		_, _ = fmt.Fprintf(i.Stdout, what, i.imported, i.present, english.Size(int64(i.newBytes)), english.Size(int64(i.stored)))
	}
	if i.unreadable > 0 {
		return console.WithCode(fmt.Errorf("%d files could not be read and are marked in the snapshots: see above. Repair the repository with %s, and name their snapshots to import them again", i.unreadable, i.cmd.Program), console.ExitIncomplete)
	}
	return nil
}
