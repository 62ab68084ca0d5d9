// SPDX-License-Identifier: AGPL-3.0-or-later

package jsonlines_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/securecrypt/securecrypt/client/app"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/internal/product/cli/jsonlines"
)

// left names fields of package chat that a form leaves out, and says why.
type left map[string]string

// projections are the two forms of what package chat shows: lines of JSON for
// programs, and the types of the page. Their fields have the same names in Go.
var projections = []struct {
	of, form any
	left     left
}{
	{chat.Message{}, jsonlines.Message{}, left{
		"Order": "the order of the lines", "Quote": "reply_to names it", "Mentions": "they are links in text", "MentionsMe": "they are links in text",
	}},
	{chat.Message{}, app.Message{}, left{"ReceivedAt": "the page shows when a message was sent"}},
	{chat.Attachment{}, jsonlines.Attachment{}, left{"File": "it names a file in events of the core"}},
	{chat.Attachment{}, app.Attachment{}, left{"File": "it names a file in events of the core", "Path": "a browser tells no page where it saved a file"}},
	{chat.Reaction{}, jsonlines.Reaction{}, nil},
	{chat.Reaction{}, app.Reaction{}, nil},
	{chat.Notice{}, jsonlines.Notice{}, nil},
	{chat.Notice{}, app.Notice{}, left{"Reason": "the page's text has none", "Count": "the page's text has none"}},
	{chat.Conversation{}, jsonlines.Conversation{}, left{
		"Group": "kind says it", "Name": "made of title and peer", "Host": "part of how it is reached", "Members": "`group members` lists them", "Verified": "`contacts` prints it",
		"Last": "`history` prints it", "Own": "of `kind`", "Unanswered": screen, "Empty": screen, "Mentioned": screen, "Pinned": screen, "Archived": screen, "MutedUntil": screen, "Draft": screen, "DraftReply": screen,
	}},
	{chat.Conversation{}, app.Conversation{}, left{"Title": "name shows it", "Host": "part of how it is reached"}},
	{chat.Contact{}, jsonlines.Contact{}, left{"Conversation": "conversations have the peer", "VerifiedProfile": "profile is what they call themselves now"}},
	{chat.Contact{}, app.Contact{}, left{"VerifiedProfile": "name shows it"}},
	{chat.Member{}, jsonlines.Member{}, nil},
	{chat.Member{}, app.Member{}, nil},
	{chat.Settings{}, jsonlines.Settings{}, left{"Interface": screen}},
	{chat.Settings{}, app.Settings{}, nil},
}

// screen is why a form for programs lacks something.
const screen = "what the page alone shows and changes"

// A field that is added to package chat goes into both forms, or into the list
// above with a reason.
func TestFormsHaveEveryField(t *testing.T) {
	for _, p := range projections {
		of, form := reflect.TypeOf(p.of), reflect.TypeOf(p.form)
		for f := range of.Fields() {
			_, there := form.FieldByName(f.Name)
			if why, out := p.left[f.Name]; there == out || out && why == "" {
				t.Errorf("%v.%s: in %v %v, left out %v (%q)", of, f.Name, form, there, out, why)
			}
		}
		for name := range p.left {
			if _, there := of.FieldByName(name); !there {
				t.Errorf("%v has no field %s, which %v leaves out", of, name, form)
			}
		}
	}
}

// tags are the names of a form's fields in JSON.
func tags(form any) (all []string) {
	for f := range reflect.TypeOf(form).Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}
