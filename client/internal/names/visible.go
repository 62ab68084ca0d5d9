// SPDX-License-Identifier: AGPL-3.0-or-later

package names

import (
	"cmp"
	"strconv"
	"strings"

	"github.com/securecrypt/securecrypt/internal/codec/invisible"
)

// DisplayName returns the first non-empty of private name, profile name and
// address.
func DisplayName(private, profile, address string) string {
	return cmp.Or(private, ShownProfile(profile), address)
}

// Visible is a name that others gave, or nothing if nothing of it can be seen.
func Visible(name string) string {
	if strings.ContainsFunc(name, isVisible) {
		return name
	}
	return ""
}

// ShownProfile is the name that somebody gave themselves as it is shown: it is
// empty if nothing of it can be seen, or if it looks like an address, which is
// then shown instead of it.
func ShownProfile(name string) string {
	if LooksLikeAddress(name) {
		return ""
	}
	return Visible(name)
}

// isVisible reports whether a rune leaves something on the screen. Package
// strconv has a table of those that may, which is linked anyway.
func isVisible(r rune) bool {
	return r != ' ' && strconv.IsPrint(r) && !invisible.Is(r, invisible.All)
}

// atSigns writes the signs that are read as an @ as one.
var atSigns = strings.NewReplacer("＠", "@", "﹫", "@")

// LooksLikeAddress reports whether a person would read a name or title, as a
// whole, as an address: name@server, whatever else of it cannot be seen. Where
// somebody is chosen, such a text is only ever that address; a name or title
// that looks like one is shown as what it is.
func LooksLikeAddress(name string) bool {
	seen := strings.Map(func(r rune) rune {
		if r == ' ' || isVisible(r) {
			return r
		}
		return -1
	}, name)
	before, after, ok := strings.Cut(atSigns.Replace(strings.TrimSpace(seen)), "@")
	if !ok {
		return false
	}
	local, host := strings.TrimSpace(before), strings.TrimSpace(after)
	if local == "" || host == "" || strings.ContainsAny(local, " ") || strings.ContainsAny(host, " @") {
		return false
	}
	spaced := local != before || host != after
	return !spaced || strings.ContainsAny(host, ".:") // "lunch @ noon" is a title
}

// ShownTitle is how the title of a group is shown: one that looks like an
// address stands in quotation marks, so that it is not taken for one. It is
// empty if nothing of the title can be seen.
func ShownTitle(title string) string {
	if LooksLikeAddress(title) {
		return "“" + title + "”"
	}
	return Visible(title)
}
