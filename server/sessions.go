// SPDX-License-Identifier: AGPL-3.0-or-later

package server

import (
	"context"
	"sync"
)

// sessionSet is the set of all connections.
type sessionSet struct {
	mu       sync.Mutex
	sessions map[*session]struct{}
	stopping bool
	empty    chan struct{} // closed when stopping and nobody is left
}

func newSessionSet() *sessionSet {
	return &sessionSet{sessions: map[*session]struct{}{}, empty: make(chan struct{})}
}

func (s *sessionSet) add(ss *session) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping {
		return false
	}
	s.sessions[ss] = struct{}{}
	return true
}

func (s *sessionSet) remove(ss *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sessions, ss)
	if s.stopping && len(s.sessions) == 0 {
		close(s.empty)
	}
}

func (s *sessionSet) all() []*session {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.list()
}

func (s *sessionSet) list() []*session {
	out := make([]*session, 0, len(s.sessions))
	for ss := range s.sessions {
		out = append(out, ss)
	}
	return out
}

func (s *sessionSet) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.sessions)
}

// stop refuses new sessions and returns those that there are.
func (s *sessionSet) stop() []*session {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.stopping {
		s.stopping = true
		if len(s.sessions) == 0 {
			close(s.empty)
		}
	}
	return s.list()
}

// wait waits until, after stop, all sessions have ended.
func (s *sessionSet) wait(ctx context.Context) error {
	select {
	case <-s.empty:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// work counts what is under way.
type work struct {
	mu   sync.Mutex
	n    int
	idle chan struct{} // not nil while somebody waits
}

func (w *work) begin() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.n++
}

func (w *work) end(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.n -= n; w.n == 0 && w.idle != nil {
		close(w.idle)
		w.idle = nil
	}
}

// wait waits until nothing is under way.
func (w *work) wait(ctx context.Context) error {
	w.mu.Lock()
	if w.n == 0 {
		w.mu.Unlock()
		return nil
	}
	if w.idle == nil {
		w.idle = make(chan struct{})
	}
	idle := w.idle
	w.mu.Unlock()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *sessionSet) isStopping() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stopping
}
