// SPDX-License-Identifier: AGPL-3.0-or-later

package names

import (
	"fmt"
	"slices"
	"strings"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/content"
)

// MentionScheme is what the URIs of people begin with.
const MentionScheme = "mimi://"

// maxMention bounds a link that mentions somebody, in bytes.
const maxMention = len(MentionScheme+"/u/") + account.MaxAddressLength + 1

// Mentioned returns whom a text mentions, each once, and content.MaxMentions of
// them at most. Whether they are members is not looked at. It finds what
// content.Mentions does, without looking far from a link that has no end: a
// text is looked at whenever it is shown, and others wrote it.
func Mentioned(text string) []account.Address {
	var all []account.Address
	for at := 0; len(all) < content.MaxMentions; at += len(MentionScheme) {
		i := strings.Index(text[at:], MentionScheme)
		if i < 0 {
			break
		}
		at += i
		var end string
		switch {
		case strings.HasSuffix(text[:at], "<"):
			end = ">"
		case strings.HasSuffix(text[:at], "]("):
			end = ") \t\n"
		default:
			continue
		}
		rest := text[at:min(len(text), at+maxMention)]
		n := strings.IndexAny(rest, end)
		if n < 0 {
			continue
		}
		if a, err := account.ParseURI(rest[:n]); err == nil && !slices.Contains(all, a) {
			all = append(all, a)
		}
	}
	return all
}

// WithMentions turns the places of a text that name people into links to them:
// @name@host wherever it stands, else @name, and where neither does the link
// is put at the end. What it shows is the name of the address, never the name
// that this account gave them: that is nobody else's business.
func WithMentions(text string, people []account.Address) (string, error) {
	if len(people) > content.MaxMentions {
		return "", fmt.Errorf("a message may mention at most %d people", content.MaxMentions)
	}
	for _, a := range people {
		if slices.Contains(Mentioned(text), a) {
			continue
		}
		link := content.Mention(a.Name, a.URI())
		var found bool
		for _, name := range []string{"@" + a.String(), "@" + a.Name} {
			if text, found = replaceName(text, name, link); found {
				break
			}
		}
		if !found {
			text = strings.TrimLeft(text+" "+link, " ")
		}
	}
	return text, nil
}

// replaceName puts a link in the place of a name, unless it is a part of a
// longer one or stands in a link already.
func replaceName(text, name, link string) (string, bool) {
	var out strings.Builder
	found := false
	for {
		i := strings.Index(text, name)
		if i < 0 {
			break
		}
		end := i + len(name)
		whole := (i == 0 || text[i-1] != '[' && !nameByte(text[i-1])) && !continues(text[end:])
		out.WriteString(text[:i])
		if whole {
			out.WriteString(link)
		} else {
			out.WriteString(name)
		}
		text, found = text[end:], found || whole
	}
	out.WriteString(text)
	return out.String(), found
}

// continues reports whether a name goes on in what follows it. A dot or colon
// goes on only before another letter: it may be the end of the sentence.
func continues(rest string) bool {
	if rest == "" {
		return false
	}
	if rest[0] == '.' || rest[0] == ':' || rest[0] == '-' {
		return len(rest) > 1 && nameByte(rest[1])
	}
	return rest[0] == '@' || nameByte(rest[0])
}

func nameByte(b byte) bool {
	return b == '_' || b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= 0x80
}
