// SPDX-License-Identifier: AGPL-3.0-or-later

package tui

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/content"
	"github.com/securecrypt/securecrypt/internal/product/english"
	"github.com/securecrypt/securecrypt/internal/product/marktext"
)

const (
	// together is how soon after each other messages of one person are
	// grouped.
	together = 5 * time.Minute
	// widest is how many cells a message may be wide.
	widest = 76
	// longest is how many lines of a message are shown unasked.
	longest = 24
)

// A row is one line of the timeline; it belongs to a message or to none.
type row struct {
	text string
	of   int // index of the message, -1 for none
}

// A block is a message laid out, without the mark of being selected.
type block struct {
	width int
	lines []string
}

// timeline lays the loaded messages out.
func (m *model) timeline(width int) []row {
	r := m.open
	var rows []row
	add := func(of int, lines ...string) {
		for _, l := range lines {
			rows = append(rows, row{l, of})
		}
	}
	if r.more {
		add(-1, m.styles.quiet.Render(center("earlier messages", width)))
	}
	for i := range r.messages {
		msg := &r.messages[i]
		first := i == 0 || !sameDay(r.messages[i-1].SentAt, msg.SentAt)
		if first {
			if i > 0 {
				add(-1, "")
			}
			add(-1, m.styles.quiet.Render(center(day(msg.SentAt.Local(), m.now().Local()), width)))
		}
		if i > 0 && !msg.ID.IsZero() && msg.ID == r.firstNew {
			add(-1, m.styles.accent.Render(rule(" new ", width)))
			first = true
		}
		if msg.Notice != nil {
			add(i, m.notices(msg, width)...)
			continue
		}
		if !first && !m.grouped(i-1, i) {
			add(-1, "")
			first = true
		}
		add(i, m.block(i, first, i+1 == len(r.messages) || !m.grouped(i, i+1), width)...)
	}
	return rows
}

func sameDay(a, b time.Time) bool { return daysBetween(a.Local(), b.Local()) == 0 }

// rule draws a line across with a word in it.
func rule(word string, width int) string {
	side := max(0, (width-ansi.StringWidth(word))/2)
	return strings.Repeat("─", side) + word + strings.Repeat("─", max(0, width-side-ansi.StringWidth(word)))
}

// grouped reports whether two messages that follow each other are of one
// group.
func (m *model) grouped(i, j int) bool {
	a, b := &m.open.messages[i], &m.open.messages[j]
	return a.Notice == nil && b.Notice == nil && a.From == b.From && b.SentAt.Sub(a.SentAt).Abs() < together &&
		sameDay(a.SentAt, b.SentAt) && b.ID != m.open.firstNew
}

func (m *model) notices(msg *chat.Message, width int) []string {
	var lines []string
	for _, l := range wrap(m.told(msg), width-4) {
		lines = append(lines, m.styles.quiet.Render(center(l, width)))
	}
	return lines
}

// told says what a notice tells.
func (m *model) told(msg *chat.Message) string { return english.Notice(msg, m.self, m.name) }

// block returns the lines of a message, laid out anew if need be.
func (m *model) block(i int, first, last bool, width int) []string {
	msg := &m.open.messages[i]
	picked := (m.mode == modePick || m.mode == modeFind) && msg.ID == m.open.picked
	if b, ok := m.open.blocks[msg.ID]; ok && b.width == width && !picked {
		return b.lines
	}
	lines := m.layOut(msg, first, last, width)
	if picked {
		m.markPicked(lines)
	} else {
		m.open.blocks[msg.ID] = block{width, lines}
	}
	return lines
}

// markPicked puts a mark right before the lines of a message.
func (m *model) markPicked(lines []string) {
	indent := m.width
	for _, l := range lines {
		indent = min(indent, len(l)-len(strings.TrimLeft(l, " ")))
	}
	at := max(0, indent-2)
	for i, l := range lines {
		lines[i] = l[:at] + m.styles.accent.Render("▸") + l[at+1:]
	}
}

// layOut makes the lines of a message: the author, a quote, the text, files,
// reactions, and the time and what became of it. Own messages stand on the
// right.
func (m *model) layOut(msg *chat.Message, first, last bool, width int) []string {
	room := min(width-6, widest)
	var lines []string
	if c := m.current(); first && !msg.Own && c != nil && (c.Group || c.Status == chat.StatusRequest) {
		lines = append(lines, m.styles.person(msg.From.String()).Render(ansi.Truncate(m.name(msg.From), room, "…")))
	}
	lines = append(lines, m.quote(msg, room)...)
	lines = append(lines, m.text(msg, room)...)
	for _, a := range msg.Attachments {
		lines = append(lines, m.attachment(a, !msg.Own, room))
	}
	if reactions := m.reactions(msg, room); reactions != "" {
		lines = append(lines, reactions)
	}
	above := len(lines)
	if meta := m.meta(msg, last); meta != "" {
		for _, l := range wrap(meta, room) {
			lines = append(lines, m.metaStyle(msg).Render(l))
		}
	}
	return m.placed(msg, lines, above, width)
}

// placed puts a block where its author's messages stand, beside a bar. In own
// messages the lines after the first few, which tell time and state, stand at
// the bar.
func (m *model) placed(msg *chat.Message, lines []string, above, width int) []string {
	if !msg.Own {
		style := m.styles.person(msg.From.String())
		for i, l := range lines {
			lines[i] = "  " + style.Render(barOf(i, "▌", "▏")) + " " + l
		}
		return lines
	}
	widestLine := 0
	for _, l := range lines {
		widestLine = max(widestLine, ansi.StringWidth(l))
	}
	indent := strings.Repeat(" ", max(1, width-widestLine-3))
	for i, l := range lines {
		space := strings.Repeat(" ", widestLine-ansi.StringWidth(l))
		if i < above {
			l += space
		} else {
			l = space + l
		}
		lines[i] = indent + l + " " + m.styles.accent.Render(barOf(i, "▐", "▕"))
	}
	return lines
}

// barOf is the bar beside a line of a message: the first is thick, so that one
// sees where messages of a group begin.
func barOf(i int, first, others string) string {
	if i == 0 {
		return first
	}
	return others
}

func (m *model) quote(msg *chat.Message, width int) []string {
	if msg.ReplyTo.IsZero() || msg.Deleted {
		return nil
	}
	said := "an earlier message"
	if original := m.open.message(msg.ReplyTo); original != nil {
		author := m.name(original.From)
		said = author + ": " + line(strings.TrimPrefix(m.gist(*original), "You: "))
	}
	return []string{m.styles.quiet.Render("│ " + ansi.Truncate(said, max(1, width-2), "…"))}
}

func (m *model) text(msg *chat.Message, width int) []string {
	if msg.Deleted {
		return []string{m.styles.quiet.Italic(true).Render("Message deleted")}
	}
	if msg.Text == "" {
		return nil
	}
	lines := wrap(marktext.Text(msg.Text), width)
	if hidden := len(lines) - longest; hidden > 1 && !m.open.whole[msg.ID] {
		lines = append(slices.Clone(lines[:longest]), m.styles.quiet.Render(fmt.Sprintf("… %d more lines", hidden)))
	}
	if term := m.term(); term != "" {
		for i, l := range lines {
			lines[i] = highlight(l, term, m.styles.match)
		}
	}
	return lines
}

// term is what is being searched for in the conversation.
func (m *model) term() string {
	if m.mode != modeFind {
		return ""
	}
	return strings.TrimSpace(m.find.Value())
}

// highlight marks where the words of a term stand in a line, as a search compares
// them.
func highlight(l, term string, style lipgloss.Style) string {
	var folded strings.Builder
	var from []int // where in l each byte of what is folded comes from
	for i, r := range l {
		f := chat.Fold(string(r))
		folded.WriteString(f)
		for range len(f) {
			from = append(from, i)
		}
	}
	from = append(from, len(l))
	marked := make([]bool, len(l)+1)
	for _, word := range words(term) {
		for at := 0; ; {
			i := strings.Index(folded.String()[at:], word)
			if i < 0 {
				break
			}
			at += i + len(word)
			for n := from[at-len(word)]; n < from[at]; n++ {
				marked[n] = true
			}
		}
	}
	var b strings.Builder
	for at := 0; at < len(l); {
		end := at + 1
		for end < len(l) && marked[end] == marked[at] {
			end++
		}
		if part := l[at:end]; marked[at] {
			b.WriteString(style.Render(part))
		} else {
			b.WriteString(part)
		}
		at = end
	}
	return b.String()
}

func (m *model) attachment(a chat.Attachment, received bool, width int) string {
	name := line(a.Name)
	if name == "" {
		name = "attachment"
	}
	right := english.Size(a.Size)
	if p, ok := m.progress[a.Name]; ok && p.Total > 0 {
		right = fmt.Sprintf("%d %% of %s", p.Done*100/p.Total, english.Size(a.Size))
	} else if a.Path != "" && received {
		right += ", saved"
	}
	return "▤ " + middle(name, max(5, width-4-len(right))) + "  " + m.styles.quiet.Render(right)
}

func (m *model) reactions(msg *chat.Message, width int) string {
	var order []string
	by := map[string]int{}
	for _, r := range msg.Reactions {
		if by[r.Emoji] == 0 {
			order = append(order, r.Emoji)
		}
		by[r.Emoji]++
	}
	var parts []string
	for _, emoji := range order {
		part := line(emoji)
		if n := by[emoji]; n > 1 {
			part += fmt.Sprintf(" %d", n)
		}
		parts = append(parts, part)
	}
	return ansi.Truncate(strings.Join(parts, "  "), width, "…")
}

// meta is what stands below a message: under the last of a group, or where
// there is something to say.
func (m *model) meta(msg *chat.Message, last bool) string {
	var parts []string
	if msg.Edited && !msg.Deleted {
		parts = append(parts, "edited")
	}
	if !msg.ExpiresAt.IsZero() {
		parts = append(parts, "disappears in "+span(msg.ExpiresAt.Sub(m.now())))
	}
	switch msg.State {
	case chat.StateWaiting:
		parts = append(parts, "◷ waiting")
	case chat.StateFailed:
		parts = append(parts, "! not sent: "+line(msg.Reason.Text))
	case chat.StateSent:
		if last || len(parts) > 0 {
			parts = append(parts, "✓")
		}
	case chat.StateDelivered, chat.StateRead:
		if last || len(parts) > 0 {
			parts = append(parts, map[chat.State]string{chat.StateDelivered: "✓ delivered", chat.StateRead: "✓ read"}[msg.State])
		}
	}
	if last || len(parts) > 0 {
		parts = append([]string{clock(msg.SentAt.Local())}, parts...)
	}
	return strings.Join(parts, " · ")
}

func (m *model) metaStyle(msg *chat.Message) lipgloss.Style {
	if msg.State == chat.StateFailed {
		return m.styles.danger
	}
	return m.styles.quiet
}

// window returns the rows that are in sight, having kept what hides below
// within bounds.
func (m *model) window(rows []row, height int) []row {
	r := m.open
	r.hidden = max(0, min(r.hidden, len(rows)-height))
	if r.hidden == 0 {
		r.arrived = 0
	}
	end := len(rows) - r.hidden
	return rows[max(0, end-height):end]
}

// An anchor remembers what is at the lower edge of the window.
type anchor struct {
	id    content.MessageID
	below int // rows of it that are out of sight
}

// anchor returns the zero anchor if the end is in sight.
func (m *model) anchor() anchor {
	r := m.open
	if r.hidden == 0 || !r.loaded {
		return anchor{}
	}
	rows := m.timeline(m.paneWidth())
	for i := len(rows) - 1 - r.hidden; i >= 0; i-- {
		if of := rows[min(i, len(rows)-1)].of; of >= 0 && !r.messages[of].ID.IsZero() {
			return anchor{r.messages[of].ID, lastRow(rows, of) - i}
		}
	}
	return anchor{}
}

func (m *model) restoreAnchor(a anchor) {
	if a.id.IsZero() {
		return
	}
	rows := m.timeline(m.paneWidth())
	for of := range m.open.messages {
		if m.open.messages[of].ID == a.id {
			m.open.hidden = max(0, len(rows)-1-lastRow(rows, of)+a.below)
		}
	}
}

// lastRow is the index of the last row of a message.
func lastRow(rows []row, of int) int {
	for i := len(rows) - 1; i >= 0; i-- {
		if rows[i].of == of {
			return i
		}
	}
	return len(rows) - 1
}

// reveal scrolls as little as needed to show a message.
func (m *model) reveal(id content.MessageID) {
	r := m.open
	rows := m.timeline(m.paneWidth())
	height := m.timelineHeight()
	for of := range r.messages {
		if r.messages[of].ID != id {
			continue
		}
		last := lastRow(rows, of)
		first := last
		for first > 0 && rows[first-1].of == of {
			first--
		}
		top, bottom := len(rows)-r.hidden-height, len(rows)-r.hidden-1
		if first < top {
			r.hidden = len(rows) - first - height
		} else if last > bottom {
			r.hidden = len(rows) - 1 - last
		}
		r.hidden = max(0, r.hidden)
		return
	}
}
