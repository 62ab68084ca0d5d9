// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import "strings"

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

// shownTitle is how the title of a group is shown: one that looks like an
// address stands in quotation marks, so that it is not taken for one. It is
// empty if nothing of the title can be seen.
func shownTitle(title string) string {
	if LooksLikeAddress(title) {
		return "“" + title + "”"
	}
	return visible(title)
}
