// SPDX-License-Identifier: AGPL-3.0-or-later

package tui

import (
	"fmt"
	"slices"

	tea "charm.land/bubbletea/v2"

	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/content"
	"github.com/securecrypt/securecrypt/internal/product/english"
	"github.com/securecrypt/securecrypt/internal/product/marktext"
)

// startPick selects the newest message.
func (m *model) startPick() tea.Cmd {
	for i := len(m.open.messages) - 1; i >= 0; i-- {
		if msg := &m.open.messages[i]; pickable(msg) {
			m.mode, m.open.picked = modePick, msg.ID
			m.compose.Blur()
			m.reveal(msg.ID)
			return nil
		}
	}
	return nil
}

func pickable(msg *chat.Message) bool { return msg.Notice == nil && !msg.ID.IsZero() }

func (m *model) startWrite() tea.Cmd {
	m.mode = modeWrite
	return m.compose.Focus()
}

// pick selects the message that many places further.
func (m *model) pick(by int) tea.Cmd {
	r := m.open
	at := slices.IndexFunc(r.messages, func(msg chat.Message) bool { return msg.ID == r.picked })
	for i := at + by; i >= 0 && i < len(r.messages); i += by {
		if pickable(&r.messages[i]) {
			r.picked = r.messages[i].ID
			m.reveal(r.picked)
			if i < 10 {
				return m.older()
			}
			return nil
		}
	}
	if by > 0 {
		r.hidden = 0
		return m.startWrite()
	}
	return m.older()
}

func (m *model) keyPick(s string) tea.Cmd {
	msg := m.picked()
	if msg == nil {
		return m.startWrite()
	}
	if cmd, ok := m.scrollKey(s); ok {
		return cmd
	}
	m.notice = notice{}
	switch s {
	case "esc", "q", "i":
		return m.startWrite()
	case "tab":
		m.open.hidden = 0
		return m.startWrite()
	case "up", "k":
		return m.pick(-1)
	case "down", "j":
		return m.pick(1)
	case "?":
		return m.show(&help{})
	case "/":
		return m.startFind()
	case "c":
		m.say("Copied.", nil)
		return tea.SetClipboard(marktext.Text(msg.Text))
	case "enter", "space":
		m.open.whole[msg.ID] = !m.open.whole[msg.ID]
		delete(m.open.blocks, msg.ID)
		m.reveal(msg.ID)
		return nil
	case "s":
		return m.save(*msg)
	}
	if !m.writable() || msg.Deleted {
		return nil
	}
	switch s {
	case "r":
		d := m.drafts[m.open.id]
		d.replyTo, d.editing = msg.ID, content.MessageID{}
		m.drafts[m.open.id] = d
		return m.startWrite()
	case "+":
		return m.askReaction(*msg)
	case "e", "d":
		return m.change(s, *msg)
	}
	return nil
}

// change edits or deletes an own message.
func (m *model) change(s string, msg chat.Message) tea.Cmd {
	if !msg.Own {
		m.say("", chat.ErrNotYours)
		return nil
	}
	if s == "e" {
		m.edit(&msg)
		return m.startWrite()
	}
	return m.show(question{
		title: "Delete this message?", text: "It disappears for everybody who gets this in time. They may have read it.", yes: "delete",
		then: func() tea.Cmd {
			ctx, messages := m.ctx, m.core.messages
			return m.do("", func() error { return messages.Delete(ctx, msg.Conversation, msg.ID) })
		},
	})
}

// save saves the files of a message.
func (m *model) save(msg chat.Message) tea.Cmd {
	if len(msg.Attachments) == 0 {
		m.say("This message has no files.", nil)
		return nil
	}
	m.say("Saving "+english.Count(len(msg.Attachments), "file")+" …", nil)
	ctx, messages, dir := m.ctx, m.core.messages, m.saveDir
	said := fmt.Sprintf("Saved in %s.", dir)
	return m.do(said, func() error {
		for _, a := range msg.Attachments {
			if _, err := messages.Save(ctx, msg.Conversation, msg.ID, a.Index, dir); err != nil {
				return fmt.Errorf("%s: %w", line(a.Name), err)
			}
		}
		return nil
	})
}
