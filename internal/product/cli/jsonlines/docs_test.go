// SPDX-License-Identifier: AGPL-3.0-or-later

package jsonlines_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/securecrypt/securecrypt/client/app"
	"github.com/securecrypt/securecrypt/internal/product/cli/jsonlines"
)

// documentation returns the section of docs/cli.md about JSON.
func documentation(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../../../docs/cli.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, found := strings.Cut(string(text), "\n## JSON Lines\n")
	section, _, _ := strings.Cut(after, "\n## ")
	if !found {
		t.Fatal("docs/cli.md has no section on JSON Lines")
	}
	return section
}

var (
	quoted  = regexp.MustCompile("`([^`]+)`")
	asides  = regexp.MustCompile(`\([^()]*\)`)
	listing = regexp.MustCompile("`\\{([a-z_, ]+)\\}`")
)

// names are the words in code marks, sorted.
func names(text string) (all []string) {
	for _, m := range quoted.FindAllStringSubmatch(text, -1) {
		all = append(all, m[1])
	}
	slices.Sort(all)
	return all
}

// The table of messages has the fields that are printed, and so has what it
// says of fields that are lists or objects.
func TestTableOfMessages(t *testing.T) {
	section, rows, fields := documentation(t), map[string]string{}, []string(nil)
	for line := range strings.Lines(section) {
		cells := strings.SplitN(line, "|", 3)
		if len(cells) != 3 || !strings.HasPrefix(line, "| `") {
			continue
		}
		for _, name := range names(cells[1]) {
			rows[name], fields = cells[2], append(fields, name)
		}
	}
	slices.Sort(fields)
	if want := tags(jsonlines.Message{}); !slices.Equal(fields, want) {
		t.Errorf("docs/cli.md has the fields\n%q, printed are\n%q", fields, want)
	}
	for name, form := range map[string]any{"attachments": jsonlines.Attachment{}, "reactions": jsonlines.Reaction{}} {
		var listed []string
		if m := listing.FindStringSubmatch(rows[name]); m != nil {
			listed = strings.Split(m[1], ", ")
			slices.Sort(listed)
		}
		if want := tags(form); !slices.Equal(listed, want) {
			t.Errorf("docs/cli.md has in %s\n%q, printed are\n%q", name, listed, want)
		}
	}
	for _, name := range append(tags(jsonlines.Notice{}), app.NoticeKinds...) {
		if !slices.Contains(names(rows["notice"]), name) {
			t.Errorf("docs/cli.md does not have %s, a field or a kind of notices", name)
		}
	}
}

// The paragraphs on all other objects list the fields that are printed.
func TestParagraphsOfFields(t *testing.T) {
	section := documentation(t)
	for begins, form := range map[string]any{
		"**Conversations**, from":        jsonlines.Conversation{},
		"**Contacts**, from":             jsonlines.Contact{},
		"**Members**, from":              jsonlines.Member{},
		"**Settings**, from":             jsonlines.Settings{},
		"**Devices**, from":              jsonlines.Device{},
		"**Linking**, from":              jsonlines.Linking{},
		"**Safety numbers**, from":       jsonlines.Safety{},
		"**Accounts**: `init` print":     jsonlines.NewAccount{},
		"; `whoami` and `profile` print": jsonlines.Account{},
	} {
		_, after, found := strings.Cut(section, begins)
		if !found {
			t.Errorf("docs/cli.md has no %q", begins)
			continue
		}
		after, _, _ = strings.Cut(after, "\n\n")
		if _, listed, isList := strings.Cut(after, ": "); isList {
			after = listed
		}
		after, _, _ = strings.Cut(asides.ReplaceAllString(after, ""), ";")
		if got, want := names(after), tags(form); !slices.Equal(got, want) {
			t.Errorf("%s: docs/cli.md has\n%q, printed are\n%q", begins, got, want)
		}
	}
}
