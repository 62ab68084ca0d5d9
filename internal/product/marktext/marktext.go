// SPDX-License-Identifier: AGPL-3.0-or-later

// Package marktext turns the Markdown of messages (GFM-MIMI) into text for
// terminals: mentions and links are written out, everything else stays as it was
// typed, or goes where only one line is shown. It makes nothing harmless: see
// package termtext.
package marktext

import (
	"regexp"
	"strings"

	"github.com/securecrypt/securecrypt/account"
)

// links are links and mentions, and before them code, in which nothing is one.
var links = regexp.MustCompile("(?s)(```.*?```|`[^`\n]+`)" + // 1: code
	`|!?\[([^\[\]\n]{0,999})\]\(<?([^()\s<>]{1,999})>?(?:\s+"[^"\n]*")?\)` + // 2: text, 3: where to
	`|<((?:mimi|https?)://[^<>\s]{1,999})>`) // 4: where to

// Text returns a message as text of several lines. Where a link leads to stands
// beside it, unless it says so itself; a mention is written as the name of whom it
// means, whatever it says.
func Text(markdown string) string {
	return links.ReplaceAllStringFunc(markdown, func(whole string) string {
		m := links.FindStringSubmatch(whole)
		switch {
		case m == nil || m[1] != "":
			return whole
		case m[4] != "":
			return written("", m[4])
		}
		return written(m[2], m[3])
	})
}

func written(text, to string) string {
	if a, err := account.ParseURI(to); err == nil {
		if text == "@"+a.Name {
			return text
		}
		return "@" + a.String()
	}
	if text = strings.TrimSpace(text); text == "" || text == to {
		return to
	}
	return text + " (" + to + ")"
}

var (
	fences   = regexp.MustCompile("```[^\n]*\n?")
	emphasis = regexp.MustCompile("\\*\\*(\\S(?:[^\n]*?\\S)?)\\*\\*|__(\\S(?:[^\n]*?\\S)?)__|~~(\\S(?:[^\n]*?\\S)?)~~|`([^`\n]+)`")
	leading  = regexp.MustCompile(`(?m)^\s*(?:#{1,6}|>|[-*+])\s+`)
	escaped  = regexp.MustCompile("\\\\([\\\\`*_{}\\[\\]()#+\\-.!>~|])")
)

// Line returns a message, or the beginning of one, as text of one line, without
// the signs that format it.
func Line(markdown string) string {
	s := Text(markdown)
	s = fences.ReplaceAllString(s, "")
	s = emphasis.ReplaceAllString(s, "$1$2$3$4")
	s = leading.ReplaceAllString(s, "")
	s = escaped.ReplaceAllString(s, "$1")
	return strings.Join(strings.Fields(s), " ")
}
