// SPDX-License-Identifier: AGPL-3.0-or-later

package cli

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/files/disk"
	"github.com/securecrypt/securecrypt/client/files/picture"
	"github.com/securecrypt/securecrypt/internal/product/addressbook"
	"github.com/securecrypt/securecrypt/internal/product/cli/jsonlines"
	"github.com/securecrypt/securecrypt/internal/product/console"
	"github.com/securecrypt/securecrypt/internal/product/english"
	"github.com/securecrypt/securecrypt/internal/product/marktext"
	"github.com/securecrypt/securecrypt/internal/product/termtext"
)

func parseAddress(s string) (account.Address, error) {
	a, err := addressbook.ParseAddress(s)
	if err != nil {
		return a, noAddress(s)
	}
	return a, nil
}

func noAddress(s string) error {
	return console.WithCode(fmt.Errorf("%q is not an address: it should look like name@server", s), console.ExitUsage)
}

func parseAddresses(all []string) ([]account.Address, error) {
	var out []account.Address
	for _, s := range all {
		a, err := parseAddress(s)
		if err != nil {
			return nil, err
		}
		out = append(out, a)
	}
	return out, nil
}

type sendCmd struct {
	Target string   `arg:"" help:"Address, group title, private name or conversation identifier."`
	Text   []string `arg:"" optional:"" help:"Text of the message; - reads it from standard input, which other users of the machine do not see."`
	Attach []string `help:"Attach FILE; may be repeated. A picture goes without the place, time and camera that it names." type:"path" sep:"none" placeholder:"FILE"`
	// AttachUnchanged is a flag of its own so that nobody sends it by accident.
	AttachUnchanged []string      `help:"Attach FILE to the last bit as it is, pictures too; may be repeated." type:"path" sep:"none" placeholder:"FILE"`
	Reply           string        `help:"Reply to the message with identifier ID." placeholder:"ID"`
	Expire          time.Duration `help:"Let the message disappear for everybody after this time, such as 1h." placeholder:"1h"`
}

// Run sends a message and waits until the server has it.
func (cmd *sendCmd) Run(a *app) error {
	if cmd.Expire < 0 || cmd.Expire > 0 && cmd.Expire < time.Second {
		return console.WithCode(errors.New("--expire takes a time of at least 1s"), console.ExitUsage)
	}
	return a.with(func(s *session) error {
		text, err := a.text(cmd.Text)
		if err != nil {
			return err
		}
		id, err := s.find(cmd.Target, true)
		if err != nil {
			return err
		}
		files, err := cmd.files()
		if err != nil {
			return err
		}
		draft := chat.Draft{Text: text, Files: files, Expire: cmd.Expire}
		if cmd.Reply != "" {
			original, err := s.Messages().Find(id, cmd.Reply)
			if err != nil {
				return fmt.Errorf("--reply %s: %w", cmd.Reply, err)
			}
			draft.ReplyTo = original.ID
		}
		sent, err := s.Send(a.Ctx, id, draft)
		if err != nil {
			return err
		}
		settle := s.settle
		if len(files) > 0 {
			settle = s.settleFiles
		}
		err = settle(id)
		now, merr := s.Messages().Message(id, sent.ID)
		if merr != nil && err == nil {
			now = sent // it has disappeared already
		}
		if err != nil && codeOf(err) != console.ExitWaiting && merr == nil && now.State != chat.StateWaiting && now.State != chat.StateFailed {
			a.Say("this message was sent; another one of the conversation was not: %s", err)
			err = nil
		}
		if a.JSON {
			a.PrintJSON(jsonlines.MessageOf(now))
		} else if err == nil {
			_, _ = fmt.Fprintf(a.Stdout, "%s\n", shortID(sent.ID))
		}
		return err
	})
}

// files are what is attached: first what may be changed, then what may not.
func (cmd *sendCmd) files() (all []string, err error) {
	var failed refusals
	for _, path := range cmd.Attach {
		bare, err := disk.Bare(path)
		if errors.Is(err, picture.ErrUnknown) || errors.Is(err, picture.ErrDamaged) {
			err = console.WithCode(fmt.Errorf("%w; it may say where it was taken. Attach it in another form, such as JPEG or PNG, or as it is by --attach-unchanged", err), console.ExitRefused)
		}
		failed.add("", err)
		all = append(all, bare)
	}
	return append(all, cmd.AttachUnchanged...), failed.err()
}

// text joins the words of a message, or reads it from standard input.
func (a *app) text(words []string) (string, error) {
	if len(words) != 1 || words[0] != "-" {
		return strings.Join(words, " "), nil
	}
	b, err := io.ReadAll(io.LimitReader(a.Stdin, chat.MaxText+2))
	return strings.TrimSuffix(string(b), "\n"), err
}

// message runs fn on a message that was named by its identifier, and waits
// until what came of it is sent.
func (a *app) message(id string, fn func(*session, chat.Message) error) error {
	return a.with(func(s *session) error {
		m, err := s.Messages().Find("", id)
		if err != nil {
			return fmt.Errorf("%s: %w", id, err)
		}
		if err := fn(s, m); err != nil {
			return err
		}
		if err := s.settle(m.Conversation); err != nil {
			return err
		}
		if a.JSON {
			if now, err := s.Messages().Message(m.Conversation, m.ID); err == nil {
				a.PrintJSON(jsonlines.MessageOf(now))
			}
		}
		return nil
	})
}

type reactCmd struct {
	ID     string `arg:"" help:"Identifier of the message."`
	Emoji  string `arg:"" help:"The reaction."`
	Remove bool   `help:"Take the reaction back."`
}

// Run reacts to a message.
func (cmd *reactCmd) Run(a *app) error {
	return a.message(cmd.ID, func(s *session, m chat.Message) error {
		return s.Messages().React(a.Ctx, m.Conversation, m.ID, cmd.Emoji, cmd.Remove)
	})
}

type editCmd struct {
	ID   string   `arg:"" help:"Identifier of the message."`
	Text []string `arg:"" help:"The new text; - reads it from standard input."`
}

// Run edits a message.
func (cmd *editCmd) Run(a *app) error {
	text, err := a.text(cmd.Text)
	if err != nil {
		return err
	}
	return a.message(cmd.ID, func(s *session, m chat.Message) error {
		return s.Messages().Edit(a.Ctx, m.Conversation, m.ID, text)
	})
}

type deleteCmd struct {
	ID string `arg:"" help:"Identifier of the message."`
}

// Run deletes a message for everybody.
func (cmd *deleteCmd) Run(a *app) error {
	return a.message(cmd.ID, func(s *session, m chat.Message) error {
		return s.Messages().Delete(a.Ctx, m.Conversation, m.ID)
	})
}

type historyCmd struct {
	Conversation string `arg:"" help:"Address, group title, private name or conversation identifier."`
	Limit        int    `help:"Print at most the newest N messages; 0 prints all." default:"0" placeholder:"N"`
	Search       string `help:"Print only messages that contain all words of TEXT, or have files whose names do." placeholder:"TEXT"`
}

// Run prints the history, oldest first.
func (cmd *historyCmd) Run(a *app) error {
	return a.with(func(s *session) error {
		id, err := s.find(cmd.Conversation, false)
		if err != nil {
			return err
		}
		n, err := s.names()
		if err != nil {
			return err
		}
		var all []chat.Message
		take := func(m chat.Message) bool {
			all = append(all, m)
			return cmd.Limit == 0 || len(all) < cmd.Limit
		}
		if cmd.Search == "" {
			err = s.Messages().History(id, take)
		} else {
			err = s.Messages().Search(a.Ctx, chat.SearchQuery{Text: cmd.Search, In: id}, take)
		}
		for _, m := range slices.Backward(all) {
			if a.JSON {
				a.PrintJSON(jsonlines.MessageOf(m))
			} else {
				a.printMessage(a.Stdout, n, m, false)
			}
		}
		if err == nil && a.Stdout.Err() == nil && n.conversations[id].Unread > 0 {
			err = s.MarkRead(a.Ctx, id)
		}
		return err
	})
}

type conversationsCmd struct{}

// Run lists the conversations.
func (*conversationsCmd) Run(a *app) error {
	return a.with(func(s *session) error {
		all, err := s.Conversations()
		if err != nil {
			return err
		}
		return a.printConversations(s, all, "No conversations yet. Send somebody a message: securecrypt send ADDRESS TEXT")
	})
}

func (a *app) printConversations(s *session, all []chat.Conversation, none string) error {
	if len(all) == 0 && !a.JSON {
		_, _ = fmt.Fprintln(a.Stderr, none)
		return nil
	}
	n, err := s.names()
	for _, c := range all {
		if a.JSON {
			a.PrintJSON(jsonlines.ConversationOf(c))
		} else {
			a.printConversationLine(n, c)
		}
	}
	return err
}

// printConversationLine prints a conversation for people.
func (a *app) printConversationLine(n names, c chat.Conversation) {
	state := ""
	if c.Status != chat.StatusActive {
		state = "  (" + c.Status.String() + ")"
	}
	if c.Unread > 0 {
		state += fmt.Sprintf("  %d unread", c.Unread)
	}
	if c.Waiting > 0 {
		state += fmt.Sprintf("  %d waiting", c.Waiting)
	}
	_, _ = fmt.Fprintf(a.Stdout, "%s  %s  %s%s\n", termtext.Line(string(c.ID)), shortTime(c.Activity), n.conversation(c.ID), state)
	if c.Reason.Text != "" {
		_, _ = fmt.Fprintf(a.Stdout, "  %s\n", termtext.Line(c.Reason.Text))
	}
	if said := n.preview(c.Last); said != "" && c.Status != chat.StatusRequest {
		_, _ = fmt.Fprintf(a.Stdout, "    %s\n", said)
	}
}

// longestPreview is how many letters of the newest message a list shows.
const longestPreview = 72

// preview is the newest message of a conversation in one line.
func (n names) preview(m *chat.Message) string {
	if m == nil {
		return ""
	}
	if m.Notice != nil {
		return "· " + termtext.Line(english.Notice(m, n.self, n.person))
	}
	said := termtext.Line(marktext.Line(m.Text))
	switch {
	case m.Deleted:
		said = "(deleted)"
	case said == "" && len(m.Attachments) > 0:
		said = "+ " + termtext.Quote(m.Attachments[0].Name)
	}
	if letters := []rune(said); len(letters) > longestPreview {
		said = string(letters[:longestPreview]) + "…"
	}
	if m.Own {
		return "you: " + said
	}
	return n.person(m.From) + ": " + said
}
