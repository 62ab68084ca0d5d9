// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"errors"
	"fmt"

	"github.com/securecrypt/securecrypt/client/backend"
	"github.com/securecrypt/securecrypt/client/envelope"
	"github.com/securecrypt/securecrypt/client/internal/attachments"
	"github.com/securecrypt/securecrypt/client/internal/records"
	"github.com/securecrypt/securecrypt/client/internal/rules"
	"github.com/securecrypt/securecrypt/protocol"
)

// Bounds of a commit: what it takes in any group, and more for each leaf, to
// which it may encrypt and give a role.
const (
	commitBase = 1 << 20
	commitLeaf = 4 << 10
)

// longestCommit is the length in bytes that no commit of the group exceeds.
func (c *conversation) longestCommit() int64 {
	leaves := 0
	for _, of := range c.index() {
		leaves += len(of)
	}
	return min(commitBase+commitLeaf*int64(leaves), attachments.MaxStash)
}

// checkCommitSize refuses a commit that the others would not fetch.
func (c *conversation) checkCommitSize(commit []byte) error {
	if int64(len(commit)) > c.longestCommit() {
		return errors.New("this is too much for one change of the group; do it in several")
	}
	return nil
}

// errStash: only a commit of the present epoch may be too long for an entry,
// and only so much.
var errStash = fmt.Errorf("%w: a message that lies elsewhere", rules.ErrRule)

// fetchCommit has a commit fetched that is too long for its entry. One at a
// time, as nothing after it can be read before.
func (c *conversation) fetchCommit(tx *records.Tx, e protocol.Entry, stash envelope.Stash) error {
	if e.Kind != protocol.KindCommit || e.Epoch != c.group.Epoch() || stash.Size > c.longestCommit() {
		return c.unreadable(tx, e, errStash)
	}
	c.waiting = &e
	c.out.do(doFetch{e.Seq, stash})
	return nil
}

func (in inputFetched) step(c *conversation, tx *records.Tx) error {
	if c.waiting == nil || c.waiting.Seq != in.seq {
		return nil // asked for before the connection ended, or a write failed
	}
	e, deferred := *c.waiting, c.deferred
	c.waiting, c.deferred = nil, nil
	var refused *protocol.Error
	switch {
	case in.err == nil:
		c.channel.Reset()
		if err := c.process(tx, e, in.message); err != nil {
			return err
		}
	case errors.Is(in.err, backend.ErrOffline), errors.As(in.err, &refused):
		c.phase = min(c.phase, phaseClosed) // to have the entry delivered again
		c.channel.Failed(c.now(), in.err)
		return nil
	default:
		if err := c.unreadable(tx, e, in.err); err != nil {
			return err
		}
	}
	for _, later := range deferred {
		if err := (inputEntry{later}).step(c, tx); err != nil {
			return err
		}
	}
	return nil
}
