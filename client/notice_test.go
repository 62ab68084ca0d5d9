// SPDX-License-Identifier: AGPL-3.0-or-later

package client_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/fakeserver"
)

// told returns what happened in a conversation, the oldest first, a word each.
func (p *person) told(id chat.ConversationID) (all []string) {
	p.t.Helper()
	page, err := p.Messages().Page(id, chat.Position{}, chat.MaxPage)
	must(p.t, err)
	for _, m := range page.Messages {
		if n := m.Notice; n != nil {
			all = append(all, fmt.Sprint(m.From.Name, " ", n.Kind, " ", n.Whom.Name, n.Title, n.Timer, " ", n.Role))
			if m.Text != "" {
				p.t.Errorf("a notice has a text: %q", m.Text)
			}
		}
	}
	return all
}

// Whoever comes later gets to know the others by their names: at once of who
// added them, of the rest with what they say.
func TestNewcomersLearnNames(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := fakeserver.NewNet()
		a, b, c := join(t, net, "alice", host), join(t, net, "bob", host), join(t, net, "carol", host)
		must(t, a.Account().SetProfile(t.Context(), "Alice"))
		must(t, b.Account().SetProfile(t.Context(), "Bob"))
		id := group(t, a, b)
		names := func() []string {
			t.Helper()
			alice, err := c.People().Contact(a.Address())
			must(t, err)
			bob, err := c.People().Contact(b.Address())
			must(t, err)
			return []string{alice.Profile, bob.Profile}
		}
		must(t, a.Groups().Add(t.Context(), id, []account.Address{c.Address()}))
		pass(time.Minute)
		c.accept()
		want(t, "before bob says something", names(), []string{"Alice", ""})
		b.say(id, "welcome")
		pass(time.Minute)
		want(t, "once bob said something", names(), []string{"Alice", "Bob"})
	})
}

// Everybody in a group gets to know, as data, what happened in it.
func TestNotices(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := fakeserver.NewNet()
		a, b, c := join(t, net, "alice", host), join(t, net, "bob", host), join(t, net, "carol", host)
		id := group(t, a, b, c)
		do := func(err error) {
			t.Helper()
			must(t, err)
			pass(time.Minute)
		}
		before := len(b.told(id))
		do(a.Groups().Rename(t.Context(), id, "The desk"))
		do(a.Groups().SetTimer(t.Context(), id, 24*time.Hour))
		do(a.Groups().SetTimer(t.Context(), id, 0))
		do(a.Groups().SetRole(t.Context(), id, b.Address(), chat.RoleAdmin))
		do(a.Groups().SetRole(t.Context(), id, b.Address(), chat.RoleMember))
		do(a.Groups().SetRole(t.Context(), id, b.Address(), chat.RoleOwner))
		do(b.Groups().Remove(t.Context(), id, []account.Address{c.Address()}))
		do(b.Groups().Add(t.Context(), id, []account.Address{c.Address()}))
		do(a.Leave(t.Context(), id))
		events := []string{
			"alice renamed The desk0s member", "alice timer 24h0m0s member", "alice timer 0s member", "alice role bob0s admin", "alice role bob0s member",
			"alice role bob0s owner", "bob removed carol0s member", "bob added carol0s member", "alice left 0s member",
		}
		want(t, "bob is told", b.told(id)[before:], events)
		if last := b.status(id).Last; last == nil || last.Notice == nil || last.Notice.Kind != chat.NoticeLeft || last.From != a.Address() {
			t.Errorf("the list shows %+v", last)
		}
	})
}

// Who cannot be added is named, with why.
func TestNoticeOfNobody(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		net := fakeserver.NewNet()
		a, b := join(t, net, "alice", host), join(t, net, "bob", host)
		id := group(t, a, b)
		nobody := account.Address{Name: "nobody", Host: host}
		a.way.Partition("", true) // or this would be found out at once
		must(t, a.Groups().Add(t.Context(), id, []account.Address{nobody}))
		a.way.Partition("", false)
		pass(time.Minute)
		last := a.status(id).Last
		if last == nil || last.Notice == nil || last.Notice.Kind != chat.NoticeNotAdded || last.Notice.Whom != nobody || last.Notice.Reason == "" {
			t.Errorf("the last of the history is %+v", last)
		}
	})
}

// What is written before a change is made stands below the change's notices, as
// it is sent after it, also after a restart. What overtook the change, because
// those to be added could not be looked up, stands above.
func TestMessagesStandBelowTheChangeBeforeThem(t *testing.T) {
	const away = "away.example"
	inBubble(t, func(t *testing.T) {
		net := fakeserver.NewNet()
		a, b, c, d := join(t, net, "alice", host), join(t, net, "bob", host), join(t, net, "carol", host), join(t, net, "dave", away)
		a.way.Partition("", true)
		id, err := a.CreateGroup(t.Context(), "Group", []account.Address{b.Address(), c.Address(), {Name: "nobody", Host: host}})
		must(t, err)
		a.say(id, "hello")
		a.restart()
		a.say(id, "are you there?")
		a.way.Partition("", false)
		pass(time.Minute)
		order := func(p *person) (all []string) {
			t.Helper()
			page, err := p.Messages().Page(id, chat.Position{}, chat.MaxPage)
			must(t, err)
			for _, m := range page.Messages {
				switch {
				case m.Notice == nil:
					all = append(all, m.Text)
				case m.Notice.Whom.Name == "":
					all = append(all, fmt.Sprint(m.From.Name, " ", m.Notice.Kind, " ", m.Notice.Title))
				default:
					all = append(all, fmt.Sprint(m.From.Name, " ", m.Notice.Kind, " ", m.Notice.Whom.Name))
				}
			}
			return all
		}
		story := []string{"alice not-added nobody", "alice added bob", "alice added carol", "hello", "are you there?"}
		want(t, "alice reads", order(a), story)
		if last := a.status(id).Last; last == nil || last.Text != "are you there?" {
			t.Errorf("the list shows %+v", last)
		}

		b.accept()
		want(t, "bob reads", b.texts(id), []string{"hello", "are you there?"})
		must(t, a.Groups().SetRole(t.Context(), id, b.Address(), chat.RoleAdmin))
		pass(time.Minute)
		a.way.Partition(away, true)
		must(t, a.Groups().Add(t.Context(), id, []account.Address{d.Address()}))
		pass(time.Minute)
		a.say(id, "dave comes later")
		pass(time.Minute)
		must(t, b.Groups().Rename(t.Context(), id, "The desk"))
		pass(time.Minute)
		a.way.Partition(away, false)
		pass(time.Hour)
		overtaken := []string{"dave comes later", "bob renamed The desk", "alice added dave"}
		want(t, "alice reads", order(a)[len(story)+1:], overtaken)
		want(t, "bob reads", order(b)[len(order(b))-3:], overtaken)
		if c := a.status(id); c.Waiting != 0 {
			t.Errorf("%d are still to be sent", c.Waiting)
		}
	})
}
