// SPDX-License-Identifier: AGPL-3.0-or-later

package cli

import (
	"context"
	"sync"

	"github.com/securecrypt/securecrypt/client/chat"
)

// queue takes events without ever blocking the client.
type queue struct {
	mu    sync.Mutex // guards all
	items []chat.Event
	ready chan struct{}
}

func newQueue() *queue { return &queue{ready: make(chan struct{}, 1)} }

func (q *queue) push(e chat.Event) {
	q.mu.Lock()
	q.items = append(q.items, e)
	q.mu.Unlock()
	select {
	case q.ready <- struct{}{}:
	default:
	}
}

// take returns the events that are there, after waiting for the first.
func (q *queue) take(ctx context.Context) ([]chat.Event, error) {
	for {
		q.mu.Lock()
		items := q.items
		q.items = nil
		q.mu.Unlock()
		if len(items) > 0 {
			return items, nil
		}
		select {
		case <-q.ready:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}
