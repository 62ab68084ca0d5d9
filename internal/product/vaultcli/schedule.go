// SPDX-License-Identifier: AGPL-3.0-or-later

package vaultcli

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"github.com/securecrypt/securecrypt/client/keyring"
	"github.com/securecrypt/securecrypt/internal/product/console"
	"github.com/securecrypt/securecrypt/internal/product/schedule"
	"github.com/securecrypt/securecrypt/internal/product/termtext"
)

// scheduleCmd are the commands that have backups made again and again.
type scheduleCmd struct {
	Install scheduleInstallCmd `cmd:"" help:"Have systemd back up at times: write a timer and a service for this user, and start the timer."`
	Show    scheduleShowCmd    `cmd:"" help:"Show the timer and the service."`
	Remove  scheduleRemoveCmd  `cmd:"" help:"Stop the timer, and remove it and the service."`
	Run     scheduleRunCmd     `cmd:"" help:"Back up again and again in the foreground, where there is no systemd."`
}

type scheduleRunCmd struct {
	backupCmd `embed:""`

	Every days `help:"How long from the beginning of a backup to the next one, such as 1h or 1d, at least 1m." default:"1d"`
	Once  bool `help:"Back up once, and end: what the timer of systemd runs."`
}

// shortestEvery bounds how often a backup is made.
const shortestEvery = time.Minute

// fileSchedule is locked by the process that runs the schedule of a vault, and holds
// its number.
const fileSchedule = "schedule"

// Run backs up until it is interrupted.
func (cmd *scheduleRunCmd) Run(a *app, all *Commands) (err error) {
	every := time.Duration(cmd.Every)
	if every < shortestEvery {
		return console.WithCode(fmt.Errorf("--every %s is too often: enter at least %s", every, shortestEvery), console.ExitUsage)
	}
	location, err := a.location(all.Vault)
	if err != nil {
		return err
	}
	d, err := a.knownDevice(location)
	if err != nil {
		return err
	}
	if cmd.DryRun {
		a.Say("a backup would be made each %s into %s, as follows", every, termtext.Line(d.location))
		return cmd.backupCmd.Run(a, all)
	}
	unlock, err := lockSchedule(d.path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	if cmd.Once {
		return cmd.backupCmd.Run(a, all)
	}
	a.KeepPassphrase = true
	loop := schedule.Loop{Every: every, Now: time.Now, Wait: wait, Random: rand.Float64,
		Run: func(context.Context) error { return cmd.once(a, all) },
		Failed: func(err error, after time.Duration) {
			a.Say("%v. Trying again in %s", err, after.Round(time.Second))
		},
		Next: func(t time.Time) { a.announceNext(t) }}
	if err := loop.Do(a.Ctx); a.Ctx.Err() == nil {
		return err
	}
	return nil // it was interrupted, as is meant
}

// once makes a backup. What no later attempt would do better ends the loop.
func (cmd *scheduleRunCmd) once(a *app, all *Commands) error {
	err := cmd.backupCmd.Run(a, all)
	switch code, _ := console.CodeOf(err); {
	case err == nil, code == console.ExitIncomplete:
		if err != nil { // the snapshot is there, and the files are named
			a.Say("%v", err)
		}
		return nil
	case code == console.ExitUsage, code == console.ExitLocked, errors.Is(err, keyring.ErrPassphrase), console.IsUnwritten(err):
		return schedule.Final(err)
	}
	return err
}

func (a *app) announceNext(t time.Time) {
	if a.JSON {
		a.PrintJSON(map[string]any{"type": "next", "time": t.UTC()})
		return
	}
	_, _ = fmt.Fprintf(a.Stdout, "the next backup is at %s\n", t.Local().Format("2006-01-02 15:04:05"))
}

// lockSchedule keeps others from running the schedule of the vault whose folder on
// this device is dir.
func lockSchedule(dir string) (unlock func() error, err error) {
	path := filepath.Join(dir, fileSchedule)
	lock := flock.New(path, flock.SetFlag(os.O_CREATE|os.O_RDWR), flock.SetPermissions(0o600))
	locked, err := lock.TryLock()
	if err != nil {
		return nil, err
	}
	if !locked {
		who := "another process"
		if b, err := os.ReadFile(path); err == nil && len(b) > 0 {
			who = "process " + strings.TrimSpace(string(b))
		}
		return nil, console.WithCode(fmt.Errorf("%s runs the schedule of this vault already: wait until it has ended, or stop it", who), console.ExitBusy)
	}
	if err := os.WriteFile(path, fmt.Appendf(nil, "%d\n", os.Getpid()), 0o600); err != nil {
		return nil, errors.Join(err, lock.Unlock())
	}
	return func() error { return errors.Join(os.Truncate(path, 0), lock.Unlock()) }, nil
}

type scheduleInstallCmd struct {
	backupCmd `embed:""`

	Calendar string `help:"When, as systemd.time(7) has it: hourly, daily, weekly, or such as Mon..Fri 12:00." default:"daily"`
}

// Run writes the units and starts the timer.
func (cmd *scheduleInstallCmd) Run(a *app, all *Commands) error {
	location, err := a.location(all.Vault)
	if err != nil {
		return err
	}
	d, err := a.knownDevice(location)
	if err != nil {
		return err
	}
	u, err := cmd.units(a, all, d)
	if err != nil {
		return err
	}
	timer, err := u.Timer()
	if err != nil {
		return console.WithCode(fmt.Errorf("%w: use names without control characters, in UTF-8", err), console.ExitUsage)
	}
	service, err := u.Service()
	if err != nil {
		return console.WithCode(fmt.Errorf("%w: use names without control characters, in UTF-8", err), console.ExitUsage)
	}
	s, err := newSystemd(a)
	if err != nil {
		return err
	}
	if cmd.DryRun {
		for _, x := range []struct{ name, text string }{{u.TimerFile(), timer}, {u.ServiceFile(), service}} {
			_, _ = fmt.Fprintf(a.Stdout, "# %s\n%s\n", termtext.Line(filepath.Join(s.dir, x.name)), termtext.Clean(x.text))
		}
		return nil
	}
	if err := s.checkCalendar(cmd.Calendar); err != nil {
		return err
	}
	if err := d.open(); err != nil { // that it can be, without a terminal, was checked
		return err
	}
	if err := s.install(u, timer, service); err != nil {
		return err
	}
	if a.JSON {
		a.PrintJSON(map[string]any{"type": "schedule", "timer": filepath.Join(s.dir, u.TimerFile()), "service": filepath.Join(s.dir, u.ServiceFile()), "calendar": cmd.Calendar})
		return nil
	}
	_, _ = fmt.Fprintf(a.Stdout, "systemd backs up %s now, by %s\n", termtext.Line(cmd.Calendar), termtext.Line(filepath.Join(s.dir, u.TimerFile())))
	a.Say("the timer runs while you are logged in. To have it run always, run: loginctl enable-linger. What backups say is in journalctl --user -u %s", u.Name)
	return nil
}

// unitName returns the name of the units of a vault.
func unitName(location string) string {
	sum := sha256.Sum256([]byte(location))
	return fmt.Sprintf("securecrypt-vault-%x", sum[:8])
}

// units returns the units for a vault. Nothing in them is secret: the passphrase
// stays in a file that the user names.
func (cmd *scheduleInstallCmd) units(a *app, all *Commands, d *device) (*schedule.Units, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	command := []string{program, "--home", a.Home}
	if _, err := os.Stat(filepath.Join(d.path, console.FileSealed)); err == nil {
		if err := checkPassphraseFile(a.PassphraseFile); err != nil {
			return nil, err
		}
		command = append(command, "--passphrase-file", a.PassphraseFile)
	}
	if strings.HasPrefix(d.location, "s3") && os.Getenv("AWS_ACCESS_KEY_ID") != "" {
		a.Say("AWS_ACCESS_KEY_ID and the like are not kept in units: have the credentials in ~/.aws/credentials")
	}
	command = append(command, "vault", "--vault", d.location)
	if all.LimitUpload > 0 {
		command = append(command, fmt.Sprintf("--limit-upload=%d", all.LimitUpload))
	}
	if all.LimitDownload > 0 {
		command = append(command, fmt.Sprintf("--limit-download=%d", all.LimitDownload))
	}
	command = append(append(command, "schedule", "run", "--once"), cmd.flags()...)
	return &schedule.Units{Name: unitName(d.location), Description: "Backup into the vault in " + d.location, Calendar: cmd.Calendar, Command: append(append(command, "--"), cmd.Paths...)}, nil
}

// flags returns the flags of a backup as they were given.
func (cmd *backupCmd) flags() []string {
	out := []string{"--level=" + cmd.Level}
	for _, x := range []struct {
		flag string
		set  bool
	}{{"--force", cmd.Force}, {"--one-file-system", cmd.OneFileSystem}, {"--verify-all", cmd.VerifyAll}} {
		if x.set {
			out = append(out, x.flag)
		}
	}
	for _, x := range []struct {
		flag   string
		values []string
	}{{"--tag", cmd.Tag}, {"--exclude", cmd.Exclude}, {"--exclude-file", cmd.ExcludeFile}} {
		for _, v := range x.values {
			out = append(out, x.flag+"="+v)
		}
	}
	return out
}

// checkPassphraseFile checks that a file can give the passphrase without a terminal,
// and to nobody else.
func checkPassphraseFile(path string) error {
	if path == "" {
		return console.WithCode(errors.New("systemd has no terminal to ask for the passphrase: write it into a file that only you can read (chmod 600), and name that with --passphrase-file. The unit then has its path"), console.ExitLocked)
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return console.WithCode(fmt.Errorf("reading the passphrase: %w", err), console.ExitLocked)
	case info.Mode().Perm()&0o077 != 0:
		return console.WithCode(fmt.Errorf("others can read the passphrase in %s: run chmod 600 on it", path), console.ExitLocked)
	}
	return nil
}

type scheduleShowCmd struct{}

// Run shows the units.
func (*scheduleShowCmd) Run(a *app, all *Commands) error {
	s, u, err := a.installed(all)
	if err != nil {
		return err
	}
	if a.JSON {
		a.PrintJSON(map[string]any{"type": "schedule", "timer": filepath.Join(s.dir, u.TimerFile()), "service": filepath.Join(s.dir, u.ServiceFile()), "calendar": s.calendar(u)})
		return nil
	}
	for _, name := range []string{u.TimerFile(), u.ServiceFile()} {
		text, err := os.ReadFile(filepath.Join(s.dir, name))
		if err != nil {
			return err
		}
		_, _ = fmt.Fprintf(a.Stdout, "# %s\n%s\n", termtext.Line(filepath.Join(s.dir, name)), termtext.Clean(string(text)))
	}
	if next, err := s.run("list-timers", "--no-legend", u.TimerFile()); err == nil {
		_, _ = io.WriteString(a.Stdout, termtext.Clean(next))
	}
	return nil
}

type scheduleRemoveCmd struct {
	DryRun bool `help:"Say what would be removed." short:"n"`
}

// Run stops the timer and removes the units.
func (cmd *scheduleRemoveCmd) Run(a *app, all *Commands) error {
	s, u, err := a.installed(all)
	if err != nil {
		return err
	}
	if cmd.DryRun {
		a.Say("%s and %s would be removed", filepath.Join(s.dir, u.TimerFile()), filepath.Join(s.dir, u.ServiceFile()))
		return nil
	}
	if err := s.remove(u); err != nil {
		return err
	}
	a.Say("systemd does not back up into this vault any more")
	return nil
}

// installed returns the units of the vault that the command line names, and an error
// if there are none.
func (a *app) installed(all *Commands) (*systemd, *schedule.Units, error) {
	location, err := a.location(all.Vault)
	if err != nil {
		return nil, nil, err
	}
	d, err := a.knownDevice(location)
	if err != nil {
		return nil, nil, err
	}
	s, err := newSystemd(a)
	if err != nil {
		return nil, nil, err
	}
	u := &schedule.Units{Name: unitName(d.location)}
	if _, err := os.Stat(filepath.Join(s.dir, u.TimerFile())); err != nil {
		return nil, nil, console.WithCode(errors.New("systemd has no timer for this vault: make one with securecrypt vault schedule install"), console.ExitNotFound)
	}
	return s, u, nil
}
