// SPDX-License-Identifier: AGPL-3.0-or-later

package link

import (
	"context"
	"slices"
	"sync"
	"time"
)

// slots bounds how many connections there are at a time. When all are held and
// somebody waits, the one that was held longest is due after a turn, so that
// everybody gets one again and again.
type slots struct {
	most int
	turn time.Duration

	mu      sync.Mutex // guards what follows
	held    []*slot    // the oldest first
	waiting []chan *slot
}

// A slot is the right to one connection. due is closed when somebody else is
// to have it.
type slot struct {
	of    *slots
	since time.Time
	due   chan struct{}
	timer *time.Timer
}

// acquire waits for a slot; its release must follow.
func (s *slots) acquire(ctx context.Context) (*slot, error) {
	s.mu.Lock()
	if len(s.held) < s.most {
		x := s.hold()
		s.mu.Unlock()
		return x, nil
	}
	turn := make(chan *slot, 1)
	s.waiting = append(s.waiting, turn)
	s.press()
	s.mu.Unlock()
	select {
	case x := <-turn:
		return x, nil
	case <-ctx.Done():
	}
	s.mu.Lock()
	s.waiting = slices.DeleteFunc(s.waiting, func(c chan *slot) bool { return c == turn })
	s.mu.Unlock()
	select {
	case x := <-turn:
		x.release()
	default:
	}
	return nil, context.Cause(ctx)
}

func (s *slots) hold() *slot {
	x := &slot{of: s, since: time.Now(), due: make(chan struct{})}
	s.held = append(s.held, x)
	return x
}

// press makes as many slots due as are waited for.
func (s *slots) press() {
	for _, x := range s.held[:min(len(s.waiting), len(s.held))] {
		if x.timer == nil {
			x.timer = time.AfterFunc(time.Until(x.since.Add(s.turn)), func() { close(x.due) })
		}
	}
}

// release gives the slot to whoever waited longest.
func (x *slot) release() {
	s := x.of
	s.mu.Lock()
	defer s.mu.Unlock()
	if x.timer != nil {
		x.timer.Stop()
	}
	s.held = slices.DeleteFunc(s.held, func(y *slot) bool { return y == x })
	if len(s.waiting) > 0 {
		s.waiting[0] <- s.hold()
		s.waiting = s.waiting[1:]
	}
	s.press()
}
