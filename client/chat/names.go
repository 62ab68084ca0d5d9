// SPDX-License-Identifier: AGPL-3.0-or-later

package chat

import "github.com/securecrypt/securecrypt/client/internal/names"

// LooksLikeAddress reports whether a person would read a name or title, as a
// whole, as an address: name@server, whatever else of it cannot be seen. Where
// somebody is chosen, such a text is only ever that address; a name or title
// that looks like one is shown as what it is.
func LooksLikeAddress(name string) bool { return names.LooksLikeAddress(name) }
