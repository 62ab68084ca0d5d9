// SPDX-License-Identifier: AGPL-3.0-or-later

package tui

import (
	"fmt"
	"path/filepath"
	"strings"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/files/disk"
	"github.com/securecrypt/securecrypt/internal/product/english"
)

// conversationPane is the open conversation.
func (m *model) conversationPane(width, height int) []string {
	if m.current() == nil {
		lines := make([]string, max(0, height/3))
		if m.loaded && len(m.conversations) > 0 {
			lines = append(lines, m.styles.quiet.Render(center("Select a conversation.", width)))
		}
		return pane(lines, width, height)
	}
	head, foot := m.header(width), m.foot(width)
	room := max(1, height-len(head)-len(foot))
	lines := append([]string(nil), head...)
	visible := m.visible(width, room)
	for range room - len(visible) {
		lines = append(lines, "")
	}
	lines = append(lines, visible...)
	return pane(append(lines, foot...), width, height)
}

// visible are the lines of the timeline that are in sight, with a pill where
// new messages wait below.
func (m *model) visible(width, height int) []string {
	r := m.open
	if r.loaded && len(r.messages) == 0 {
		return m.emptyRoom(width)
	}
	var lines []string
	for _, row := range m.window(m.timeline(width), height) {
		lines = append(lines, row.text)
	}
	if r.hidden > 0 && len(lines) > 1 {
		pill := " ↓ " + english.Count(r.hidden, "line") + " below "
		if r.arrived > 0 {
			pill = fmt.Sprintf(" ↓ %d new ", r.arrived)
		}
		lines[len(lines)-1] = center(m.styles.accent.Reverse(true).Render(pill), width)
	}
	return lines
}

func (m *model) emptyRoom(width int) []string {
	text := "Nothing has been said here yet."
	if c := m.current(); !c.Group && c.Status == chat.StatusActive {
		text = "Write the first message. Only you and " + m.name(c.Peer) + " can read it."
	}
	var lines []string
	for _, l := range wrap(text, width-4) {
		lines = append(lines, m.styles.quiet.Render(center(l, width)))
	}
	return append(lines, "")
}

// header names the conversation and says what there is to know about it.
func (m *model) header(width int) []string {
	c := m.current()
	if c == nil {
		return nil
	}
	title := m.styles.strong.Render(m.title(c))
	facts := m.facts(c)
	lines := []string{}
	if m.height < tall {
		lines = append(lines, spread(" "+title, m.styles.quiet.Render(ansi.Truncate(facts, width/2, "…"))+" ", width))
	} else {
		lines = append(lines, fit(" "+title, width), m.styles.quiet.Render(fit(" "+facts, width)))
	}
	return append(lines, m.styles.quiet.Render(strings.Repeat("─", width)))
}

func (m *model) facts(c *chat.Conversation) string {
	var facts []string
	if c.Group {
		if n := len(m.open.members); n > 0 {
			facts = append(facts, english.Count(n, "member"))
		}
		unconfirmed := 0
		for _, member := range m.open.members {
			if !member.Confirmed {
				unconfirmed++
			}
		}
		if unconfirmed > 0 {
			facts = append(facts, fmt.Sprintf("%d not confirmed by their server yet", unconfirmed))
		}
	} else {
		if m.contacts[c.Peer].Verified {
			facts = append(facts, "✓ verified")
		}
		if m.name(c.Peer) != c.Peer.String() {
			facts = append(facts, c.Peer.String())
		}
	}
	if c.Timer > 0 {
		facts = append(facts, "messages disappear after "+english.Duration(c.Timer))
	}
	return strings.Join(facts, " · ")
}

// foot is what stands below the timeline: banners, and the composer.
func (m *model) foot(width int) []string {
	c := m.current()
	if c == nil {
		return nil
	}
	lines := []string{m.styles.quiet.Render(strings.Repeat("─", width))}
	lines = append(lines, m.banners(c, width)...)
	if c.Status != chat.StatusActive {
		return append(lines, m.instead(c, width)...)
	}
	if m.mode == modeFind {
		m.find.SetWidth(max(4, width-4))
		return append(lines, m.find.View())
	}
	d := m.drafts[c.ID]
	switch {
	case !d.editing.IsZero():
		lines = append(lines, m.styles.accent.Render(fit(" Editing your message", width)))
	case !d.replyTo.IsZero():
		said := "an earlier message"
		if original := m.open.message(d.replyTo); original != nil {
			said = m.name(original.From) + ": " + line(strings.TrimPrefix(m.gist(*original), "You: "))
		}
		lines = append(lines, m.styles.quiet.Render(fit(" Reply to "+said, width)))
	}
	for _, path := range d.files {
		lines = append(lines, fit(" ▤ "+middle(line(filepath.Base(disk.Path(path))), width-4), width))
	}
	return append(lines, strings.Split(m.compose.View(), "\n")...)
}

// banners stay until what they say is over.
func (m *model) banners(c *chat.Conversation, width int) []string {
	var lines []string
	add := func(style lipgloss.Style, text string) {
		for _, l := range wrap(text, width-2) {
			lines = append(lines, style.Render(fit(" "+l, width)))
		}
	}
	if m.open.failure != "" {
		add(m.styles.danger, "! "+m.open.failure)
	}
	if err := m.hosts[m.self.Host]; err != nil && c.Status == chat.StatusActive {
		add(m.styles.caution, "○ Offline: messages wait here and go out when the server can be reached.")
	}
	return lines
}

// instead stands where the composer would, if nothing can be written.
func (m *model) instead(c *chat.Conversation, width int) []string {
	style, text := m.styles.quiet, ""
	switch c.Status {
	case chat.StatusRequest:
		style = m.styles.caution
		who := m.name(c.Inviter)
		if !c.Confirmed {
			who = c.Inviter.String()
		}
		text = who + " wants to talk to you."
		if c.Group {
			text = who + " invites you to this group."
		}
		if !c.Inviter.IsZero() && who != c.Inviter.String() {
			text += " (" + c.Inviter.String() + ")"
		}
		if !c.Confirmed {
			text += " Nobody has confirmed this address yet; that happens when you accept."
		}
		text += " Press a to accept or b to block."
	case chat.StatusLeft:
		text = "You left this conversation."
	case chat.StatusRemoved:
		text = "You were removed from this group."
		if !c.Group {
			text = m.name(c.Peer) + " left this conversation."
		}
	case chat.StatusLost:
		style, text = m.styles.caution, "This device was away too long to follow. Ask somebody in it to add you again."
	case chat.StatusPending:
		text = "Another device is bringing this conversation here. You can write as soon as it is here."
	case chat.StatusBlocked:
		text = "You blocked this conversation."
	case chat.StatusStopped:
		style, text = m.styles.danger, "! Stopped: "+line(c.Reason.Text)+" Nothing is sent any more."
	}
	var lines []string
	for _, l := range wrap(text, width-2) {
		lines = append(lines, style.Render(fit(" "+l, width)))
	}
	return lines
}
