// SPDX-License-Identifier: AGPL-3.0-or-later

package vaultcli

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/securecrypt/securecrypt/internal/product/console"
	"github.com/securecrypt/securecrypt/internal/product/schedule"
)

// A systemd is that of the user, with the folder of its units.
type systemd struct {
	app *app
	dir string
}

func newSystemd(a *app) (*systemd, error) {
	config, err := os.UserConfigDir()
	if err != nil {
		return nil, fmt.Errorf("where units of systemd lie is not known: set HOME (%w)", err)
	}
	return &systemd{a, filepath.Join(config, "systemd", "user")}, nil
}

// run runs systemctl for the user.
func (s *systemd) run(args ...string) (string, error) {
	out, err := exec.CommandContext(s.app.Ctx, "systemctl", append([]string{"--user"}, args...)...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("systemctl --user %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return string(out), nil
}

// checkCalendar has systemd read when to run, if it can be asked.
func (s *systemd) checkCalendar(calendar string) error {
	path, err := exec.LookPath("systemd-analyze")
	if err != nil {
		return nil // the timer says it when it is started
	}
	out, err := exec.CommandContext(s.app.Ctx, path, "calendar", "--", calendar).CombinedOutput()
	if err != nil {
		return console.WithCode(fmt.Errorf("%q is no time that systemd knows (%s): enter one such as hourly, daily or Mon..Fri 12:00", calendar, strings.Join(strings.Fields(string(out)), " ")), console.ExitUsage)
	}
	return nil
}

// install writes the units and starts the timer.
func (s *systemd) install(u *schedule.Units, timer, service string) error {
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return err
	}
	for _, x := range []struct{ name, text string }{{u.ServiceFile(), service}, {u.TimerFile(), timer}} {
		if err := s.write(x.name, x.text); err != nil {
			return err
		}
	}
	if _, err := s.run("daemon-reload"); err != nil {
		return s.unreachable(u, err)
	}
	if _, err := s.run("enable", "--now", u.TimerFile()); err != nil {
		return s.unreachable(u, err)
	}
	return nil
}

// unreachable is why a timer is there and does not run.
func (s *systemd) unreachable(u *schedule.Units, err error) error {
	return console.WithCode(fmt.Errorf("the units are written, and systemd could not be told (%w). Log in as this user and run: systemctl --user daemon-reload && systemctl --user enable --now %s", err, u.TimerFile()), console.ExitError)
}

// write replaces a unit as a whole.
func (s *systemd) write(name, text string) error {
	f, err := os.CreateTemp(s.dir, ".securecrypt-")
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), filepath.Join(s.dir, name))
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// calendar returns when the timer runs, as its unit says.
func (s *systemd) calendar(u *schedule.Units) string {
	b, err := os.ReadFile(filepath.Join(s.dir, u.TimerFile()))
	if err != nil {
		return ""
	}
	_, after, _ := strings.Cut(string(b), "\nOnCalendar=")
	line, _, _ := strings.Cut(after, "\n")
	return strings.ReplaceAll(line, "%%", "%")
}

// remove stops the timer and removes the units.
func (s *systemd) remove(u *schedule.Units) error {
	_, stopped := s.run("disable", "--now", u.TimerFile())
	var errs []error
	for _, name := range []string{u.TimerFile(), u.ServiceFile()} {
		if err := os.Remove(filepath.Join(s.dir, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	if stopped != nil {
		return console.WithCode(fmt.Errorf("the units are removed, and systemd could not be told (%w). Log in as this user and run: systemctl --user daemon-reload", stopped), console.ExitError)
	}
	_, err := s.run("daemon-reload")
	return err
}
