// SPDX-License-Identifier: AGPL-3.0-or-later

package server

import (
	"context"
	"github.com/securecrypt/securecrypt/protocol"
	"testing"
)

// Tidy does what [Server.Run] does each minute.
func (s *Server) Tidy(ctx context.Context) { s.tidy(ctx) }

// NewFuzzStore returns a store in memory. It is set by the external tests,
// which may import an implementation where this package may not.
var NewFuzzStore func(testing.TB) Store

func newFuzzStore(tb testing.TB) Store { return NewFuzzStore(tb) }

// HasHandler reports whether there is a handler for an operation.
func HasHandler(op protocol.Op) bool { _, ok := handlers[op]; return ok }

// HandlerCount is the number of handlers.
func HandlerCount() int { return len(handlers) }
