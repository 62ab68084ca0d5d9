// SPDX-License-Identifier: AGPL-3.0-or-later

package tui

import (
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	tea "charm.land/bubbletea/v2"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/content"
	"github.com/securecrypt/securecrypt/internal/product/addressbook"
	"github.com/securecrypt/securecrypt/internal/product/english"
	"github.com/securecrypt/securecrypt/internal/product/marktext"
	"github.com/securecrypt/securecrypt/internal/product/termtext"
)

type (
	listMsg struct {
		conversations []chat.Conversation
		contacts      []chat.Contact
		previews      map[chat.ConversationID]preview
		err           error
	}
	roomMsg struct {
		id       chat.ConversationID
		limit    int
		messages []chat.Message
		more     bool
		err      error
	}
	membersMsg struct {
		id      chat.ConversationID
		members []chat.Member
		people  []chat.Contact // what is known of them
	}
	sentMsg struct {
		id    chat.ConversationID
		draft draft
		err   error
	}
	directMsg struct {
		id  chat.ConversationID
		err error
	}
)

func (m *model) reloadList() tea.Cmd {
	if !m.loading.begin() {
		return nil
	}
	return m.loadList()
}

// loadList reads all conversations, and the newest message of those in which
// something happened.
func (m *model) loadList() tea.Cmd {
	device, known := m.core.device, m.previews
	return func() tea.Msg {
		var msg listMsg
		if msg.conversations, msg.err = device.Conversations(); msg.err != nil {
			return msg
		}
		if msg.contacts, msg.err = device.Contacts(); msg.err != nil {
			return msg
		}
		msg.previews = make(map[chat.ConversationID]preview, len(msg.conversations))
		for _, c := range msg.conversations {
			if p, ok := known[c.ID]; ok && p.activity.Equal(c.Activity) && c.Waiting == 0 {
				msg.previews[c.ID] = p
				continue
			}
			p := preview{activity: c.Activity}
			msg.err = device.History(c.ID, func(message chat.Message) bool {
				p.last = message
				return false
			})
			if msg.err != nil {
				return msg
			}
			msg.previews[c.ID] = p
		}
		return msg
	}
}

// longestGist is how many bytes of a message its gist is made from.
const longestGist = 2000

// gist is a message in one line.
func (m *model) gist(msg chat.Message) string {
	var s string
	switch {
	case msg.Notice != nil:
		return m.told(&msg)
	case msg.Deleted:
		s = "Deleted message"
	case msg.Text != "":
		s = marktext.Line(msg.Text[:min(len(msg.Text), longestGist)])
	case len(msg.Attachments) == 1:
		s = msg.Attachments[0].Name
	case len(msg.Attachments) > 1:
		s = english.Count(len(msg.Attachments), "file")
	}
	if len(s) > 400 {
		s = strings.ToValidUTF8(s[:400], "")
	}
	if msg.Own {
		s = "You: " + s
	}
	return s
}

func (m *model) gotList(msg listMsg) tea.Cmd {
	again := m.loading.end()
	if msg.err != nil {
		m.say("", msg.err)
	} else {
		m.loaded = true
		m.conversations, m.previews = msg.conversations, msg.previews
		clear(m.contacts)
		for _, c := range msg.contacts {
			m.contacts[c.Address] = c
		}
		m.book = addressbook.New(m.self, msg.contacts)
		m.book.Learn(m.people...)
		m.order()
		m.keepSelection()
		if m.open != nil {
			clear(m.open.blocks) // names may have changed
		}
	}
	cmds := []tea.Cmd{m.markRead(), m.enterStart(again)}
	if again {
		cmds = append(cmds, m.reloadList())
	}
	return tea.Batch(cmds...)
}

// enterStart opens the conversation that was asked for, once it is there.
func (m *model) enterStart(again bool) tea.Cmd {
	if m.start == "" || m.conversation(m.start) == nil && again {
		return nil
	}
	id := m.start
	m.start = ""
	return m.enter(id)
}

// order puts requests first, then what goes on, then what ended; the newest
// first.
func (m *model) order() {
	rank := func(c chat.Conversation) int {
		switch c.Status {
		case chat.StatusRequest:
			return 0
		case chat.StatusBlocked:
			return 2
		}
		return 1
	}
	slices.SortStableFunc(m.conversations, func(a, b chat.Conversation) int {
		if d := rank(a) - rank(b); d != 0 {
			return d
		}
		return b.Activity.Compare(a.Activity)
	})
}

func (m *model) keepSelection() {
	if m.conversation(m.selected) != nil {
		return
	}
	m.selected = ""
	if len(m.conversations) > 0 {
		m.selected = m.conversations[0].ID
	}
}

// enter opens a conversation.
func (m *model) enter(id chat.ConversationID) tea.Cmd {
	c := m.conversation(id)
	if c == nil {
		m.say("", chat.ErrNoConversation)
		return nil
	}
	m.notice = notice{}
	m.selected = id
	if m.open == nil || m.open.id != id {
		m.keepDraft()
		m.open = &room{id: id, limit: max(firstLimit, c.Unread+20), unread: c.Unread, whole: map[content.MessageID]bool{}, blocks: map[content.MessageID]block{}}
		m.restoreDraft()
	}
	m.mode = modeWrite
	return tea.Batch(m.compose.Focus(), m.reloadRoom(), m.loadMembers())
}

func (m *model) reloadRoom() tea.Cmd {
	r := m.open
	if r == nil || !r.loading.begin() {
		return nil
	}
	device, id, limit := m.core.device, r.id, r.limit
	return func() tea.Msg {
		msg := roomMsg{id: id, limit: limit}
		msg.err = device.History(id, func(message chat.Message) bool {
			if len(msg.messages) == limit {
				msg.more = true
				return false
			}
			msg.messages = append(msg.messages, message)
			return true
		})
		slices.Reverse(msg.messages)
		return msg
	}
}

func (m *model) gotRoom(msg roomMsg) tea.Cmd {
	r := m.open
	if r == nil || r.id != msg.id {
		return nil
	}
	again := r.loading.end()
	if msg.err != nil {
		m.say("", msg.err)
		return nil
	}
	anchor := m.anchor()
	r.loaded, r.messages, r.more = true, msg.messages, msg.more
	clear(r.blocks)
	r.placeNew()
	m.restoreAnchor(anchor)
	if !r.jump.IsZero() {
		if cmd := m.jumpTo(r.jump); cmd != nil {
			return cmd
		}
	}
	cmds := []tea.Cmd{m.markRead(), m.expiry()}
	if again || r.limit > msg.limit {
		cmds = append(cmds, m.reloadRoom())
	}
	return tea.Batch(cmds...)
}

// placeNew finds the oldest message that was unread when the room was opened.
func (r *room) placeNew() {
	for i := len(r.messages) - 1; i >= 0 && r.unread > 0; i-- {
		if msg := &r.messages[i]; !msg.Own && msg.Notice == nil {
			r.unread--
			r.firstNew = msg.ID
		}
	}
	r.unread = 0
}

// expiry reloads when the next message disappears, if that is soon.
func (m *model) expiry() tea.Cmd {
	var next time.Time
	for i := range m.open.messages {
		if t := m.open.messages[i].ExpiresAt; !t.IsZero() && (next.IsZero() || t.Before(next)) {
			next = t
		}
	}
	wait := next.Sub(m.now())
	if next.IsZero() || wait > time.Minute {
		return nil // minute looks again
	}
	return tea.Tick(max(wait, 0)+time.Second, func(time.Time) tea.Msg { return doneMsg{} })
}

// older asks for more of the history.
func (m *model) older() tea.Cmd {
	if !m.open.more {
		return nil
	}
	m.open.limit *= 2
	return m.reloadRoom()
}

// markRead says that the open conversation was read, if it was.
func (m *model) markRead() tea.Cmd {
	c := m.current()
	if c == nil || c.Unread == 0 || c.Status != chat.StatusActive || m.unfocused || !m.open.loaded || m.open.hidden > 0 || m.mode == modeList && !m.wide() {
		return nil
	}
	c.Unread = 0
	ctx, messages, id := m.ctx, m.core.messages, c.ID
	return func() tea.Msg {
		if err := messages.MarkRead(ctx, id); err != nil {
			return doneMsg{err: err}
		}
		return nil
	}
}

// mostNamed is of how many members the names are read each time.
const mostNamed = 256

func (m *model) loadMembers() tea.Cmd {
	c := m.current()
	if c == nil || !c.Group {
		return nil
	}
	device, id := m.core.device, c.ID
	return func() tea.Msg {
		members, err := device.Members(id)
		if err != nil {
			return nil // it is only a number in the header
		}
		msg := membersMsg{id: id, members: members}
		for _, member := range members[:min(len(members), mostNamed)] {
			if c, err := device.Contact(member.Address); err == nil { // otherwise the address has to do
				msg.people = append(msg.people, c)
			}
		}
		return msg
	}
}

// do runs something that takes a while and shows what came of it.
func (m *model) do(said string, fn func() error) tea.Cmd {
	return func() tea.Msg {
		if err := fn(); err != nil {
			return doneMsg{err: err}
		}
		return doneMsg{said: said}
	}
}

// name is what to call somebody: the own name for them, the one that they
// gave themselves (marked, for anybody may call themselves anything, and with the
// address if it looks like somebody else's), or the address.
func (m *model) name(a account.Address) string {
	if a == m.self {
		return "You"
	}
	name := m.book.Person(a)
	text := called(name.Text)
	switch {
	case text == "":
		return a.String()
	case name.Imitates:
		return "~" + text + " (" + a.String() + ")"
	case name.Chosen:
		return "~" + text
	}
	return text
}

// title is what to call a conversation.
func (m *model) title(c *chat.Conversation) string {
	if c.Own {
		return "Note to self"
	}
	if !c.Group && c.Status == chat.StatusRequest && !c.Confirmed { // anybody can claim to be a contact
		return c.Peer.String()
	}
	if !c.Group {
		return m.name(c.Peer)
	}
	title := called(c.Title)
	switch {
	case title == "":
		return "Group"
	case m.book.Imitates(c.Title):
		return "Group " + termtext.Quote(title)
	}
	return title
}

// sentence makes an error a sentence.
func sentence(err error) string {
	s := line(err.Error())
	if first, _, _ := strings.Cut(s, " "); strings.ContainsAny(first, "@/") {
		return s // an address or a path stays as it is
	}
	r, n := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(r)) + s[n:]
}
