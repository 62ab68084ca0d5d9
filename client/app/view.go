// SPDX-License-Identifier: AGPL-3.0-or-later

package app

import (
	"strconv"
	"strings"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/content"
	"github.com/securecrypt/securecrypt/internal/product/termtext"
)

// view words what the core says. It remembers names, and so lives for one
// answer.
type view struct {
	*profile
	names map[account.Address]string
}

func millis(t time.Time) Millis {
	if t.IsZero() {
		return 0
	}
	return Millis(t.UnixMilli())
}

func duration(d time.Duration) Millis { return Millis(d.Milliseconds()) }

func (m Millis) duration() time.Duration { return time.Duration(m) * time.Millisecond }

func (m Millis) time() time.Time {
	if m == 0 {
		return time.Time{}
	}
	return time.UnixMilli(int64(m))
}

func address(a account.Address) string {
	if a.IsZero() {
		return ""
	}
	return a.String()
}

func messageID(id content.MessageID) string {
	if id.IsZero() {
		return ""
	}
	return id.String()
}

// name returns what to show for somebody.
func (v *view) name(a account.Address) string {
	if a.IsZero() {
		return ""
	}
	if name, ok := v.names[a]; ok {
		return name
	}
	name := a.String()
	if a == v.Address() {
		if own, _, err := v.Account().Profile(); err == nil && own != "" {
			name = own
		}
	} else if called, err := v.People().NameOf(a); err == nil {
		name = called
	}
	if v.names == nil {
		v.names = map[account.Address]string{}
	}
	v.names[a] = name
	return name
}

func (v *view) message(m chat.Message) Message {
	out := Message{
		ID: reference(m.ID, m.Order), Conversation: string(m.Conversation), Order: m.Order, From: address(m.From), Author: v.name(m.From), Own: m.Own,
		Text: m.Text, SentAt: millis(m.SentAt), ReplyTo: messageID(m.ReplyTo), Edited: m.Edited, Deleted: m.Deleted,
		ExpiresAt: millis(m.ExpiresAt), State: m.State.String(), Reason: reason(m.Reason), Delivered: m.Delivered, Read: m.Read, Notice: v.notice(m.Notice),
		Attachments: attachments(m.Attachments), Reactions: make([]Reaction, len(m.Reactions)),
		Mentions: make([]string, len(m.Mentions)), MentionsMe: m.MentionsMe,
	}
	if !m.Own {
		out.Text, out.Length = beginning(m.Text)
	}
	for i, r := range m.Reactions {
		out.Reactions[i] = Reaction{address(r.From), r.Emoji}
	}
	for i, a := range m.Mentions {
		out.Mentions[i] = address(a)
	}
	if q := m.Quote; q != nil {
		out.Quote = &Quote{v.name(q.From), q.Text, attachments(q.Attachments), q.Deleted}
	}
	return out
}

// A text of others that is longer than one of the first two is shown by its
// beginning, of the other two at most, until somebody asks for all of it: laying
// out thousands of long texts takes a page longer than they took to arrive.
const (
	longestText, longestLines = 3000, 40 // bytes, lines
	shownText, shownLines     = 2000, 25
)

// beginning returns what is shown of a text, and the length of the whole if that
// is more.
func beginning(text string) (shown string, length int) {
	if len(text) <= longestText && strings.Count(text, "\n") <= longestLines {
		return text, 0
	}
	end, lines := 0, 0
	for i, r := range text {
		if i > shownText || lines >= shownLines {
			break
		}
		if r == '\n' {
			lines++
		}
		end = i
	}
	return text[:end], len(text)
}

func reason(r chat.Reason) *Problem {
	switch {
	case r.Text == "":
		return nil
	case r.Cause == nil:
		return &Problem{CodeFailed, termtext.Line(r.Text)}
	default:
		return &Problem{ProblemOf(r.Cause).Code, termtext.Line(r.Text)}
	}
}

func (v *view) notice(n *chat.Notice) *Notice {
	if n == nil {
		return nil
	}
	return &Notice{
		Kind: NoticeKind(n.Kind.String()), Whom: address(n.Whom), Name: v.name(n.Whom), Self: n.Whom == v.Address(),
		Title: n.Title, Timer: duration(n.Timer), Role: n.Role.String(),
	}
}

func attachments(all []chat.Attachment) []Attachment {
	out := make([]Attachment, len(all))
	for i, a := range all {
		out[i] = Attachment{a.Index, a.Name, a.Type, a.Size}
	}
	return out
}

// noticePrefix begins the identifiers of notices, which have none in the core.
const noticePrefix = "notice-"

// reference returns what names a message to an interface; see position.
func reference(id content.MessageID, order uint64) string {
	if id.IsZero() {
		return noticePrefix + strconv.FormatUint(order, 10)
	}
	return id.String()
}

func (v *view) messages(all []chat.Message) []Message {
	out := make([]Message, len(all))
	for i, m := range all {
		out[i] = v.message(m)
	}
	return out
}

func (v *view) conversation(c chat.Conversation) Conversation {
	out := Conversation{
		ID: string(c.ID), Group: c.Group, Own: c.Own, Name: c.Name, Peer: address(c.Peer), Status: c.Status.String(), Reason: reason(c.Reason),
		Inviter: address(c.Inviter), Confirmed: c.Confirmed, Unread: c.Unread, Mentioned: c.Mentioned, Activity: millis(c.Activity), Waiting: c.Waiting,
		Timer: duration(c.Timer), Pinned: c.Pinned, Archived: c.Archived, MutedUntil: millis(c.MutedUntil), Draft: c.Draft,
		DraftReply: messageID(c.DraftReply), Members: c.Members, Verified: c.Verified, Unanswered: c.Unanswered, Empty: c.Empty,
	}
	if c.Last != nil {
		last := v.message(*c.Last)
		out.Last = &last
	}
	return out
}

func (v *view) contact(c chat.Contact) Contact {
	return Contact{
		Address: address(c.Address), Name: c.DisplayName(), Private: c.Name, Profile: c.Profile, Verified: c.Verified, Blocked: c.Blocked,
		Conversation: string(c.Conversation),
	}
}

// subject returns what an event is about if the last of its kind says all, else nil.
func subject(e any) any {
	switch e := e.(type) {
	case chat.ConversationEvent:
		return e.Conversation.ID
	case chat.ProgressEvent:
		return e.File
	case chat.ConnectionEvent:
		return "connection " + e.Host
	default:
		return nil
	}
}

func (v *view) event(e chat.Event) []Event {
	switch e := e.(type) {
	case chat.ConversationEvent:
		return []Event{{"conversation", ConversationChanged{v.conversation(e.Conversation)}}}
	case chat.MessageEvent:
		return []Event{{"message", MessageChanged{v.message(e.Message), e.New}}}
	case chat.NameEvent:
		return []Event{{"name", NameChanged{address(e.Address), e.Name}}}
	case chat.ProgressEvent:
		return []Event{{"progress", Progress{string(e.Conversation), messageID(e.Message), e.Index, e.Done, e.Total}}}
	case chat.GoneEvent:
		if e.Message.IsZero() && e.Order == 0 {
			return []Event{{"conversationGone", ConversationGone{string(e.Conversation)}}}
		}
		return []Event{{"messageGone", MessageGone{string(e.Conversation), reference(e.Message, e.Order)}}}
	case chat.TypingEvent:
		return []Event{{"typing", Typing{string(e.Conversation), address(e.From), v.name(e.From), e.On}}}
	case chat.ConnectionEvent:
		c := Connection{Host: e.Host, Online: e.Online || e.Err == nil} // a connection that nobody needs misses nobody
		if e.Err != nil {
			c.Reason = termtext.Line(e.Err.Error())
		}
		return []Event{{"connection", c}}
	case chat.DevicesEvent:
		return []Event{{"devices", DevicesChanged{}}}
	case chat.HistoryEvent:
		return []Event{{"history", HistoryMoved{deviceID(e.Device), e.Given, e.Done, e.Total}}}
	case chat.FailureEvent:
		if e.Message {
			return nil
		}
		return []Event{{"failure", Failure{string(e.Conversation), *ProblemOf(e.Err)}}}
	default:
		return nil
	}
}
