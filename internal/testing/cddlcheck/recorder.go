// SPDX-License-Identifier: AGPL-3.0-or-later

package cddlcheck

import (
	"fmt"
	"strings"
	"sync"

	"github.com/securecrypt/securecrypt/protocol"
)

// A Recorder collects the frames of connections. Its methods may be called by
// any goroutine.
type Recorder struct {
	mu      sync.Mutex // guards all
	asked   map[request]protocol.Op
	samples []Sample
}

type request struct {
	connection string
	id         uint64
}

// NewRecorder returns an empty Recorder.
func NewRecorder() *Recorder { return &Recorder{asked: map[request]protocol.Op{}} }

// Client records a WebSocket message that a client sent on the connection of
// that name.
func (r *Recorder) Client(connection string, message []byte) error {
	return r.record(message, func(f protocol.Frame) (string, error) {
		if f.Kind != protocol.KindRequest {
			return "", fmt.Errorf("cddlcheck: a client sent a frame of kind %d", f.Kind)
		}
		op := protocol.Op(f.Code)
		r.asked[request{connection, f.ID}] = op
		return RequestRule(op), nil
	})
}

// Server records a WebSocket message that a server sent.
func (r *Recorder) Server(connection string, message []byte) error {
	return r.record(message, func(f protocol.Frame) (string, error) {
		switch f.Kind {
		case protocol.KindEvent:
			return EventRule(protocol.EventType(f.Code)), nil
		case protocol.KindError:
			delete(r.asked, request{connection, f.ID})
			return "refusal", nil
		case protocol.KindResponse:
			key := request{connection, f.ID}
			op, ok := r.asked[key]
			if !ok {
				return "", fmt.Errorf("cddlcheck: an answer to request %d, which nobody sent", f.ID)
			}
			delete(r.asked, key)
			return ResultRule(op), nil
		}
		return "", fmt.Errorf("cddlcheck: a server sent a frame of kind %d", f.Kind)
	})
}

func (r *Recorder) record(message []byte, rule func(protocol.Frame) (string, error)) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for rest := message; len(rest) > 0; {
		f, after, err := protocol.ParseFrame(rest)
		if err != nil {
			return err
		}
		name, err := rule(f)
		if err != nil {
			return err
		}
		data := append([]byte(nil), rest[:len(rest)-len(after)]...)
		r.samples = append(r.samples, Sample{name, data})
		rest = after
	}
	return nil
}

// Samples returns what was recorded so far.
func (r *Recorder) Samples() []Sample {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Sample(nil), r.samples...)
}

// RequestRule returns the name of the rule for an operation's request.
// The rule "request" is for an unknown one, which it does not match.
func RequestRule(op protocol.Op) string {
	if op.String() == protocol.Op(0).String() {
		return "request"
	}
	return "request-" + dashed(op.String())
}

// ResultRule returns the name of the rule for what answers an operation.
func ResultRule(op protocol.Op) string { return "result-" + dashed(op.String()) }

// EventRule returns the name of the rule for an event.
func EventRule(t protocol.EventType) string {
	switch t {
	case protocol.EventHello:
		return "event-hello"
	case protocol.EventEntry:
		return "event-entry"
	case protocol.EventCaughtUp:
		return "event-caught-up"
	case protocol.EventLetter:
		return "event-letter"
	case protocol.EventMailboxCaughtUp:
		return "event-mailbox-caught-up"
	case protocol.EventSignal:
		return "event-signal"
	case protocol.EventAccountChanged:
		return "event-account-changed"
	}
	return "event" // of an unknown type: matches none
}

func dashed(s string) string { return strings.ReplaceAll(s, "_", "-") }
