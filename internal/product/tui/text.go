// SPDX-License-Identifier: AGPL-3.0-or-later

package tui

import (
	"strings"
	"time"
	"unicode"

	"github.com/charmbracelet/x/ansi"

	"github.com/securecrypt/securecrypt/internal/product/english"
	"github.com/securecrypt/securecrypt/internal/product/termtext"
)

// wrap breaks a text that others wrote into lines of at most width cells.
func wrap(s string, width int) []string {
	s = strings.TrimRight(termtext.Clean(s), "\n ")
	return strings.Split(ansi.Wrap(s, max(width, 1), ""), "\n")
}

// fit makes s exactly width cells wide.
func fit(s string, width int) string {
	if width <= 0 {
		return ""
	}
	s = ansi.Truncate(s, width, "…")
	return s + strings.Repeat(" ", max(0, width-ansi.StringWidth(s)))
}

// spread puts left and right at the ends of width cells; left gives way.
func spread(left, right string, width int) string {
	room := width - ansi.StringWidth(right)
	if right == "" || room < 4 {
		return fit(left, width)
	}
	return fit(left, room-1) + " " + right
}

// center puts s in the middle of width cells.
func center(s string, width int) string {
	s = ansi.Truncate(s, width, "…")
	return strings.Repeat(" ", max(0, (width-ansi.StringWidth(s))/2)) + s
}

// middle shortens a file's name in the middle, so that its ending stays.
func middle(s string, width int) string {
	if ansi.StringWidth(s) <= width {
		return s
	}
	if width < 5 {
		return ansi.Truncate(s, width, "…")
	}
	tail := (width - 1) / 2
	return ansi.Truncate(s, width-tail, "…") + ansi.TruncateLeft(s, ansi.StringWidth(s)-tail, "")
}

// clock is the time of day of a message.
func clock(t time.Time) string { return t.Format("15:04") }

// day names a date as seen from now.
func day(t, now time.Time) string {
	switch days := daysBetween(t, now); {
	case days == 0:
		return "Today"
	case days == 1:
		return "Yesterday"
	case days > 1 && days < 7:
		return t.Format("Monday")
	case t.Year() == now.Year():
		return t.Format("Monday, 2 January")
	}
	return t.Format("2 January 2006")
}

// short is when something happened, in as few cells as a list has.
func short(t, now time.Time) string {
	switch days := daysBetween(t, now); {
	case t.IsZero():
		return ""
	case days == 0:
		return clock(t)
	case days > 0 && days < 7:
		return t.Format("Mon")
	case t.Year() == now.Year():
		return t.Format("2 Jan")
	}
	return t.Format("Jan 2006")
}

func daysBetween(t, now time.Time) int {
	date := func(t time.Time) time.Time {
		return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
	}
	return int(date(now).Sub(date(t)) / (24 * time.Hour))
}

// span writes a length of time with its largest unit.
func span(d time.Duration) string {
	units := []struct {
		d    time.Duration
		name string
	}{{7 * 24 * time.Hour, "week"}, {24 * time.Hour, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}, {time.Second, "second"}}
	for _, u := range units {
		if d >= u.d {
			return english.Count(int((d+u.d/2)/u.d), u.name)
		}
	}
	return "moments"
}

// typed is what of a text may be typed or pasted into a field: what acts on a
// terminal or turns text around is left out.
func typed(s string) string {
	return strings.ReplaceAll(termtext.Clean(s), string(unicode.ReplacementChar), "")
}

// line makes what others wrote fit for one line.
func line(s string) string { return strings.TrimSpace(termtext.Line(s)) }

// marks are what the interface itself says something by.
var marks = strings.NewReplacer("✓", "", "●", "", "○", "", "◷", "", "▸", "", "▤", "", "│", "", "▌", "", "▐", "", "~", "-")

// called makes a name that somebody chose fit for one line: nothing of it is
// invisible, or looks like a mark of the interface.
func called(s string) string { return termtext.Name(marks.Replace(s)) }
