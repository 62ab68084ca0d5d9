// SPDX-License-Identifier: AGPL-3.0-or-later

package vaultcli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/term"

	"github.com/securecrypt/securecrypt/internal/product/console"
	"github.com/securecrypt/securecrypt/internal/product/english"
	"github.com/securecrypt/securecrypt/internal/product/termtext"
	"github.com/securecrypt/securecrypt/vault"
	"github.com/securecrypt/securecrypt/vault/backup"
	"github.com/securecrypt/securecrypt/vault/ignore"
	"github.com/securecrypt/securecrypt/vault/localfs"
	"github.com/securecrypt/securecrypt/vault/oplog"
	"github.com/securecrypt/securecrypt/vault/pack"
	"github.com/securecrypt/securecrypt/vault/restore"
	"github.com/securecrypt/securecrypt/vault/tree"
)

type backupCmd struct {
	Paths         []string `arg:"" help:"Files and folders." type:"path"`
	Tag           []string `help:"Note a word with the snapshot; may be given several times." placeholder:"WORD"`
	Level         string   `help:"How hard to compress: fastest, default or better." enum:"fastest,default,better" default:"default"`
	Force         bool     `help:"Read every file, also those that seem unchanged."`
	OneFileSystem bool     `help:"Leave out what is mounted below the paths." short:"x"`
	VerifyAll     bool     `help:"Decrypt and compare all data before it is written; without it, a part."`
	Exclude       []string `help:"Leave out what matches a pattern, as in .gitignore; relative to each path. May be given several times." placeholder:"PATTERN" sep:"none"`
	ExcludeFile   []string `help:"Read such patterns from FILE, one a line." type:"path" placeholder:"FILE" sep:"none"`
	DryRun        bool     `help:"Read and count, and write nothing." short:"n"`
}

var levels = map[string]pack.Level{"fastest": pack.LevelFastest, "default": pack.LevelDefault, "better": pack.LevelBetter}

// Run makes a snapshot.
func (cmd *backupCmd) Run(a *app, all *Commands) error {
	a.backingUp = true
	return a.withVault(all, func(v *vault.Vault, d *device) error {
		for _, path := range cmd.Paths {
			if inside, err := filepath.Rel(path, d.location); err == nil && filepath.IsLocal(inside) {
				a.Say("the vault itself lies in %s and is left out", path)
			}
		}
		rules, err := cmd.rules()
		if err != nil {
			return err
		}
		p, cache := new(backup.Progress), &fileCache{d}
		o := backup.Options{Paths: cmd.Paths, Host: hostName(), Tags: cmd.Tag, Level: levels[cmd.Level], Force: cmd.Force, OneFileSystem: cmd.OneFileSystem,
			VerifyAll: cmd.VerifyAll, DryRun: cmd.DryRun, Now: time.Now, Warn: a.warn(), Interval: backup.DefaultInterval, Partial: a.partial, Cache: cache,
			Skip: func(path string, i *localfs.Info) bool { return path == d.location || rules.skip(path, i) }}
		stop := a.progress(func() (uint64, uint64, string) {
			return p.Bytes.Load(), 0, fmt.Sprintf("%d files, %s read", p.Files.Load(), english.Size(int64(p.ReadBytes.Load())))
		})
		r, err := backup.Run(a.Ctx, v, o, p)
		stop()
		if err != nil {
			return err
		}
		if r.CacheErr != nil {
			a.Say("what this device notes of files could not be kept (%v). The backup is whole; a file whose size and modification time stayed the same although its content changed is noticed again once it can be kept, or with --force", r.CacheErr)
		}
		rules.announce(a)
		return cmd.announce(a, r)
	})
}

// partial says that a backup has published what it has finished so far.
func (a *app) partial(seq uint64) {
	if a.JSON {
		a.PrintJSON(map[string]any{"type": "partial", "snapshot": seq})
		return
	}
	a.Say("snapshot %d is partial: it has the files that are backed up so far; if this backup is interrupted, run it again, and it goes on from there", seq)
}

// excluded are the patterns of a backup, and what each left out.
type excluded struct {
	rules *ignore.Rules
	paths []string
	seen  map[*ignore.Rule]*leftOut
	order []*ignore.Rule
}

type leftOut struct{ names, bytes uint64 }

func (cmd *backupCmd) rules() (*excluded, error) {
	x := &excluded{rules: new(ignore.Rules), paths: cmd.Paths, seen: map[*ignore.Rule]*leftOut{}}
	for _, file := range cmd.ExcludeFile {
		b, err := os.ReadFile(file)
		if err != nil {
			return nil, console.WithCode(err, console.ExitUsage)
		}
		for line := range strings.Lines(string(b)) {
			if err := x.rules.Add(strings.TrimRight(line, "\r\n")); err != nil {
				return nil, console.WithCode(err, console.ExitUsage)
			}
		}
	}
	for _, pattern := range cmd.Exclude {
		if err := x.rules.Add(pattern); err != nil {
			return nil, console.WithCode(err, console.ExitUsage)
		}
	}
	return x, nil
}

// skip reports whether a file is left out. Patterns are relative to the path that
// the file was found in. The walk asks from one goroutine.
func (x *excluded) skip(path string, i *localfs.Info) bool {
	for _, root := range x.paths {
		inside, err := filepath.Rel(root, path)
		if err != nil || inside == "." || !filepath.IsLocal(inside) {
			continue
		}
		rule, out := x.rules.Match(filepath.ToSlash(inside), i.Type == tree.TypeDir)
		if !out {
			continue
		}
		if x.seen[rule] == nil {
			x.seen[rule] = new(leftOut)
			x.order = append(x.order, rule)
		}
		x.seen[rule].names++
		x.seen[rule].bytes += i.Size
		return true
	}
	return false
}

// announce says what each pattern left out. What lies in folders that were left
// out is not counted.
func (x *excluded) announce(a *app) {
	for _, rule := range x.order {
		n := x.seen[rule]
		if a.JSON {
			a.PrintJSON(map[string]any{"type": "excluded", "pattern": rule.Text, "names": n.names, "bytes": n.bytes})
		} else {
			_, _ = fmt.Fprintf(a.Stdout, "left out by %s: %d files and folders, %s in files\n", termtext.Quote(rule.Text), n.names, english.Size(int64(n.bytes)))
		}
	}
}

func (cmd *backupCmd) announce(a *app, r *backup.Result) error {
	c := &r.Counts
	if a.JSON {
		line := countsJSON(c)
		line["type"], line["dry_run"], line["reasons"] = "backup", cmd.DryRun, reasonsJSON(&r.Reasons)
		if !cmd.DryRun {
			line["snapshot"] = r.Seq
		}
		a.PrintJSON(line)
	} else {
		what := fmt.Sprintf("snapshot %d", r.Seq)
		if cmd.DryRun {
			what = "dry run"
		}
		_, _ = fmt.Fprintf(a.Stdout, "%s: %d files, %d folders, %s; %d read, %s new, %s stored\n", what, c.Files, c.Dirs, english.Size(int64(c.Bytes)), c.Read,
			english.Size(int64(c.NewBytes)), english.Size(int64(c.Stored)))
		_, _ = fmt.Fprint(a.Stdout, reasonsText(&r.Reasons))
	}
	if c.Changed > 0 || c.Unreadable > 0 {
		return console.WithCode(fmt.Errorf("the snapshot is made, but %d files changed while they were read and %d could not be read: see above", c.Changed, c.Unreadable), console.ExitIncomplete)
	}
	return nil
}

// reasonNames are what counts in Reasons are called, those of files that were read
// first.
var reasonNames = []struct {
	name, text string
	of         func(*backup.Reasons) uint64
}{
	{"new", "are new", func(r *backup.Reasons) uint64 { return r.New }},
	{"size", "have another size", func(r *backup.Reasons) uint64 { return r.Size }},
	{"time", "have another modification time", func(r *backup.Reasons) uint64 { return r.Time }},
	{"change", "have another time of change, and nothing explains it", func(r *backup.Reasons) uint64 { return r.Change }},
	{"doubt", "could not be read before, or changed while they were", func(r *backup.Reasons) uint64 { return r.Doubt }},
	{"lost", "have data that the vault has lost", func(r *backup.Reasons) uint64 { return r.Lost }},
	{"forced", "are read because of --force", func(r *backup.Reasons) uint64 { return r.Forced }},
	{"unchanged", "", func(r *backup.Reasons) uint64 { return r.Unchanged }},
	{"inode", "another inode or device", func(r *backup.Reasons) uint64 { return r.Inode }},
	{"mode", "another mode", func(r *backup.Reasons) uint64 { return r.Mode }},
	{"owner", "another owner", func(r *backup.Reasons) uint64 { return r.Owner }},
	{"names", "another number of names", func(r *backup.Reasons) uint64 { return r.Names }},
	{"xattrs", "other extended attributes", func(r *backup.Reasons) uint64 { return r.Xattrs }},
}

func reasonsJSON(r *backup.Reasons) map[string]uint64 {
	out := map[string]uint64{}
	for _, x := range reasonNames {
		out[x.name] = x.of(r)
	}
	return out
}

// reasonsText says why files were read, and which were not although their time of
// change differs.
func reasonsText(r *backup.Reasons) string {
	var read, explained []string
	for i, x := range reasonNames {
		switch n := x.of(r); {
		case n == 0 || x.text == "":
		case i < 7:
			read = append(read, fmt.Sprintf("%d %s", n, x.text))
		default:
			explained = append(explained, fmt.Sprintf("%d by %s", n, x.text))
		}
	}
	out := ""
	if len(read) > 0 {
		out = fmt.Sprintf("of the files, %s\n", strings.Join(read, ", "))
	}
	if len(explained) > 0 {
		out += fmt.Sprintf("not read although their time of change differs, which is explained: %s\n", strings.Join(explained, ", "))
	}
	return out
}

func countsJSON(c *oplog.Counts) map[string]any {
	return map[string]any{"files": c.Files, "dirs": c.Dirs, "others": c.Others, "bytes": c.Bytes, "read": c.Read, "read_bytes": c.ReadBytes,
		"new_bytes": c.NewBytes, "stored": c.Stored, "changed": c.Changed, "unreadable": c.Unreadable, "excluded": c.Excluded}
}

// maxWarnings bounds how many files are named; all are counted.
const maxWarnings = 1000

// warn returns a function that names a file and what is wrong with it.
func (a *app) warn() func(string, error) {
	var n atomic.Int64
	return func(path string, err error) {
		switch i := n.Add(1); {
		case i <= maxWarnings:
			a.Say("%s: %v", termtext.Quote(path), err)
		case i == maxWarnings+1:
			a.Say("there are more; they are counted and not named")
		}
	}
}

// progress shows how far a command is, once a second, if somebody can see it.
// state returns bytes done, bytes in all (0 if unknown) and what else there is to
// say. The result ends it.
func (a *app) progress(state func() (done, total uint64, text string)) (stop func()) {
	f, ok := a.Stderr.Raw().(*os.File)
	if !ok || a.JSON || !term.IsTerminal(int(f.Fd())) {
		return func() {}
	}
	ended, shown := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(shown)
		began, tick := time.Now(), time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case <-ended:
				_, _ = io.WriteString(f, "\r\x1b[K")
				return
			case <-tick.C:
			}
			done, total, text := state()
			_, _ = io.WriteString(f, "\r\x1b[K"+progressLine(done, total, text, time.Since(began)))
		}
	}()
	return func() {
		close(ended)
		<-shown
	}
}

// progressLine says what is done, how fast, and how long the rest takes.
func progressLine(done, total uint64, text string, took time.Duration) string {
	speed := uint64(float64(done) / max(took.Seconds(), 0.001))
	line := fmt.Sprintf("%s, %s, %s/s", english.Size(int64(done)), text, english.Size(int64(speed)))
	if total > done && speed > 0 {
		left := time.Duration(float64(total-done)/float64(speed)*1000) * time.Millisecond
		line = fmt.Sprintf("%d%% of %s, %s, %s/s, %s left", done*100/total, english.Size(int64(total)), text, english.Size(int64(speed)), left.Round(time.Second))
	}
	return termtext.Line(line)
}

type restoreCmd struct {
	Snapshot string `arg:"" help:"Number of the snapshot, or latest."`
	Path     string `arg:"" optional:"" help:"Folder or file of the snapshot; all of it if none is given."`
	To       string `required:"" help:"Folder to write into; it is made if it is missing." type:"path" placeholder:"DIR"`
	Numeric  bool   `help:"Take owners by their numbers, not by their names."`
	Verify   bool   `help:"Read all of it again from the disk afterwards, and compare."`
	DryRun   bool   `help:"Count, and write nothing." short:"n"`
}

// Run restores a snapshot.
func (cmd *restoreCmd) Run(a *app, all *Commands) error {
	return a.withVault(all, func(v *vault.Vault, _ *device) error {
		s, err := v.Snapshot(cmd.Snapshot)
		if err != nil {
			return err
		}
		a.sayPartial(s)
		p := new(restore.Progress)
		total := s.Body.Counts.Bytes
		if cmd.Path != "" {
			total = 0
		}
		stop := a.progress(func() (uint64, uint64, string) {
			return p.Bytes.Load(), total, fmt.Sprintf("%d files", p.Files.Load())
		})
		o := restore.Options{Target: cmd.To, Path: cmd.Path, Numeric: cmd.Numeric, DryRun: cmd.DryRun, Sync: true, Warn: a.warn()}
		err = restore.Run(a.Ctx, v, s, o, p)
		stop()
		if err != nil {
			return err
		}
		if err := cmd.announce(a, s, p); err != nil || !cmd.Verify || cmd.DryRun {
			return err
		}
		return cmd.verify(a, v, s, o)
	})
}

// verify restores once more: files that are there with the right content are read
// and left as they are, so that any other shows that the disk lost something.
func (cmd *restoreCmd) verify(a *app, v *vault.Vault, s *oplog.Snapshot, o restore.Options) error {
	p := new(restore.Progress)
	o.DryRun, o.Compare = false, true
	if err := restore.Run(a.Ctx, v, s, o, p); err != nil {
		return err
	}
	if n := p.Different.Load(); n > 0 {
		return console.WithCode(fmt.Errorf("%d files differ when they are read back: the disk or the memory of this machine may be faulty; restore on another one", n), console.ExitError)
	}
	a.Say("all files were read back and are right")
	return nil
}

func (cmd *restoreCmd) announce(a *app, s *oplog.Snapshot, p *restore.Progress) error {
	failed, incomplete := p.Failed.Load(), p.Incomplete.Load()
	if a.JSON {
		a.PrintJSON(map[string]any{"type": "restore", "snapshot": s.Seq, "partial": s.Body.Partial, "files": p.Files.Load(), "dirs": p.Dirs.Load(), "others": p.Others.Load(),
			"bytes": p.Bytes.Load(), "same": p.Same.Load(), "failed": failed, "incomplete": incomplete, "dry_run": cmd.DryRun})
	} else {
		_, _ = fmt.Fprintf(a.Stdout, "snapshot %d: %d files, %d folders, %s; %d were there already\n", s.Seq, p.Files.Load(), p.Dirs.Load(), english.Size(int64(p.Bytes.Load())), p.Same.Load())
	}
	var errs []error
	if failed > 0 {
		errs = append(errs, fmt.Errorf("%d files could not be restored: see above", failed))
	}
	if incomplete > 0 {
		errs = append(errs, fmt.Errorf("of %d files not everything could be set: see above; owners and devices need root", incomplete))
	}
	if len(errs) > 0 {
		return console.WithCode(errors.Join(errs...), console.ExitIncomplete)
	}
	return nil
}
