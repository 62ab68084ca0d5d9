// SPDX-License-Identifier: AGPL-3.0-or-later

package local

import (
	"sync"

	"github.com/securecrypt/securecrypt/server"
)

// Bus hands each wake to all subscribers, in the publisher's goroutine. Its
// zero value is ready.
type Bus struct {
	mu   sync.Mutex
	next int
	subs map[int]func(server.Wake)
}

// Publish implements [server.Bus].
func (b *Bus) Publish(w server.Wake) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, fn := range b.subs {
		fn(w)
	}
}

// Subscribe implements [server.Bus].
func (b *Bus) Subscribe(fn func(server.Wake)) (stop func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.subs == nil {
		b.subs = map[int]func(server.Wake){}
	}
	id := b.next
	b.next++
	b.subs[id] = fn
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.subs, id)
	}
}
