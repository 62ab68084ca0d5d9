// SPDX-License-Identifier: AGPL-3.0-or-later

package pagetest

import (
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/keyring"
	"github.com/securecrypt/securecrypt/client/store/memory"
	"github.com/securecrypt/securecrypt/client/transport/websocket"
	"github.com/securecrypt/securecrypt/internal/product/webapp"
	"github.com/securecrypt/securecrypt/internal/testing/browsertest"
	"github.com/securecrypt/securecrypt/internal/testing/e2e/fault"
	"github.com/securecrypt/securecrypt/server"
	"github.com/securecrypt/securecrypt/server/servertest"
)

func TestMain(m *testing.M) { browsertest.Main(m) }

// A screen is what somebody looks at.
type screen struct {
	name          string
	width, height int
	touch         bool
	theme         string
}

var (
	phone   = screen{"phone, dark", 390, 844, true, "dark"}
	desktop = screen{"desktop, light", 1280, 800, false, "light"}

	phoneLight  = screen{"phone, light", 390, 844, true, "light"}
	desktopDark = screen{"desktop, dark", 1280, 800, false, "dark"}
)

// town is a server that serves the application.
type town struct {
	*servertest.Instance
	t   *testing.T
	dir string
	at  string // address that it listens on
	// pusher wakes closed pages, if it is not nil.
	pusher server.Pusher
	skew   atomic.Int64 // by which its clock is wrong, in nanoseconds

	version  atomic.Int32 // of the application
	coreless atomic.Bool  // the core is not there
	// astray answers some requests instead of the application, if it is not nil.
	astray atomic.Pointer[http.ServeMux]
}

// largestFile is what the servers of these tests take, in bytes.
const largestFile = 28 << 20

func newTown(t *testing.T) *town { return newTownWith(t, nil) }

// newTownWith is newTown with closed pages woken.
func newTownWith(t *testing.T, p server.Pusher) *town {
	t.Helper()
	if !webapp.Built() {
		t.Skip("the application for browsers is not built; `make web` builds it")
	}
	w := &town{t: t, dir: t.TempDir(), pusher: p}
	w.open("127.0.0.1:0")
	return w
}

// open starts the server, which keeps what it had.
func (w *town) open(at string) {
	w.t.Helper()
	ln, err := net.Listen("tcp", at)
	must(w.t, err)
	w.serve(ln)
}

func (w *town) serve(ln net.Listener) {
	w.t.Helper()
	w.at = ln.Addr().String()
	w.Instance = servertest.StartOn(w.t, ln, servertest.Options{Dir: w.dir, Change: func(c *server.Config) {
		c.Limits.MaxBlob = largestFile
		c.Now = func() time.Time { return fault.SetWall(time.Now(), time.Duration(w.skew.Load())) }
		c.Page = w.released(webapp.Handler(webapp.Options{Server: c.Host, Loopback: true}))
		c.Pusher = w.pusher
	}})
}

// person is somebody with a browser.
type person struct {
	*browsertest.Page
	t    *testing.T
	town *town
	name string
}

// home is the address of the page.
func (w *town) home() string { return "http://" + w.Host }

// visit opens the application in a new browser.
func (w *town) visit(t *testing.T, s screen, name string) *person {
	t.Helper()
	p := &person{browsertest.Open(t), t, w, name}
	p.Size(s.width, s.height, s.touch)
	p.Theme(s.theme)
	browsertest.Call(p.Page, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: inTurn})
	p.Go(w.home())
	return p
}

// settle is visit, with an account called after the person.
func (w *town) settle(t *testing.T, s screen, name, passphrase string) *person {
	t.Helper()
	p := w.visit(t, s, name)
	p.create(passphrase)
	return p
}

// create makes an account called after the person.
func (p *person) create(passphrase string) {
	p.t.Helper()
	p.begins(passphrase)
	p.Click("checkbox", "I have written it down")
	p.Click("button", "Continue")
	p.Await("button", "New conversation")
}

// begins is create, up to the recovery key.
func (p *person) begins(passphrase string) {
	p.t.Helper()
	name := p.name
	p.Click("button", "Get started")
	p.Write("Your name", strings.ToUpper(name[:1])+name[1:])
	if passphrase != "" {
		p.Write("Passphrase", passphrase)
		p.Write("Confirm passphrase", passphrase)
	}
	p.Click("DisclosureTriangle", "More options")
	p.Write("Address", name)
	p.Click("button", "Create account")
	p.sees(".recovery")
}

func (p *person) address() string { return p.name + "@" + p.town.Host }

// writeTo begins a conversation and sends a first message.
func (p *person) writeTo(address, text string) {
	p.t.Helper()
	p.Click("button", "New conversation")
	p.Write("Name or address", address)
	p.Click("button", "Write to")
	p.say(text)
}

// meet makes two people talk, each with the other's conversation open.
func (p *person) meet(other *person) {
	p.t.Helper()
	p.writeTo(other.address(), "Hello, I am "+p.name)
	other.Click("button", "Requests")
	other.Click("link", strings.ToUpper(p.name[:1])+p.name[1:])
	other.reads("Hello, I am " + p.name)
	other.Click("button", "Accept")
	other.say("Hello, I am " + other.name)
	p.reads("Hello, I am " + other.name)
}

// act opens the menu of a message and chooses an action, once the menu has it: some
// wait until the server has the message.
func (p *person) act(message, action string) {
	p.t.Helper()
	p.Until(`(async () => {
		const m = [...document.querySelectorAll(".message")].findLast(e => e.textContent.includes(` + quote(message) + `))
		m?.querySelector(".bubble").dispatchEvent(new MouseEvent("contextmenu", {bubbles: true, cancelable: true, clientX: 200, clientY: 200}))
		await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))
		return [...document.querySelectorAll("[role^=menuitem]")].some(e => (e.ariaLabel ?? e.textContent).includes(` + quote(action) + `))
	})()`)
	p.Click("menuitem", action)
}

// replaces writes another text in place of the one that is edited.
func (p *person) replaces(text string) {
	p.t.Helper()
	p.Await("button", "Save")
	p.Until(`document.querySelector("textarea").select() ?? true`)
	p.Insert(text)
	p.Click("button", "Save")
}

// shows waits for a text anywhere in the page.
func (p *person) shows(text string) {
	p.t.Helper()
	p.Until("document.body.innerText.includes(" + quote(text) + ")")
}

// sees waits for something that a CSS selector finds.
func (p *person) sees(selector string) {
	p.t.Helper()
	p.Until("document.querySelector(" + quote(selector) + ")")
}

// choose picks an option of the list that a CSS selector finds.
func (p *person) choose(selector, value string) {
	p.t.Helper()
	p.Until(`(() => {
		const s = document.querySelector(` + quote(selector) + `)
		if (!s) return false
		s.value = ` + quote(value) + `
		return s.dispatchEvent(new Event("change", {bubbles: true}))
	})()`)
}

// comesBack leaves the page until the core has closed the profile, and returns.
func (p *person) comesBack() {
	p.t.Helper()
	p.Expect("favicon")
	p.Go(p.town.home() + "/icon.svg")
	p.Until(`navigator.locks.query().then(all => all.held.every(l => !l.name.includes("store")))`)
	p.Go(p.town.home())
}

// place is where somebody is.
const place = `(history.state?.path ?? "/")`

// at goes to a place without loading the page anew.
func (p *person) at(path string) {
	p.t.Helper()
	p.Until("(location.hash = " + quote(path) + ", true)")
}

func reload() chromedp.Action[chromedp.Void] { return chromedp.Reload() }

// say sends a message in the open conversation.
func (p *person) say(text string) {
	p.t.Helper()
	p.writes(text)
	p.reads(text)
}

// writes is say without waiting for the message.
func (p *person) writes(text string) {
	p.t.Helper()
	p.Write("Message to", text)
	p.Click("button", "Send")
}

// reads waits for a message in the open conversation.
func (p *person) reads(text string) {
	p.t.Helper()
	p.Until(`[...document.querySelectorAll('[data-key]')].some(e => e.textContent.includes(` + quote(text) + `))`)
}

// terminal is somebody with the client of the command line.
func (w *town) terminal(t *testing.T, name string) *client.Client {
	t.Helper()
	transport := websocket.New()
	t.Cleanup(transport.Close)
	cfg := client.Config{Store: memory.New(), Key: keyring.NewStoreKey(), Transport: transport}
	secret, err := client.Create(cfg, client.CreateParams{Address: account.Address{Name: name, Host: w.Host}})
	must(t, err)
	secret.Erase()
	c, err := client.Open(cfg)
	must(t, err)
	t.Cleanup(c.Close)
	must(t, c.Account().Register(t.Context()))
	must(t, c.ConnectAll())
	return c
}

// accepts takes the first request that somebody gets.
func accepts(t *testing.T, c *client.Client) (id chat.ConversationID) {
	t.Helper()
	eventually(t, "the request", func() bool {
		all, err := c.Conversations()
		must(t, err)
		if len(all) > 0 {
			id = all[0].ID
		}
		return len(all) > 0
	})
	must(t, c.Accept(t.Context(), id))
	return id
}

// eventually waits until fn is true.
func eventually(t *testing.T, what string, fn func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for end := time.After(time.Minute); !fn(); {
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(s) + `"`
}
