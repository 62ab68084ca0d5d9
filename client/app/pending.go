package app

import "context"

func (a *App) forget(ctx context.Context, _ MessageRef) (None, error) { return None{}, nil }
func (a *App) retry(ctx context.Context, _ MessageRef) (None, error)  { return None{}, nil }
func (a *App) cancel(ctx context.Context, _ MessageRef) (None, error) { return None{}, nil }
func (a *App) typing(ctx context.Context, _ Switch) (None, error)     { return None{}, nil }
func (a *App) deleteConversation(ctx context.Context, _ ConversationRef) (None, error) {
	return None{}, nil
}
func (a *App) search(ctx context.Context, _ SearchQuery) (Found, error) {
	return Found{Messages: []Message{}}, nil
}
