// SPDX-License-Identifier: AGPL-3.0-or-later

package tui

import (
	"fmt"
	"strings"

	"charm.land/bubbles/v2/key"
	"charm.land/bubbles/v2/textarea"
	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/securecrypt/securecrypt/client/chat"
)

const (
	// twoPanes is the width from which list and conversation stand side by
	// side.
	twoPanes = 72
	// tall is the height from which a row of the list has two lines.
	tall = 20
	// leastWidth and leastHeight are what anything useful needs.
	leastWidth  = 16
	leastHeight = 5
	// mostComposed is how many lines of the composer are shown.
	mostComposed = 6
)

func newComposer() textarea.Model {
	t := textarea.New()
	t.ShowLineNumbers = false
	t.SetPromptFunc(2, func(p textarea.PromptInfo) string {
		if p.LineNumber == 0 {
			return "› "
		}
		return "  "
	})
	t.Placeholder = "Write a message"
	t.DynamicHeight, t.MinHeight, t.MaxHeight, t.MaxContentHeight = true, 1, mostComposed, 4096
	t.CharLimit = chat.MaxText
	t.KeyMap.InsertNewline = key.NewBinding(key.WithKeys("alt+enter", "shift+enter", "ctrl+j"))
	t.SetVirtualCursor(false)
	return t
}

func (m *model) restyle(dark bool) {
	m.styles = newPalette(dark)
	s := textarea.DefaultStyles(dark)
	plain := lipgloss.NewStyle()
	for _, state := range []*textarea.StyleState{&s.Focused, &s.Blurred} {
		state.Base, state.Text, state.CursorLine, state.EndOfBuffer = plain, plain, plain, plain
		state.Prompt, state.Placeholder = m.styles.accent, m.styles.quiet
	}
	m.compose.SetStyles(s)
	if m.open != nil {
		clear(m.open.blocks)
	}
}

func (m *model) resize(width, height int) {
	a := anchor{}
	if m.open != nil {
		a = m.anchor()
	}
	m.width, m.height = max(width, 1), max(height, 1)
	m.compose.SetWidth(max(8, m.paneWidth()-1))
	if m.open != nil {
		clear(m.open.blocks)
		m.restoreAnchor(a)
		if m.mode == modePick {
			m.reveal(m.open.picked)
		}
	}
}

func (m *model) wide() bool { return m.width >= twoPanes }

// listWidth is the width of the list, paneWidth of the conversation.
func (m *model) listWidth() int {
	if !m.wide() {
		return m.width
	}
	return min(40, max(26, m.width*3/10))
}

func (m *model) paneWidth() int {
	if !m.wide() {
		return m.width
	}
	return m.width - m.listWidth() - 1
}

// bodyHeight is the height without the last line.
func (m *model) bodyHeight() int { return max(1, m.height-1) }

func (m *model) rowHeight() int {
	if m.height < tall {
		return 1
	}
	return 2
}

// timelineHeight is what the header and the composer leave.
func (m *model) timelineHeight() int {
	return max(1, m.bodyHeight()-len(m.header(m.paneWidth()))-len(m.foot(m.paneWidth())))
}

// View implements [tea.Model].
func (m *model) View() tea.View {
	v := tea.NewView(m.screen())
	v.AltScreen, v.ReportFocus = true, true
	v.WindowTitle = "SecureCrypt"
	if n := m.unread(); n > 0 {
		v.WindowTitle = fmt.Sprintf("(%d) SecureCrypt", n)
	}
	if m.overlay == nil && m.mode == modeWrite && m.writable() {
		if c := m.compose.Cursor(); c != nil {
			c.Y += m.bodyHeight() - m.compose.Height()
			if m.wide() {
				c.X += m.listWidth() + 1
			}
			v.Cursor = c
		}
	}
	return v
}

func (m *model) unread() (n int) {
	for _, c := range m.conversations {
		n += c.Unread
	}
	return n
}

// screen puts the panes, the overlay and the last line together.
func (m *model) screen() string {
	height := m.bodyHeight()
	if m.width < leastWidth || m.height < leastHeight {
		return strings.Join(pane([]string{"Please make", "the window", "larger."}, m.width, m.height), "\n")
	}
	var body []string
	switch {
	case m.wide():
		left, right := m.list(m.listWidth(), height), m.conversationPane(m.paneWidth(), height)
		for i := range height {
			body = append(body, left[i]+m.styles.quiet.Render("│")+right[i])
		}
	case m.open == nil || m.mode == modeList:
		body = m.list(m.width, height)
	default:
		body = m.conversationPane(m.width, height)
	}
	if m.overlay != nil {
		body = m.covered(body)
	}
	return strings.Join(append(body, m.lastLine()), "\n")
}

// covered lays the overlay over the middle of the screen.
func (m *model) covered(body []string) []string {
	width, height := m.width, len(body)
	inner := max(1, min(width-2, 74))
	lines := m.overlay.lines(m, max(1, inner-2), max(1, height-2))
	lines = lines[:min(len(lines), max(1, height-2))]
	box := []string{m.styles.accent.Render("╭" + strings.Repeat("─", inner) + "╮")}
	for _, l := range lines {
		edge := m.styles.accent.Render("│")
		box = append(box, edge+" "+fit(l, inner-1)+edge)
	}
	box = append(box, m.styles.accent.Render("╰"+strings.Repeat("─", inner)+"╯"))
	top, left := max(0, (height-len(box))/3), max(0, (width-inner-2)/2)
	for i, l := range box {
		if top+i < height {
			under := body[top+i]
			body[top+i] = fit(ansi.Truncate(under, left, ""), left) + l + ansi.TruncateLeft(under, left+inner+2, "")
		}
	}
	return body
}

// list is the pane of conversations.
func (m *model) list(width, height int) []string {
	head := spread(m.styles.accent.Render(" SecureCrypt"), m.connection(), width)
	lines := []string{head, m.styles.quiet.Render(strings.Repeat("─", width))}
	switch {
	case !m.loaded && len(m.conversations) == 0:
		lines = append(lines, m.styles.quiet.Render(" Opening …"))
	case len(m.conversations) == 0:
		lines = append(lines, "")
		for _, l := range wrap("No conversations yet. Share your address or press n to enter one.\n\nYou are", width-2) {
			lines = append(lines, " "+l)
		}
		for _, l := range wrap(m.self.String(), width-2) {
			lines = append(lines, " "+m.styles.strong.Render(l))
		}
	default:
		lines = append(lines, m.rows(width, height-len(lines))...)
	}
	return pane(lines, width, height)
}

// connection says how the own server is reached.
func (m *model) connection() string {
	err, known := m.hosts[m.self.Host]
	switch {
	case !known:
		return m.styles.quiet.Render("connecting … ")
	case err != nil:
		return m.styles.caution.Render("○ offline ")
	}
	return m.styles.quiet.Render("● online ")
}

// rows are the conversations around the selected one.
func (m *model) rows(width, height int) []string {
	per := m.rowHeight()
	fits := max(1, height/per)
	at := m.neighbour(0)
	from := max(0, min(at-fits/2, len(m.conversations)-fits))
	var lines []string
	for i := from; i < len(m.conversations) && i < from+fits; i++ {
		lines = append(lines, m.listRow(&m.conversations[i], width)...)
	}
	return lines
}

// listRow is one conversation in the list.
func (m *model) listRow(c *chat.Conversation, width int) []string {
	mark := "  "
	if c.ID == m.selected {
		mark = m.styles.accent.Render("▸") + " "
	}
	name, right := m.title(c), m.styles.quiet.Render(short(c.Activity.Local(), m.now().Local()))
	style, badge := m.styles.plain, ""
	switch {
	case c.Status == chat.StatusRequest:
		style, badge = m.styles.strong, m.styles.caution.Render("request")
	case c.Status != chat.StatusActive:
		style, badge = m.styles.quiet, m.styles.quiet.Render(c.Status.String())
	case c.Unread > 0:
		style, badge = m.styles.strong, m.styles.accent.Render(fmt.Sprintf("● %d", min(c.Unread, 999)))
	case c.Waiting > 0:
		badge = m.styles.quiet.Render("◷")
	}
	if m.rowHeight() == 1 {
		if badge != "" {
			right = badge
		}
		return []string{m.mark(c, spread(mark+style.Render(name), right+" ", width))}
	}
	below := line(m.gist(m.previews[c.ID].last))
	if d, ok := m.drafts[c.ID]; ok && d.text != "" && (m.open == nil || m.open.id != c.ID) {
		below = "Draft: " + line(d.text)
	}
	return []string{
		m.mark(c, spread(mark+style.Render(name), right+" ", width)),
		m.mark(c, spread("  "+m.styles.quiet.Render(below), pad(badge), width)),
	}
}

func pad(badge string) string {
	if badge == "" {
		return ""
	}
	return badge + " "
}

// mark shows which row is selected while the list has the keys.
func (m *model) mark(c *chat.Conversation, l string) string {
	if c.ID == m.selected && m.mode == modeList {
		return m.styles.selected.Render(l)
	}
	return l
}

// pane makes lines exactly width by height.
func pane(lines []string, width, height int) []string {
	out := make([]string, height)
	for i := range out {
		if i < len(lines) {
			out[i] = fit(lines[i], width)
		} else {
			out[i] = strings.Repeat(" ", width)
		}
	}
	return out
}

// lastLine has what was said last, or else the keys.
func (m *model) lastLine() string {
	if m.notice.text != "" && m.overlay == nil {
		style := m.styles.accent
		text := " " + m.notice.text
		if m.notice.bad {
			style, text = m.styles.danger, " ! "+m.notice.text
		}
		return style.Render(fit(text, m.width))
	}
	var parts []string
	width := 0
	for _, h := range m.hints() {
		part := m.styles.strong.Render(h.key) + m.styles.quiet.Render(" "+h.does)
		if width += ansi.StringWidth(part) + 3; width > m.width {
			break
		}
		parts = append(parts, part)
	}
	return fit(" "+strings.Join(parts, m.styles.quiet.Render("   ")), m.width)
}

func (m *model) hints() []hint {
	if m.overlay != nil {
		return m.overlay.hints()
	}
	switch m.mode {
	case modeWrite:
		if c := m.current(); c != nil && c.Status == chat.StatusRequest {
			return []hint{{"a", "accept"}, {"b", "block"}, {"esc", "back"}}
		}
		if !m.writable() {
			return []hint{{"esc", "back"}, {"tab", "select"}, {"ctrl+f", "find"}}
		}
		return []hint{{"enter", "send"}, {"esc", "back"}, {"tab", "select"}, {"ctrl+k", "go to"}, {"F1", "keys"}, {"alt+enter", "new line"}, {"ctrl+f", "find"}, {"ctrl+t", "attach"}}
	case modePick:
		msg := m.picked()
		hints := []hint{{"esc", "back"}, {"r", "reply"}, {"+", "react"}}
		if msg != nil && msg.Own {
			hints = append(hints, hint{"e", "edit"}, hint{"d", "delete"})
		}
		if msg != nil && len(msg.Attachments) > 0 {
			hints = append(hints, hint{"s", "save"})
		}
		return append(hints, hint{"c", "copy"}, hint{"?", "keys"})
	case modeFind:
		return []hint{{"enter", "further back"}, {"↓", "forward"}, {"esc", "done"}}
	}
	if len(m.conversations) == 0 {
		return []hint{{"n", "new"}, {"?", "keys"}, {"q", "quit"}}
	}
	hints := []hint{{"enter", "open"}, {"n", "new"}, {"/", "search"}, {"?", "keys"}, {"q", "quit"}}
	if c := m.conversation(m.selected); c != nil && c.Status == chat.StatusRequest {
		hints = append([]hint{{"a", "accept"}, {"b", "block"}}, hints...)
	}
	return hints
}
