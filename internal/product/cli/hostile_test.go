// SPDX-License-Identifier: AGPL-3.0-or-later

package cli

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/backend"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/content"
	"github.com/securecrypt/securecrypt/internal/product/addressbook"
	"github.com/securecrypt/securecrypt/internal/product/cli/jsonlines"
	"github.com/securecrypt/securecrypt/internal/product/console"
	"github.com/securecrypt/securecrypt/internal/product/termtext"
	"github.com/securecrypt/securecrypt/internal/product/termtext/hostile"
)

// What the core checked before it tells anybody.
var checked = []any{account.Address{}, content.MessageID{}, chat.NoticeKind(0), chat.InboxKind(0)}

// printed runs fn with an app and returns what it wrote on both streams.
func printed(jsonLines bool, fn func(*app)) string {
	var out bytes.Buffer
	a := &app{Console: console.Console{Stdout: termtext.NewWriter(&out), Stderr: termtext.NewWriter(&out)}}
	a.JSON, a.Verbose = jsonLines, true
	fn(a)
	return out.String()
}

// hostileMessages are messages of every kind and state, own and others', with
// every text hostile.
func hostileMessages() (all []chat.Message) {
	for kind := range chat.NoticeKind(10) {
		var m chat.Message
		m.Notice = &chat.Notice{Kind: kind}
		hostile.Fill(&m, checked...)
		all = append(all, m)
	}
	for state := range chat.StateRead + 1 {
		for _, deleted := range []bool{false, true} {
			var m chat.Message
			hostile.Fill(&m, checked...)
			m.Notice, m.Deleted, m.State, m.Own = nil, deleted, state, state != chat.StateReceived
			all = append(all, m)
		}
	}
	return all
}

func hostileNames() names {
	var c chat.Conversation
	hostile.Fill(&c, checked...)
	peer := account.Address{Name: "bob", Host: "chat.example"}
	n := names{
		book:          addressbook.New(account.Address{}, []chat.Contact{{Name: hostile.Text}, {Address: peer, Profile: hostile.Text}}),
		conversations: map[chat.ConversationID]chat.Conversation{},
	}
	n.conversations[c.ID] = c
	return n
}

// Whatever others wrote, nothing that is printed of it acts on a terminal or
// looks like a line of the program's own.
func TestNothingFromOutsideActsOnTheTerminal(t *testing.T) {
	n := hostileNames()
	check := func(what string, fn func(*app)) { hostile.Check(t, what, printed(false, fn)) }
	for i, m := range hostileMessages() {
		check(fmt.Sprint("message ", i), func(a *app) { a.printMessage(a.Stdout, n, m, true) })
		for kind := range chat.InboxKind(10) {
			r := chat.Received{Kind: kind, Message: m, Text: hostile.Text}
			check(fmt.Sprint("received ", i, " ", kind), func(a *app) { (&receiver{session: &session{app: a}}).show(n, r) })
		}
	}
	for status := range chat.StatusBlocked + 1 {
		for _, group := range []bool{true, false} {
			var c chat.Conversation
			hostile.Fill(&c, checked...)
			c.Status, c.Group = status, group
			check("conversation", func(a *app) { a.printConversationLine(n, c) })
			check("request", func(a *app) { a.printRequest(c) })
		}
	}
	var contact chat.Contact
	hostile.Fill(&contact, checked...)
	check("contact", func(a *app) { a.printContact(contact) })
	var member chat.Member
	hostile.Fill(&member, checked...)
	check("member", func(a *app) { a.printMember(n, member, account.Address{}) })
	check("error", func(a *app) {
		a.Ctx = t.Context()
		a.report(errors.Join(errors.New(hostile.Text), fmt.Errorf("%w: %w", backend.ErrOffline, errors.New(hostile.Text))))
	})
	for name, e := range hostileEvents(t) {
		check("receive, "+name, func(a *app) { (&receiver{session: &session{app: a}}).note(e) })
		for _, own := range []bool{true, false} {
			check("wait, "+name, func(a *app) { (&watch{session: &session{app: a}, ownHost: own}).see(e) })
		}
	}
}

// hostileEvents are all kinds of event that the core has, which a test of the
// source sees to.
func hostileEvents(t *testing.T) map[string]chat.Event {
	events := map[string]chat.Event{}
	for _, e := range []chat.Event{
		&chat.MessageEvent{}, &chat.ConversationEvent{}, &chat.ConnectionEvent{}, &chat.ProgressEvent{},
		&chat.DelayEvent{}, &chat.GoneEvent{}, &chat.FailureEvent{}, &chat.TypingEvent{}, &chat.NameEvent{}, &chat.ClockEvent{}, &chat.AccountEvent{}, &chat.HistoryEvent{}, &chat.DevicesEvent{},
	} {
		hostile.Fill(e, checked...)
		if c, ok := e.(*chat.ConversationEvent); ok {
			c.Conversation.Status = chat.StatusStopped
		}
		v := reflect.ValueOf(e).Elem()
		events[v.Type().Name()] = v.Interface().(chat.Event)
	}
	for _, name := range eventTypes(t) {
		if events[name] == nil {
			t.Errorf("chat.%s is not printed here", name)
		}
	}
	return events
}

// eventTypes returns the types of package chat that are events.
func eventTypes(t *testing.T) (all []string) {
	files, err := filepath.Glob("../../../client/chat/*.go")
	if err != nil || len(files) == 0 {
		t.Fatal("no source", err)
	}
	for _, path := range files {
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Name.Name != "event" || fn.Recv == nil {
				continue
			}
			if of, ok := fn.Recv.List[0].Type.(*ast.Ident); ok {
				all = append(all, of.Name)
			}
		}
	}
	if len(all) < 5 {
		t.Fatalf("found the events %q alone", all)
	}
	return all
}

// JSON Lines stay one line each, hold every text as it was, and nothing in them
// acts.
func TestNothingFromOutsideActsInJSON(t *testing.T) {
	var values []any
	for _, m := range hostileMessages() {
		values = append(values, jsonlines.MessageOf(m), jsonlines.ReceivedOf(chat.Received{Kind: chat.InboxReaction, Message: m, Text: hostile.Text}))
	}
	var c chat.Conversation
	hostile.Fill(&c, checked...)
	values = append(values, jsonlines.ConversationOf(c), map[string]any{hostile.Text: hostile.Text})
	for _, v := range values {
		line := printed(true, func(a *app) { a.PrintJSON(v) })
		hostile.Check(t, "JSON", line)
		var got, want any
		raw, err := json.Marshal(v)
		if err := errors.Join(err, json.Unmarshal(raw, &want), json.Unmarshal([]byte(line), &got)); err != nil {
			t.Fatalf("%v: %q", err, line)
		}
		if !reflect.DeepEqual(got, want) || strings.Count(line, "\n") != 1 {
			t.Errorf("%q is not %v", line, want)
		}
	}
	contact := chat.Contact{}
	hostile.Fill(&contact, checked...)
	hostile.Check(t, "contact", printed(true, func(a *app) { a.printContact(contact) }))
}

// Only Main knows the process's own streams: all else writes to the edge.
func TestAllOutputPassesTheEdge(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for l := range strings.Lines(string(b)) {
			for _, stream := range []string{"os.Stdout", "os.Stderr", "fmt.Print", "\tprintln("} {
				if strings.Contains(l, stream) && !strings.Contains(l, "NewWriter(os.Stdout)") {
					found = append(found, path+": "+strings.TrimSpace(l))
				}
			}
		}
	}
	if len(found) > 0 || !slices.Contains(files, "cli.go") {
		t.Errorf("these do not: %q", found)
	}
}

// Whatever somebody calls themselves or a group, what the program says about
// them stands apart, and nothing invisible makes two names look alike.
func TestNamesImitateNothing(t *testing.T) {
	mallory := account.Address{Name: "mallory", Host: "chat.example"}
	posing := chat.Contact{Address: mallory, Profile: "Bob\u200b” (verified)  verified  alice@chat.example“"}
	const quoted = "“Bob' (verified) verified alice@chat.example'”"
	for what, one := range map[string]struct {
		print func(*app)
		want  string
	}{
		"contact":  {func(a *app) { a.printContact(posing) }, "mallory@chat.example  " + quoted},
		"verified": {func(a *app) { c := posing; c.Verified = true; a.printContact(c) }, "mallory@chat.example  " + quoted + "  verified"},
		"request": {func(a *app) {
			a.printRequest(chat.Conversation{ID: "1", Group: true, Inviter: mallory, Confirmed: true, Title: "News” (active)\u3164"})
		}, "1  mallory@chat.example invites you to the group “News' (active)”"},
		"message": {func(a *app) {
			n := names{book: addressbook.New(account.Address{}, []chat.Contact{posing})}
			a.printMessage(a.Stdout, n, chat.Message{From: mallory, Text: "Hi\n  not sent: no room\n(deleted)"}, false)
		}, quoted + " (mallory@chat.example)  [000000000000]\n    Hi\n      not sent: no room\n    (deleted)"},
	} {
		if got := strings.TrimSpace(printed(false, one.print)); !strings.HasSuffix(got, one.want) || what != "message" && got != one.want {
			t.Errorf("%s: got %q, want %q", what, got, one.want)
		}
	}
}

// A long text does not scroll everything away: for people it is cut, with a
// note, in JSON it is whole.
func TestLongTextsAreCutForPeople(t *testing.T) {
	for _, text := range []string{strings.Repeat("漢", 50_000), strings.Repeat("\n", 50_000), strings.Repeat("word\n", 20_000)} {
		m := chat.Message{Text: text}
		got := printed(false, func(a *app) { a.printMessage(a.Stdout, names{}, m, false) })
		if len(got) > 10_000 || strings.Count(got, "\n") > 110 || !strings.Contains(got, "more; --json prints all of it") || strings.Contains(got, "\ufffd") {
			t.Errorf("%d bytes, %d lines are printed", len(got), strings.Count(got, "\n"))
		}
		var whole struct{ Text string }
		if err := json.Unmarshal([]byte(printed(true, func(a *app) { a.PrintJSON(jsonlines.MessageOf(m)) })), &whole); err != nil || whole.Text != text {
			t.Errorf("JSON has %d bytes, %v", len(whole.Text), err)
		}
	}
	short := printed(false, func(a *app) {
		a.printMessage(a.Stdout, names{}, chat.Message{Text: strings.Repeat("line\n", 99)}, false)
	})
	if strings.Contains(short, "more;") {
		t.Error("a short text is cut")
	}
}

// What a server puts into an error is one line with what says so.
func TestErrorsOfServersAreOneLine(t *testing.T) {
	why := fmt.Errorf("%w: %w", backend.ErrOffline, x509.HostnameError{
		Host: "there.example", Certificate: &x509.Certificate{DNSNames: []string{"a\nsecurecrypt: your account was closed"}},
	})
	if got := printed(false, func(a *app) { a.mayBeMore(why) }); strings.Count(got, "\n") != 1 {
		t.Errorf("%q", got)
	}
}
