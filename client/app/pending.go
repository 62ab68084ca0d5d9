package app

import (
	"context"

	"github.com/securecrypt/securecrypt/client"
)

func (a *App) page(_ context.Context, q PageQuery) (Page, error) {
	p, err := a.client()
	if err != nil {
		return Page{}, err
	}
	out := Page{Messages: []Message{}}
	v := view{profile: p}
	err = p.History(client.ConversationID(q.Conversation), func(m client.Message) bool {
		out.Messages = append([]Message{v.message(m)}, out.Messages...)
		return len(out.Messages) < q.Limit
	})
	return out, err
}
func (a *App) markRead(ctx context.Context, q MessageRef) (None, error) {
	return a.in(q.Conversation, func(p *profile, id client.ConversationID) error { return p.MarkRead(ctx, id) })
}
func (a *App) settings(ctx context.Context, _ None) (Settings, error)      { return Settings{}, nil }
func (a *App) setSettings(ctx context.Context, _ Settings) (None, error)   { return None{}, nil }
func (a *App) disclosure(ctx context.Context, _ None) (Disclosure, error)  { return Disclosure{}, nil }
func (a *App) forget(ctx context.Context, _ MessageRef) (None, error)      { return None{}, nil }
func (a *App) retry(ctx context.Context, _ MessageRef) (None, error)       { return None{}, nil }
func (a *App) cancel(ctx context.Context, _ MessageRef) (None, error)      { return None{}, nil }
func (a *App) typing(ctx context.Context, _ Switch) (None, error)          { return None{}, nil }
func (a *App) saveDraft(ctx context.Context, _ Draft) (None, error)        { return None{}, nil }
func (a *App) pin(ctx context.Context, _ Switch) (None, error)             { return None{}, nil }
func (a *App) archive(ctx context.Context, _ Switch) (None, error)         { return None{}, nil }
func (a *App) mute(ctx context.Context, _ Until) (None, error)             { return None{}, nil }
func (a *App) deleteConversation(ctx context.Context, _ ConversationRef) (None, error) {
	return None{}, nil
}
func (a *App) search(ctx context.Context, _ SearchQuery) (Found, error) { return Found{}, nil }
