// SPDX-License-Identifier: AGPL-3.0-or-later

package machine

import (
	"time"

	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/envelope"
	"github.com/securecrypt/securecrypt/client/internal/records"
	"github.com/securecrypt/securecrypt/protocol"
)

// Outcome collects what a step wants done after its transaction.
type Outcome struct {
	Effects []Effect
	Events  []chat.Event
	// Unread are the reasons why entries could not be read.
	Unread []error
}

func (o *Outcome) do(e Effect)       { o.Effects = append(o.Effects, e) }
func (o *Outcome) emit(e chat.Event) { o.Events = append(o.Events, e) }

// An Effect is what a step wants from the outside. The concrete types follow;
// most are answered by an input.
type Effect interface{ effect() }

// DoRequest asks the channel's server; done makes the input from the answer,
// nil if there is nothing to be said.
type DoRequest struct {
	Op   protocol.Op
	Body protocol.Body
	Done func(protocol.Body, error) Input
}

// DoLookup asks for the chains of accounts: inputChains.
type DoLookup struct{ Addresses []string }

// DoInvite asks for chains and key packages of accounts: inputInvitees.
type DoInvite struct {
	N         uint64
	Addresses []string
}

// DoFetch downloads and decrypts the stash of an entry: inputFetched.
type DoFetch struct {
	Seq   uint64
	Stash envelope.Stash
}

// DoStash uploads a stash: inputStashed.
type DoStash struct {
	N     uint64
	Token protocol.UploadToken
	Box   []byte
	// Outbox says whether n counts outbox items or deliveries. Items go to the
	// conversation's server, deliveries to host.
	Outbox bool
	Host   string
}

// DoLetter sends a letter: inputLetter.
type DoLetter struct {
	N      uint64
	Letter records.Letter
}

// DoUpload uploads an attachment: inputUploaded.
type DoUpload struct {
	N        uint64
	Index    int
	Upload   records.Upload
	Expire   time.Duration
	Progress chat.ProgressEvent // says whose file it is
}

// DoWake asks for an inputTick at a time.
type DoWake struct{ At time.Time }

func (DoRequest) effect() {}
func (DoLookup) effect()  {}
func (DoInvite) effect()  {}
func (DoFetch) effect()   {}
func (DoStash) effect()   {}
func (DoLetter) effect()  {}
func (DoUpload) effect()  {}
func (DoWake) effect()    {}
