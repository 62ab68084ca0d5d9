// SPDX-License-Identifier: AGPL-3.0-or-later

package cli

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/files/disk"
	"github.com/securecrypt/securecrypt/content"
	"github.com/securecrypt/securecrypt/internal/product/addressbook"
	"github.com/securecrypt/securecrypt/internal/product/english"
	"github.com/securecrypt/securecrypt/internal/product/marktext"
	"github.com/securecrypt/securecrypt/internal/product/termtext"
)

// shortID is how people see and type the identifier of a message.
func shortID(id content.MessageID) string { return id.String()[:12] }

func shortTime(t time.Time) string {
	t = t.Local()
	now := time.Now()
	if t.Year() == now.Year() && t.YearDay() == now.YearDay() {
		return t.Format("15:04")
	}
	return t.Format("2006-01-02 15:04")
}

// names finds what to call people and conversations. What others chose stands
// in quotation marks, so that it cannot look like something that the program
// says about it, and beside what people call themselves stands their address.
type names struct {
	self          account.Address
	book          *addressbook.Book
	conversations map[chat.ConversationID]chat.Conversation
	// contact reads what is known of somebody who is no contact, nil for nobody.
	contact func(account.Address) (chat.Contact, error)
}

func (s *session) names() (names, error) {
	n := names{self: s.Address(), contact: s.People().Contact, conversations: map[chat.ConversationID]chat.Conversation{}}
	contacts, err := s.People().Contacts()
	if err != nil {
		return n, err
	}
	n.book = addressbook.New(n.self, contacts)
	all, err := s.Conversations()
	for _, c := range all {
		n.conversations[c.ID] = c
	}
	return n, err
}

func (n names) person(a account.Address) string {
	if n.contact != nil && !n.book.Knows(a) {
		if c, err := n.contact(a); err == nil { // otherwise the address has to do
			n.book.Learn(c)
		}
	}
	name := n.book.Person(a)
	if name.Chosen {
		return termtext.Quote(name.Text) + " (" + a.String() + ")"
	}
	return name.Text
}

func (n names) conversation(id chat.ConversationID) string {
	c, ok := n.conversations[id]
	switch {
	case !ok:
		return termtext.Line(string(id))
	case c.Group && n.book.Imitates(c.Title):
		return "the group " + termtext.Quote(c.Title)
	case c.Group:
		return termtext.Quote(c.Title)
	case c.Status == chat.StatusRequest && !c.Confirmed: // anybody can claim to be a contact
		return c.Peer.String()
	}
	return n.person(c.Peer)
}

// printMessage prints a message for people. Its text is indented more than all
// else, so that no line of it looks like another line of the program.
func (a *app) printMessage(w io.Writer, n names, m chat.Message, withConversation bool) {
	if m.Notice != nil {
		said := english.Notice(&m, n.self, n.person)
		_, _ = fmt.Fprintf(w, "%s  · %s\n", shortTime(m.SentAt), termtext.Line(said))
		return
	}
	who := n.person(m.From)
	if m.Own {
		who = "you"
	}
	if c := n.conversations[m.Conversation]; withConversation && c.Group {
		who += " in " + n.conversation(m.Conversation)
	}
	marks := []string{}
	if m.Edited {
		marks = append(marks, "edited")
	}
	if m.Own && m.State != chat.StateSent {
		marks = append(marks, m.State.String())
	}
	marks = append(marks, partly(m)...)
	if !m.ExpiresAt.IsZero() {
		marks = append(marks, "disappears "+shortTime(m.ExpiresAt))
	}
	suffix := ""
	if len(marks) > 0 {
		suffix = " (" + strings.Join(marks, ", ") + ")"
	}
	_, _ = fmt.Fprintf(w, "%s  %s  [%s]%s\n", shortTime(m.SentAt), who, shortID(m.ID), suffix)
	if !m.ReplyTo.IsZero() {
		_, _ = fmt.Fprintf(w, "  in reply to [%s]\n", shortID(m.ReplyTo))
	}
	if m.Deleted {
		_, _ = fmt.Fprintln(w, "  (deleted)")
		return
	}
	if m.Text != "" {
		text, rest := shortened(termtext.Clean(marktext.Text(m.Text)))
		_, _ = fmt.Fprintf(w, "    %s\n", strings.ReplaceAll(text, "\n", "\n    "))
		if rest > 0 {
			_, _ = fmt.Fprintf(w, "  … and %s more; --json prints all of it\n", size(int64(rest)))
		}
	}
	for _, x := range m.Attachments {
		where := ""
		if x.Path != "" {
			where = " → " + termtext.Line(disk.Path(x.Path))
		}
		_, _ = fmt.Fprintf(w, "  + %s (%s)%s\n", termtext.Quote(x.Name), size(x.Size), where)
	}
	for _, r := range m.Reactions {
		_, _ = fmt.Fprintf(w, "  %s: %s\n", n.person(r.From), termtext.Name(r.Emoji))
	}
	if m.Reason.Text != "" {
		_, _ = fmt.Fprintf(w, "  not sent: %s\n", termtext.Line(m.Reason.Text))
	}
}

// What is printed of a text for people: a stranger's must not scroll away all
// that stands above it.
const (
	longestText  = 8 << 10 // bytes
	longestLines = 100
)

// shortened returns what is printed of a text, and how many bytes are not.
func shortened(text string) (shown string, rest int) {
	end, lines := len(text), 0
	for i, r := range text {
		if r == '\n' {
			lines++
		}
		if lines >= longestLines || i > longestText {
			end = i
			break
		}
	}
	return text[:end], len(text) - end
}

// partly says how far an own message came that is not yet where all others
// are.
func partly(m chat.Message) (marks []string) {
	if m.State == chat.StateSent && m.Delivered > 0 {
		marks = append(marks, fmt.Sprintf("delivered to %d", m.Delivered))
	}
	if m.State != chat.StateRead && m.Read > 0 {
		marks = append(marks, fmt.Sprintf("read by %d", m.Read))
	}
	return marks
}

// size writes a number of bytes for people.
func size(n int64) string { return english.Size(n) }
