// SPDX-License-Identifier: AGPL-3.0-or-later

package app

import (
	"context"
	"errors"
	"io"

	"github.com/securecrypt/securecrypt/client"
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
	conv := client.ConversationID(q.Conversation)
	m, err := p.Send(ctx, conv, client.Draft{Text: q.Text, ReplyTo: reply, Expire: q.Expire.duration()})
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

func (a *App) attachment(context.Context, AttachmentRef) (Body, error) { return Body{}, errors.ErrUnsupported }
