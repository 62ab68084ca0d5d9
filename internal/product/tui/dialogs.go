// SPDX-License-Identifier: AGPL-3.0-or-later

package tui

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"charm.land/bubbles/v2/textinput"
	tea "charm.land/bubbletea/v2"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/files/disk"
	"github.com/securecrypt/securecrypt/internal/product/addressbook"
)

// quiet is for overlays that only take keys.
type quiet struct{}

func (quiet) other(*model, tea.Msg) tea.Cmd { return nil }

// help lists the keys.
type help struct {
	quiet
	from int // first line shown
	most int // of from
}

var helpText = []struct{ title, text string }{
	{"Everywhere", "ctrl+k  search, people, actions\nalt+↑ ↓  other conversation\nF1  this list\nctrl+c  quit"},
	{"List", "↑ ↓  select\nenter  open\nn  write to an address\na b  accept, block a request"},
	{"Writing", "enter  send\nalt+enter  new line\n↑  edit the last message\nctrl+t  attach a file\ntab  select a message\nctrl+f  find\nPgUp PgDn  scroll\nesc  back"},
	{"Selected message", "r  reply\n+  react\ne  edit\nd  delete for everybody\ns  save files\nc  copy\nenter  show all of it"},
}

func (h *help) key(m *model, k tea.KeyPressMsg) tea.Cmd {
	switch k.String() {
	case "up", "k":
		h.from--
	case "down", "j":
		h.from++
	case "pgup":
		h.from -= 8
	case "pgdown", "space":
		h.from += 8
	default:
		return m.dismiss()
	}
	h.from = max(0, min(h.from, h.most))
	return nil
}

func (*help) hints() []hint { return []hint{{"↑↓", "scroll"}, {"esc", "back"}} }

func (h *help) lines(m *model, width, height int) []string {
	all := m.keys(width)
	h.most = max(0, len(all)-height)
	return all[min(h.from, h.most):]
}

// keys are all keys, in two columns where there is room.
func (m *model) keys(width int) []string {
	var columns [][]string
	for _, part := range helpText {
		column := []string{m.styles.accent.Render(part.title)}
		for l := range strings.SplitSeq(part.text, "\n") {
			key, does, _ := strings.Cut(l, "  ")
			column = append(column, m.styles.strong.Render(fit(key, 10))+" "+does)
		}
		columns = append(columns, append(column, ""))
	}
	if width < 64 {
		all := columns[0]
		for _, c := range columns[1:] {
			all = append(all, c...)
		}
		return all
	}
	left, right := append(columns[0], append(columns[1], columns[3]...)...), columns[2]
	half := width / 2
	var all []string
	for i := range max(len(left), len(right)) {
		var l, r string
		if i < len(left) {
			l = left[i]
		}
		if i < len(right) {
			r = right[i]
		}
		all = append(all, fit(l, half)+fit(r, width-half))
	}
	return all
}

// question asks before something that cannot be taken back.
type question struct {
	quiet
	title, text, yes string
	then             func() tea.Cmd
}

func (q question) key(m *model, k tea.KeyPressMsg) tea.Cmd {
	switch k.String() {
	case "y":
		return tea.Batch(m.dismiss(), q.then())
	case "n", "esc", "q":
		return m.dismiss()
	}
	return nil
}

func (q question) hints() []hint { return []hint{{"y", q.yes}, {"n", "no"}} }

func (q question) lines(m *model, width, _ int) []string {
	return append([]string{m.styles.strong.Render(fit(q.title, width)), ""}, wrap(q.text, width)...)
}

// prompt asks for a line of text.
type prompt struct {
	title, about string
	field        textinput.Model
	busy         string // what is being done
	failure      string
	accept       func(m *model, p *prompt, text string) tea.Cmd
}

func newField(placeholder string) textinput.Model {
	f := textinput.New()
	f.Prompt, f.Placeholder = "› ", placeholder
	f.SetVirtualCursor(true)
	return f
}

func (m *model) ask(title, about, placeholder string, accept func(*model, *prompt, string) tea.Cmd) tea.Cmd {
	p := &prompt{title: title, about: about, field: newField(placeholder), accept: accept}
	return tea.Batch(m.show(p), p.field.Focus())
}

func (p *prompt) key(m *model, k tea.KeyPressMsg) tea.Cmd {
	switch k.String() {
	case "esc":
		return m.dismiss()
	case "enter":
		if text := strings.TrimSpace(p.field.Value()); text != "" && p.busy == "" {
			p.failure = ""
			return p.accept(m, p, text)
		}
		return nil
	}
	return p.other(m, k)
}

func (p *prompt) other(m *model, msg tea.Msg) tea.Cmd {
	if d, ok := msg.(directMsg); ok {
		p.busy = ""
		if d.err != nil {
			p.failure = sentence(d.err)
		}
		return nil
	}
	var cmd tea.Cmd
	p.field, cmd = p.field.Update(msg)
	return cmd
}

func (p *prompt) hints() []hint { return []hint{{"enter", "go on"}, {"esc", "back"}} }

func (p *prompt) lines(m *model, width, _ int) []string {
	p.field.SetWidth(max(1, width-4))
	all := []string{m.styles.strong.Render(p.title), ""}
	all = append(all, wrap(p.about, width)...)
	all = append(all, "", p.field.View(), "")
	if p.busy != "" {
		all = append(all, m.styles.quiet.Render(p.busy))
	}
	if p.failure != "" {
		for _, l := range wrap(p.failure, width) {
			all = append(all, m.styles.danger.Render(l))
		}
	}
	return all
}

// askNew asks for an address to write to.
func (m *model) askNew() tea.Cmd {
	about := "Enter the address of the person. Yours is " + m.self.String() + "."
	return m.ask("New conversation", about, "name@server", func(m *model, p *prompt, text string) tea.Cmd {
		who, err := addressbook.ParseAddress(text)
		if err != nil {
			p.failure = "This is not an address: it should look like name@server."
			return nil
		}
		p.busy = "Looking for " + who.String() + " …"
		return m.direct(who)
	})
}

func (m *model) direct(who account.Address) tea.Cmd {
	ctx, people := m.ctx, m.core.people
	return func() tea.Msg {
		id, err := people.Direct(ctx, who)
		return directMsg{id, err}
	}
}

func (m *model) gotDirect(msg directMsg) tea.Cmd {
	if msg.err != nil {
		if m.overlay != nil {
			return m.overlay.other(m, msg)
		}
		m.say("", msg.err)
		return nil
	}
	m.start = msg.id // entered once it is in the list
	return tea.Batch(m.dismiss(), m.reloadList())
}

// askFile asks for a file to attach.
func (m *model) askFile() tea.Cmd {
	return m.ask("Attach a file", "Enter the path of a file. It is encrypted on this device before it leaves; a picture goes without its place and camera.", "~/report.pdf",
		func(m *model, p *prompt, text string) tea.Cmd {
			path, err := expand(text)
			if err != nil {
				p.failure = sentence(err)
				return nil
			}
			bare, err := disk.Bare(path)
			if err != nil {
				return m.show(question{
					title: "Attach it as it is?", yes: "attach it with all that it says",
					text: sentence(err) + ". As it is, the picture may say where, when and with what it was taken.",
					then: func() tea.Cmd { return m.attach(path) },
				})
			}
			return tea.Batch(m.dismiss(), m.attach(bare))
		})
}

// attach adds a file to what is being written.
func (m *model) attach(path string) tea.Cmd {
	d := m.drafts[m.open.id]
	d.files = append(d.files, path)
	m.drafts[m.open.id] = d
	return nil
}

func expand(path string) (string, error) {
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", err
		}
		path = filepath.Join(home, rest)
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return "", errors.New("there is no such file: check the path")
	case err != nil:
		return "", err
	case !info.Mode().IsRegular():
		return "", errors.New("this is not a file: choose one")
	}
	return filepath.Abs(path)
}

// reactor asks for a reaction to a message.
type reactor struct {
	field textinput.Model
	to    chat.Message
}

var emojis = []string{"👍", "❤️", "😂", "😮", "😢", "🙏", "🎉", "👀"}

func (m *model) askReaction(to chat.Message) tea.Cmd {
	r := &reactor{field: newField("or type one"), to: to}
	return tea.Batch(m.show(r), r.field.Focus())
}

func (r *reactor) key(m *model, k tea.KeyPressMsg) tea.Cmd {
	s := k.String()
	switch {
	case s == "esc":
		return m.dismiss()
	case s == "enter":
		if emoji := strings.TrimSpace(r.field.Value()); emoji != "" {
			return tea.Batch(m.dismiss(), m.react(r.to, emoji))
		}
		return nil
	case len(s) == 1 && s[0] >= '1' && int(s[0]-'1') < len(emojis) && r.field.Value() == "":
		return tea.Batch(m.dismiss(), m.react(r.to, emojis[s[0]-'1']))
	}
	return r.other(m, k)
}

func (r *reactor) other(_ *model, msg tea.Msg) tea.Cmd {
	var cmd tea.Cmd
	r.field, cmd = r.field.Update(msg)
	return cmd
}

func (r *reactor) hints() []hint { return []hint{{"1-8", "react"}, {"esc", "back"}} }

func (r *reactor) lines(m *model, width, _ int) []string {
	r.field.SetWidth(max(1, width-4))
	all := []string{m.styles.strong.Render("React"), m.styles.quiet.Render(fit(line(m.gist(r.to)), width)), ""}
	row := ""
	for i, e := range emojis {
		part := fmt.Sprintf("%d %s  ", i+1, e)
		if len(row) > 0 && i%4 == 0 {
			all, row = append(all, row), ""
		}
		row += part
	}
	return append(all, row, "", r.field.View(), "", m.styles.quiet.Render("The same reaction again takes it back."))
}

// react adds a reaction, or takes it back if it is there.
func (m *model) react(to chat.Message, emoji string) tea.Cmd {
	remove := false
	for _, r := range to.Reactions {
		remove = remove || r.From == m.self && r.Emoji == emoji
	}
	ctx, messages := m.ctx, m.core.messages
	return m.do("", func() error { return messages.React(ctx, to.Conversation, to.ID, emoji, remove) })
}

// safety shows a safety number.
type safety struct {
	with     account.Address
	digits   string
	verified bool
	failure  string
}

type safetyMsg struct {
	with     account.Address
	digits   string
	verified bool
	err      error
}

func (m *model) showSafety(with account.Address) tea.Cmd {
	ctx, people := m.ctx, m.core.people
	return tea.Batch(m.show(&safety{with: with}), func() tea.Msg {
		number, verified, err := people.Safety(ctx, with)
		if err != nil {
			return safetyMsg{with: with, err: err}
		}
		return safetyMsg{with, number.Digits(), verified, nil}
	})
}

func (s *safety) other(_ *model, msg tea.Msg) tea.Cmd {
	if got, ok := msg.(safetyMsg); ok && got.with == s.with {
		s.digits, s.verified = got.digits, got.verified
		if got.err != nil {
			s.failure = sentence(got.err)
		}
	}
	return nil
}

func (s *safety) key(m *model, k tea.KeyPressMsg) tea.Cmd {
	switch k.String() {
	case "esc", "q", "enter":
		return m.dismiss()
	case "v":
		if s.digits != "" && !s.verified {
			people, with := m.core.people, s.with
			return tea.Batch(m.dismiss(), m.do("Verified.", func() error { return people.MarkVerified(with) }))
		}
	}
	return nil
}

func (s *safety) hints() []hint {
	if s.digits != "" && !s.verified {
		return []hint{{"v", "they are the same"}, {"esc", "back"}}
	}
	return []hint{{"esc", "back"}}
}

func (s *safety) lines(m *model, width, _ int) []string {
	all := []string{m.styles.strong.Render(fit("Safety number with "+m.name(s.with), width)), ""}
	switch {
	case s.failure != "":
		for _, l := range wrap(s.failure, width) {
			all = append(all, m.styles.danger.Render(l))
		}
		return all
	case s.digits == "":
		return append(all, m.styles.quiet.Render("Asking their server …"))
	}
	groups := strings.Fields(s.digits)
	per := 4
	if width < 4*7 {
		per = 3
	}
	for len(groups) > 0 {
		n := min(per, len(groups))
		all = append(all, center(strings.Join(groups[:n], "  "), width))
		groups = groups[n:]
	}
	all = append(all, "")
	if s.verified {
		return append(all, m.styles.accent.Render(fit("✓ You verified "+m.name(s.with)+".", width)))
	}
	return append(all, wrap("Compare it with the number that they see, in person or on a call. If the two are the same, nobody stands between you.", width)...)
}
