// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/attachments"
	"github.com/securecrypt/securecrypt/client/internal/machine"
	"github.com/securecrypt/securecrypt/client/internal/names"
	"github.com/securecrypt/securecrypt/client/internal/records"
	"github.com/securecrypt/securecrypt/content"
)

// Forget removes a message from this device alone. One that is still being
// sent is to be cancelled instead.
func (ms Messages) Forget(conv chat.ConversationID, msg content.MessageID) error {
	return ms.c.tell(ms.c.ctx, conv, machine.CommandForget{Id: msg})
}

// Retry sends a message again that failed. It keeps its place and identifier,
// so that nobody gets it twice.
func (ms Messages) Retry(ctx context.Context, conv chat.ConversationID, msg content.MessageID) error {
	return ms.c.tell(ctx, conv, machine.CommandRetry{Id: msg})
}

// Cancel takes back a message that still waits to be sent, whether or not its
// files are being uploaded, or that failed. The error wraps ErrTooLate once it
// may have left this device.
func (ms Messages) Cancel(ctx context.Context, conv chat.ConversationID, msg content.MessageID) error {
	return ms.c.tell(ctx, conv, machine.CommandCancel{Id: msg})
}

// MarkRead marks all messages of a conversation as read and, unless read
// reports are switched off, tells those who sent them.
func (c *Client) MarkRead(ctx context.Context, id chat.ConversationID) error {
	return c.tell(ctx, id, machine.CommandRead{})
}

// MarkReadUpTo is MarkRead for a message and those before it. The error wraps
// ErrNoMessage if it is gone.
func (ms Messages) MarkReadUpTo(ctx context.Context, id chat.ConversationID, msg content.MessageID) error {
	return ms.c.tell(ctx, id, machine.CommandRead{UpTo: msg})
}

// Typing tells those who are there that this account is typing, or stopped; to
// be called with every key: it says so no more often than needed. A message
// says by itself that its author stopped. Nothing is said off line, in groups
// of more than MaxReporting members, or if the settings switch it off.
func (c *Client) Typing(ctx context.Context, id chat.ConversationID, on bool) error {
	return c.tell(ctx, id, machine.CommandTyping{On: on})
}

// Send sends a message. It returns once the message is in the outbox; the
// outbox empties as servers are reached.
func (c *Client) Send(ctx context.Context, to chat.ConversationID, d chat.Draft) (chat.Message, error) {
	var err error
	if d.Text, err = names.WithMentions(d.Text, d.Mentions); err != nil {
		return chat.Message{}, err
	}
	if len(d.Text) > chat.MaxText {
		return chat.Message{}, machine.ErrTextTooLong
	}
	if err := chat.CheckExpiry(d.Expire); err != nil {
		return chat.Message{}, err
	}
	uploads, parts, err := c.prepare(to, d)
	if err != nil {
		return chat.Message{}, err
	}
	if names.Visible(d.Text) == "" && len(parts) == 0 {
		return chat.Message{}, errors.New("there is nothing to send: write a text that can be seen, or attach a file")
	}
	m := content.Attach(d.Text, parts...)
	m.InReplyTo = d.ReplyTo
	return c.send(ctx, to, machine.CommandSend{Message: m, Uploads: uploads, Expire: d.Expire})
}

// prepare gets the files of a draft ready.
func (c *Client) prepare(to chat.ConversationID, d chat.Draft) (uploads []records.Upload, parts []content.PartContent, err error) {
	if len(d.Files)+len(d.Attached) == 0 {
		return nil, nil, nil
	}
	host, expire := "", time.Duration(0)
	err = c.viewConversation(to, func(_ *records.Tx, _ records.CID, rec *records.Conversation) error {
		host, expire = rec.Host, machine.Lasting(d.Expire, time.Duration(rec.Timer)*time.Second)
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	for _, path := range d.Files {
		u, err := c.transfers.PrepareUpload(path)
		if err != nil {
			return nil, nil, err
		}
		uploads = append(uploads, u)
	}
	for _, id := range d.Attached {
		u, err := c.transfers.TakeUpload(id)
		if err != nil {
			return nil, nil, err
		}
		uploads = append(uploads, u)
	}
	for _, u := range uploads {
		part, err := attachments.ExternalPart(u, host, c.now().Add(attachments.BlobExpiry(expire)))
		if err != nil {
			return nil, nil, err
		}
		parts = append(parts, part)
	}
	return uploads, parts, nil
}

func (c *Client) send(ctx context.Context, to chat.ConversationID, in machine.CommandSend) (chat.Message, error) {
	in.Sent = new(chat.Message)
	if err := c.tell(ctx, to, in); err != nil {
		return chat.Message{}, err
	}
	return *in.Sent, nil
}

// React adds a reaction to a message, of which there may be MaxReactions, or
// takes it back.
func (ms Messages) React(ctx context.Context, conv chat.ConversationID, id content.MessageID, emoji string, remove bool) error {
	rec, err := ms.c.messageRecord(conv, id)
	if err != nil {
		return err
	}
	if len(emoji) == 0 || len(emoji) > content.MaxReactionLength {
		return errors.New("a reaction is one emoji")
	}
	self := ms.c.self.Address.String()
	own := func(r records.Reaction) bool { return r.From == self && r.Emoji == emoji }
	i := slices.IndexFunc(rec.Reactions, own)
	switch {
	case !remove && i < 0 && rec.ReactionsOf(self) >= chat.MaxReactions:
		return fmt.Errorf("you can react to a message with %d emoji", chat.MaxReactions)
	case !remove:
		_, err = ms.c.send(ctx, conv, machine.CommandSend{Message: content.Reaction(id, emoji)})
	case i < 0:
		return errors.New("you did not react with that: choose one of your reactions")
	default:
		_, err = ms.c.send(ctx, conv, machine.CommandSend{Message: content.Unreaction(rec.Reactions[i].ID, id)})
	}
	return err
}

// Edit replaces the text of an own message.
func (ms Messages) Edit(ctx context.Context, conv chat.ConversationID, id content.MessageID, text string) error {
	if names.Visible(text) == "" {
		return errors.New("nothing of this text can be seen: write another one, or delete the message")
	}
	if len(text) > chat.MaxText {
		return fmt.Errorf("a message may have at most %d bytes", chat.MaxText)
	}
	original, err := ms.c.ownMessage(conv, id)
	if err != nil {
		return err
	}
	_, err = ms.c.send(ctx, conv, machine.CommandSend{Message: content.Edit(id, original, text)})
	return err
}

// Delete retracts an own message for everybody.
func (ms Messages) Delete(ctx context.Context, conv chat.ConversationID, id content.MessageID) error {
	original, err := ms.c.ownMessage(conv, id)
	if err != nil {
		return err
	}
	_, err = ms.c.send(ctx, conv, machine.CommandSend{Message: content.Delete(id, original)})
	return err
}

func (c *Client) ownMessage(conv chat.ConversationID, id content.MessageID) (*content.Message, error) {
	rec, err := c.messageRecord(conv, id)
	if err != nil {
		return nil, err
	}
	if rec.From != c.self.Address.String() {
		return nil, chat.ErrNotYours
	}
	if rec.Deleted {
		return nil, chat.ErrNoMessage
	}
	return content.Decode(rec.Content)
}
