// SPDX-License-Identifier: AGPL-3.0-or-later

package fakeserver

import (
	"time"

	"github.com/securecrypt/securecrypt/protocol"
)

// A Verdict says what becomes of a request.
type Verdict struct {
	// Refuse, if not nil, is the answer; the request is not carried out. With
	// DropAfter it is the last one of the connection.
	Refuse *protocol.Error
	// DropBefore ends the connection before the request is carried out, and
	// DropAfter after it, so that the answer is lost.
	DropBefore, DropAfter bool
	// Silent carries the request out and never answers.
	Silent bool
}

// Faults are what a server is told to do wrong. Nil functions do nothing
// wrong. They are called with the server locked and must not call it.
type Faults struct {
	// Request judges each request of a client.
	Request func(client string, op protocol.Op, body protocol.Body) Verdict
	// Event returns what is sent to a client instead of an event, nil to send
	// nothing; cut ends the connection after it.
	Event func(client string, body protocol.Body) (instead []protocol.Body, cut bool)
	// Account replaces the statements of an account in answers.
	Account func(name string, statements [][]byte) [][]byte
	// Forget makes openings begin at the epoch's first entry, whatever the
	// cursor: everything is delivered again.
	Forget bool
	// Disclosure replaces what accounts are told that the server has on them.
	Disclosure func(name string) string
	// Blob, if it returns an error, makes a blob request fail with it.
	Blob func(client, method string) error
	// Opened changes what openings of channels are answered.
	Opened func(state *protocol.ChannelState)
	// IgnoreCredit delivers entries that there is no credit for.
	IgnoreCredit bool
	// BlobDelay is how long each download of a blob takes.
	BlobDelay time.Duration
	// CutUpload is after how many bytes an upload breaks off; 0 is never.
	CutUpload int
}

// SetFaults replaces the faults.
func (s *Server) SetFaults(f Faults) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = f
}

// Recovery returns what the server keeps for an account's recovery, zero if nothing.
func (s *Server) Recovery(name string) protocol.Recovery {
	s.mu.Lock()
	defer s.mu.Unlock()
	if kept := s.recoveries[name]; kept != nil {
		return *kept
	}
	return protocol.Recovery{}
}

// SetRecovery replaces what the server keeps for an account's recovery.
func (s *Server) SetRecovery(name string, kept protocol.Recovery) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.recoveries[name] = &kept
}
