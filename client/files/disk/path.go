// SPDX-License-Identifier: AGPL-3.0-or-later

package disk

import (
	"encoding/hex"
	"strings"
	"unicode/utf8"
)

// A kept path is what a profile keeps of a path: text, which not every path is,
// and a note of how the file is to be read. The text is the path itself where
// that is possible; otherwise it begins with a byte that no path has.
type kept struct {
	path string
	bare bool // without what a picture says about its place and camera
}

const (
	keptBare  = "\x00bare:"  // and the path
	keptBytes = "\x00bytes:" // and the path in hexadecimal digits
)

// String returns the text.
func (k kept) String() string {
	s := k.path
	if !utf8.ValidString(s) {
		s = keptBytes + hex.EncodeToString([]byte(s))
	}
	if k.bare {
		s = keptBare + s
	}
	return s
}

// parseKept reads what String returns, and any path.
func parseKept(s string) (k kept) {
	s, k.bare = strings.CutPrefix(s, keptBare)
	k.path = s
	if digits, ok := strings.CutPrefix(s, keptBytes); ok {
		if b, err := hex.DecodeString(digits); err == nil {
			k.path = string(b)
		}
	}
	return k
}

// Path returns the path in the file system of what a profile keeps.
func Path(kept string) string { return parseKept(kept).path }

// textOf returns a file's name as text. A name that is not UTF-8 is read as
// ISO 8859-1, which old archives have.
func textOf(name string) string {
	if utf8.ValidString(name) {
		return name
	}
	var b strings.Builder
	for i := range len(name) {
		if name[i] < 0xa0 && name[i] >= utf8.RuneSelf {
			b.WriteByte('_') // a control character there
			continue
		}
		b.WriteRune(rune(name[i]))
	}
	return b.String()
}
