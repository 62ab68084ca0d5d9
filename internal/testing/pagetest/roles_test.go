// SPDX-License-Identifier: AGPL-3.0-or-later

package pagetest

import (
	"slices"
	"testing"

	"github.com/chromedp/chromedp/kb"

	"github.com/securecrypt/securecrypt/internal/testing/browsertest"
)

// found makes a group of a title with others, who accept.
func (p *person) found(title string, others ...*person) {
	p.t.Helper()
	p.Click("button", "New conversation")
	p.Click("button", "New group")
	p.Write("Name of the group", title)
	for _, o := range others {
		p.WriteIn("searchbox", "Name or address", o.address())
		p.Click("button", o.address())
	}
	p.Click("button", "Create with")
	p.say("Welcome to " + title)
	for _, o := range others {
		o.joins(title, "Welcome to "+title)
	}
}

// joins accepts the request of a group.
func (p *person) joins(title, text string) {
	p.t.Helper()
	p.Click("button", "Requests")
	p.Click("link", title)
	if text != "" {
		p.reads(text)
	}
	p.Click("button", "Accept")
	p.Await("textbox", "Message to "+title)
}

// offered lists what the menu of a member in the details has.
func (p *person) offered(member string) []string {
	p.t.Helper()
	p.Until(`(() => {
		const row = [...document.querySelectorAll(".details button.row:not([disabled])")].find(r => r.textContent.includes(` + quote(member) + `))
		row?.click()
		return row
	})()`)
	p.Await("menuitem", "Contact")
	all := browsertest.Eval[[]string](p.Page, `[...document.querySelectorAll(".menu-item")].map(i => i.textContent)`)
	p.Press(kb.Escape)
	p.Gone("menuitem", "Contact")
	return all
}

// does opens the menu of a member in the details and chooses an action.
func (p *person) does(member, action string) {
	p.t.Helper()
	p.Until(`(() => {
		const row = [...document.querySelectorAll(".details button.row:not([disabled])")].find(r => r.textContent.includes(` + quote(member) + `))
		row?.click()
		return row
	})()`)
	p.Click("menuitem", action)
}

// mayLead waits until the details offer, or no longer offer, what only those
// who lead a group may do.
func (p *person) mayLead(may bool) {
	p.t.Helper()
	for _, name := range []string{"Rename", "Add people"} {
		if may {
			p.Await("button", name)
		} else {
			p.Gone("button", name)
		}
	}
}

// hasRole waits until the details show the role of a member, "" for an ordinary one.
func (p *person) hasRole(member, role string) {
	p.t.Helper()
	p.Until(`[...document.querySelectorAll(".details button.row")].some(r => r.querySelector(".name")?.textContent === ` + quote(member) + ` && (r.querySelector(".when")?.textContent ?? "") === ` + quote(role) + `)`)
}

// Roles decide what is offered, change while somebody looks, and all are told.
func TestRoles(t *testing.T) {
	t.Parallel()
	for _, screens := range [][3]screen{{phone, desktop, phoneLight}, {desktopDark, phoneLight, desktop}} {
		t.Run(screens[0].name+" and "+screens[1].name, func(t *testing.T) {
			w := newTown(t)
			ana, bea, eve := w.settle(t, screens[0], "ana", ""), w.settle(t, screens[1], "bea", ""), w.settle(t, screens[2], "eve", "")
			ana.found("Choir", bea)
			bea.Click("button", "Details of")
			bea.shows("2 members")
			bea.mayLead(false)
			if got := bea.offered("Ana"); !slices.Equal(got, []string{"Contact"}) {
				t.Errorf("a member is offered %q of the owner", got)
			}

			ana.Click("button", "Details of")
			ana.does("Bea", "Make admin")
			ana.reads("You made Bea an admin")
			bea.reads("Ana made you an admin")
			bea.mayLead(true)
			bea.Click("button", "Rename")
			bea.Until(`document.querySelector(".details form input").select() ?? true`)
			bea.Insert("Chamber choir")
			bea.Click("button", "Save")
			ana.reads("Bea named the group “Chamber choir”")
			ana.Await("heading", "Chamber choir")

			bea.Click("button", "Add people")
			bea.WriteIn("searchbox", "Name or address", eve.address())
			bea.Click("button", eve.address())
			bea.Click("button", "Add 1")
			eve.joins("Chamber choir", "")
			ana.reads("Bea added")
			ana.shows("3 members")
			ana.Until(`!document.querySelector(".details").innerText.includes("Being confirmed")`)
			if got := bea.offered("Ana"); !slices.Equal(got, []string{"Contact"}) {
				t.Errorf("an admin is offered %q of the owner", got)
			}
			if got := bea.offered("Eve"); !slices.Equal(got, []string{"Contact", "Remove"}) {
				t.Errorf("an admin is offered %q of a member", got)
			}
			if got := ana.offered("Bea"); !slices.Equal(got, []string{"Contact", "Make owner", "Make ordinary member", "Remove"}) {
				t.Errorf("the owner is offered %q of an admin", got)
			}

			bea.does("Eve", "Remove")
			bea.Click("button", "Remove")
			eve.reads("Bea removed you")
			eve.shows("You were removed from this group.")
			if browsertest.Eval[bool](eve.Page, `document.body.innerText.includes("0 members")`) {
				t.Error("who was removed is told of a group without members")
			}
			eve.Gone("textbox", "Message to")
			ana.reads("Bea removed Eve")
			ana.shows("2 members")

			ana.does("Bea", "Make ordinary member")
			bea.reads("Ana made you an ordinary member")
			bea.mayLead(false)
			ana.Click("button", "Leave group")
			ana.shows("Who takes over?") // nobody else owns it
			ana.Click("button", "Leave group")
			ana.Click("button", map[bool]string{true: "Back", false: "Close"}[screens[0].touch])
			ana.shows("You left this group.")
			ana.Gone("textbox", "Message to")
			bea.reads("Ana left")
			bea.reads("Ana made you an owner")
			bea.mayLead(true)
		})
	}
}

// An owner is offered to make another owner an ordinary member, and to remove them
// only then: before that the group would refuse it.
func TestOwnersAreNotRemoved(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ana, bea := w.settle(t, desktop, "ana", ""), w.settle(t, desktop, "bea", "")
	ana.found("Choir", bea)
	ana.Click("button", "Details of")
	ana.does("Bea", "Make owner")
	ana.reads("You made Bea an owner")
	ana.hasRole("Bea", "Owner")
	if got, want := ana.offered("Bea"), []string{"Contact", "Make ordinary member"}; !slices.Equal(got, want) {
		t.Errorf("an owner is offered %q of another one", got)
	}
	ana.does("Bea", "Make ordinary member")
	ana.reads("You made Bea an ordinary member")
	ana.hasRole("Bea", "")
	ana.does("Bea", "Remove")
	ana.Click("button", "Remove")
	ana.reads("You removed Bea")
}
