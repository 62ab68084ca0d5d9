// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"bytes"
	"context"
	"time"

	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/records"
	"github.com/securecrypt/securecrypt/content"
)

// commandChoose changes what this account chose for itself about a
// conversation: nobody else is told of it.
type commandChoose struct{ change func(*records.List) }

func (in commandChoose) step(c *conversation, _ *records.Tx) error {
	in.change(&c.rec.List)
	c.touch()
	return nil
}

// SetPinned keeps a conversation at the top of the list, or no longer.
func (ls List) SetPinned(ctx context.Context, conv chat.ConversationID, on bool) error {
	return ls.c.tell(ctx, conv, commandPin{on})
}

type commandPin struct{ on bool }

func (in commandPin) step(c *conversation, tx *records.Tx) error {
	c.rec.Pinned = in.on
	c.touch()
	return records.NotePinned(tx, c.id, in.on)
}

// SetArchived puts a conversation away, or takes it back. The next message
// takes it back, too, unless it is muted.
func (ls List) SetArchived(ctx context.Context, conv chat.ConversationID, on bool) error {
	return ls.c.tell(ctx, conv, commandChoose{func(r *records.List) { r.Archived = on }})
}

// SetMuted asks interfaces not to call attention to a conversation until a
// time; one that has passed, such as the zero time, ends that. Meanwhile the
// others cannot wake this device for it, which theirs may notice.
func (ls List) SetMuted(ctx context.Context, conv chat.ConversationID, until time.Time) error {
	muted := int64(0)
	if until.After(ls.c.now()) {
		muted = records.Millis(until)
	}
	return ls.c.tell(ctx, conv, commandChoose{func(r *records.List) { r.MutedUntil = muted }})
}

// SetDraft keeps what somebody is about to write, at most MaxText bytes, and
// the message that it replies to, if any. An empty text with no reply forgets
// it.
func (ls List) SetDraft(ctx context.Context, conv chat.ConversationID, text string, reply content.MessageID) error {
	if len(text) > chat.MaxText {
		return errTextTooLong
	}
	var to []byte
	if !reply.IsZero() {
		to = bytes.Clone(reply[:])
	}
	return ls.c.tell(ctx, conv, commandChoose{func(r *records.List) { r.Draft, r.DraftReply = records.Storable(text), to }})
}
