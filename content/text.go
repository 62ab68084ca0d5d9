// SPDX-License-Identifier: AGPL-3.0-or-later

package content

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/securecrypt/securecrypt/internal/codec/invisible"
)

// maxSafeFilename is in bytes, with room for a suffix within the 255 of common
// file systems.
const maxSafeFilename = 200

// SafeFilename returns a sender's file name as a name that can be created in a
// folder on any system: no path, no control or direction characters, nothing that
// hides a part of it, no reserved name, none that is hidden or that a command would take for an option.
// It is empty if nothing remains.
func SafeFilename(name string) string {
	name = strings.Map(func(r rune) rune {
		switch {
		case unicode.Is(unicode.C, r), invisible.Is(r, invisible.All&^(invisible.Selector|invisible.Variant)), r == utf8.RuneError:
			return -1
		case strings.ContainsRune(`/\:*?"<>|`, r):
			return '_'
		}
		return r
	}, name)
	name = trimFilename(name)
	if len(name) > maxSafeFilename {
		name = trimFilename(shorten(name))
	}
	stem, _, _ := strings.Cut(strings.ToUpper(name), ".")
	if reservedName(strings.TrimSpace(stem)) || strings.HasPrefix(name, "-") {
		name = "_" + name
	}
	return name
}

// trimFilename removes the dots and spaces that hide a file or that some systems
// drop.
func trimFilename(name string) string {
	return strings.TrimFunc(name, func(r rune) bool { return r == '.' || unicode.IsSpace(r) })
}

// shorten cuts the stem of a file name and keeps a short extension.
func shorten(name string) string {
	ext := ""
	if i := strings.LastIndexByte(name, '.'); i > 0 && len(name)-i <= 16 {
		ext = name[i:]
	}
	stem := name[:maxSafeFilename-len(ext)]
	for !utf8.ValidString(stem) {
		stem = stem[:len(stem)-1]
	}
	return stem + ext
}

// reservedName knows the device names of Windows.
func reservedName(s string) bool {
	if slices.Contains([]string{"CON", "PRN", "AUX", "NUL"}, s) {
		return true
	}
	rest, com := strings.CutPrefix(s, "COM")
	if !com {
		rest, com = strings.CutPrefix(s, "LPT")
	}
	return com && len(rest) == 1 && rest[0] >= '0' && rest[0] <= '9'
}

// MaxMentions bounds what Mentions returns.
const MaxMentions = 1024

// Mentions returns the URIs that a Markdown text links to and that begin with
// one of the schemes, such as mimi:, in order and each once. It looks at
// [text](uri) and <uri> only and does not know code from prose; whether a URI is
// a member's is for the caller.
func Mentions(markdown string, schemes ...string) []string {
	var out []string
	for i := range len(markdown) {
		var end string
		switch {
		case markdown[i] == '<':
			end = ">"
		case markdown[i] == '(' && i > 0 && markdown[i-1] == ']':
			end = ") \t\n"
		default:
			continue
		}
		rest := markdown[i+1 : min(len(markdown), i+1+MaxURLLength)]
		n := strings.IndexAny(rest, end)
		if n < 0 {
			continue
		}
		uri := rest[:n]
		if slices.ContainsFunc(schemes, func(s string) bool { return strings.HasPrefix(uri, s) }) && !slices.Contains(out, uri) {
			out = append(out, uri)
		}
		if len(out) == MaxMentions {
			break
		}
	}
	return out
}
