// SPDX-License-Identifier: AGPL-3.0-or-later

package tui

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/securecrypt/securecrypt/client/backend"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/content"
)

var noon = time.Date(2026, time.March, 5, 12, 0, 0, 0, time.UTC)

func TestMain(m *testing.M) {
	time.Local = time.UTC // so that the screens are the same everywhere
	os.Exit(m.Run())
}

// said is a message of somebody; one n is one minute.
func said(in chat.ConversationID, who string, n byte, text string) chat.Message {
	msg := chat.Message{ID: messageID(n), Conversation: in, From: addr(who), Text: text, SentAt: noon.Add(-time.Hour + time.Duration(n)*time.Minute)}
	if who == "me" {
		msg.Own, msg.State = true, chat.StateSent
	}
	return msg
}

// everyday has a conversation with Ana, a group, and a request.
func everyday() *fake {
	f := newFake()
	f.contacts = []chat.Contact{{Address: addr("ana"), Name: "Ana Holm", Verified: true}, {Address: addr("bo"), Profile: "Bo"}}
	f.conversations = []chat.Conversation{
		{ID: "ana", Peer: addr("ana"), Status: chat.StatusActive, Activity: noon.Add(-10 * time.Minute), Unread: 2},
		{ID: "desk", Group: true, Title: "News desk", Status: chat.StatusActive, Activity: noon.Add(-26 * time.Hour), Timer: 24 * time.Hour, Waiting: 1},
		{ID: "ask", Peer: addr("zed"), Inviter: addr("zed"), Status: chat.StatusRequest, Confirmed: true, Activity: noon.Add(-50 * time.Hour), Unread: 1},
		{ID: "old", Group: true, Title: "Old group", Status: chat.StatusRemoved, Activity: noon.Add(-400 * 24 * time.Hour)},
		{ID: "bad", Peer: addr("mal"), Status: chat.StatusStopped, Reason: chat.Reason{Text: "The keys are not those of this person's account."}, Activity: noon.Add(-500 * 24 * time.Hour)},
	}
	reply := said("ana", "ana", 4, "Twelve is fine. See you there, and bring the second half of the document if you can find it in the pile.")
	reply.ReplyTo = messageID(3)
	file := said("ana", "ana", 9, "")
	file.Attachments = []chat.Attachment{{Name: "a very long name of a file that somebody chose.pdf", Size: 3_400_000}, {Name: "photo.jpg", Size: 980, Path: "/downloads/photo.jpg"}}
	edited := said("ana", "me", 3, "Shall we say noon?")
	edited.Edited = true
	edited.Reactions = []chat.Reaction{{From: addr("ana"), Emoji: "👍"}, {From: addr("me"), Emoji: "👍"}, {From: addr("ana"), Emoji: "🎉"}}
	failed := said("ana", "me", 11, "And this")
	failed.State, failed.Reason = chat.StateFailed, chat.Reason{Text: "the attached file cannot be read any more"}
	gone := said("ana", "ana", 10, "")
	gone.Deleted = true
	waiting := said("ana", "me", 12, "One more thing")
	waiting.State, waiting.ExpiresAt = chat.StateWaiting, noon.Add(time.Hour)
	yesterday := said("ana", "ana", 1, "Are you free tomorrow?")
	yesterday.SentAt = yesterday.SentAt.Add(-24 * time.Hour)
	f.history["ana"] = []chat.Message{yesterday, said("ana", "me", 2, "Yes!"), edited, reply, file, gone, failed, waiting}
	notice := chat.Message{Conversation: "desk", From: addr("ana"), SentAt: noon.Add(-time.Hour), Notice: &chat.Notice{Kind: chat.NoticeAdded, Whom: addr("bo")}}
	f.history["desk"] = []chat.Message{notice, said("desk", "ana", 2, "Welcome"), said("desk", "bo", 3, "Hello"), said("desk", "bo", 4, "all"), said("desk", "me", 5, "Hi Bo")}
	f.history["ask"] = []chat.Message{said("ask", "zed", 1, "You do not know me, but I have something for you.")}
	return f
}

// What is known of an own message stands below it, if it is the last.
func TestHowFarMessagesCame(t *testing.T) {
	for state, mark := range map[chat.State]string{
		chat.StateDelivered: "✓ delivered", chat.StateRead: "✓ read",
	} {
		f := everyday()
		own := said("ana", "me", 13, "The last")
		own.State = state
		f.history["ana"] = append(f.history["ana"], own)
		sit(t, f, 80, 24, func(u *user) {
			u.press("down", "enter")
			u.sees("The last", mark)
		})
	}
}

func TestSending(t *testing.T) {
	sit(t, everyday(), 80, 24, func(u *user) {
		u.press("down", "enter") // the request is on top
		u.asked("read ana")
		u.press("Hello", "alt+enter", "there", "enter")
		u.asked("send ana Hello\nthere")
		u.sees("Hello", "waiting")
		u.press("   ", "enter")
		u.asked()
	})
}

func TestFailedSendGivesTheTextBack(t *testing.T) {
	sit(t, everyday(), 80, 24, func(u *user) {
		u.press("down", "enter")
		u.fake.err = errBoom
		u.press("precious", "enter")
		u.sees("› precious", "! The server failed")
		u.press("!", "enter")
		u.seesNot("The server failed")
	})
}

func TestDraftsStayWithTheirConversation(t *testing.T) {
	sit(t, everyday(), 80, 24, func(u *user) {
		u.press("down", "enter", "for Ana", "alt+down")
		u.sees("News desk", "Draft: for Ana")
		u.seesNot("› for Ana")
		u.press("alt+up")
		u.sees("› for Ana")
	})
}

func TestReplyEditReactDeleteSaveCopy(t *testing.T) {
	sit(t, everyday(), 100, 40, func(u *user) {
		u.press("down", "enter", "tab") // the newest
		u.fake.asked = nil
		u.press("e")
		u.sees("Editing your message", "› One more thing")
		u.press("s", "enter")
		u.asked("edit ana 0c One more things")
		u.press("tab", "up", "up", "up") // the files
		u.press("s")
		u.asked("save ana 09 /downloads", "save ana 09 /downloads")
		u.sees("Saved in /downloads.")
		u.press("r")
		u.sees("Reply to Ana Holm: 2 files")
		u.press("ok", "enter")
		u.asked("send ana ok reply 09")
		u.press("tab", "up", "up", "up", "up", "up", "up") // mine, with reactions
		u.press("+", "1")
		u.asked("unreact ana 03 👍")
		u.press("+", "2")
		u.asked("react ana 03 ❤️")
		u.press("+", "🦊", "enter")
		u.asked("react ana 03 🦊")
		u.press("d")
		u.sees("Delete this message?")
		u.press("n")
		u.asked()
		u.press("d", "y")
		u.asked("delete ana 03")
		u.press("c")
		u.sees("Copied.")
		u.press("up", "up", "d")
		u.sees("Only the author can do this")
	})
}

func TestUpEditsTheLastMessage(t *testing.T) {
	sit(t, everyday(), 80, 24, func(u *user) {
		u.press("down", "enter", "up")
		u.sees("Editing your message", "› One more thing")
		u.press("esc")
		u.seesNot("Editing", "› One more")
		u.sees("› Write a message")
	})
}

func TestRequestsAreAcceptedOrBlocked(t *testing.T) {
	sit(t, everyday(), 80, 24, func(u *user) {
		u.sees("request", "a accept")
		u.press("enter")
		u.sees("zed@chat.example wants to talk", "You do not know me")
		u.press("typing does nothing here")
		u.press("esc")
		u.fake.asked = nil
		u.press("enter", "b")
		u.sees("Block zed@chat.example?")
		u.press("esc", "a")
		u.asked("accept ask")
		u.press("b", "y")
		u.asked("block zed@chat.example")
		u.sees("is blocked")
	})
}

func TestReadOnlyWhenItWasSeen(t *testing.T) {
	sit(t, everyday(), 60, 15, func(u *user) {
		u.feed(tea.BlurMsg{})
		u.press("down", "enter")
		u.asked()
		u.feed(tea.FocusMsg{})
		u.asked("read ana")
		u.press("pgup")
		u.fake.arrive(u, said("ana", "ana", 20, "are you there?"))
		u.asked()
		u.sees("↓ 1 new")
		u.press("ctrl+end")
		u.asked("read ana")
		u.press("esc")
		u.fake.arrive(u, said("ana", "ana", 21, "hello?"))
		u.asked()
		u.sees("● 1")
	})
}

func TestArrivalsDoNotMoveWhatIsRead(t *testing.T) {
	f := everyday()
	for n := range byte(100) {
		f.history["ana"] = append(f.history["ana"], said("ana", "ana", 30+n, fmt.Sprintf("message number %d", n)))
	}
	sit(t, f, 80, 24, func(u *user) {
		u.press("down", "enter", "pgup", "pgup")
		before := u.m.window(u.m.timeline(u.m.paneWidth()), u.m.timelineHeight())[3].text
		u.fake.arrive(u, said("ana", "ana", 200, "new"))
		u.feed(tea.WindowSizeMsg{Width: 80, Height: 24})
		after := u.m.window(u.m.timeline(u.m.paneWidth()), u.m.timelineHeight())[3].text
		if before != after {
			t.Errorf("%q became %q", before, after)
		}
	})
}

func TestSearchReachesTheOldest(t *testing.T) {
	f := everyday()
	var all []chat.Message
	for n := range 3000 {
		msg := said("ana", "ana", 1, fmt.Sprintf("number %d", n))
		msg.ID = content.MessageID{1, byte(n >> 8), byte(n), 7}
		msg.SentAt = noon.Add(time.Duration(n-4000) * time.Minute)
		all = append(all, msg)
	}
	all[5].Text = "the NEEDLE is here"
	f.history["ana"] = append(all, f.history["ana"]...)
	sit(t, f, 80, 24, func(u *user) {
		u.press("/", "needle")
		u.sees("Messages", "the NEEDLE is here", "Ana Holm")
		u.press("enter")
		u.sees("▸ ▌ the NEEDLE is here", "number 6")
		u.press("esc", "ctrl+f", "number 1")
		u.sees("number 1")
		u.press("esc")
		u.sees("▸")
	})
}

func TestFindGoesUpAndDown(t *testing.T) {
	sit(t, everyday(), 100, 30, func(u *user) {
		u.press("down", "enter", "ctrl+f", "i")
		if got := u.m.open.picked; got != messageID(12) {
			t.Errorf("first found: %v", got)
		}
		u.press("enter")
		if got := u.m.open.picked; got != messageID(11) {
			t.Errorf("second found: %v", got)
		}
		u.press("down")
		if got := u.m.open.picked; got != messageID(12) {
			t.Errorf("back again: %v", got)
		}
		u.press("qqq")
		u.sees("Nothing further.")
	})
}

func TestNewConversation(t *testing.T) {
	sit(t, newFake(), 80, 24, func(u *user) {
		u.sees("No conversations yet", "me@chat.example")
		u.press("n", "nonsense", "enter")
		u.sees("This is not an address")
		u.fake.err = errBoom
		u.press("@chat.example", "enter")
		u.sees("The server failed")
		u.asked("direct nonsense@chat.example")
		u.press("enter")
		u.asked("direct nonsense@chat.example")
		u.sees("Write the first message", "nonsense@chat.example")
		u.press("hi", "enter")
		u.asked("send new-nonsense hi")
	})
}

func TestSafetyNumber(t *testing.T) {
	sit(t, everyday(), 80, 24, func(u *user) {
		u.press("down", "enter")
		u.fake.asked = nil
		u.press("ctrl+k", "safety", "enter")
		u.sees("Safety number with Ana Holm", "00000  00000", "they are the same")
		u.press("v")
		u.asked("safety ana@chat.example", "verified ana@chat.example")
		u.fake.err = errBoom
		u.press("ctrl+k", "safety", "enter")
		u.sees("The server failed")
		u.press("v")
		u.asked("safety ana@chat.example")
	})
}

func TestAttaching(t *testing.T) {
	path := filepath.Join(t.TempDir(), "report.pdf")
	if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	sit(t, everyday(), 80, 24, func(u *user) {
		u.press("down", "enter")
		u.fake.asked = nil
		u.press("ctrl+t", "/nonexistent", "enter")
		u.sees("There is no such file")
		u.press("esc", "ctrl+t", path, "enter")
		u.sees("▤ report.pdf")
		u.press("backspace")
		u.seesNot("▤ report.pdf")
		u.press("ctrl+t", path, "enter", "enter")
		u.asked("send ana  " + path)
	})
}

func TestConnectionAndFailuresAreSaid(t *testing.T) {
	sit(t, everyday(), 80, 24, func(u *user) {
		u.sees("connecting …")
		u.tell(chat.ConnectionEvent{Host: "chat.example", Online: true})
		u.sees("● online")
		u.press("down", "enter")
		u.tell(chat.ConnectionEvent{Host: "chat.example", Err: backend.ErrOffline})
		u.sees("○ offline", "Offline: messages wait here")
		u.tell(chat.ConnectionEvent{Host: "elsewhere.example", Online: true})
		u.sees("○ offline")
		u.tell(chat.FailureEvent{Conversation: "ana", Err: errBoom})
		u.sees("! The server failed")
		u.tell(chat.ProgressEvent{Name: "photo.jpg", Done: 490, Total: 980})
		u.sees("50 % of 980 B")
		u.tell(chat.ProgressEvent{Name: "photo.jpg", Done: 980, Total: 980})
		u.seesNot("50 %")
	})
}

func TestClosedConversationsSayWhy(t *testing.T) {
	sit(t, everyday(), 80, 24, func(u *user) {
		u.m.selected = "old"
		u.press("enter", "text", "enter")
		u.sees("You were removed from this group.")
		u.press("alt+down")
		u.sees("! Stopped: The keys are not those")
		u.asked()
	})
}

func TestEditingIsNotLostByEvents(t *testing.T) {
	sit(t, everyday(), 80, 24, func(u *user) {
		u.press("down", "enter", "half a sent")
		u.fake.arrive(u, said("ana", "ana", 20, "interrupting"))
		u.press("ence")
		u.sees("› half a sentence", "interrupting")
	})
}
