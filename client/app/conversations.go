// SPDX-License-Identifier: AGPL-3.0-or-later

package app

import (
	"context"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/client/chat"
)

// conversationsPerPage is the number of conversations in one answer, so that a
// list does not delay other calls.
const conversationsPerPage = 200

func (a *App) conversations(_ context.Context, q ListQuery) (Conversations, error) {
	p, err := a.client()
	if err != nil {
		return Conversations{}, err
	}
	var all []chat.Conversation
	var next string
	if q.Recent {
		defer p.show()
		all, err = p.List().Recent()
	} else {
		all, next, err = p.List().After(q.After, conversationsPerPage)
	}
	if err != nil {
		return Conversations{}, err
	}
	v := view{profile: p}
	out := make([]Conversation, len(all))
	for i, c := range all {
		out[i] = v.conversation(c)
	}
	return Conversations{out, next}, nil
}

func (a *App) conversation(_ context.Context, q ConversationRef) (Conversation, error) {
	p, err := a.client()
	if err != nil {
		return Conversation{}, err
	}
	c, err := p.Conversation(chat.ConversationID(q.Conversation))
	if err != nil {
		return Conversation{}, err
	}
	v := view{profile: p}
	return v.conversation(c), nil
}

func (a *App) direct(ctx context.Context, q AddressRef) (out ConversationRef, err error) {
	_, err = a.with(q.Address, func(p *profile, who account.Address) error {
		id, err := p.Direct(ctx, who)
		if err != nil {
			return err
		}
		out, err = a.announceConversation(p, id)
		return err
	})
	return out, err
}

func (a *App) createGroup(ctx context.Context, q NewGroup) (ConversationRef, error) {
	p, err := a.client()
	if err != nil {
		return ConversationRef{}, err
	}
	people, err := parseAddresses(q.People)
	if err != nil {
		return ConversationRef{}, err
	}
	id, err := p.CreateGroup(ctx, q.Title, people)
	if err != nil {
		return ConversationRef{}, err
	}
	return a.announceConversation(p, id)
}

// announceConversation sends a new conversation to all interfaces before its
// caller opens it.
func (a *App) announceConversation(p *profile, id chat.ConversationID) (ConversationRef, error) {
	c, err := p.Conversation(id)
	if err != nil {
		return ConversationRef{}, err
	}
	a.events.push(chat.ConversationEvent{Conversation: c})
	return ConversationRef{string(id)}, nil
}

// withConversation calls fn with the open profile and a conversation.
func (a *App) withConversation(conversation string, fn func(*profile, chat.ConversationID) error) (None, error) {
	p, err := a.client()
	if err != nil {
		return None{}, err
	}
	return None{}, fn(p, chat.ConversationID(conversation))
}

func (a *App) rename(ctx context.Context, q TextOf) (None, error) {
	return a.withConversation(q.Conversation, func(p *profile, id chat.ConversationID) error { return p.Groups().Rename(ctx, id, q.Text) })
}

func (a *App) setTimer(ctx context.Context, q Until) (None, error) {
	return a.withConversation(q.Conversation, func(p *profile, id chat.ConversationID) error {
		return p.Groups().SetTimer(ctx, id, q.Time.duration())
	})
}

func (a *App) leave(ctx context.Context, q Leaving) (None, error) {
	return a.withConversation(q.Conversation, func(p *profile, id chat.ConversationID) error {
		if q.Successor == "" {
			return p.Leave(ctx, id)
		}
		who, err := parseAddress(q.Successor)
		if err != nil {
			return err
		}
		if err := p.Groups().SetRole(ctx, id, who, chat.RoleOwner); err != nil {
			return err
		}
		return p.Leave(ctx, id)
	})
}

func (a *App) accept(ctx context.Context, q ConversationRef) (None, error) {
	return a.withConversation(q.Conversation, func(p *profile, id chat.ConversationID) error { return p.Accept(ctx, id) })
}

func (a *App) pin(ctx context.Context, q Switch) (None, error) {
	return a.withConversation(q.Conversation, func(p *profile, id chat.ConversationID) error { return p.List().SetPinned(ctx, id, q.On) })
}

func (a *App) archive(ctx context.Context, q Switch) (None, error) {
	return a.withConversation(q.Conversation, func(p *profile, id chat.ConversationID) error { return p.List().SetArchived(ctx, id, q.On) })
}

func (a *App) mute(ctx context.Context, q Until) (None, error) {
	return a.withConversation(q.Conversation, func(p *profile, id chat.ConversationID) error { return p.List().SetMuted(ctx, id, q.Time.time()) })
}

func (a *App) saveDraft(ctx context.Context, q Draft) (None, error) {
	reply, err := parseMessage(q.ReplyTo)
	if err != nil {
		return None{}, err
	}
	return a.withConversation(q.Conversation, func(p *profile, id chat.ConversationID) error { return p.List().SetDraft(ctx, id, q.Text, reply) })
}

func (a *App) deleteConversation(ctx context.Context, q ConversationRef) (None, error) {
	return a.withConversation(q.Conversation, func(p *profile, id chat.ConversationID) error { return p.List().Delete(ctx, id) })
}
