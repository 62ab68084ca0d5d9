// SPDX-License-Identifier: AGPL-3.0-or-later

package ignore

import (
	"errors"
	"fmt"
	"strings"
)

// Rule is one pattern. Its counters are up to the caller.
type Rule struct {
	Text     string // as it was written
	negated  bool
	dirOnly  bool
	anchored bool // it has a slash: it is about the whole path
	parts    []string
}

// Rules are patterns in the order in which they were given: the last that matches
// decides.
type Rules struct {
	rules []*Rule
	fold  bool
}

// ErrPattern reports a pattern that cannot match anything.
var ErrPattern = errors.New("ignore: not a valid pattern")

// Parse reads patterns, one a line, as in a .gitignore file: empty lines and those
// that begin with # are left out. fold ignores the case of ASCII letters.
func Parse(text string, fold bool) (*Rules, error) {
	r := &Rules{fold: fold}
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
		if err := r.Add(line); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// Add adds the pattern of a line.
func (r *Rules) Add(line string) error {
	rule := &Rule{Text: line}
	if strings.HasPrefix(line, "#") {
		return nil
	}
	p := trimSpaces(line)
	if p == "" {
		return nil
	}
	if strings.HasPrefix(p, "!") {
		rule.negated, p = true, p[1:]
	}
	if strings.HasSuffix(p, "/") {
		rule.dirOnly, p = true, strings.TrimSuffix(p, "/")
	}
	rule.anchored = strings.Contains(p, "/")
	p = strings.TrimPrefix(p, "/")
	if p == "" {
		return nil // a slash alone matches nothing
	}
	if trailing(p) {
		return nil // git: a backslash at the end is a pattern that never matches
	}
	if strings.Contains(p, "\x00") {
		return fmt.Errorf("%w: %q", ErrPattern, line)
	}
	rule.parts = strings.Split(p, "/")
	r.rules = append(r.rules, rule)
	return nil
}

// trimSpaces removes spaces at the end that no backslash protects.
func trimSpaces(s string) string {
	for strings.HasSuffix(s, " ") && !trailing(s[:len(s)-1]) {
		s = s[:len(s)-1]
	}
	return s
}

// trailing reports whether a text ends in a backslash that protects what follows.
func trailing(s string) bool {
	n := len(s) - len(strings.TrimRight(s, `\`))
	return n%2 == 1
}

// Match returns the rule that decides about a path, which is relative to where the
// patterns are about and has slashes between its parts, and whether the path is
// left out. A path below a directory that is left out is never asked for: nothing
// brings it back.
func (r *Rules) Match(path string, isDir bool) (rule *Rule, out bool) {
	parts := strings.Split(path, "/")
	for i := len(r.rules) - 1; i >= 0; i-- {
		x := r.rules[i]
		if x.dirOnly && !isDir {
			continue
		}
		matches := false
		if x.anchored {
			matches = r.path(x.parts, parts)
		} else {
			matches = r.part(x.parts[0], parts[len(parts)-1])
		}
		if matches {
			return x, !x.negated
		}
	}
	return nil, false
}

// path matches the parts of a pattern with those of a path.
func (r *Rules) path(pattern, path []string) bool {
	for len(pattern) > 0 {
		if pattern[0] == "**" {
			if len(pattern) == 1 {
				return len(path) > 0 // everything inside
			}
			for skip := range len(path) + 1 {
				if r.path(pattern[1:], path[skip:]) {
					return true
				}
			}
			return false
		}
		if len(path) == 0 || !r.part(pattern[0], path[0]) {
			return false
		}
		pattern, path = pattern[1:], path[1:]
	}
	return len(path) == 0
}

func (r *Rules) lower(c byte) byte {
	if r.fold && 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// part matches a pattern without slashes with a name. Its work grows with the
// product of their lengths at most: of several stars only the last is tried again.
func (r *Rules) part(pattern, name string) bool {
	p, n, star, from := 0, 0, -1, 0
	for n < len(name) {
		if p < len(pattern) && pattern[p] == '*' {
			for p < len(pattern) && pattern[p] == '*' {
				p++
			}
			star, from = p, n
			continue
		}
		if p < len(pattern) {
			if width, ok := r.one(pattern[p:], name[n]); ok {
				p, n = p+width, n+1
				continue
			}
		}
		if star < 0 {
			return false
		}
		from++
		p, n = star, from
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

// one matches the beginning of a pattern with a byte, and returns how long the
// beginning is.
func (r *Rules) one(pattern string, c byte) (width int, ok bool) {
	switch pattern[0] {
	case '?':
		return 1, true
	case '[':
		return r.class(pattern, c)
	case '\\':
		if len(pattern) == 1 {
			return 1, false
		}
		return 2, r.lower(pattern[1]) == r.lower(c)
	}
	return 1, r.lower(pattern[0]) == r.lower(c)
}

var classes = map[string]func(byte) bool{
	"alpha": func(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' },
	"digit": func(c byte) bool { return '0' <= c && c <= '9' },
	"alnum": func(c byte) bool { return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z' },
	"upper": func(c byte) bool { return 'A' <= c && c <= 'Z' },
	"lower": func(c byte) bool { return 'a' <= c && c <= 'z' },
	"space": func(c byte) bool { return c == ' ' || '\t' <= c && c <= '\r' },
	"blank": func(c byte) bool { return c == ' ' || c == '\t' },
	"punct": func(c byte) bool {
		return '!' <= c && c <= '/' || ':' <= c && c <= '@' || '[' <= c && c <= '`' || '{' <= c && c <= '~'
	},
	"xdigit": func(c byte) bool { return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'f' },
	"cntrl":  func(c byte) bool { return c < ' ' || c == 0x7f },
	"print":  func(c byte) bool { return ' ' <= c && c <= '~' },
	"graph":  func(c byte) bool { return '!' <= c && c <= '~' },
}

// class matches a set such as [a-z!] or [^[:digit:]] with a byte.
func (r *Rules) class(pattern string, c byte) (width int, ok bool) {
	i, negated, found := 1, false, false
	if i < len(pattern) && (pattern[i] == '!' || pattern[i] == '^') {
		negated = true
		i++
	}
	for first := true; ; first = false {
		if i >= len(pattern) {
			return len(pattern), false // it never ends
		}
		if pattern[i] == ']' && !first {
			return i + 1, found != negated
		}
		if name, rest, ok := strings.Cut(strings.TrimPrefix(pattern[i:], "[:"), ":]"); ok && strings.HasPrefix(pattern[i:], "[:") {
			is := classes[name]
			if is == nil {
				return len(pattern), false
			}
			found = found || is(c) || r.fold && (name == "upper" || name == "lower") && classes["alpha"](c)
			i = len(pattern) - len(rest)
			continue
		}
		low, next, ok := literal(pattern, i)
		if !ok {
			return len(pattern), false
		}
		high := low
		if next+1 < len(pattern) && pattern[next] == '-' && pattern[next+1] != ']' {
			if high, next, ok = literal(pattern, next+1); !ok {
				return len(pattern), false
			}
		}
		i = next
		found = found || low <= c && c <= high || r.fold && low <= r.lower(c) && r.lower(c) <= high || r.fold && r.lower(low) <= r.lower(c) && r.lower(c) <= r.lower(high)
	}
}

// literal returns a byte of a set, which a backslash may protect, and where the
// next begins.
func literal(pattern string, i int) (c byte, next int, ok bool) {
	if pattern[i] == '\\' {
		i++
	}
	if i >= len(pattern) {
		return 0, i, false
	}
	return pattern[i], i + 1, true
}
