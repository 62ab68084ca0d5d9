// SPDX-License-Identifier: AGPL-3.0-or-later

// Package hostile makes values of which every text tries to act on a terminal,
// and finds what got through. It is for tests of what programs print: as it
// goes by the types of the values, it reaches fields that are yet to come.
package hostile

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode"
)

// Text sets the window's title, clears the screen, changes colours by both
// kinds of escape sequence, turns text around, and begins a line of its own.
const Text = "x\x1b]0;PWNED\a\x1b[2J\x1b[31m\u009b31m\u202egpj\u2066\u200f\u2028\x00\x7f\r\nFORGED\nFORGED\xff"

// Fill puts Text, or an error that says it, into everything that v points to
// and that can hold one, and one element into empty slices. Values of the kept
// types, and numbers and times that are not zero, stay.
func Fill(v any, kept ...any) {
	types := map[reflect.Type]bool{reflect.TypeFor[time.Time](): true}
	for _, k := range kept {
		types[reflect.TypeOf(k)] = true
	}
	fill(reflect.ValueOf(v).Elem(), types, 0)
}

var errorType = reflect.TypeFor[error]()

// deepest is how far Fill follows types that contain themselves.
const deepest = 6

func fill(v reflect.Value, kept map[reflect.Type]bool, depth int) {
	if kept[v.Type()] || !v.CanSet() || depth > deepest {
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(Text)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Interface:
		if v.Type() == errorType {
			v.Set(reflect.ValueOf(errors.New(Text)))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), kept, depth+1)
		}
	case reflect.Pointer:
		if v.IsNil() && depth < deepest {
			v.Set(reflect.New(v.Type().Elem()))
		}
		if !v.IsNil() {
			fill(v.Elem(), kept, depth+1)
		}
	case reflect.Slice:
		if v.Len() == 0 && v.Type().Elem().Kind() != reflect.Uint8 {
			v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		}
		for i := range v.Len() {
			fill(v.Index(i), kept, depth+1)
		}
	}
}

// Check fails a test if [Find] finds something in what was printed.
func Check(tb testing.TB, what, printed string) {
	tb.Helper()
	if err := Find(printed); err != nil {
		tb.Errorf("%s: %v", what, err)
	}
}

// Find returns an error if anything in what was printed acts, or stands on a
// line of its own that a text from outside made.
func Find(printed string) error {
	for _, r := range printed {
		if unicode.IsControl(r) && r != '\n' || unicode.Is(unicode.Bidi_Control, r) || r == 0x2028 || r == 0x2029 {
			return fmt.Errorf("%U got through: %.300q", r, printed)
		}
	}
	for l := range strings.Lines(printed) {
		if strings.HasPrefix(l, "FORGED") {
			return fmt.Errorf("a forged line: %.300q", printed)
		}
	}
	return nil
}
