// SPDX-License-Identifier: AGPL-3.0-or-later

package app

import (
	"context"
	"errors"
	"io"

	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/content"
)

// send puts a message into the outbox.
func (a *App) send(ctx context.Context, q Send, files []io.Reader) (Sent, error) {
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
	draft := chat.Draft{Text: q.Text, ReplyTo: reply, Expire: q.Expire.duration(), Mentions: mentions}
	if draft.Attached, err = p.attach(ctx, q.Files, files); err != nil {
		return Sent{}, err
	}
	conv := chat.ConversationID(q.Conversation)
	m, err := p.Send(ctx, conv, draft)
	if err != nil {
		return Sent{}, p.detach(draft.Attached, err)
	}
	if m, err = p.Messages().Message(conv, m.ID); err != nil {
		return Sent{}, err
	}
	v := view{profile: p}
	return Sent{v.message(m)}, nil
}

// attach copies files into the profile: all, or none.
func (p *profile) attach(ctx context.Context, names []File, files []io.Reader) (all []chat.FileID, err error) {
	for i, f := range files {
		id, err := p.Files().Attach(ctx, names[i].Name, names[i].Type, f)
		if err != nil {
			return nil, p.detach(all, err)
		}
		all = append(all, id)
	}
	return all, nil
}

// detach removes files that are not sent after all, and returns why.
func (p *profile) detach(all []chat.FileID, why error) error {
	for _, id := range all {
		why = errors.Join(why, p.Files().Detach(id))
	}
	return why
}

// A Body is an answer that is a file.
type Body struct {
	io.ReadCloser `json:"-"`
	Size          int64 `json:"-"`
}

func (a *App) attachment(ctx context.Context, q AttachmentRef) (out Body, err error) {
	_, err = a.withMessage(q.Conversation, q.Message, func(p *profile, conv chat.ConversationID, id content.MessageID) error {
		out.ReadCloser, out.Size, err = p.Files().Open(ctx, conv, id, q.Index)
		return err
	})
	return out, err
}
