// SPDX-License-Identifier: AGPL-3.0-or-later

package pagetest

import (
	"crypto/rand"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/internal/testing/browsertest"
	"github.com/securecrypt/securecrypt/internal/testing/e2e/fault"
	"github.com/securecrypt/securecrypt/server"
	"github.com/securecrypt/securecrypt/server/store/pebble"
)

// A cast is the people whom a fault meets. Ana has the page in a browser of her
// own, and sends. Bea has the page, too, and stays on line; the others have the
// command line's client, and are off line from before ana sends until after the
// fault. Eve has never heard of ana.
type cast struct {
	t             *testing.T
	w             *town
	device        *browsertest.Device // ana's
	ana, bea      *person
	cem, ted, eve *correspondent
	file          string              // that ana sends
	backup        string              // an earlier copy of the server's folder
	copied        *browsertest.Device // has an earlier copy of ana's profile
}

// away are those who are off line when the fault strikes.
func (c *cast) away() []*correspondent { return []*correspondent{c.cem, c.ted, c.eve} }

// A situation is what a fault meets: one of ana's conversations.
type situation struct {
	column string // of the table in docs/faults.md
	title  string // as ana sees it
	theirs string // as the others see it
	// others are those in it besides ana.
	others func(*cast) []member
	// prepare makes it; send has ana send a message of a text.
	prepare func(*cast)
	send    func(c *cast, text string)
	// arrives is what the others do before they have it, exit how ana gets out of
	// a conversation that is over for her.
	arrives, exit func(*cast)
	over          string // what ana reads there, "" if she does not know the conversation
	// also is what else has to be true of what arrived.
	also func(c *cast, text string)
}

func (s situation) after() string { return "sent before the fault: " + s.column }

func allOf(names ...string) func(*cast) []member {
	return func(c *cast) (all []member) {
		for _, name := range names {
			all = append(all, map[string]member{"bea": c.bea, "cem": c.cem, "ted": c.ted, "eve": c.eve}[name])
		}
		return all
	}
}

var situations = []situation{
	{
		column: "pair", title: "Bea", theirs: "Ana", others: allOf("bea"),
		prepare: func(c *cast) { c.ana.meet(c.bea) },
		send:    func(c *cast, text string) { c.ana.says("Bea", text) },
		exit: func(c *cast) {
			// Nobody tells bea that ana cannot read it: it stays at one tick.
			c.bea.says("Ana", "written into the old one")
			c.ana.beginsAgain("Bea")
		},
		over: overForPair,
	},
	{
		column: "group of three", title: "Desk", theirs: "Desk", others: allOf("bea", "cem"),
		prepare: func(c *cast) { c.group("Desk") },
		send:    func(c *cast, text string) { c.ana.says("Desk", text) },
		exit:    func(c *cast) { c.readmits("Desk") }, over: overForGroup,
	},
	{
		column: "pending request", title: "Eve", theirs: "Ana", others: allOf("eve"),
		prepare: func(*cast) {},
		send: func(c *cast, text string) {
			c.ana.at("/")
			c.ana.writeTo(c.eve.Address().String(), text)
			c.ana.sent(text)
		},
		arrives: func(c *cast) { c.eve.accepts("Ana") },
		exit: func(c *cast) { // she does not know that she wrote
			c.ana.at("/")
			c.ana.writeTo(c.eve.Address().String(), "written again")
		},
	},
	{
		column: "file on its way", title: "Cem", theirs: "Ana", others: allOf("cem"),
		prepare: func(c *cast) { c.meets(c.cem) },
		send: func(c *cast, text string) {
			c.ana.opens("Cem")
			c.ana.Choose(`input[type=file]:not([accept])`, c.file)
			c.ana.shows(filepath.Base(c.file))
			c.ana.writes(text)
			c.ana.sent(text)
		},
		exit: func(c *cast) { c.ana.beginsAgain("Cem") }, over: overForPair,
		also: func(c *cast, _ string) { c.cem.hasFile("Ana", c.file) },
	},
	{
		column: "commit on its way", title: "Choir", theirs: "Choir", others: allOf("bea", "cem"),
		prepare: func(c *cast) { c.group("Choir") },
		send: func(c *cast, text string) {
			c.ana.opens("Choir")
			for _, title := range []string{"The choir", "Singers", "Choir"} {
				c.ana.renames(title)
			}
			c.ana.says("Choir", text)
		},
		exit: func(c *cast) { c.readmits("Choir") }, over: overForGroup,
	},
	{
		column: "disappearing messages", title: "Ted", theirs: "Ana", others: allOf("ted"),
		prepare: func(c *cast) {
			c.meets(c.ted)
			c.ana.details(true)
			c.ana.choose(".details select", "3600000")
			c.ana.reads("You set messages to disappear after 1 hour")
			c.ana.details(false)
			c.ana.says("Ted", "here for an hour")
			c.ted.hears("Ana", "here for an hour")
		},
		send: func(c *cast, text string) { c.ana.says("Ted", text) },
		exit: func(c *cast) { c.ana.beginsAgain("Ted") }, over: overForPair,
		also: func(c *cast, text string) { c.ted.hasForAnHour("Ana", text) },
	},
}

// A pageFault is a row of the table.
type pageFault struct {
	row string
	// device is ana's.
	device func(*testing.T) *browsertest.Device
	// begin happens before there is anybody, backup when all situations are
	// prepared, strike after ana has sent; told checks what the people read.
	begin, backup, strike func(*cast)
	// healed makes things right again; then people talk once more.
	healed func(*cast)
	// emptied says that strike had all register again.
	emptied bool
	// told is what ana reads in the page.
	told []string
	// ended says that the conversations in which ana wrote since the backup are
	// over for her.
	ended bool
}

// clockSkew is by how much clocks are wrong: longer than anything is kept.
const clockSkew = 40 * 24 * time.Hour

// What the page says.
const (
	wentBack       = "The server was put back to an earlier state."
	unknownAccount = "Your server doesn’t know your account any more."
	createAgain    = "Create it again"
	usedTwice      = "This profile is also in use somewhere else."
	useThis        = "Use this one"
	disagree       = "This device’s clock and your server’s disagree."
	overForPair    = "Write to begin a new conversation."
	overForGroup   = "Ask to be added again."
)

var pageFaults = []pageFault{
	{row: "server restored", told: []string{wentBack}, backup: (*cast).savesServer, strike: func(c *cast) {
		c.putsBack(c.backup, true)
		c.ana.opens("Bea")
		c.ana.shows(wentBack)
	}},
	{row: "server emptied", told: []string{unknownAccount, createAgain}, emptied: true, strike: func(c *cast) {
		c.putsBack(c.t.TempDir(), false)
		for _, p := range []*person{c.ana, c.bea} {
			p.shows(unknownAccount)
			p.Click("button", createAgain)
			p.calm()
		}
		for _, one := range c.away() {
			one.registersAgain()
		}
	}},
	{row: "profile restored", told: []string{usedTwice, useThis}, ended: true, backup: (*cast).copiesProfile, strike: func(c *cast) {
		c.device.Stop()
		c.device.Restore(c.copied)
		c.device.Start()
		c.opensPage()
		c.ana.isCopied()
		c.ana.Click("button", useThis)
		c.ana.calm()
	}},
	{row: "profile cloned", told: []string{usedTwice, useThis}, backup: (*cast).copiesProfile, strike: func(c *cast) {
		c.copied.Start()
		twin := &person{c.copied.Open(), c.t, c.w, "ana"}
		twin.Size(desktop.width, desktop.height, desktop.touch)
		twin.Go(c.w.home())
		twin.isCopied()
		twin.opens("Bea")
		twin.writes("from the copy")
		c.ana.isCopied()
		c.ana.Click("button", useThis)
		c.ana.calm()
		c.ana.says("Bea", "from the one that was chosen")
		c.bea.hears("Ana", "from the one that was chosen")
		if n := c.bea.count("Ana", "from the copy"); n != 0 {
			c.t.Error("the copy sends")
		}
		twin.isCopied()
		c.copied.Stop()
	}},
	{
		row: "client clock", told: []string{disagree}, device: func(t *testing.T) *browsertest.Device { return browsertest.NewSkewedDevice(t, -clockSkew) },
		backup: func(c *cast) { c.ana.shows(disagree) },
		strike: func(c *cast) {
			c.device.SetClock(clockSkew)
			c.ana.comesBack()
			c.ana.shows(disagree)
		},
		healed: func(c *cast) {
			c.device.SetClock(0)
			c.ana.comesBack()
			c.ana.calm()
		},
	},
	{
		row: "server clock", told: []string{disagree}, begin: func(c *cast) { c.w.skew.Store(int64(clockSkew)) },
		backup: func(c *cast) {
			for _, p := range []*person{c.ana, c.bea} {
				p.shows(disagree)
			}
		},
		strike: func(c *cast) {
			c.w.skew.Store(-int64(clockSkew)) // while it runs
			if c.w.Server.Clock().Trusted {
				c.t.Error("the server trusts a clock that jumped")
			}
		},
		healed: func(c *cast) {
			c.w.skew.Store(0)
			c.stopsServer()
			c.w.open(c.w.at)
			for _, p := range []*person{c.ana, c.bea} {
				p.calm()
			}
		},
	},
}

// The table in docs/faults.md has the cases that are tested, and says what people
// read in them: what concerns all of a row, in its first cell.
func TestFaultTable(t *testing.T) {
	tables, err := fault.Read()
	must(t, err)
	tests := map[fault.Case][]string{}
	for _, f := range pageFaults {
		for i, s := range situations {
			var told []string
			if i == 0 {
				told = append(told, f.told...)
			}
			if f.ended {
				told = append(told, s.over)
			}
			tests[fault.Case{Row: f.row, Column: s.column}] = told
		}
	}
	for _, difference := range tables.Differences("Page", tests) {
		t.Error(difference)
	}
}

// TestFaults has each fault meet all situations in the page: nothing that was
// acknowledged is lost unless people are told, nothing comes twice, and they can
// go on. The table stands in docs/faults.md.
func TestFaults(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it takes minutes; make test runs it without -short")
	}
	for _, f := range pageFaults {
		t.Run(f.row, func(t *testing.T) {
			t.Parallel()
			f.run(t)
		})
	}
}

func (f pageFault) run(t *testing.T) {
	lap := lapTimer(t)
	c := newCast(t, f)
	lap("people")
	for _, groups := range []bool{false, true} { // of people whom ana knows
		for _, s := range situations {
			if groups == (s.title == s.theirs) {
				s.prepare(c)
			}
		}
	}
	for _, one := range c.away() {
		one.leaves()
	}
	lap("conversations")
	if f.backup != nil {
		f.backup(c)
	}
	lap("backup")
	for _, s := range situations {
		s.send(c, s.after())
	}
	lap("sent")
	f.strike(c)
	lap("fault")
	for _, one := range c.away() {
		if !f.emptied {
			one.comesBack()
		}
	}
	for _, s := range situations {
		t.Run(s.column, func(t *testing.T) { c.in(t).check(s, f) })
	}
	if f.healed != nil {
		f.healed(c)
	}
	for _, s := range situations {
		t.Run(s.column+", later", func(t *testing.T) { c.in(t).checkLater(s, f) })
	}
}

// in returns the cast for a subtest, which fails instead of the test.
func (c *cast) in(t *testing.T) *cast {
	x := *c
	x.t = t
	for _, p := range []**person{&x.ana, &x.bea} {
		one := **p
		one.t, *p = t, &one
		t.Cleanup(one.Blame(t))
	}
	for _, m := range []**correspondent{&x.cem, &x.ted, &x.eve} {
		one := **m
		one.t, *m = t, &one
	}
	return &x
}

// check looks at a situation after the fault.
func (c *cast) check(s situation, f pageFault) {
	if s.arrives != nil {
		s.arrives(c)
	}
	for _, m := range s.others(c) {
		m.hears(s.theirs, s.after())
	}
	if s.also != nil {
		s.also(c, s.after())
	}
	if f.ended {
		s.exit(c)
	}
	c.talk(s, "after the fault: "+s.column)
}

// checkLater looks at a situation when things are right again.
func (c *cast) checkLater(s situation, f pageFault) {
	c.talk(s, "later: "+s.column)
	for _, m := range s.others(c) {
		if n := m.count(s.theirs, s.after()); n != 1 {
			c.t.Errorf("at last it is there %d times", n)
		}
	}
	if f.ended && s.title == "Bea" {
		c.bea.onlySent("Ana", "written into the old one")
		if n := c.ana.count("Bea", "written into the old one"); n != 0 {
			c.t.Errorf("ana reads what docs/faults.md says that she does not")
		}
	}
	if n := c.ana.count(s.title, s.after()); n != 1 && !f.ended {
		c.t.Errorf("at last ana sees her message %d times", n)
	}
}

// talk has ana and another one write.
func (c *cast) talk(s situation, text string) {
	c.t.Helper()
	c.ana.says(s.title, text)
	for _, m := range s.others(c) {
		m.hears(s.theirs, text)
	}
	others := s.others(c)
	last := others[len(others)-1]
	last.says(s.theirs, "answer "+text)
	c.ana.hears(s.title, "answer "+text)
}

func newCast(t *testing.T, f pageFault) *cast {
	t.Helper()
	c := &cast{t: t, w: newTown(t)}
	if f.begin != nil {
		f.begin(c)
	}
	if f.device == nil {
		f.device = func(t *testing.T) *browsertest.Device { return browsertest.NewDevice(t) }
	}
	c.device = f.device(t)
	c.opensPage()
	c.ana.create("")
	c.bea = c.w.settle(t, desktop, "bea", "")
	c.cem, c.ted, c.eve = c.w.correspondent(t, "cem"), c.w.correspondent(t, "ted"), c.w.correspondent(t, "eve")
	c.file = filepath.Join(t.TempDir(), "report.bin")
	content := make([]byte, 1<<20)
	_, _ = rand.Read(content) // it does not fail
	must(t, os.WriteFile(c.file, content, 0o600))
	return c
}

// opensPage opens ana's page.
func (c *cast) opensPage() {
	c.t.Helper()
	c.ana = &person{c.device.Open(), c.t, c.w, "ana"}
	c.ana.Size(desktop.width, desktop.height, desktop.touch)
	c.ana.Go(c.w.home())
}

// copiesProfile keeps a copy of ana's profile, which she goes on with.
func (c *cast) copiesProfile() {
	c.t.Helper()
	c.device.Stop()
	c.copied = c.device.Copy()
	c.device.Start()
	c.opensPage()
	c.ana.Await("button", "New conversation")
}

// savesServer keeps a copy of what the server has.
func (c *cast) savesServer() {
	c.t.Helper()
	c.stopsServer()
	c.backup = filepath.Join(c.t.TempDir(), "backup")
	must(c.t, os.CopyFS(c.backup, os.DirFS(c.w.dir)))
	c.w.open(c.w.at)
}

func (c *cast) stopsServer() {
	c.t.Helper()
	for _, p := range []*person{c.ana, c.bea} {
		p.Expect("WebSocket connection to|net::ERR_")
	}
	c.w.Stop(c.t)
}

// putsBack starts the server with another folder, which begins another
// incarnation if it is a copy, as securecryptd sees to.
func (c *cast) putsBack(dir string, copied bool) {
	c.t.Helper()
	c.stopsServer()
	c.w.dir = dir
	if copied {
		store, err := pebble.Open(filepath.Join(dir, "store"), pebble.Options{Reserve: 1})
		must(c.t, err)
		must(c.t, server.BeginIncarnation(c.t.Context(), store, rand.Reader))
		must(c.t, store.Close())
	}
	c.w.open(c.w.at)
}

// isCopied waits until the page says that the profile is used twice.
func (p *person) isCopied() {
	p.t.Helper()
	p.shows(usedTwice)
}

// calm waits until nothing is wrong.
func (p *person) calm() {
	p.t.Helper()
	p.Until(`!document.querySelector(".strip")`)
}

// lapTimer returns what logs how long a part of the test took.
func lapTimer(t *testing.T) func(part string) {
	began := time.Now()
	return func(part string) {
		t.Logf("%s: %.1fs", part, time.Since(began).Seconds())
		began = time.Now()
	}
}
