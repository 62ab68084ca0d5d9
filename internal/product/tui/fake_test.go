// SPDX-License-Identifier: AGPL-3.0-or-later

package tui

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/content"
)

func addr(name string) account.Address { return account.Address{Name: name, Host: "chat.example"} }

// fake is a core in memory. What was asked of it is in asked.
type fake struct {
	mu            sync.Mutex // guards all
	conversations []chat.Conversation
	contacts      []chat.Contact
	strangers     []chat.Contact
	history       map[chat.ConversationID][]chat.Message // oldest first
	asked         []string
	err           error // of whatever is asked for next
	next          byte
}

func newFake() *fake {
	return &fake{history: map[chat.ConversationID][]chat.Message{}}
}

func (f *fake) Address() account.Address { return addr("me") }

func (f *fake) Conversations() ([]chat.Conversation, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.conversations), nil
}

func (f *fake) Contacts() ([]chat.Contact, error) { return f.contacts, nil }

func (f *fake) Contact(a account.Address) (chat.Contact, error) {
	for _, c := range append(slices.Clone(f.contacts), f.strangers...) {
		if c.Address == a {
			return c, nil
		}
	}
	return chat.Contact{Address: a}, nil
}

func (f *fake) Members(chat.ConversationID) ([]chat.Member, error) {
	return []chat.Member{{Address: addr("me"), Confirmed: true}, {Address: addr("ana"), Confirmed: true}, {Address: addr("bo")}}, nil
}

func (f *fake) History(id chat.ConversationID, fn func(chat.Message) bool) error {
	f.mu.Lock()
	all := slices.Clone(f.history[id])
	f.mu.Unlock()
	for _, msg := range slices.Backward(all) {
		if !fn(msg) {
			break
		}
	}
	return nil
}

func (f *fake) ask(words ...string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, strings.Join(words, " "))
	err := f.err
	f.err = nil
	return err
}

// messageID makes identifiers that tests can name.
func messageID(n byte) content.MessageID { return content.MessageID{1, n, 1} }

func (f *fake) Send(_ context.Context, id chat.ConversationID, d chat.Draft) (chat.Message, error) {
	words := []string{"send", string(id), d.Text}
	if !d.ReplyTo.IsZero() {
		words = append(words, "reply", d.ReplyTo.String()[2:4])
	}
	words = append(words, d.Files...)
	if err := f.ask(words...); err != nil {
		return chat.Message{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.next++
	msg := chat.Message{ID: content.MessageID{1, 0xff, f.next}, Conversation: id, From: addr("me"), Own: true, Text: d.Text, SentAt: noon.Add(time.Hour), State: chat.StateWaiting, ReplyTo: d.ReplyTo}
	f.history[id] = append(f.history[id], msg)
	return msg, nil
}

func (f *fake) Edit(_ context.Context, id chat.ConversationID, msg content.MessageID, text string) error {
	return f.ask("edit", string(id), msg.String()[2:4], text)
}

func (f *fake) Delete(_ context.Context, id chat.ConversationID, msg content.MessageID) error {
	return f.ask("delete", string(id), msg.String()[2:4])
}

func (f *fake) React(_ context.Context, in chat.ConversationID, to content.MessageID, emoji string, remove bool) error {
	if remove {
		return f.ask("unreact", string(in), to.String()[2:4], emoji)
	}
	return f.ask("react", string(in), to.String()[2:4], emoji)
}

func (f *fake) Save(_ context.Context, in chat.ConversationID, of content.MessageID, _ int, dir string) (string, error) {
	return "", f.ask("save", string(in), of.String()[2:4], dir)
}

func (f *fake) MarkRead(_ context.Context, id chat.ConversationID) error {
	err := f.ask("read", string(id))
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range f.conversations {
		if f.conversations[i].ID == id {
			f.conversations[i].Unread = 0
		}
	}
	return err
}

func (f *fake) Direct(_ context.Context, who account.Address) (chat.ConversationID, error) {
	if err := f.ask("direct", who.String()); err != nil {
		return "", err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	id := chat.ConversationID("new-" + who.Name)
	f.conversations = append(f.conversations, chat.Conversation{ID: id, Peer: who, Status: chat.StatusActive, Activity: noon})
	return id, nil
}

func (f *fake) Accept(_ context.Context, id chat.ConversationID) error {
	return f.ask("accept", string(id))
}

func (f *fake) Block(_ context.Context, who account.Address) error {
	return f.ask("block", who.String())
}

func (f *fake) Safety(_ context.Context, who account.Address) (account.Safety, bool, error) {
	return account.Safety{}, false, f.ask("safety", who.String())
}

func (f *fake) MarkVerified(who account.Address) error { return f.ask("verified", who.String()) }

// arrive adds a message and tells of it.
func (f *fake) arrive(u *user, msg chat.Message) {
	f.mu.Lock()
	f.history[msg.Conversation] = append(f.history[msg.Conversation], msg)
	for i := range f.conversations {
		if c := &f.conversations[i]; c.ID == msg.Conversation {
			c.Activity = msg.SentAt
			if !msg.Own {
				c.Unread++
			}
		}
	}
	f.mu.Unlock()
	u.tell(chat.MessageEvent{Message: msg, New: true})
}

var errBoom = errors.New("the server failed")

// user presses keys and looks at the screen. Commands run in goroutines of a
// synctest bubble; what they answer is handled in turn.
type user struct {
	t    *testing.T
	fake *fake
	m    *model

	mu      sync.Mutex // guards answers
	answers []tea.Msg
}

// sit gives fn a user before a screen of the given size.
func sit(t *testing.T, f *fake, width, height int, fn func(u *user)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer func() {
			cancel()
			time.Sleep(time.Hour) // of the bubble: clocks that were set go off
		}()
		u := &user{t: t, fake: f, m: newModel(ctx, core{f, f, f}, func() time.Time { return noon })}
		u.m.saveDir = "/downloads"
		u.feed(tea.WindowSizeMsg{Width: width, Height: height})
		u.run(u.m.Init())
		u.settle()
		fn(u)
	})
}

func (u *user) feed(msg tea.Msg) {
	_, cmd := u.m.Update(msg)
	u.run(cmd)
	u.settle()
}

func (u *user) run(cmd tea.Cmd) {
	if cmd == nil {
		return
	}
	go func() {
		msg := cmd()
		u.mu.Lock()
		defer u.mu.Unlock()
		u.answers = append(u.answers, msg)
	}()
}

// settle handles answers until nothing but clocks is under way.
func (u *user) settle() {
	for {
		synctest.Wait()
		u.mu.Lock()
		answers := u.answers
		u.answers = nil
		u.mu.Unlock()
		if len(answers) == 0 {
			return
		}
		for _, msg := range answers {
			if batch, ok := msg.(tea.BatchMsg); ok {
				for _, cmd := range batch {
					u.run(cmd)
				}
				continue
			}
			if msg != nil {
				_, cmd := u.m.Update(msg)
				u.run(cmd)
			}
		}
	}
}

func (u *user) tell(events ...chat.Event) { u.feed(eventsMsg(events)) }

// keysByName are the keys that have no letter.
var keysByName = map[string]tea.KeyPressMsg{
	"enter": {Code: tea.KeyEnter}, "esc": {Code: tea.KeyEscape}, "tab": {Code: tea.KeyTab}, "up": {Code: tea.KeyUp}, "down": {Code: tea.KeyDown},
	"pgup": {Code: tea.KeyPgUp}, "pgdown": {Code: tea.KeyPgDown}, "backspace": {Code: tea.KeyBackspace}, "f1": {Code: tea.KeyF1},
	"alt+enter": {Code: tea.KeyEnter, Mod: tea.ModAlt}, "alt+down": {Code: tea.KeyDown, Mod: tea.ModAlt}, "alt+up": {Code: tea.KeyUp, Mod: tea.ModAlt},
	"ctrl+k": {Code: 'k', Mod: tea.ModCtrl}, "ctrl+f": {Code: 'f', Mod: tea.ModCtrl}, "ctrl+t": {Code: 't', Mod: tea.ModCtrl},
	"ctrl+home": {Code: tea.KeyHome, Mod: tea.ModCtrl}, "ctrl+end": {Code: tea.KeyEnd, Mod: tea.ModCtrl}, "space": {Code: tea.KeySpace, Text: " "},
}

// press presses keys by name, and types what is no name of a key.
func (u *user) press(keys ...string) {
	u.t.Helper()
	for _, k := range keys {
		if msg, ok := keysByName[k]; ok {
			u.feed(msg)
			continue
		}
		for _, r := range k {
			u.feed(tea.KeyPressMsg{Code: r, Text: string(r)})
		}
	}
}

// screen is what is to be seen, as plain text.
func (u *user) screen() string {
	var lines []string
	for l := range strings.SplitSeq(ansi.Strip(u.m.View().Content), "\n") {
		lines = append(lines, strings.TrimRight(l, " "))
	}
	return strings.Join(lines, "\n")
}

func (u *user) sees(parts ...string) {
	u.t.Helper()
	for _, p := range parts {
		if !strings.Contains(u.screen(), p) {
			u.t.Fatalf("%q is not on the screen:\n%s", p, u.screen())
		}
	}
}

func (u *user) seesNot(parts ...string) {
	u.t.Helper()
	for _, p := range parts {
		if strings.Contains(u.screen(), p) {
			u.t.Fatalf("%q is on the screen:\n%s", p, u.screen())
		}
	}
}

// asked compares what the core was asked for since the last call.
func (u *user) asked(want ...string) {
	u.t.Helper()
	u.fake.mu.Lock()
	got := u.fake.asked
	u.fake.asked = nil
	u.fake.mu.Unlock()
	if !slices.Equal(got, want) {
		u.t.Fatalf("asked for %q, want %q", got, want)
	}
}
