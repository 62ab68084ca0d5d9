// SPDX-License-Identifier: AGPL-3.0-or-later

// Package termtext makes what others wrote harmless for a terminal: no escape
// sequence, no control character and no invisible change of direction gets
// through.
package termtext

import (
	"strings"
	"unicode"
)

// Clean keeps line ends and tabs (as spaces) and replaces every other control
// character, and those that change the direction of text, by U+FFFD.
func Clean(s string) string {
	s = strings.ReplaceAll(s, "\r\n", "\n")
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n':
			return r
		case r == '\t':
			return ' '
		case unicode.IsControl(r), dangerous(r):
			return unicode.ReplacementChar
		}
		return r
	}, s)
}

// Line is Clean for one line.
func Line(s string) string { return strings.ReplaceAll(Clean(s), "\n", " ") }

// dangerous reports whether r reorders text or separates lines: the controls
// of the Unicode Bidirectional Algorithm and the line separators.
func dangerous(r rune) bool {
	switch {
	case r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069:
		return true
	case r == 0x200e, r == 0x200f, r == 0x061c, r == 0x2028, r == 0x2029:
		return true
	}
	return false
}
