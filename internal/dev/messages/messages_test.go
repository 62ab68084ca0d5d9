// SPDX-License-Identifier: AGPL-3.0-or-later

package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// Every error and notice says what to do next, or advice.txt says why not, and
// advice.txt has nothing that no message says any more.
func TestMessagesSayWhatToDo(t *testing.T) {
	const root = "../../.."
	all, err := collect(root)
	if err != nil {
		t.Fatal(err)
	}
	known, err := readAdvice(root)
	if err != nil {
		t.Fatal(err)
	}
	said := map[string]bool{}
	for _, m := range all {
		said[m.text] = true
		if known.of(m) == unknown {
			t.Errorf("%s: %q says nothing of what to do: complete it, or give the reason in advice.txt", m.where, m.text)
		}
	}
	for text := range known.why {
		if !said[text] {
			t.Errorf("advice.txt has %q, which is no message any more", text)
		}
	}
	if len(all) < 400 {
		t.Errorf("only %d messages were found: are they made in another way now?", len(all))
	}
}

// Errors are found in each form in which the code makes them.
func TestErrorsAreFound(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.go")
	const code = `package x
var a = errors.New("one is " + "wrong")
var b = fmt.Errorf("%w: two of %d", a, 2)
var c = refusal{chat.Worded{Kind: a, Text: fmt.Sprintf("three of %d", 3)}}
var d = chat.Worded{Kind: a, Text: "four is wrong"}
var e = map[int]struct{ text, advice string }{1: {"five is wrong", "leave it"}}
var f = fmt.Errorf("frame: %w", a)
var g = fmt.Sprintf("not an error")
`
	if err := os.WriteFile(path, []byte(code), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := errorsIn(path)
	want := []string{"one is wrong", "%w: two of %d", "three of %d", "four is wrong", "five is wrong; leave it"}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("found %q (%v), want %q", got, err, want)
	}
}

func TestAdviceIsRecognised(t *testing.T) {
	for text, says := range map[string]bool{
		"the disk is full: make room":               true,
		"no such request; securecrypt requests":     true,
		"say where with --data":                     true,
		"The camera is denied. Allow it here.":      true,
		"the server asked for a choice":             false,
		"the running server could not do it":        false,
		"a setting of the server leads to a choice": false,
	} {
		if got := (advice{}).of(message{text: text}) == saysIt; got != says {
			t.Errorf("%q: says what to do: %v, want %v", text, got, says)
		}
	}
}
