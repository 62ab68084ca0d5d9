// SPDX-License-Identifier: AGPL-3.0-or-later

package tui

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"pgregory.net/rapid"

	"github.com/securecrypt/securecrypt/client/backend"
	"github.com/securecrypt/securecrypt/client/chat"
)

var update = flag.Bool("update", false, "write the screens anew")

// The screens under testdata are what a person sees in the states that there
// are. Look at them when they change.
func TestScreens(t *testing.T) {
	online := chat.ConnectionEvent{Host: "chat.example", Online: true}
	cases := []struct {
		name          string
		fake          *fake
		width, height int
		do            func(u *user)
	}{
		{"empty", newFake(), 80, 24, nil},
		{"list", everyday(), 80, 24, nil},
		{"list-narrow", everyday(), 40, 15, nil},
		{"conversation", everyday(), 80, 24, func(u *user) { u.press("down", "enter") }},
		{"conversation-narrow", everyday(), 40, 15, func(u *user) { u.press("down", "enter", "ctrl+home") }},
		{"conversation-wide", everyday(), 140, 40, func(u *user) { u.press("down", "enter") }},
		{"group", everyday(), 80, 24, func(u *user) { u.press("down", "down", "enter") }},
		{"request", everyday(), 80, 24, func(u *user) { u.press("enter") }},
		{"offline", everyday(), 80, 24, func(u *user) {
			u.press("down", "enter")
			u.tell(chat.ConnectionEvent{Host: "chat.example", Err: backend.ErrOffline})
		}},
		{"writing", everyday(), 80, 24, func(u *user) {
			u.press("down", "enter", "One", "alt+enter", "two", "alt+enter", "three")
		}},
		{"selected", everyday(), 80, 24, func(u *user) { u.press("down", "enter", "tab", "up", "up", "up") }},
		{"finder", everyday(), 80, 24, func(u *user) { u.press("down", "enter", "ctrl+k", "no") }},
		{"keys", everyday(), 80, 24, func(u *user) { u.press("f1") }},
		{"safety", everyday(), 80, 24, func(u *user) { u.press("down", "enter", "ctrl+k", "safety", "enter") }},
		{"tiny", everyday(), 20, 6, func(u *user) { u.press("down", "enter") }},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			sit(t, c.fake, c.width, c.height, func(u *user) {
				u.tell(online)
				if c.do != nil {
					c.do(u)
				}
				path := filepath.Join("testdata", c.name+".txt")
				got := u.screen() + "\n"
				if *update {
					if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				if got != string(want) {
					t.Errorf("got\n%s\nwant\n%s", got, want)
				}
			})
		})
	}
}

// hostileTexts are texts that try to be more than texts.
var hostileTexts = []string{
	"\x1b[31mred\x1b[0m", "\x1b]0;owned\x07", "\x1b]52;c;aGk=\x07", "\u009b2J", "\x9b2J", "a\rb", "\x08\x08", "exe.\u202egpj", "\u2066\u2069", "\u2028\u2029", "\x00",
	strings.Repeat("w", 4000), strings.Repeat("漢", 64), strings.Repeat("👩‍👩‍👧‍👦", 60), strings.Repeat("\n", 500), "مرحبا hello שלום", strings.Repeat("e\u0301", 100), "z" + strings.Repeat("\u0301", 500), "\t\t", "\u200b\ufeff", "\xff\xfe",
}

// ours are the escape sequences that the interface itself writes.
var ours = regexp.MustCompile(`\x1b\[[0-9;:]*m`)

// checkScreen reports a screen of the wrong size, or on it what acts on a
// terminal.
func checkScreen(m *model) error {
	content := m.View().Content
	lines := strings.Split(content, "\n")
	if len(lines) != m.height {
		return fmt.Errorf("%d lines on a screen of %dx%d:\n%s", len(lines), m.width, m.height, ansi.Strip(content))
	}
	for _, l := range lines {
		if w := ansi.StringWidth(l); w > m.width {
			return fmt.Errorf("a line of %d cells on a screen of %dx%d: %q", w, m.width, m.height, ansi.Strip(l))
		}
		for _, r := range ours.ReplaceAllString(l, "") {
			if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029' {
				return fmt.Errorf("%U reaches the terminal: %q", r, l)
			}
		}
	}
	return nil
}

func TestWhatOthersWriteIsHarmless(t *testing.T) {
	f := everyday()
	for i, text := range hostileTexts {
		msg := said("ana", "ana", byte(20+i), text)
		msg.Attachments = []chat.Attachment{{Name: text, Size: 1}}
		msg.Reactions = []chat.Reaction{{From: addr("bo"), Emoji: text}}
		msg.ReplyTo = messageID(byte(19 + i))
		f.history["ana"] = append(f.history["ana"], msg)
		f.conversations = append(f.conversations, chat.Conversation{ID: chat.ConversationID(rune('A' + i)), Group: true, Title: text, Status: chat.StatusActive, Activity: noon})
		f.history[chat.ConversationID(rune('A'+i))] = []chat.Message{{Conversation: chat.ConversationID(rune('A' + i)), From: addr("ana"), Notice: &chat.Notice{Kind: chat.NoticeRenamed, Title: text}, SentAt: noon}}
	}
	f.contacts = append(f.contacts, chat.Contact{Address: addr("zed"), Profile: "Zed\u202e\x1b[2J"})
	sit(t, f, 80, 24, func(u *user) {
		u.fine()
		for range len(f.conversations) {
			u.press("alt+down")
			u.fine()
		}
		if err := u.m.enter("ana"); err == nil {
			t.Fatal("no conversation")
		}
		u.run(u.m.reloadRoom())
		u.settle()
		for range 80 {
			u.press("pgup")
			u.fine()
		}
		u.press("tab", "enter")
		for range 30 {
			u.press("up", "enter")
			u.fine()
		}
		u.press("ctrl+k", "red")
		u.fine()
	})
}

// Whatever is pressed and whatever happens, on whatever screen: no panic, and
// a screen of the right size.
func TestAnythingMayHappen(t *testing.T) {
	names := []string{"a", "b", "d", "e", "i", "n", "q", "r", "s", "v", "y", "+", "/", "?", "1"}
	for name := range keysByName {
		names = append(names, name)
	}
	slices.Sort(names)
	rapid.Check(t, func(rt *rapid.T) {
		steps := rapid.SliceOfN(rapid.IntRange(0, len(names)+4), 1, 60).Draw(rt, "steps")
		sizes := rapid.SliceOfN(rapid.IntRange(1, 160), len(steps)+2, len(steps)+2).Draw(rt, "sizes")
		var bad error
		sit(t, everyday(), sizes[0], sizes[1]/2, func(u *user) {
			for i, s := range steps {
				switch s - len(names) {
				case 0:
					u.feed(tea.WindowSizeMsg{Width: sizes[i], Height: sizes[i+1] / 3})
				case 1:
					u.fake.arrive(u, said("ana", "ana", byte(60+i), hostileTexts[i%len(hostileTexts)]))
				case 2:
					u.tell(chat.ConnectionEvent{Host: "chat.example", Err: backend.ErrOffline})
				case 3:
					u.feed(tea.PasteMsg{Content: hostileTexts[i%len(hostileTexts)]})
				case 4:
					u.fake.mu.Lock()
					u.fake.err = errBoom
					u.fake.mu.Unlock()
				default:
					u.press(names[s])
				}
				if bad == nil {
					bad = checkScreen(u.m)
				}
			}
		})
		if bad != nil {
			rt.Fatal(bad)
		}
	})
}

func (u *user) fine() {
	u.t.Helper()
	if err := checkScreen(u.m); err != nil {
		u.t.Fatal(err)
	}
}

// BenchmarkKey is a key pressed in a conversation of which 3,200 messages are
// loaded, and the screen after it.
func BenchmarkKey(b *testing.B) {
	f := everyday()
	for n := range 3200 {
		msg := said("ana", "ana", 1, "A message of ordinary length, such as people write to each other all day long.")
		msg.ID[1], msg.ID[2], msg.ID[3] = byte(n>>8), byte(n), 9
		f.history["ana"] = append(f.history["ana"], msg)
	}
	m := newModel(b.Context(), core{f, f, f}, func() time.Time { return noon })
	m.Update(m.loadList()())
	m.enter("ana")
	m.open.limit = 3200
	m.open.loading.end()
	m.Update(m.reloadRoom()())
	for b.Loop() {
		m.Update(tea.KeyPressMsg{Code: 'x', Text: "x"})
		m.Update(tea.KeyPressMsg{Code: tea.KeyBackspace})
		_ = m.View()
	}
}
