// SPDX-License-Identifier: AGPL-3.0-or-later

package app

import (
	"context"
	"io"

	"github.com/securecrypt/securecrypt/client"
	"github.com/securecrypt/securecrypt/content"
)

// send puts a message into the outbox.
func (a *App) send(ctx context.Context, q Send, files []Source) (Sent, error) {
	p, err := a.client()
	if err != nil {
		return Sent{}, err
	}
	reply, err := parseMessage(q.ReplyTo)
	if err != nil {
		return Sent{}, err
	}
	if len(files) != len(q.Files) {
		return Sent{}, errInput
	}
	mentions, err := parseAddresses(q.Mentions)
	if err != nil {
		return Sent{}, err
	}
	draft := client.Draft{Text: q.Text, ReplyTo: reply, Expire: q.Expire.duration(), Mentions: mentions}
	for i, f := range files {
		id, err := p.Attach(ctx, q.Files[i].Name, q.Files[i].Type, f)
		if err != nil {
			return Sent{}, err
		}
		draft.Attached = append(draft.Attached, id)
	}
	conv := client.ConversationID(q.Conversation)
	m, err := p.Send(ctx, conv, draft)
	if err != nil {
		return Sent{}, err
	}
	if m, err = p.Message(conv, m.ID); err != nil {
		return Sent{}, err
	}
	v := view{profile: p}
	return Sent{v.message(m)}, nil
}

// A Body is an answer that is a file.
type Body struct {
	io.ReadCloser `json:"-"`
	Size          int64 `json:"-"`
}

func (a *App) attachment(ctx context.Context, q AttachmentRef) (out Body, err error) {
	_, err = a.on(q.Conversation, q.Message, func(p *profile, conv client.ConversationID, id content.MessageID) error {
		out.ReadCloser, out.Size, err = p.OpenAttachment(ctx, conv, id, q.Index)
		return err
	})
	return out, err
}
