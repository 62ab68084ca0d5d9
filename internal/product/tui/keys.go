// SPDX-License-Identifier: AGPL-3.0-or-later

package tui

import (
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/content"
	"github.com/securecrypt/securecrypt/internal/product/english"
)

// key handles a key press: first what holds everywhere, then the overlay, then
// the mode.
func (m *model) key(k tea.KeyPressMsg) tea.Cmd {
	s := k.String()
	switch {
	case s == "ctrl+c":
		return tea.Quit
	case k.Text != typed(k.Text):
		return nil
	}
	if m.overlay != nil {
		return m.overlay.key(m, k)
	}
	switch s {
	case "f1":
		return m.show(&help{})
	case "ctrl+k":
		return m.showFinder()
	case "alt+up":
		return m.step(-1)
	case "alt+down":
		return m.step(1)
	}
	switch m.mode {
	case modeWrite:
		return m.keyWrite(k)
	case modePick:
		return m.keyPick(s)
	case modeFind:
		return m.keyFind(k)
	}
	return m.keyList(s)
}

// input gives what is no key of ours to whatever is being typed in.
func (m *model) input(msg tea.Msg) tea.Cmd {
	if m.overlay != nil {
		return m.overlay.other(m, msg)
	}
	var cmd tea.Cmd
	switch m.mode {
	case modeWrite:
		if m.writable() {
			m.compose, cmd = m.compose.Update(msg)
		}
	case modeFind:
		m.find, cmd = m.find.Update(msg)
	}
	return cmd
}

// step opens the conversation before or after the open one.
func (m *model) step(by int) tea.Cmd {
	if len(m.conversations) == 0 {
		return nil
	}
	return m.enter(m.conversations[m.neighbour(by)].ID)
}

// neighbour is the index of the conversation that many places from the
// selected one.
func (m *model) neighbour(by int) int {
	at := slices.IndexFunc(m.conversations, func(c chat.Conversation) bool { return c.ID == m.selected })
	return max(0, min(at+by, len(m.conversations)-1))
}

func (m *model) keyList(s string) tea.Cmd {
	m.notice = notice{}
	switch s {
	case "q":
		return tea.Quit
	case "?":
		return m.show(&help{})
	case "/":
		return m.showFinder()
	case "n":
		return m.askNew()
	}
	if len(m.conversations) == 0 {
		return nil
	}
	page := max(1, m.bodyHeight()/m.rowHeight()-1)
	moves := map[string]int{"up": -1, "k": -1, "down": 1, "j": 1, "pgup": -page, "pgdown": page, "home": -len(m.conversations), "end": len(m.conversations)}
	if by, ok := moves[s]; ok {
		m.selected = m.conversations[m.neighbour(by)].ID
		return nil
	}
	switch s {
	case "enter", "right", "l", "tab":
		return m.enter(m.selected)
	case "a", "b":
		if c := m.conversation(m.selected); c != nil && c.Status == chat.StatusRequest {
			return tea.Batch(m.enter(m.selected), m.keyRequest(s))
		}
	}
	return nil
}

// keyRequest answers a request.
func (m *model) keyRequest(s string) tea.Cmd {
	switch s {
	case "a":
		return m.accept()
	case "b":
		return m.askBlock()
	}
	return nil
}

func (m *model) accept() tea.Cmd {
	ctx, people, id := m.ctx, m.core.people, m.open.id
	return m.do("", func() error { return people.Accept(ctx, id) })
}

func (m *model) askBlock() tea.Cmd {
	c := m.current()
	who := c.Peer
	if c.Status == chat.StatusRequest {
		who = c.Inviter
	}
	name := m.name(who)
	return m.show(question{
		title: "Block " + name + "?", yes: "block",
		text: "Nothing that they send will reach you any more. They are not told.",
		then: func() tea.Cmd {
			ctx, people := m.ctx, m.core.people
			return m.do(name+" is blocked.", func() error { return people.Block(ctx, who) })
		},
	})
}

func (m *model) keyWrite(k tea.KeyPressMsg) tea.Cmd {
	s := k.String()
	if cmd, ok := m.scrollKey(s); ok {
		return cmd
	}
	d := m.drafts[m.open.id]
	switch s {
	case "esc":
		return m.escape()
	case "tab", "shift+tab":
		return m.startPick()
	case "ctrl+f":
		return m.startFind()
	}
	if !m.writable() {
		if c := m.current(); c != nil && c.Status == chat.StatusRequest {
			return m.keyRequest(s)
		}
		return nil
	}
	switch s {
	case "ctrl+t":
		return m.askFile()
	case "enter":
		return m.send()
	case "up":
		if m.compose.Value() == "" && d.editing.IsZero() {
			return m.editLast()
		}
	case "backspace":
		if m.compose.Value() == "" && len(d.files) > 0 {
			d.files = d.files[:len(d.files)-1]
			m.drafts[m.open.id] = d
			return nil
		}
	}
	m.notice, m.open.failure = notice{}, ""
	var cmd tea.Cmd
	m.compose, cmd = m.compose.Update(k)
	return cmd
}

// escape takes back the topmost thing: a reply or an edit, then the
// conversation itself.
func (m *model) escape() tea.Cmd {
	d := m.drafts[m.open.id]
	switch {
	case !d.editing.IsZero():
		m.compose.Reset()
		m.drafts[m.open.id] = draft{}
	case !d.replyTo.IsZero():
		d.replyTo = content.MessageID{}
		m.drafts[m.open.id] = d
	default:
		m.mode = modeList
		m.compose.Blur()
		m.open.firstNew = content.MessageID{}
		clear(m.open.blocks)
	}
	return nil
}

// scrollKey handles the keys that scroll.
func (m *model) scrollKey(s string) (tea.Cmd, bool) {
	page := max(1, m.timelineHeight()-2)
	by := map[string]int{"pgup": page, "pgdown": -page, "shift+up": 1, "shift+down": -1}[s]
	switch {
	case s == "ctrl+home":
		by = 1 << 30
	case s == "ctrl+end":
		by = -(1 << 30)
	case by == 0:
		return nil, false
	}
	return m.scroll(by), true
}

func (m *model) scroll(by int) tea.Cmd {
	r := m.open
	rows := m.timeline(m.paneWidth())
	r.hidden += by
	m.window(rows, m.timelineHeight())
	if by > 0 && r.hidden >= len(rows)-2*m.timelineHeight() {
		return m.older()
	}
	return m.markRead()
}

// send sends what is in the composer, or changes the message being edited.
func (m *model) send() tea.Cmd {
	id := m.open.id
	d := m.drafts[id]
	d.text = strings.TrimSpace(m.compose.Value())
	if d.text == "" && len(d.files) == 0 {
		return nil
	}
	m.compose.Reset()
	delete(m.drafts, id)
	m.open.hidden, m.open.firstNew, m.open.failure, m.notice = 0, content.MessageID{}, "", notice{}
	if len(d.files) > 0 {
		m.say("Preparing "+english.Count(len(d.files), "file")+" …", nil)
	}
	ctx, messages := m.ctx, m.core.messages
	return func() tea.Msg {
		var err error
		if d.editing.IsZero() {
			_, err = messages.Send(ctx, id, chat.Draft{Text: d.text, Files: d.files, ReplyTo: d.replyTo})
		} else {
			err = messages.Edit(ctx, id, d.editing, d.text)
		}
		return sentMsg{id, d, err}
	}
}

// gotSent gives the text back if it could not be sent.
func (m *model) gotSent(msg sentMsg) tea.Cmd {
	m.notice = notice{}
	if msg.err != nil {
		m.say("", msg.err)
		switch {
		case m.open == nil || m.open.id != msg.id:
			if _, ok := m.drafts[msg.id]; !ok {
				m.drafts[msg.id] = msg.draft
			}
		case m.compose.Value() == "":
			m.drafts[msg.id] = msg.draft
			m.compose.SetValue(typed(msg.draft.text))
		}
	}
	return tea.Batch(m.reloadRoom(), m.reloadList())
}

func (m *model) keepDraft() {
	if m.open == nil {
		return
	}
	d := m.drafts[m.open.id]
	d.text = m.compose.Value()
	if d.text == "" && len(d.files) == 0 {
		delete(m.drafts, m.open.id)
		return
	}
	m.drafts[m.open.id] = d
}

func (m *model) restoreDraft() { m.compose.SetValue(typed(m.drafts[m.open.id].text)) }

// editLast edits the newest own message.
func (m *model) editLast() tea.Cmd {
	for i := len(m.open.messages) - 1; i >= 0; i-- {
		if msg := &m.open.messages[i]; msg.Own && msg.Notice == nil && !msg.Deleted && msg.Text != "" {
			m.edit(msg)
			return nil
		}
	}
	return nil
}

func (m *model) edit(msg *chat.Message) {
	m.drafts[m.open.id] = draft{editing: msg.ID}
	m.compose.SetValue(typed(msg.Text))
}

func (m *model) startFind() tea.Cmd {
	if m.open == nil {
		return m.showFinder()
	}
	m.mode = modeFind
	m.compose.Blur()
	m.find.Reset()
	m.open.picked = content.MessageID{}
	clear(m.open.blocks)
	return m.find.Focus()
}

func (m *model) keyFind(k tea.KeyPressMsg) tea.Cmd {
	switch s := k.String(); s {
	case "esc", "ctrl+f":
		m.find.Blur()
		clear(m.open.blocks)
		if id := m.open.picked; !id.IsZero() && m.open.message(id) != nil {
			m.mode = modePick
			m.reveal(id)
			return nil
		}
		return m.startWrite()
	case "enter", "up", "ctrl+p":
		return m.findNext(-1)
	case "down", "ctrl+n":
		return m.findNext(1)
	default:
		if cmd, ok := m.scrollKey(s); ok {
			return cmd
		}
	}
	before := m.find.Value()
	var cmd tea.Cmd
	m.find, cmd = m.find.Update(k)
	if m.find.Value() != before {
		m.open.picked = content.MessageID{}
		clear(m.open.blocks)
		return tea.Batch(cmd, m.findNext(-1))
	}
	return cmd
}

// findNext goes to the next message, upwards or downwards, that fits.
func (m *model) findNext(by int) tea.Cmd {
	r, term := m.open, m.term()
	if term == "" {
		return nil
	}
	at := slices.IndexFunc(r.messages, func(msg chat.Message) bool { return msg.ID == r.picked })
	if at < 0 || r.picked.IsZero() {
		at = len(r.messages)
	}
	for i := at + by; i >= 0 && i < len(r.messages); i += by {
		if mentions(&r.messages[i], term) {
			r.picked = r.messages[i].ID
			m.reveal(r.picked)
			return nil
		}
	}
	if by < 0 && r.more {
		m.say("Looked through "+english.Count(len(r.messages), "message")+"; enter looks further back.", nil)
		return m.older()
	}
	m.say("Nothing further.", nil)
	return nil
}
