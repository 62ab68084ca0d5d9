// SPDX-License-Identifier: AGPL-3.0-or-later

package tui

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"charm.land/lipgloss/v2"

	"github.com/securecrypt/securecrypt/client/chat"
)

// A name that looks like somebody else's has the address beside it, one that
// looks like an address is not shown, and a title that looks like either is shown
// as a group's.
func TestNamesThatPoseAsOthers(t *testing.T) {
	f := everyday()
	f.contacts = []chat.Contact{
		{Address: addr("ana"), Profile: "Bо Larsson"}, {Address: addr("bo"), Name: "Bo Larsson"}, {Address: addr("zed"), Profile: "bo@chat.example"},
	}
	f.conversations = []chat.Conversation{
		{ID: "ana", Peer: addr("ana"), Status: chat.StatusActive, Activity: noon},
		{ID: "zed", Peer: addr("zed"), Status: chat.StatusActive, Activity: noon},
		{ID: "trap", Group: true, Title: "bo@chat.example", Status: chat.StatusActive, Activity: noon},
		{ID: "asks", Peer: addr("bo"), Inviter: addr("bo"), Status: chat.StatusRequest, Activity: noon},
	}
	sit(t, f, 140, 30, func(u *user) {
		u.sees("~Bо Larsson (ana@chat.example)", "zed@chat.example", "Group “bo@chat.example”", "▸ bo@chat.example ")
		u.seesNot("~bo@", "▸ Bo Larsson")
	})
}

// Notes to oneself have a name of their own, and a conversation that another device has
// yet to bring says so.
func TestNotesAndPendingConversations(t *testing.T) {
	f := everyday()
	f.conversations = []chat.Conversation{
		{ID: "notes", Own: true, Peer: addr("me"), Status: chat.StatusActive, Activity: noon},
		{ID: "ana", Peer: addr("ana"), Status: chat.StatusPending, Activity: noon.Add(time.Hour)},
	}
	sit(t, f, 120, 30, func(u *user) {
		u.sees("Note to self")
		u.press("ctrl+k", "ana", "enter")
		u.sees("Another device is bringing this conversation here.")
	})
}

// Members of a group who are no contacts go by the names that they told it.
func TestMembersGoByTheirNames(t *testing.T) {
	f := everyday()
	f.contacts = []chat.Contact{{Address: addr("ana"), Name: "Ana"}}
	f.strangers = []chat.Contact{{Address: addr("bo"), Profile: "Bosse"}}
	for i := range f.conversations {
		if c := &f.conversations[i]; c.Group {
			f.history[c.ID] = []chat.Message{said(c.ID, "bo", 91, "Good morning")}
			c.Title, c.Status, c.Activity = "Crew", chat.StatusActive, noon.Add(time.Hour)
		}
	}
	sit(t, f, 120, 30, func(u *user) {
		u.press("ctrl+k", "crew", "enter")
		u.sees("~Bosse", "Good morning")
		u.seesNot("bo@chat.example")
	})
}

func TestMentionsAndLinksAreText(t *testing.T) {
	f := everyday()
	f.history["ana"] = append(f.history["ana"], said("ana", "ana", 90, "Ask [@bo](mimi://chat.example/u/bo) about [it](https://x.example)"))
	sit(t, f, 120, 30, func(u *user) {
		u.sees("Ask @bo about it")
		u.press("down", "enter")
		u.sees("Ask @bo about it (https://x.example)")
		u.seesNot("mimi://")
	})
}

// A picture is attached without what it says about its place; one that cannot be
// looked through is only attached when the person says so.
func TestPicturesAreAttachedWithoutTheirPlace(t *testing.T) {
	photo, err := filepath.Abs(filepath.Join("..", "..", "..", "client", "files", "picture", "testdata", "exif6.jpg"))
	if err != nil {
		t.Fatal(err)
	}
	page := filepath.Join(t.TempDir(), "page.jpg")
	if err := os.WriteFile(page, []byte("<!doctype html>"), 0o600); err != nil {
		t.Fatal(err)
	}
	sit(t, everyday(), 120, 30, func(u *user) {
		u.press("down", "enter")
		u.asked("read ana")
		u.press("ctrl+t", photo, "enter")
		u.sees("▤ exif6.jpg")
		u.press("ctrl+t", page, "enter")
		u.sees("Attach it as it is?", "the picture is damaged")
		u.press("n")
		u.seesNot("▤ page.jpg")
		u.press("ctrl+t", page, "enter", "y")
		u.sees("▤ page.jpg")
		u.press("enter")
		u.asked("send ana  \x00bare:" + photo + " " + page)
	})
}

func TestSearchFoldsLetters(t *testing.T) {
	msg := chat.Message{Text: "Treffen im Cafe\u0301 mit ΣΟΦΌΣ", Attachments: []chat.Attachment{{Name: "Straße.pdf"}}}
	for term, want := range map[string]bool{"CAFÉ sophos": false, "café": true, "im σοφός": true, "strasse": true, "tee": false} {
		if got := mentions(&msg, term); got != want {
			t.Errorf("%q: %v", term, got)
		}
	}
	bold := lipgloss.NewStyle().Bold(true)
	if got, want := highlight("im Cafe\u0301 hier", "CAFÉ", bold), "im "+bold.Render("Cafe\u0301")+" hier"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
