// SPDX-License-Identifier: AGPL-3.0-or-later

package vaultcli

import (
	"fmt"
	"io"
	"os"
	"path"
	"time"

	"github.com/securecrypt/securecrypt/internal/product/console"
	"github.com/securecrypt/securecrypt/internal/product/english"
	"github.com/securecrypt/securecrypt/internal/product/termtext"
	"github.com/securecrypt/securecrypt/vault"
	"github.com/securecrypt/securecrypt/vault/browse"
	"github.com/securecrypt/securecrypt/vault/oplog"
	"github.com/securecrypt/securecrypt/vault/restore"
	"github.com/securecrypt/securecrypt/vault/tree"
)

type snapshotsCmd struct {
	Forgotten bool `help:"List those that were forgotten and can be brought back."`
}

// Run lists snapshots.
func (cmd *snapshotsCmd) Run(a *app, all *Commands) error {
	return a.withVault(all, func(v *vault.Vault, _ *device) error {
		snapshots := v.State().Live()
		if cmd.Forgotten {
			snapshots = v.State().Forgotten()
		}
		for _, s := range snapshots {
			a.printSnapshot(v, s, nil)
		}
		return nil
	})
}

func pathTexts(paths [][]byte) []string {
	out := []string{}
	for _, p := range paths {
		out = append(out, string(p))
	}
	return out
}

// printSnapshot prints a line for a snapshot, with further fields and what they
// are for people.
func (a *app) printSnapshot(v *vault.Vault, s *oplog.Snapshot, more map[string]any, notes ...string) {
	device := ""
	if d := v.State().Devices[s.Device]; d != nil {
		device = d.Name
	}
	c := &s.Body.Counts
	if a.JSON {
		line := countsJSON(c)
		line["type"], line["snapshot"], line["time"] = "snapshot", s.Seq, time.Unix(s.Time, 0).UTC()
		line["host"], line["device"], line["paths"], line["tags"], line["partial"] = s.Body.Host, device, pathTexts(s.Body.Paths), s.Body.Tags, s.Body.Partial
		for k, x := range more {
			line[k] = x
		}
		a.PrintJSON(line)
		return
	}
	marks := ""
	if c.Changed > 0 || c.Unreadable > 0 {
		marks = fmt.Sprintf("  (%d changed while read, %d unreadable)", c.Changed, c.Unreadable)
	}
	if s.Body.Partial {
		marks += "  (partial)"
	}
	for _, n := range notes {
		marks += "  " + n
	}
	_, _ = fmt.Fprintf(a.Stdout, "%4d  %s  %s  %d files  %s  %s%s\n", s.Seq, time.Unix(s.Time, 0).Local().Format("2006-01-02 15:04:05"),
		termtext.Name(s.Body.Host), c.Files, english.Size(int64(c.Bytes)), termtext.Line(fmt.Sprint(pathTexts(s.Body.Paths))), marks)
}

type lsCmd struct {
	Snapshot  string `arg:"" help:"Number of the snapshot, or latest."`
	Path      string `arg:"" optional:"" help:"Folder or file of the snapshot."`
	Recursive bool   `help:"List also what is in folders." short:"r"`
}

// Run lists files of a snapshot.
func (cmd *lsCmd) Run(a *app, all *Commands) error {
	return a.withVault(all, func(v *vault.Vault, _ *device) error {
		_, r, e, err := a.findEntry(v, cmd.Snapshot, cmd.Path)
		if err != nil {
			return err
		}
		return browse.List(a.Ctx, r, path.Clean("/"+cmd.Path), e, cmd.Recursive, func(i browse.Item) error {
			a.printItem(i, 0)
			return a.Stdout.Err()
		})
	})
}

func (a *app) findEntry(v *vault.Vault, snapshot, path string) (*oplog.Snapshot, *vault.Reader, *tree.Entry, error) {
	s, err := v.Snapshot(snapshot)
	if err != nil {
		return nil, nil, nil, err
	}
	a.sayPartial(s)
	r, err := v.Reader(a.Ctx)
	if err != nil {
		return nil, nil, nil, err
	}
	e, err := restore.Find(a.Ctx, r, s, path)
	return s, r, e, err
}

// sayPartial says that files may be missing in a snapshot.
func (a *app) sayPartial(s *oplog.Snapshot) {
	if s.Body.Partial {
		a.Say("snapshot %d is partial: its backup had not finished, and files are missing in the folders that are marked as incomplete", s.Seq)
	}
}

// printItem prints a file of a snapshot; snapshot is its number if it is to be
// printed.
func (a *app) printItem(i browse.Item, snapshot uint64) {
	e := i.Entry
	owner, group := i.User, i.Group
	if owner == "" {
		owner = fmt.Sprint(e.UID)
	}
	if group == "" {
		group = fmt.Sprint(e.GID)
	}
	when := time.Unix(e.Seconds, int64(e.Nanos))
	if a.JSON {
		line := map[string]any{"type": "file", "path": i.Path, "kind": e.Type.String(), "mode": fmt.Sprintf("%04o", e.Mode), "uid": e.UID, "gid": e.GID,
			"user": i.User, "group": i.Group, "time": when.UTC(), "bytes": e.Size, "link": string(e.Link),
			"changed": e.Flags&tree.FlagChanged != 0, "unreadable": e.Flags&tree.FlagUnreadable != 0, "incomplete": e.Flags&tree.FlagPartial != 0}
		if snapshot != 0 {
			line["snapshot"] = snapshot
		}
		a.PrintJSON(line)
		return
	}
	name := termtext.Line(i.Path)
	switch {
	case e.Type == tree.TypeSymlink:
		name += " -> " + termtext.Line(string(e.Link))
	case e.Type == tree.TypeDir:
		name += "/"
	}
	for flag, text := range map[tree.Flag]string{tree.FlagChanged: " (changed while read)", tree.FlagUnreadable: " (unreadable)", tree.FlagPartial: " (incomplete)"} {
		if e.Flags&flag != 0 {
			name += text
		}
	}
	prefix := ""
	if snapshot != 0 {
		prefix = fmt.Sprintf("%4d  ", snapshot)
	}
	_, _ = fmt.Fprintf(a.Stdout, "%s%-8s %04o %s:%s %12d %s %s\n", prefix, e.Type, e.Mode, termtext.Name(owner), termtext.Name(group), e.Size,
		when.Local().Format("2006-01-02 15:04:05"), name)
}

type catCmd struct {
	Snapshot string `arg:"" help:"Number of the snapshot, or latest."`
	Path     string `arg:"" help:"File of the snapshot."`
}

// Run writes a file of a snapshot to standard output, as it is. To a terminal it
// writes harmless text.
func (cmd *catCmd) Run(a *app, all *Commands) error {
	return a.withVault(all, func(v *vault.Vault, _ *device) error {
		_, r, e, err := a.findEntry(v, cmd.Snapshot, cmd.Path)
		if err != nil {
			return err
		}
		var w io.Writer = a.Stdout
		if f, ok := a.Stdout.Raw().(*os.File); ok && !console.IsTerminal(f) {
			w = f
		}
		out := &outputWriter{w: w}
		if err := browse.Cat(a.Ctx, r, e, out); err != nil && out.err == nil {
			return err
		}
		if out.err != nil {
			return console.Unwritten(fmt.Errorf("the output cannot be written (%w): make room, or choose another place", out.err))
		}
		return nil
	})
}

// outputWriter remembers why it could not write.
type outputWriter struct {
	w   io.Writer
	err error
}

func (o *outputWriter) Write(b []byte) (int, error) {
	n, err := o.w.Write(b)
	if err != nil {
		o.err = err
	}
	return n, err
}

type findCmd struct {
	Pattern  string `arg:"" help:"Name with * and ?, such as '*.pdf'."`
	Snapshot string `help:"Look in one snapshot alone." placeholder:"NUMBER"`
}

// Run finds files by name.
func (cmd *findCmd) Run(a *app, all *Commands) error {
	if _, err := path.Match(cmd.Pattern, "x"); err != nil {
		return console.WithCode(fmt.Errorf("%q is not a pattern (%w): put special characters in brackets", cmd.Pattern, err), console.ExitUsage)
	}
	return a.withVault(all, func(v *vault.Vault, _ *device) error {
		snapshots := v.State().Live()
		if cmd.Snapshot != "" {
			s, err := v.Snapshot(cmd.Snapshot)
			if err != nil {
				return err
			}
			snapshots = []*oplog.Snapshot{s}
		}
		r, err := v.Reader(a.Ctx)
		if err != nil {
			return err
		}
		found := false
		for _, s := range snapshots {
			root := &tree.Entry{Type: tree.TypeDir, Subtree: s.Body.Root}
			err := browse.List(a.Ctx, r, "/", root, true, func(i browse.Item) error {
				if ok, _ := path.Match(cmd.Pattern, string(i.Entry.Name)); ok { // the pattern was tried above
					found = true
					a.printItem(i, s.Seq)
				}
				return a.Stdout.Err()
			})
			if err != nil {
				return err
			}
		}
		if !found {
			return console.WithCode(fmt.Errorf("no snapshot has a file of that name: %q; try a pattern such as '*.jpg'", cmd.Pattern), console.ExitNotFound)
		}
		return nil
	})
}

type diffCmd struct {
	Old  string `arg:"" help:"Number of the older snapshot."`
	New  string `arg:"" help:"Number of the newer snapshot, or latest."`
	Path string `arg:"" optional:"" help:"Folder to compare."`
}

// Run compares two snapshots.
func (cmd *diffCmd) Run(a *app, all *Commands) error {
	return a.withVault(all, func(v *vault.Vault, _ *device) error {
		_, r, old, err := a.findEntry(v, cmd.Old, cmd.Path)
		if err != nil {
			return err
		}
		_, _, now, err := a.findEntry(v, cmd.New, cmd.Path)
		if err != nil {
			return err
		}
		return browse.Diff(a.Ctx, r, path.Clean("/"+cmd.Path), old, now, func(c browse.Change) error {
			sign, what := "M", "content"
			switch {
			case c.Old == nil:
				sign, what = "+", "added"
			case c.New == nil:
				sign, what = "-", "removed"
			case c.TypeChange:
				sign, what = "T", "type"
			case c.OnlyMeta:
				sign, what = "U", "metadata"
			}
			if a.JSON {
				a.PrintJSON(map[string]any{"type": "change", "path": c.Path, "change": what})
			} else {
				_, _ = fmt.Fprintf(a.Stdout, "%s  %s\n", sign, termtext.Line(c.Path))
			}
			return a.Stdout.Err()
		})
	})
}
