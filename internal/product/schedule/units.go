// SPDX-License-Identifier: AGPL-3.0-or-later

package schedule

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Units are a timer and a service of systemd.
type Units struct {
	// Name is that of both files without what follows the dot.
	Name string
	// Description is what systemd shows.
	Description string
	// Command is the program, by its absolute path, and its arguments.
	Command []string
	// Calendar says when, as systemd.time(7) has it.
	Calendar string
}

// ErrUnquotable is returned for what cannot stand in a unit.
var ErrUnquotable = errors.New("schedule: units of systemd cannot have this text; use another")

// TimerFile and ServiceFile are the names of the files.
func (u *Units) TimerFile() string   { return u.Name + ".timer" }
func (u *Units) ServiceFile() string { return u.Name + ".service" }

// Timer returns the text of the timer. A run that was missed, as the machine was off,
// is made up for once.
func (u *Units) Timer() (string, error) {
	if err := plain(u.Calendar); err != nil {
		return "", err
	}
	if err := plain(u.Description); err != nil {
		return "", err
	}
	return fmt.Sprintf(`[Unit]
Description=%s

[Timer]
OnCalendar=%s
Persistent=true
RandomizedDelaySec=10min

[Install]
WantedBy=timers.target
`, escape(u.Description), escape(u.Calendar)), nil
}

// Service returns the text of the service, which has no secrets in it.
func (u *Units) Service() (string, error) {
	if err := plain(u.Description); err != nil {
		return "", err
	}
	words := make([]string, len(u.Command))
	for i, w := range u.Command {
		if err := plain(w); err != nil {
			return "", err
		}
		words[i] = quote(w)
	}
	return fmt.Sprintf(`[Unit]
Description=%s

[Service]
Type=oneshot
ExecStart=%s
Nice=10
IOSchedulingClass=idle
`, escape(u.Description), strings.Join(words, " ")), nil
}

// plain refuses what would end a line, or what systemd would not read as it is.
func plain(s string) error {
	if !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) {
		return fmt.Errorf("%w: %q", ErrUnquotable, s)
	}
	return nil
}

// escape keeps systemd from replacing what begins with %.
func escape(s string) string { return strings.ReplaceAll(s, "%", "%%") }

// quote makes one word of a command of s, with nothing replaced in it.
func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, `$`, `$$`, `%`, `%%`).Replace(s) + `"`
}
