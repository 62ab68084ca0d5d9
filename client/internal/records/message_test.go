// SPDX-License-Identifier: AGPL-3.0-or-later

package records

import (
	"slices"
	"testing"

	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/internal/codec/dcbor"
)

// What an early version stored of a notice was a sentence.
func TestOldNoticesAreRead(t *testing.T) {
	b, err := dcbor.Marshal(map[int]any{1: 1, 2: make([]byte, 32), 3: "ana@here.example", 4: 5, 5: 6, 6: 0, 9: "ana@here.example left", 10: false, 11: false, 12: true, 16: false})
	fatal(t, err)
	var rec Message
	fatal(t, Decode(b, &rec))
	m := rec.View("c", "bo@here.example")
	if m.Notice == nil || m.Notice.Kind != chat.NoticeOther || m.Text != "ana@here.example left" {
		t.Errorf("it became %+v", m)
	}
}

// Whatever is refused and taken of several changes to one message, what was
// taken holds.
func TestChangesAreTakenBackOneByOne(t *testing.T) {
	two, three := "two", "three"
	before := Message{Text: "one", Content: []byte{1}}
	edited := Message{Text: "three", Edited: true, Content: []byte{1}, Undo: []Undo{{Item: 1, Text: &before.Text}, {Item: 2, Text: &two, Edited: true}}}
	for name, c := range map[string]struct {
		refused []uint64
		want    string
		deleted bool
	}{
		"nothing":                {nil, "", true},
		"the first edit":         {[]uint64{1}, "", true},
		"the deletion":           {[]uint64{3}, three, false},
		"an edit, then deletion": {[]uint64{2, 3}, two, false},
		"all":                    {[]uint64{1, 2, 3}, "one", false},
	} {
		whole := edited
		whole.Undo = slices.Clone(edited.Undo)
		rec := Message{Deleted: true, State: chat.StateRead, Undo: []Undo{{Item: 3, Whole: &whole}}}
		for n := range uint64(3) {
			if slices.Contains(c.refused, n+1) {
				rec.RollBack(n + 1)
			} else {
				rec.Confirm(n + 1)
			}
		}
		if rec.Text != c.want || rec.Deleted != c.deleted || rec.State != chat.StateRead || len(rec.Undo) != 0 {
			t.Errorf("%s: %+v", name, rec)
		}
	}
}
