// SPDX-License-Identifier: AGPL-3.0-or-later

package tui

import (
	"context"
	"errors"
	"io"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client"
	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/content"
)

// Options is what the interface needs from outside.
type Options struct {
	// Client is connected by the caller.
	Client *client.Client
	// Events waits for what happened since it was last called. It is called
	// again and again until its context ends.
	Events func(context.Context) ([]chat.Event, error)
	// Start is the conversation to begin with, or Peer somebody to write to;
	// neither shows the list.
	Start chat.ConversationID
	Peer  account.Address
	// SaveDir is the folder for attachments.
	SaveDir string
	// Input and Output are the terminal; nil is the process's own.
	Input  io.Reader
	Output io.Writer
}

// Run shows the interface until the person leaves it or ctx ends.
func Run(ctx context.Context, o Options) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	m := newModel(ctx, coreOf(o.Client), time.Now)
	m.saveDir, m.start, m.peer = o.SaveDir, o.Start, o.Peer
	options := []tea.ProgramOption{tea.WithContext(ctx)}
	if o.Input != nil {
		options = append(options, tea.WithInput(o.Input))
	}
	if o.Output != nil {
		options = append(options, tea.WithOutput(o.Output))
	}
	p := tea.NewProgram(m, options...)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			events, err := o.Events(ctx)
			if err != nil {
				return
			}
			p.Send(eventsMsg(events))
		}
	}()
	_, err := p.Run()
	cancel()
	<-done
	if errors.Is(err, tea.ErrInterrupted) || errors.Is(err, tea.ErrProgramKilled) {
		return nil
	}
	return err
}

// core is what the interface needs of a client, by role.
type core struct {
	device   device
	messages messages
	people   people
}

// coreOf finds the roles among the parts of a client.
func coreOf(c *client.Client) core {
	return core{
		device: struct {
			*client.Client
			client.People
			client.Groups
			client.Messages
		}{c, c.People(), c.Groups(), c.Messages()},
		messages: struct {
			*client.Client
			client.Messages
			client.Files
		}{c, c.Messages(), c.Files()},
		people: struct {
			*client.Client
			client.People
		}{c, c.People()},
	}
}

// device reads what is stored on this device.
type device interface {
	Address() account.Address
	Conversations() ([]chat.Conversation, error)
	Contacts() ([]chat.Contact, error)
	Contact(account.Address) (chat.Contact, error)
	Members(chat.ConversationID) ([]chat.Member, error)
	History(chat.ConversationID, func(chat.Message) bool) error
}

// messages changes what is said.
type messages interface {
	Send(context.Context, chat.ConversationID, chat.Draft) (chat.Message, error)
	Edit(context.Context, chat.ConversationID, content.MessageID, string) error
	Delete(context.Context, chat.ConversationID, content.MessageID) error
	React(ctx context.Context, in chat.ConversationID, to content.MessageID, emoji string, remove bool) error
	Save(ctx context.Context, in chat.ConversationID, of content.MessageID, index int, dir string) (string, error)
	MarkRead(context.Context, chat.ConversationID) error
}

// people changes who one talks to.
type people interface {
	Direct(context.Context, account.Address) (chat.ConversationID, error)
	Accept(context.Context, chat.ConversationID) error
	Block(context.Context, account.Address) error
	Safety(context.Context, account.Address) (account.Safety, bool, error)
	MarkVerified(account.Address) error
}
