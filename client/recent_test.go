// SPDX-License-Identifier: AGPL-3.0-or-later

package client_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/fakeserver"
)

// What a list begins with is among what Recent returns, whatever happened in
// which order, and the parts of the list are the whole.
func TestTheListBeginsWithWhatIsRecent(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := fakeserver.NewNet()
		p := join(t, net, "alice", host)
		var ids []chat.ConversationID
		for i := range 70 {
			id, err := p.CreateGroup(t.Context(), fmt.Sprint("Group ", i), nil)
			must(t, err)
			ids = append(ids, id)
			pass(time.Second)
		}
		must(t, p.List().SetPinned(t.Context(), ids[0], true))
		must(t, p.List().SetPinned(t.Context(), ids[1], true))
		must(t, p.List().SetPinned(t.Context(), ids[1], false))
		for i := range 200 {
			p.say(ids[i*i*7%60+3], "again")
			pass(time.Second)
			checkRecent(t, p, ids[0])
		}
		must(t, p.Leave(t.Context(), ids[10]))
		p.say(ids[10+1], "still here")
		must(t, p.List().Delete(t.Context(), ids[10]))
		pass(time.Minute)
		checkRecent(t, p, ids[0])
		p.restart()
		checkRecent(t, p, ids[0])
		if _, err := p.Conversation(ids[2]); err != nil {
			t.Errorf("one that nobody asked for since the start: %v", err)
		}
	})
}

func checkRecent(t *testing.T, p *person, pinned chat.ConversationID) {
	t.Helper()
	recent, err := p.List().Recent()
	must(t, err)
	got := map[chat.ConversationID]bool{}
	for i, c := range recent {
		got[c.ID] = true
		if i > 0 && c.Activity.After(recent[i-1].Activity) {
			t.Errorf("%s comes after %s", c.Title, recent[i-1].Title)
		}
	}
	all, err := p.Conversations()
	must(t, err)
	if len(recent) > 60 || !got[pinned] || !got[all[0].ID] || len(got) != len(recent) {
		t.Fatalf("%d conversations, the pinned one: %v, the newest: %v", len(recent), got[pinned], got[all[0].ID])
	}
	for _, c := range all[:24] {
		if !got[c.ID] {
			t.Errorf("%s, of %s, is missing", c.Title, c.Activity)
		}
	}
	want := map[chat.ConversationID]chat.Conversation{}
	for _, c := range all {
		want[c.ID] = c
	}
	for place, first := "", true; first || place != ""; first = false {
		var some []chat.Conversation
		some, place, err = p.List().After(place, 13)
		must(t, err)
		for _, c := range some {
			if w, ok := want[c.ID]; !ok || w.Title != c.Title {
				t.Errorf("%s comes twice or is gone", c.Title)
			}
			delete(want, c.ID)
		}
	}
	if len(want) > 0 {
		t.Errorf("%d conversations are in no part", len(want))
	}
}

func TestPlacesInTheListAreChecked(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		p := join(t, fakeserver.NewNet(), "alice", host)
		for _, place := range []string{"x", "ab", "00112233445566778899aabbccddeeff00"} {
			if _, _, err := p.List().After(place, 10); err == nil {
				t.Errorf("%q is taken for a place", place)
			}
		}
	})
}
