// SPDX-License-Identifier: AGPL-3.0-or-later

package pagetest

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/files/disk"
	"github.com/securecrypt/securecrypt/client/keyring"
	"github.com/securecrypt/securecrypt/client/store/memory"
	"github.com/securecrypt/securecrypt/client/transport/websocket"
	"github.com/securecrypt/securecrypt/internal/testing/browsertest"
)

// A member takes part in the conversations of the fault matrix, with a page or
// with the command line's client. Conversations are named by their titles as the
// member sees them.
type member interface {
	// says sends a message and waits until the server has acknowledged it.
	says(title, text string)
	// hears waits until a message is there, once.
	hears(title, text string)
	// count returns how often a message is there now.
	count(title, text string) int
}

// A correspondent is somebody with the command line's client, who can go off line.
type correspondent struct {
	t    *testing.T
	name string
	cfg  client.Config
	*client.Client
}

// correspondent creates an account called after the person.
func (w *town) correspondent(t *testing.T, name string) *correspondent {
	t.Helper()
	transport := websocket.New()
	t.Cleanup(transport.Close)
	c := &correspondent{t: t, name: name, cfg: client.Config{Store: memory.New(), Key: keyring.NewStoreKey(), Transport: transport, Files: disk.Files{}}}
	params := client.CreateParams{Address: account.Address{Name: name, Host: w.Host}, Profile: strings.ToUpper(name[:1]) + name[1:]}
	secret, err := client.Create(c.cfg, params)
	must(t, err)
	secret.Erase()
	c.comesBack()
	must(t, c.Account().Register(t.Context()))
	t.Cleanup(func() { c.Close() })
	return c
}

// leaves goes off line.
func (c *correspondent) leaves() { c.Close() }

// comesBack is on line again.
func (c *correspondent) comesBack() {
	c.t.Helper()
	var err error
	c.Client, err = client.Open(c.cfg)
	must(c.t, err)
	must(c.t, c.ConnectAll())
}

// conversation waits for one of a title that is active, and returns it.
func (c *correspondent) conversation(title string) (id chat.ConversationID) {
	c.t.Helper()
	eventually(c.t, c.name+"'s conversation "+title, func() bool {
		all, err := c.Conversations()
		must(c.t, err)
		for _, one := range all {
			if c.titleOf(one) == title && one.Status == chat.StatusActive {
				id = one.ID
				return true
			}
		}
		return false
	})
	return id
}

func (c *correspondent) titleOf(conv chat.Conversation) string {
	if conv.Group {
		return conv.Title
	}
	name, err := c.People().NameOf(conv.Peer)
	must(c.t, err)
	return name
}

// accepts takes the request of a title.
func (c *correspondent) accepts(title string) {
	c.t.Helper()
	eventually(c.t, c.name+"'s request "+title, func() bool {
		all, err := c.Conversations()
		must(c.t, err)
		for _, one := range all {
			if c.titleOf(one) == title && one.Status == chat.StatusRequest {
				must(c.t, c.Accept(c.t.Context(), one.ID))
				return true
			}
		}
		return false
	})
	c.conversation(title)
}

func (c *correspondent) says(title, text string) {
	c.t.Helper()
	id := c.conversation(title)
	m, err := c.Send(c.t.Context(), id, chat.Draft{Text: text})
	must(c.t, err)
	eventually(c.t, c.name+"'s message "+text, func() bool {
		got, err := c.Messages().Message(id, m.ID)
		must(c.t, err)
		return got.State == chat.StateSent
	})
}

func (c *correspondent) hears(title, text string) {
	c.t.Helper()
	eventually(c.t, c.name+" to hear "+text, func() bool { return c.count(title, text) > 0 })
	if n := c.count(title, text); n != 1 {
		c.t.Errorf("%s has %q %d times", c.name, text, n)
	}
}

func (c *correspondent) count(title, text string) (n int) {
	c.t.Helper()
	all, err := c.Conversations()
	must(c.t, err)
	for _, one := range all {
		if c.titleOf(one) != title {
			continue
		}
		must(c.t, c.Messages().History(one.ID, func(m chat.Message) bool {
			if m.Text == text {
				n++
			}
			return true
		}))
	}
	return n
}

// opens opens the newest conversation of a title, unless one of that title is open
// that is not in the list, because nothing was said there yet.
func (p *person) opens(title string) {
	p.t.Helper()
	p.Until(newest(title))
}

// newest opens the newest conversation of a title, and is true once it is open.
func newest(title string) string {
	return `(() => {
		const rows = [...document.querySelectorAll(".side .row")], first = rows.find(r => r.querySelector(".name")?.textContent === ` + quote(title) + `)
		const open = document.querySelector(".who .title")?.textContent === ` + quote(title) + `
		if (open && (!rows.some(r => r.ariaCurrent) || first?.ariaCurrent)) return true
		first?.click()
		return false
	})()`
}

// messages is a list of the messages in the open conversation that have a text.
func messages(text string) string {
	return `[...document.querySelectorAll(".message")].filter(m => [...m.querySelectorAll("*")].some(e => e.textContent.trim() === ` + quote(text) + `))`
}

func (p *person) says(title, text string) {
	p.t.Helper()
	p.opens(title)
	p.writes(text)
	p.sent(text)
}

// sent waits until the server has acknowledged a message.
func (p *person) sent(text string) {
	p.t.Helper()
	p.Until(messages(text) + `.some(m => /, (Sent|Delivered|Read)$/.test(m.ariaLabel))`)
}

func (p *person) hears(title, text string) {
	p.t.Helper()
	p.Until(newest(title) + " && " + messages(text) + `.length > 0`) // the newest may come meanwhile
	if n := p.count(title, text); n != 1 {
		p.t.Errorf("%s sees %q %d times", p.name, text, n)
	}
}

// everywhere evaluates an expression in all conversations of a title.
func everywhere[T any](p *person, title, expression string) []T {
	p.t.Helper()
	const rows = `[...document.querySelectorAll(".side .row")].filter(r => r.querySelector(".name")?.textContent === title)`
	return browsertest.Eval[[]T](p.Page, `(async () => {
		const title = `+quote(title)+`, soon = async f => { while (!f()) await new Promise(r => setTimeout(r, 20)) }
		const all = []
		for (const place of `+rows+`.map(r => r.hash)) {
			const row = () => `+rows+`.find(r => r.hash === place)
			row().click()
			await soon(() => row()?.ariaCurrent && document.querySelector(".message"))
			all.push(`+expression+`)
		}
		return all
	})()`)
}

// count looks into all conversations of the title.
func (p *person) count(title, text string) (n int) {
	p.t.Helper()
	for _, one := range everywhere[int](p, title, messages(text)+`.length`) {
		n += one
	}
	return n
}

// onlySent checks that an own message has not been delivered.
func (p *person) onlySent(title, text string) {
	p.t.Helper()
	labels := everywhere[string](p, title, messages(text)+`.map(m => m.ariaLabel).join()`)
	if all := strings.Join(labels, ""); !strings.HasSuffix(all, ", Sent") {
		p.t.Errorf("%q is called %q", text, all)
	}
}

// registersAgain comes back to a server that does not know the account.
func (c *correspondent) registersAgain() {
	c.t.Helper()
	c.comesBack()
	if err := c.Account().Register(c.t.Context()); !errors.Is(err, chat.ErrNoAccount) {
		c.t.Fatalf("%s is told %v", c.name, err)
	}
	must(c.t, c.Account().RegisterAgain(c.t.Context(), ""))
}

// message returns the one of a text.
func (c *correspondent) message(title, text string) (id chat.ConversationID, found chat.Message) {
	c.t.Helper()
	id = c.conversation(title)
	must(c.t, c.Messages().History(id, func(m chat.Message) bool {
		if m.Text == text {
			found = m
		}
		return m.Text != text
	}))
	return id, found
}

// hasFile checks that a conversation has a file once, to its last byte.
func (c *correspondent) hasFile(title, path string) {
	c.t.Helper()
	want, err := os.ReadFile(path)
	must(c.t, err)
	id := c.conversation(title)
	var with []chat.Message
	must(c.t, c.Messages().History(id, func(m chat.Message) bool {
		if len(m.Attachments) > 0 {
			with = append(with, m)
		}
		return true
	}))
	if len(with) != 1 {
		c.t.Fatalf("%s has %d files", c.name, len(with))
	}
	saved, err := c.Files().Save(c.t.Context(), id, with[0].ID, with[0].Attachments[0].Index, c.t.TempDir())
	must(c.t, err)
	got, err := os.ReadFile(saved)
	must(c.t, err)
	if !bytes.Equal(got, want) {
		c.t.Errorf("%s has another file", c.name)
	}
}

// hasForAnHour checks that a message disappears in an hour from now.
func (c *correspondent) hasForAnHour(title, text string) {
	c.t.Helper()
	_, m := c.message(title, text)
	if left := time.Until(m.ExpiresAt); m.ExpiresAt.IsZero() || left < 50*time.Minute || left > 61*time.Minute {
		c.t.Errorf("%s has the message for %v more", c.name, left)
	}
}

// group has ana found a group with bea, who becomes an owner, and cem.
func (c *cast) group(title string) {
	c.t.Helper()
	c.ana.at("/new/group")
	c.ana.Write("Name of the group", title)
	for _, who := range []string{"Bea", "Cem"} {
		c.ana.Click("button", who)
	}
	c.ana.Click("button", "Create with 2 people")
	c.ana.says(title, "welcome to "+title)
	c.bea.hears(title, "welcome to "+title) // whom one knows needs no request
	c.cem.hears(title, "welcome to "+title)
	c.ana.details(true)
	c.ana.does("Bea", "Make owner")
	c.ana.reads("You made Bea an owner")
	c.ana.details(false)
	c.bea.reads("Ana made you an owner")
}

// meets has ana and somebody talk.
func (c *cast) meets(other *correspondent) {
	c.t.Helper()
	c.ana.at("/")
	c.ana.writeTo(other.Address().String(), "hello "+other.name)
	other.accepts("Ana")
	other.says("Ana", "hello ana")
	c.ana.reads("hello ana")
}

// details opens or closes those of the open conversation.
func (p *person) details(open bool) {
	p.t.Helper()
	if open {
		p.Click("button", "Details of")
		p.sees(".details")
		return
	}
	p.Until(`document.querySelector(".who[aria-expanded=true]")?.click() ?? !document.querySelector(".details")`)
}

// renames gives the open group another title.
func (p *person) renames(title string) {
	p.t.Helper()
	p.details(true)
	p.Click("button", "Rename")
	p.Until(`document.querySelector(".details form input").select() ?? true`)
	p.Insert(title)
	p.Click("button", "Save")
	p.reads("You named the group “" + title + "”")
	p.details(false)
}

// beginsAgain leaves a conversation with one person that is over for another one.
func (p *person) beginsAgain(title string) {
	p.t.Helper()
	p.opens(title)
	p.shows(overForPair)
	p.Click("button", "Write")
	p.Await("textbox", "Message to "+title)
}

// readmits has bea remove ana from a group that is over for her, and add her again.
func (c *cast) readmits(title string) {
	c.t.Helper()
	c.ana.opens(title)
	c.ana.shows(overForGroup)
	c.bea.opens(title)
	c.bea.details(true)
	c.bea.does("Ana", "Make ordinary member") // an owner is not removed
	c.bea.reads("You made Ana an ordinary member")
	c.bea.hasRole("Ana", "")
	c.bea.does("Ana", "Remove")
	c.bea.Click("button", "Remove")
	c.bea.reads("You removed Ana")
	c.bea.Click("button", "Add people")
	c.bea.WriteIn("searchbox", "Name or address", c.ana.address())
	c.bea.Click("button", c.ana.address())
	c.bea.Click("button", "Add 1")
	c.bea.details(false)
	c.ana.Await("textbox", "Message to "+title)
}
