// SPDX-License-Identifier: AGPL-3.0-or-later

package vaultcli

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/internal/product/console"
	"github.com/securecrypt/securecrypt/internal/product/termtext"
	"github.com/securecrypt/securecrypt/vault"
	"github.com/securecrypt/securecrypt/vault/keys"
	"github.com/securecrypt/securecrypt/vault/mountfs"
	"github.com/securecrypt/securecrypt/vault/oplog"
	"github.com/securecrypt/securecrypt/vault/restore"
	"github.com/securecrypt/securecrypt/vault/storage"
	"github.com/securecrypt/securecrypt/vault/storage/relay"
	"github.com/securecrypt/securecrypt/vault/storage/s3"
	"github.com/securecrypt/securecrypt/vault/storage/sftp"
	"github.com/securecrypt/securecrypt/vault/vaultcopy"
)

// Commands are the commands of encrypted backups.
type Commands struct {
	Vault place `help:"Folder or address of the vault; not needed if this device knows one vault alone." env:"SECURECRYPT_VAULT" placeholder:"PLACE"`
	rateLimits

	Init      initCmd      `cmd:"" help:"Create a vault in a folder, on an SFTP server, in a bucket or on the account's server, and show its recovery key."`
	Join      joinCmd      `cmd:"" help:"Open a vault on this device with its recovery key."`
	Backup    backupCmd    `cmd:"" help:"Back up files and folders: make a snapshot."`
	Schedule  scheduleCmd  `cmd:"" help:"Back up again and again, by a timer of systemd or in the foreground."`
	Snapshots snapshotsCmd `cmd:"" help:"List snapshots."`
	Ls        lsCmd        `cmd:"" help:"List the files of a snapshot."`
	Cat       catCmd       `cmd:"" help:"Print a file of a snapshot."`
	Find      findCmd      `cmd:"" help:"Find files by name in all snapshots."`
	Diff      diffCmd      `cmd:"" help:"Compare two snapshots."`
	Mount     mountCmd     `cmd:"" help:"Show snapshots as a folder that can be read, until Ctrl-C."`
	Restore   restoreCmd   `cmd:"" help:"Write the files of a snapshot into a folder."`
	Copy      copyCmd      `cmd:"" help:"Copy snapshots into another vault."`
	Import    importCmd    `cmd:"" help:"Import the snapshots of a repository of restic or borg."`
	Check     checkCmd     `cmd:"" help:"Verify the vault, and repair it."`
	Forget    forgetCmd    `cmd:"" help:"Give snapshots up. Undo brings them back until prune has deleted them."`
	Undo      undoCmd      `cmd:"" help:"Take forget back."`
	Prune     pruneCmd     `cmd:"" help:"Delete data that no snapshot needs."`
	Stats     statsCmd     `cmd:"" help:"Print sizes and counts."`
	Device    deviceCmd    `cmd:"" help:"List, add and remove the devices that use the vault."`
	Key       keyCmd       `cmd:"" help:"Change the key of the vault."`
	Deleted   deletedCmd   `cmd:"" help:"List what was deleted from a vault on a SecureCrypt server, or take it back."`
}

// app is what the commands of vaults work with.
type app struct {
	*console.Console
	// backingUp: the command is one that write-only devices may run, too.
	backingUp bool
	// grant signs a storage key with the profile's device.
	grant Grantor
}

// AfterApply has kong hand the commands what they work with.
func (*Commands) AfterApply(k *kong.Context, c *console.Console, g Grantor) error {
	limitMemory()
	k.Bind(&app{Console: c, grant: g})
	return nil
}

// days is a duration that may also be given in days and weeks: 36h, 14d, 2w.
type days time.Duration

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *days) UnmarshalText(text []byte) error {
	s := string(text)
	for suffix, unit := range map[string]time.Duration{"d": 24 * time.Hour, "w": 7 * 24 * time.Hour} {
		if digits, ok := strings.CutSuffix(s, suffix); ok {
			n, err := strconv.ParseUint(digits, 10, 16)
			*d = days(time.Duration(n) * unit)
			return err
		}
	}
	if s == "0" {
		*d = 0
		return nil
	}
	n, err := time.ParseDuration(s)
	if err == nil && n < 0 {
		err = errors.New("a duration cannot be negative: enter one like 336h")
	}
	*d = days(n)
	return err
}

type initCmd struct {
	Place        place `arg:"" help:"New folder for the vault, sftp://user@host:port/path, s3://host:port/bucket/prefix, or server: for the server of the profile's account (server:2 for a second vault there)."`
	NoPassphrase bool  `help:"Keep the key of this device in a file instead of sealing it with a passphrase."`
	DryRun       bool  `help:"Say what would be made."`
}

// Run creates a vault and shows its recovery key.
func (cmd *initCmd) Run(a *app, all *Commands) error {
	location, err := a.location(cmd.Place)
	if err != nil {
		return err
	}
	if cmd.DryRun {
		a.Say("a vault would be made in %s, and its keys for this device in %s", location, a.vaultsFolder())
		return nil
	}
	if !a.JSON && a.NoStderr || a.JSON && a.NoStdout {
		return console.Unwritten(errors.New("the recovery key cannot be shown, as the stream for it is closed: nothing was made; run the command with an open standard output"))
	}
	opener := a.opener(all)
	if location, err = opener.admit(location); err != nil {
		return err
	}
	store, err := opener.open(location, true)
	if err != nil {
		return advised(err)
	}
	return errors.Join(advised(cmd.create(opener, store, location)), store.Close())
}

func (cmd *initCmd) create(opener *opener, store openedStorage, location string) error {
	a := opener.app
	atomic, err := opener.probe(store, location, true)
	if err != nil {
		return err
	}
	if err := a.warnOfLosses(store); err != nil {
		return err
	}
	secret, err := account.NewRecoverySecret(rand.Reader)
	if err != nil {
		return err
	}
	defer secret.Erase()
	d, err := a.newDevice(location, cmd.NoPassphrase)
	if err != nil {
		return err
	}
	if err := d.keepStorage(opener); err != nil {
		return errors.Join(err, d.discard())
	}
	v, err := vault.Create(a.Ctx, vault.CreateParams{Params: d.params(store), Recovery: secret, Name: hostName()})
	if err != nil {
		return errors.Join(err, d.discard())
	}
	if err := d.register(v); err != nil {
		return err
	}
	if atomic != nil {
		a.Say("this storage cannot tell which of two writers came first: use the vault from one device alone (%v)", atomic)
	}
	text, protected := a.whoCanDelete(store)
	return cmd.announce(a, d, map[string]any{"type": "vault", "id": v.ID().String(), "path": d.location, "recovery_key": secret.Reveal(), "shared": atomic == nil,
		"protected": protected}, secret.Reveal(), text)
}

func (cmd *initCmd) announce(a *app, d *device, line map[string]any, recovery, whoCanDelete string) error {
	if a.JSON {
		a.PrintJSON(line)
		return a.Stdout.Err()
	}
	_, _ = fmt.Fprintf(a.Stderr, "The vault is made in %s.\n\nRecovery key, shown only now. Write it down and keep it away from this device:\n\n    %s\n\n"+
		"With it, securecrypt vault join opens the vault on any device. Without it and without this device, nobody can read the vault.\n"+
		"%s: keep a copy elsewhere.\n", termtext.Line(d.location), recovery, termtext.Line(whoCanDelete))
	if cmd.NoPassphrase {
		_, _ = fmt.Fprintf(a.Stderr, "The key of this device has no passphrase: every user who can read %s can read the vault. Keep that folder private.\n", termtext.Line(a.vaultsFolder()))
	}
	return a.Stderr.Err()
}

type joinCmd struct {
	Place        place  `arg:"" help:"Folder or address of the vault."`
	RecoveryFile string `help:"Read the recovery key from the first line of FILE." type:"path" placeholder:"FILE"`
	NoPassphrase bool   `help:"Keep the key of this device in a file instead of sealing it with a passphrase."`
	Alone        bool   `help:"No other device uses the vault any more. Needed where a storage cannot keep the changes of two devices apart."`
	DryRun       bool   `help:"Check the recovery key, and change nothing." short:"n"`
}

// Run adds this device to a vault.
func (cmd *joinCmd) Run(a *app, all *Commands) error {
	location, err := a.location(cmd.Place)
	if err != nil {
		return err
	}
	opener := a.opener(all)
	if location, err = opener.admit(location); err != nil {
		return err
	}
	store, err := opener.open(location, false)
	if err != nil {
		return advised(err)
	}
	return errors.Join(advised(cmd.join(opener, store, location)), store.Close())
}

func (cmd *joinCmd) join(opener *opener, store openedStorage, location string) error {
	a := opener.app
	text, err := cmd.recoveryText(a)
	if err != nil {
		return err
	}
	secret, err := account.ParseRecoverySecret(text)
	if err != nil {
		return console.WithCode(err, console.ExitUsage)
	}
	defer secret.Erase()
	if _, err := vault.OpenRecovery(a.Ctx, vault.Params{Storage: store, Now: time.Now}, secret); err != nil {
		return err
	}
	if cmd.DryRun {
		a.Say("the recovery key opens the vault in %s: this device would be added to it, and its keys kept in %s", location, a.vaultsFolder())
		return nil
	}
	if !cmd.Alone {
		atomic, err := opener.probe(store, location, false)
		if err != nil {
			return err
		}
		if atomic != nil {
			return errOneDevice(atomic)
		}
	}
	d, err := a.newDevice(location, cmd.NoPassphrase)
	if err != nil {
		return err
	}
	if err := d.keepStorage(opener); err != nil {
		return errors.Join(err, d.discard())
	}
	v, err := vault.Join(a.Ctx, d.params(store), secret, hostName())
	if err != nil {
		return errors.Join(err, d.discard())
	}
	if err := d.register(v); err != nil {
		return err
	}
	if a.JSON {
		a.PrintJSON(map[string]any{"type": "vault", "id": v.ID().String(), "path": location})
		return nil
	}
	a.Say("this device can use the vault in %s now. It has %d snapshots, as of the newest entry of its log; whether the storage was put back to an older state cannot be known on a new device",
		location, len(v.State().Live()))
	return nil
}

// recoveryText finds the recovery key: in a file, in the environment, or on
// standard input.
func (cmd *joinCmd) recoveryText(a *app) (string, error) {
	if cmd.RecoveryFile != "" {
		b, err := os.ReadFile(cmd.RecoveryFile)
		line, _, _ := strings.Cut(string(b), "\n")
		return line, err
	}
	if s := os.Getenv("SECURECRYPT_RECOVERY_KEY"); s != "" {
		return s, nil
	}
	_, _ = fmt.Fprint(a.Stderr, "Recovery key: ")
	b, err := io.ReadAll(io.LimitReader(a.Stdin, 1024))
	line, _, _ := strings.Cut(string(b), "\n")
	return line, err
}

func hostName() string {
	name, err := os.Hostname()
	if err != nil {
		return "unknown"
	}
	return name
}

// withVault runs fn with the vault that the command line names, or the only one
// that this device knows, and remembers what the device has seen of it.
func (a *app) withVault(cmd *Commands, fn func(*vault.Vault, *device) error) error {
	location, err := a.location(cmd.Vault)
	if err != nil {
		return err
	}
	d, err := a.openDevice(location)
	if err != nil {
		return err
	}
	o := a.opener(cmd)
	if err := o.use(d); err != nil {
		return err
	}
	store, err := o.open(d.location, false)
	if err != nil {
		return advised(err)
	}
	d.store = store
	v, err := d.openVault(a.Ctx, store)
	if err == nil && v.WriteOnly() && !a.backingUp {
		err = vault.ErrWriteOnly
	}
	if err != nil {
		return errors.Join(advised(err), d.unlock(), store.Close())
	}
	err = advised(fn(v, d))
	if told := d.tellDeletions(); told != nil && err == nil {
		a.Say("whether other devices deleted something from the vault could not be found out: %v", told)
	}
	return errors.Join(err, d.remember(v), d.unlock(), store.Close())
}

// advised adds what to do to an error of a vault.
func advised(err error) error {
	if err == nil {
		return nil
	}
	if _, coded := console.CodeOf(err); coded {
		return err
	}
	for _, known := range []struct {
		is   error
		code int
		then string
	}{
		{vault.ErrRolledBack, console.ExitRefused, "somebody put an older copy of the vault in its place, or its disk lost what was written. Put the newest copy back; if this is the newest one, begin a new vault beside it"},
		{vault.ErrOtherVault, console.ExitRefused, "check the path; if you replaced the vault on purpose, run securecrypt vault join"},
		{vault.ErrWithheld, console.ExitRefused, "files are missing from the vault: put them back from a copy"},
		{oplog.ErrBroken, console.ExitRefused, "the vault was changed by something else than securecrypt: put it back from a copy"},
		{keys.ErrKey, console.ExitLocked, "use the recovery key that was shown when this vault was made, or run securecrypt vault join on this device"},
		{keys.ErrForged, console.ExitRefused, "do not back up into it"},
		{vaultcopy.ErrSameVault, console.ExitUsage, "name another vault to copy into, and with --vault the one to copy from"},
		{vault.ErrNoSnapshot, console.ExitNotFound, "securecrypt vault snapshots lists them"},
		{restore.ErrNotInSnapshot, console.ExitNotFound, "securecrypt vault ls lists what it has"},
		{storage.ErrNotFound, console.ExitNotFound, "check the path, or make a vault with securecrypt vault init"},
		{storage.ErrFull, console.ExitUnwritten, "the disk or the quota of the vault is full: snapshots so far are whole. Free space with securecrypt vault forget and securecrypt vault prune --wait 0, then run the command again"},
		{vault.ErrMissing, console.ExitError, "run securecrypt vault check to see which files are concerned"},
		{vault.ErrDamaged, console.ExitError, "run securecrypt vault check --read to see which files are concerned, and --repair to rebuild what parity can"},
		{vault.ErrMachine, console.ExitError, ""},
		{vault.ErrSwept, console.ExitError, "another device deleted data each time this one was about to finish: run the command again"},
		{vault.ErrKeepsNothing, console.ExitUsage, "name at least one --keep option that keeps something"},
		{mountfs.ErrUnsupported, console.ExitRefused, ""},
		{mountfs.ErrNoDevice, console.ExitRefused, "load the kernel's module with modprobe fuse, or have root let you open the device with chmod 666 /dev/fuse; in a container, start it with --device /dev/fuse --cap-add SYS_ADMIN"},
		{mountfs.ErrNoHelper, console.ExitRefused, "install the package fuse3"},
		{mountfs.ErrMountPoint, console.ExitUsage, "make a folder with nothing in it and name that"},
		{fs.ErrNotExist, console.ExitNotFound, "check the path"},
		{sftp.ErrHostKey, console.ExitRefused, ""},
		{sftp.ErrLogin, console.ExitRefused, ""},
		{sftp.ErrConnection, console.ExitWaiting, ""},
		{relay.ErrDevice, console.ExitRefused, ""},
		{relay.ErrOff, console.ExitRefused, ""},
		{relay.ErrDeletedFull, console.ExitUnwritten, ""},
		{relay.ErrConnection, console.ExitWaiting, ""},
		{s3.ErrCredentials, console.ExitRefused, ""},
		{s3.ErrConnection, console.ExitWaiting, ""},
		{vault.ErrRevoked, console.ExitRefused, "if it shall use the vault again, run securecrypt vault join on it with the recovery key, or securecrypt vault device request"},
		{vault.ErrWriteOnly, console.ExitRefused, "run the command on a device that can read the vault"},
		{vault.ErrReliedOn, console.ExitRefused, "make a further backup on that device first, or remove it with securecrypt vault device revoke"},
		{vault.ErrNoDevice, console.ExitNotFound, "securecrypt vault device list lists them"},
		{vault.ErrNoEntry, console.ExitUsage, "give the number of a snapshot or of a forget, as the commands print them"},
		{vault.ErrDeviceThere, console.ExitRefused, "run securecrypt vault device join on it, or securecrypt vault device request for new keys"},
		{vault.ErrRevokesItself, console.ExitRefused, ""},
		{vault.ErrKeyUnknown, console.ExitRefused, ""},
		{vault.ErrTooLate, console.ExitRefused, "prune with a longer --wait leaves more time"},
	} {
		if errors.Is(err, known.is) && known.then == "" { // the error says it
			return console.WithCode(err, known.code)
		}
		if errors.Is(err, known.is) {
			return console.WithCode(fmt.Errorf("%w. What to do: %s", err, known.then), known.code)
		}
	}
	return err
}

// vaultsFolder is where the keys of vaults lie on this device.
func (a *app) vaultsFolder() string { return filepath.Join(a.Home, "vaults") }
