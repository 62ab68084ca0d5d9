// SPDX-License-Identifier: AGPL-3.0-or-later

// Package termtext makes what others wrote harmless where it leaves a program:
// for terminals and logs ([Clean], [Line], [Writer]) and in JSON ([JSON]). No
// escape sequence, no control character and no invisible change of direction
// gets through.
package termtext

import (
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"unicode"

	"github.com/securecrypt/securecrypt/internal/codec/invisible"
)

// Clean keeps line ends and tabs (as spaces) and replaces every other control
// character, and those that change the direction of text, by U+FFFD.
func Clean(s string) string {
	return strings.ReplaceAll(clean(s), "\t", " ")
}

// Line is Clean for one line.
func Line(s string) string { return strings.ReplaceAll(Clean(s), "\n", " ") }

func clean(s string) string {
	s = strings.ReplaceAll(s, "\r\n", "\n")
	return strings.Map(func(r rune) rune {
		if r != '\n' && r != '\t' && acts(r) {
			return unicode.ReplacementChar
		}
		return r
	}, s)
}

// acts reports whether a terminal or a reader of text does something at r
// instead of showing it: control characters, the controls of the Unicode
// Bidirectional Algorithm, and the line separators.
func acts(r rune) bool {
	return invisible.Is(r, invisible.Control|invisible.LineEnd|invisible.Mark|invisible.Direction)
}

// JSON writes the characters that Clean replaces as \u escapes, which stand for
// the same value. text must be valid JSON: then they are within its strings,
// but for the line ends and tabs between its values, which stay.
func JSON(text []byte) []byte {
	var b strings.Builder
	for _, r := range string(text) {
		if acts(r) && r != '\n' && r != '\t' && r != '\r' {
			fmt.Fprintf(&b, `\u%04x`, r)
		} else {
			b.WriteRune(r)
		}
	}
	return []byte(b.String())
}

// A Writer is the edge of a program: whatever is written to it is made harmless
// as by Clean, but for tabs.
type Writer struct {
	w   io.Writer
	err atomic.Pointer[error]
}

// NewWriter returns a Writer to w.
func NewWriter(w io.Writer) *Writer { return &Writer{w: w} }

// Err returns the first error of writing, nil if everything was written.
func (w *Writer) Err() error {
	if err := w.err.Load(); err != nil {
		return *err
	}
	return nil
}

// Raw returns what is behind the Writer, for escape sequences of the program's
// own.
func (w *Writer) Raw() io.Writer { return w.w }

// Write implements io.Writer. A character must come whole.
func (w *Writer) Write(b []byte) (int, error) {
	if _, err := io.WriteString(w.w, clean(string(b))); err != nil {
		w.err.CompareAndSwap(nil, &err)
		return 0, err
	}
	return len(b), nil
}
