// SPDX-License-Identifier: AGPL-3.0-or-later

package schedule_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/securecrypt/securecrypt/internal/product/schedule"
)

// odd has what systemd would replace or split.
var odd = schedule.Units{
	Name: "securecrypt-vault-0123456789abcdef", Description: `Backup into /mnt/100% of "it"`, Calendar: "Mon..Fri 12:00",
	Command: []string{"/bin/echo", "--vault", `/mnt/a b/$HOME/%h/\back"quote'`, "", "ü", "--", "-x"},
}

// TestUnitsQuote compares a service with what systemd.service(5) demands.
func TestUnitsQuote(t *testing.T) {
	text, err := odd.Service()
	if err != nil {
		t.Fatal(err)
	}
	if want := `ExecStart="/bin/echo" "--vault" "/mnt/a b/$$HOME/%%h/\\back\"quote'" "" "ü" "--" "-x"` + "\n"; !strings.Contains(text, want) {
		t.Errorf("the service is\n%s", text)
	}
	for _, bad := range []string{"a\nExecStart=/bin/rm", "\xff", "a\x00"} {
		u := odd
		u.Command = []string{"/bin/echo", bad}
		if _, err := u.Service(); !errors.Is(err, schedule.ErrUnquotable) {
			t.Errorf("%q is in a service: %v", bad, err)
		}
		u = odd
		u.Calendar = bad
		if _, err := u.Timer(); !errors.Is(err, schedule.ErrUnquotable) {
			t.Errorf("%q is in a timer: %v", bad, err)
		}
	}
}

// TestSystemdTakesTheUnits has systemd read the units.
func TestSystemdTakesTheUnits(t *testing.T) {
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("needs systemd-analyze")
	}
	dir := t.TempDir()
	timer, err := odd.Timer()
	if err != nil {
		t.Fatal(err)
	}
	service, err := odd.Service()
	if err != nil {
		t.Fatal(err)
	}
	verify := func(service string) (string, error) {
		for name, text := range map[string]string{odd.TimerFile(): timer, odd.ServiceFile(): service} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		cmd := exec.Command("systemd-analyze", "verify", "--user", "--man=no", filepath.Join(dir, odd.TimerFile()), filepath.Join(dir, odd.ServiceFile()))
		cmd.Env = append(os.Environ(), "XDG_RUNTIME_DIR="+dir)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	broken, err := verify(strings.Replace(service, "Type=oneshot", "Type=nonsense", 1))
	if err == nil && !strings.Contains(broken, "nonsense") {
		t.Skipf("systemd-analyze does not find what is wrong here: %s", broken)
	}
	if out, err := verify(service); err != nil || strings.Contains(out, odd.Name) {
		t.Errorf("%v: %s", err, out)
	}
}
