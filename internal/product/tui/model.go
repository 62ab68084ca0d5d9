// SPDX-License-Identifier: AGPL-3.0-or-later

package tui

import (
	"context"
	"slices"
	"time"

	"charm.land/bubbles/v2/textarea"
	"charm.land/bubbles/v2/textinput"
	tea "charm.land/bubbletea/v2"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/content"
	"github.com/securecrypt/securecrypt/internal/product/addressbook"
)

// A mode says where keys go.
type mode int

const (
	modeList  mode = iota // the list of conversations
	modeWrite             // the composer
	modePick              // a message is selected
	modeFind              // searching in the conversation
)

// model is the state of the interface. It belongs to Bubble Tea's goroutine;
// commands get copies of what they need.
type model struct {
	ctx     context.Context
	core    core
	now     func() time.Time
	self    account.Address
	start   chat.ConversationID
	peer    account.Address
	saveDir string

	width, height int
	styles        palette
	unfocused     bool // the terminal is: nothing is marked as read

	loaded        bool
	loading       pending
	conversations []chat.Conversation
	contacts      map[account.Address]chat.Contact
	book          *addressbook.Book // what to call them
	people        []chat.Contact    // who is in the open group, contacts or not
	previews      map[chat.ConversationID]preview
	hosts         map[string]error // of servers: nil is online
	progress      map[string]chat.ProgressEvent
	selected      chat.ConversationID // in the list

	open    *room
	drafts  map[chat.ConversationID]draft
	mode    mode
	compose textarea.Model
	find    textinput.Model
	overlay overlay
	notice  notice
}

// pending keeps one load of a kind under way, and asks for another when
// something happened meanwhile.
type pending struct{ running, again bool }

// begin reports whether a load must be started.
func (p *pending) begin() bool {
	if p.running {
		p.again = true
		return false
	}
	p.running = true
	return true
}

// end reports whether another load must follow.
func (p *pending) end() bool {
	again := p.again
	*p = pending{}
	return again
}

// preview is the newest message of a conversation as the list shows it.
type preview struct {
	activity time.Time
	last     chat.Message
}

// A draft is what is in the composer.
type draft struct {
	text    string
	files   []string
	replyTo content.MessageID
	editing content.MessageID
}

// room is the open conversation.
type room struct {
	id       chat.ConversationID
	loading  pending
	loaded   bool
	messages []chat.Message // oldest first
	limit    int            // how many of the newest are asked for
	more     bool           // there are older ones
	members  []chat.Member

	// firstNew is the oldest message that was unread when the room was
	// opened.
	firstNew content.MessageID
	unread   int // on opening, until firstNew is known
	// hidden is how many lines lie below the window.
	hidden int
	// arrived counts messages that came while the end was out of sight.
	arrived int
	picked  content.MessageID
	whole   map[content.MessageID]bool // long texts that are shown whole
	failure string
	blocks  map[content.MessageID]block
	jump    content.MessageID // to be scrolled to once it is loaded
}

// notice is a sentence at the bottom of the screen.
type notice struct {
	text string
	bad  bool
}

const firstLimit = 200

func newModel(ctx context.Context, c core, now func() time.Time) *model {
	m := &model{
		ctx: ctx, core: c, now: now, self: c.device.Address(),
		contacts: map[account.Address]chat.Contact{}, previews: map[chat.ConversationID]preview{},
		hosts: map[string]error{}, progress: map[string]chat.ProgressEvent{}, drafts: map[chat.ConversationID]draft{},
		compose: newComposer(), find: newField("Find in this conversation"), width: 80, height: 24,
	}
	m.restyle(true)
	return m
}

// Init implements [tea.Model].
func (m *model) Init() tea.Cmd {
	m.loading.begin()
	cmds := []tea.Cmd{m.loadList(), tea.RequestBackgroundColor, m.minute()}
	if !m.peer.IsZero() {
		m.say("Looking for "+m.peer.String()+" …", nil)
		cmds = append(cmds, m.direct(m.peer))
	}
	return tea.Batch(cmds...)
}

// Messages that commands answer with.
type (
	eventsMsg []chat.Event
	minuteMsg struct{}
	doneMsg   struct {
		said string // to show if it went well
		err  error
	}
)

// minute keeps times and disappearing messages up to date.
func (m *model) minute() tea.Cmd {
	return tea.Tick(time.Minute, func(time.Time) tea.Msg { return minuteMsg{} })
}

// Update implements [tea.Model].
func (m *model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.resize(msg.Width, msg.Height)
		return m, nil
	case tea.BackgroundColorMsg:
		m.restyle(msg.IsDark())
		return m, nil
	case tea.FocusMsg:
		m.unfocused = false
		return m, m.markRead()
	case tea.BlurMsg:
		m.unfocused = true
		return m, nil
	case minuteMsg:
		return m, tea.Batch(m.minute(), m.reloadRoom())
	case eventsMsg:
		return m, m.happened(msg)
	case listMsg:
		return m, m.gotList(msg)
	case roomMsg:
		return m, m.gotRoom(msg)
	case membersMsg:
		if m.open != nil && m.open.id == msg.id {
			m.open.members, m.people = msg.members, msg.people
			if m.book != nil {
				m.book.Learn(m.people...)
			}
			clear(m.open.blocks) // names may have changed
		}
		return m, nil
	case sentMsg:
		return m, m.gotSent(msg)
	case directMsg:
		return m, m.gotDirect(msg)
	case doneMsg:
		m.say(msg.said, msg.err)
		return m, tea.Batch(m.reloadList(), m.reloadRoom())
	case tea.KeyPressMsg:
		return m, m.key(msg)
	case tea.PasteMsg:
		return m, m.input(tea.PasteMsg{Content: typed(msg.Content)})
	}
	return m, m.input(msg)
}

// say shows a sentence, or what went wrong.
func (m *model) say(text string, err error) {
	if err != nil {
		m.notice = notice{sentence(err), true}
	} else if text != "" {
		m.notice = notice{text, false}
	}
}

// happened takes in what the core tells.
func (m *model) happened(events []chat.Event) tea.Cmd {
	list, room := false, false
	for _, e := range events {
		switch e := e.(type) {
		case chat.MessageEvent:
			list = true
			room = room || m.open != nil && e.Message.Conversation == m.open.id
			if e.New {
				m.countArrival(e.Message)
			}
		case chat.ConversationEvent:
			list = true
			room = room || m.open != nil && e.Conversation.ID == m.open.id
		case chat.ConnectionEvent:
			m.hosts[e.Host] = e.Err
		case chat.ProgressEvent:
			m.progress[e.Name] = e
			if e.Done >= e.Total {
				delete(m.progress, e.Name)
			}
			if m.open != nil {
				clear(m.open.blocks)
			}
		case chat.AccountEvent:
			if e.Err != nil {
				m.say("", e.Err)
			}
		case chat.FailureEvent:
			m.failed(e)
		}
	}
	var cmds []tea.Cmd
	if list {
		cmds = append(cmds, m.reloadList())
	}
	if room {
		cmds = append(cmds, m.reloadRoom(), m.loadMembers())
	}
	return tea.Batch(cmds...)
}

func (m *model) countArrival(msg chat.Message) {
	if r := m.open; r != nil && msg.Conversation == r.id && !msg.Own && msg.Notice == nil && r.hidden > 0 {
		r.arrived++
	}
}

func (m *model) failed(e chat.FailureEvent) {
	if r := m.open; r != nil && r.id == e.Conversation {
		r.failure = sentence(e.Err)
		return
	}
	m.say("", e.Err)
}

// conversation returns what is known of one, nil if nothing.
func (m *model) conversation(id chat.ConversationID) *chat.Conversation {
	i := slices.IndexFunc(m.conversations, func(c chat.Conversation) bool { return c.ID == id })
	if i < 0 {
		return nil
	}
	return &m.conversations[i]
}

// current returns the open conversation, nil if there is none.
func (m *model) current() *chat.Conversation {
	if m.open == nil {
		return nil
	}
	return m.conversation(m.open.id)
}

// writable reports whether the open conversation takes messages.
func (m *model) writable() bool {
	c := m.current()
	return c != nil && c.Status == chat.StatusActive
}

// picked returns the selected message, nil if there is none.
func (m *model) picked() *chat.Message {
	if m.open == nil || m.mode != modePick {
		return nil
	}
	return m.open.message(m.open.picked)
}

// message finds one that is loaded, nil if there is none.
func (r *room) message(id content.MessageID) *chat.Message {
	if id.IsZero() {
		return nil
	}
	i := slices.IndexFunc(r.messages, func(m chat.Message) bool { return m.ID == id })
	if i < 0 {
		return nil
	}
	return &r.messages[i]
}
