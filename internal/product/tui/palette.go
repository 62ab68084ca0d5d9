// SPDX-License-Identifier: AGPL-3.0-or-later

package tui

import (
	"context"
	"slices"
	"strings"

	"charm.land/bubbles/v2/textinput"
	tea "charm.land/bubbletea/v2"

	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/content"
	"github.com/securecrypt/securecrypt/internal/product/addressbook"
	"github.com/securecrypt/securecrypt/internal/product/marktext"
)

// finder is the overlay that finds everything: what can be done, people,
// conversations and, on this device, what was said.
type finder struct {
	field    textinput.Model
	chosen   int
	messages []found
	more     bool // there are further messages
	stop     context.CancelFunc
	busy     bool
}

// found is a message that fits.
type found struct {
	message chat.Message
	title   string
}

type foundMsg struct {
	term     string
	messages []found
	more     bool
	err      error
}

// A choice is a line of the finder.
type choice struct {
	group, text, right string
	do                 func() tea.Cmd
}

const mostFound = 50

func (m *model) showFinder() tea.Cmd {
	f := &finder{field: newField("Search, or go to …"), stop: func() {}}
	return tea.Batch(m.show(f), f.field.Focus())
}

func (f *finder) key(m *model, k tea.KeyPressMsg) tea.Cmd {
	switch k.String() {
	case "esc", "ctrl+k":
		f.stop()
		return m.dismiss()
	case "up", "ctrl+p":
		f.chosen--
	case "down", "ctrl+n":
		f.chosen++
	case "pgup":
		f.chosen -= 10
	case "pgdown":
		f.chosen += 10
	case "enter":
		choices := f.choices(m)
		if len(choices) == 0 {
			return nil
		}
		f.stop()
		closed := m.dismiss() // before: a choice may open another overlay
		return tea.Batch(closed, choices[min(f.chosen, len(choices)-1)].do())
	default:
		return f.other(m, k)
	}
	f.chosen = max(0, min(f.chosen, len(f.choices(m))-1))
	return nil
}

func (f *finder) other(m *model, msg tea.Msg) tea.Cmd {
	if got, ok := msg.(foundMsg); ok {
		if got.term == f.term() {
			f.messages, f.more, f.busy = got.messages, got.more, false
			m.say("", got.err)
		}
		return nil
	}
	before := f.term()
	var cmd tea.Cmd
	f.field, cmd = f.field.Update(msg)
	if f.term() == before {
		return cmd
	}
	f.stop()
	f.chosen, f.messages, f.more, f.busy = 0, nil, false, false
	if len(f.term()) < 2 {
		return cmd
	}
	f.busy = true
	var ctx context.Context
	ctx, f.stop = context.WithCancel(m.ctx)
	return tea.Batch(cmd, m.searchAll(ctx, f.term()))
}

func (f *finder) term() string { return strings.ToLower(strings.TrimSpace(f.field.Value())) }

// searchAll looks for a term in all conversations, the most recent first.
func (m *model) searchAll(ctx context.Context, term string) tea.Cmd {
	device := m.core.device
	conversations := make([]chat.Conversation, len(m.conversations))
	titles := make([]string, len(m.conversations))
	for i := range m.conversations {
		conversations[i], titles[i] = m.conversations[i], m.title(&m.conversations[i])
	}
	return func() tea.Msg {
		got := foundMsg{term: term}
		for i, c := range conversations {
			err := device.History(c.ID, func(msg chat.Message) bool {
				if mentions(&msg, term) {
					if len(got.messages) == mostFound {
						got.more = true
						return false
					}
					got.messages = append(got.messages, found{msg, titles[i]})
				}
				return ctx.Err() == nil
			})
			if ctx.Err() != nil {
				return nil
			}
			if got.err = err; err != nil || got.more {
				break
			}
		}
		return got
	}
}

// words are what a search looks for.
func words(term string) []string { return strings.Fields(chat.Fold(term)) }

// contains reports whether a text has all words of a term.
func contains(text, term string) bool {
	text = chat.Fold(text)
	return !slices.ContainsFunc(words(term), func(w string) bool { return !strings.Contains(text, w) })
}

// mentions reports whether a message, or the names of its files, contain a term.
func mentions(msg *chat.Message, term string) bool {
	if msg.Deleted || msg.Notice != nil {
		return false
	}
	text := msg.Text
	for _, a := range msg.Attachments {
		text += "\n" + a.Name
	}
	return contains(text, term)
}

// choices are what fits, by group.
func (f *finder) choices(m *model) []choice {
	term := f.term()
	fits := func(s string) bool { return contains(s, term) }
	var all []choice
	for i := range m.conversations {
		c := &m.conversations[i]
		if fits(m.title(c)) || !c.Group && fits(c.Peer.String()) {
			id := c.ID
			all = append(all, choice{"Conversations", m.title(c), standing(c), func() tea.Cmd { return m.enter(id) }})
		}
	}
	if term == "" && len(all) > 5 {
		all = all[:5]
	}
	for _, a := range m.actions() {
		if fits(a.text) {
			all = append(all, a)
		}
	}
	if who, err := addressbook.ParseAddress(term); err == nil && who != m.self {
		all = append(all, choice{"Actions", "Write to " + who.String(), "", func() tea.Cmd {
			m.say("Looking for "+who.String()+" …", nil)
			return m.direct(who)
		}})
	}
	for _, hit := range f.messages {
		all = append(all, choice{"Messages", excerpt(marktext.Line(hit.message.Text), term), hit.title + "  " + short(hit.message.SentAt.Local(), m.now().Local()), func() tea.Cmd {
			return m.goTo(hit.message)
		}})
	}
	return all
}

// standing is a word about a conversation that does not go on, or the time.
func standing(c *chat.Conversation) string {
	switch c.Status {
	case chat.StatusActive:
		return ""
	}
	return c.Status.String()
}

// excerpt is the part of a text around a term, in one line.
func excerpt(text, term string) string {
	text = line(text)
	folded, i := chat.Fold(text), -1
	if all := words(term); len(all) > 0 {
		i = strings.Index(folded, all[0])
	}
	if i <= 24 || len(folded) != len(text) { // folding moved the letters
		return text
	}
	return "…" + strings.ToValidUTF8(text[i-20:], "")
}

// actions are what can be done here.
func (m *model) actions() []choice {
	act := func(text, key string, do func() tea.Cmd) choice { return choice{"Actions", text, key, do} }
	all := []choice{act("New conversation", "n", m.askNew)}
	c := m.current()
	if c == nil {
		return append(all, act("Keys", "F1", func() tea.Cmd { return m.show(&help{}) }), act("Quit", "ctrl+c", func() tea.Cmd { return tea.Quit }))
	}
	switch {
	case c.Status == chat.StatusRequest:
		all = append(all, act("Accept the request", "a", m.accept), act("Block "+m.name(c.Inviter), "b", m.askBlock))
	case !c.Group:
		peer := c.Peer
		all = append(all, act("Safety number with "+m.name(peer), "", func() tea.Cmd { return m.showSafety(peer) }))
		if c.Status == chat.StatusActive {
			all = append(all, act("Block "+m.name(peer), "", m.askBlock))
		}
	}
	if m.writable() {
		all = append(all, act("Attach a file", "ctrl+t", m.askFile))
	}
	return append(all, act("Find in this conversation", "ctrl+f", m.startFind),
		act("Keys", "F1", func() tea.Cmd { return m.show(&help{}) }), act("Quit", "ctrl+c", func() tea.Cmd { return tea.Quit }))
}

func (f *finder) hints() []hint {
	return []hint{{"↑↓", "select"}, {"enter", "go"}, {"esc", "back"}}
}

func (f *finder) lines(m *model, width, height int) []string {
	f.field.SetWidth(max(1, width-4))
	all := []string{f.field.View(), m.styles.quiet.Render(strings.Repeat("─", width))}
	choices := f.choices(m)
	var rows []string
	at, group := 0, ""
	for i, c := range choices {
		if c.group != group {
			group = c.group
			rows = append(rows, m.styles.quiet.Render(group))
		}
		mark := "  "
		if i == f.chosen {
			mark, at = m.styles.accent.Render("▸")+" ", len(rows)
		}
		text := spread(mark+c.text, m.styles.quiet.Render(shortRight(c.right, width/2)), width)
		if i == f.chosen {
			text = m.styles.selected.Render(text)
		}
		rows = append(rows, text)
	}
	switch {
	case f.busy:
		rows = append(rows, m.styles.quiet.Render("Searching …"))
	case f.more:
		rows = append(rows, m.styles.quiet.Render("There are more; say more of it."))
	case len(choices) == 0:
		rows = append(rows, m.styles.quiet.Render("Nothing found."))
	}
	room := max(1, height-len(all))
	from := max(0, min(at-room/2, len(rows)-room))
	return append(all, rows[from:min(len(rows), from+room)]...)
}

func shortRight(s string, width int) string {
	return strings.TrimRight(fit(s, min(width, len([]rune(s)))), " ")
}

// goTo opens the conversation of a message and shows it.
func (m *model) goTo(msg chat.Message) tea.Cmd {
	cmd := m.enter(msg.Conversation)
	if m.open == nil || m.open.id != msg.Conversation {
		return cmd
	}
	m.open.jump = msg.ID
	if m.open.loaded {
		return tea.Batch(cmd, m.jumpTo(msg.ID))
	}
	return cmd
}

// jumpTo selects a message. If it is not loaded yet, it asks for more, and is
// called again.
func (m *model) jumpTo(id content.MessageID) tea.Cmd {
	r := m.open
	if r.message(id) == nil {
		if r.more {
			r.limit *= 2
			return m.reloadRoom()
		}
		r.jump = content.MessageID{}
		return nil
	}
	r.jump = content.MessageID{}
	m.mode = modePick
	m.compose.Blur()
	r.picked = id
	m.reveal(id)
	return nil
}
