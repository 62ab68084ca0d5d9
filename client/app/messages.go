// SPDX-License-Identifier: AGPL-3.0-or-later

package app

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/content"
)

// withMessage calls fn with the open profile and a message.
func (a *App) withMessage(conversation, message string, fn func(*profile, chat.ConversationID, content.MessageID) error) (None, error) {
	p, err := a.client()
	if err != nil {
		return None{}, err
	}
	id, err := parseMessage(message)
	if err != nil {
		return None{}, err
	}
	return None{}, fn(p, chat.ConversationID(conversation), id)
}

// parseMessage reads an identifier; an empty one is none.
func parseMessage(s string) (id content.MessageID, err error) {
	if s == "" {
		return id, nil
	}
	if id, err = content.ParseMessageID(s); err != nil {
		return id, fmt.Errorf("%w: message identifier", errInput)
	}
	return id, nil
}

func (a *App) message(_ context.Context, q MessageRef) (out Message, err error) {
	_, err = a.withMessage(q.Conversation, q.Message, func(p *profile, conv chat.ConversationID, id content.MessageID) error {
		m, err := p.Messages().Message(conv, id)
		v := view{profile: p}
		out = v.message(m)
		out.Text, out.Length = m.Text, 0
		return err
	})
	return out, err
}

func (a *App) edit(ctx context.Context, q TextOf) (None, error) {
	return a.withMessage(q.Conversation, q.Message, func(p *profile, conv chat.ConversationID, id content.MessageID) error {
		return p.Messages().Edit(ctx, conv, id, q.Text)
	})
}

func (a *App) react(ctx context.Context, q React) (None, error) {
	return a.withMessage(q.Conversation, q.Message, func(p *profile, conv chat.ConversationID, id content.MessageID) error {
		return p.Messages().React(ctx, conv, id, q.Emoji, q.Remove)
	})
}

func (a *App) delete(ctx context.Context, q MessageRef) (None, error) {
	return a.withMessage(q.Conversation, q.Message, func(p *profile, conv chat.ConversationID, id content.MessageID) error {
		return p.Messages().Delete(ctx, conv, id)
	})
}

// maxPage bounds the messages of one answer.
const maxPage = 200

func (a *App) page(_ context.Context, q PageQuery) (out Page, err error) {
	at, err := position(q)
	if err != nil {
		return out, err
	}
	_, err = a.withConversation(q.Conversation, func(p *profile, id chat.ConversationID) error {
		if c, err := p.Conversation(id); err == nil && c.Status == chat.StatusRequest {
			if err := p.ConnectConversation(id); err != nil { // few requests are open at a time: those that are looked at
				return err
			}
		}
		got, err := p.Messages().Page(id, at, max(1, min(q.Limit, maxPage)))
		v := view{profile: p}
		out = Page{v.messages(got.Messages), got.MoreBefore, got.MoreAfter, messageID(got.FirstUnread)}
		return err
	})
	return out, err
}

// position reads where a page is to be.
func position(q PageQuery) (at chat.Position, err error) {
	switch q.Where {
	case Newest:
		return at, nil
	case Unread:
		at.Unread = true
		return at, nil
	case Before:
		at.Before = true
	case After:
		at.After = true
	case Around:
	default:
		return at, fmt.Errorf("%w: where", errInput)
	}
	if order, ok := strings.CutPrefix(q.Message, noticePrefix); ok {
		if at.Order, err = strconv.ParseUint(order, 10, 64); err != nil {
			err = fmt.Errorf("%w: message identifier", errInput)
		}
		return at, err
	}
	at.Message, err = parseMessage(q.Message)
	return at, err
}

// markRead marks messages up to one as read, or all.
func (a *App) markRead(ctx context.Context, q MessageRef) (None, error) {
	return a.withMessage(q.Conversation, q.Message, func(p *profile, conv chat.ConversationID, id content.MessageID) error {
		if id.IsZero() {
			return p.MarkRead(ctx, conv)
		}
		return p.Messages().MarkReadUpTo(ctx, conv, id)
	})
}

// typing is told that the own person types, or stopped.
func (a *App) typing(ctx context.Context, q Switch) (None, error) {
	return a.withConversation(q.Conversation, func(p *profile, id chat.ConversationID) error { return p.Typing(ctx, id, q.On) })
}

func (a *App) forget(_ context.Context, q MessageRef) (None, error) {
	return a.withMessage(q.Conversation, q.Message, func(p *profile, conv chat.ConversationID, id content.MessageID) error {
		return p.Messages().Forget(conv, id)
	})
}

func (a *App) retry(ctx context.Context, q MessageRef) (None, error) {
	return a.withMessage(q.Conversation, q.Message, func(p *profile, conv chat.ConversationID, id content.MessageID) error {
		return p.Messages().Retry(ctx, conv, id)
	})
}

func (a *App) cancel(ctx context.Context, q MessageRef) (None, error) {
	return a.withMessage(q.Conversation, q.Message, func(p *profile, conv chat.ConversationID, id content.MessageID) error {
		return p.Messages().Cancel(ctx, conv, id)
	})
}

func (a *App) search(ctx context.Context, q SearchQuery) (Found, error) {
	p, err := a.client()
	if err != nil {
		return Found{}, err
	}
	v, out := view{profile: p}, Found{Messages: []Message{}}
	query := chat.SearchQuery{Text: q.Text, In: chat.ConversationID(q.Conversation), Limit: max(1, min(q.Limit, maxPage))}
	err = p.Messages().Search(ctx, query, func(m chat.Message) bool {
		out.Messages = append(out.Messages, v.message(m))
		return true
	})
	return out, err
}
