// SPDX-License-Identifier: AGPL-3.0-or-later

package vaultcli

import (
	"errors"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"syscall"

	"github.com/securecrypt/securecrypt/internal/product/console"
	"github.com/securecrypt/securecrypt/internal/product/termtext"
	"github.com/securecrypt/securecrypt/vault"
	"github.com/securecrypt/securecrypt/vault/mountfs"
)

type mountCmd struct {
	Dir        string    `arg:"" help:"Empty folder to show the snapshots in." type:"path"`
	Snapshot   string    `help:"Show one snapshot alone, by its number or as latest." placeholder:"NUMBER"`
	Numeric    bool      `help:"Take owners by their numbers, not by their names."`
	AllowOther bool      `help:"Let other users of this machine in, as the modes of the files say. As another user than root, this needs user_allow_other in /etc/fuse.conf."`
	Cache      cacheSize `help:"Keep so many bytes of what was read in memory." default:"64M" placeholder:"SIZE"`
	DryRun     bool      `help:"Say which snapshots would be shown." short:"n"`
}

// cacheSize is a number of bytes, also in KiB, MiB and GiB: 512K, 64M, 1G.
type cacheSize int

// smallestCache has room for a few chunks and pages.
const smallestCache = 4 << 20

// UnmarshalText implements encoding.TextUnmarshaler.
func (c *cacheSize) UnmarshalText(text []byte) error {
	n, err := parseBytes(string(text))
	if err != nil || n < smallestCache || int64(int(n)) != n {
		return fmt.Errorf("%q is no size of a cache: enter a number of bytes, at least %dM, such as 64M or 1G", text, smallestCache>>20)
	}
	*c = cacheSize(n)
	return nil
}

// Run shows snapshots until it is interrupted, or the folder unmounted.
func (cmd *mountCmd) Run(a *app, all *Commands) error {
	return a.withVault(all, func(v *vault.Vault, d *device) error {
		if overlaps(cmd.Dir, d.location) {
			return console.WithCode(errors.New("the folder has the vault in it, or lies in the vault: choose another one"), console.ExitUsage)
		}
		o := mountfs.Options{Numeric: cmd.Numeric, AllowOther: cmd.AllowOther, Cache: int(cmd.Cache)}
		shown := v.State().Live()
		if cmd.Snapshot != "" {
			s, err := v.Snapshot(cmd.Snapshot)
			if err != nil {
				return err
			}
			o.Snapshot, shown = s, append(shown[:0], s)
		}
		if cmd.DryRun {
			for _, s := range shown {
				a.printSnapshot(v, s, nil)
			}
			a.Say("%d snapshots would be shown in %s", len(shown), cmd.Dir)
			return nil
		}
		return cmd.serve(a, v, o, len(shown))
	})
}

// overlaps reports whether one of two places lies in the other.
func overlaps(dir, location string) bool {
	inside, err := filepath.Rel(dir, location)
	outside, rerr := filepath.Rel(location, dir)
	return err == nil && filepath.IsLocal(inside) || rerr == nil && filepath.IsLocal(outside)
}

func (cmd *mountCmd) serve(a *app, v *vault.Vault, o mountfs.Options, shown int) error {
	var damaged atomic.Uint64
	warn := a.warn()
	o.Warn = func(path string, err error) {
		damaged.Add(1)
		warn(path, err)
	}
	s, err := mountfs.Mount(a.Ctx, cmd.Dir, v, o)
	if errors.Is(err, syscall.EPERM) {
		return console.WithCode(fmt.Errorf("%w. What to do: this system does not let the program mount; in a container, start it with --device /dev/fuse --cap-add SYS_ADMIN", err), console.ExitRefused)
	}
	if err != nil {
		return err
	}
	if a.JSON {
		a.PrintJSON(map[string]any{"type": "mount", "path": cmd.Dir, "snapshots": shown})
	} else {
		_, _ = fmt.Fprintf(a.Stdout, "%d snapshots are shown in %s until Ctrl-C, or fusermount3 -u. What is backed up meanwhile is shown after the next mount\n", shown, termtext.Line(cmd.Dir))
	}
	s.Wait(a.Ctx)
	busy, err := s.Unmount()
	if busy && err == nil {
		a.Say("programs still use files in %s: the folder is unmounted, and they get errors now", cmd.Dir)
	}
	if err == nil && damaged.Load() > 0 {
		err = console.WithCode(fmt.Errorf("%d files or folders could not be read: see above. securecrypt vault check --read says what is damaged", damaged.Load()), console.ExitIncomplete)
	}
	return err
}
