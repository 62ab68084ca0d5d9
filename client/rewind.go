// SPDX-License-Identifier: AGPL-3.0-or-later

package client

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"time"

	"github.com/securecrypt/securecrypt/client/chat"
	"github.com/securecrypt/securecrypt/client/internal/records"
	"github.com/securecrypt/securecrypt/protocol"
)

// A server that was restored from a backup, or lost its data, is behind its
// clients. They notice when they open a channel: its newest entry has a lower
// number than the last one that was dealt with, that number belongs to another
// entry now, or their epoch is unknown. Then they read the channel again from
// an earlier epoch on, post the commits that the server lost, and send again
// what else is missing.

// A server that always claims to have lost everything is sent what is missing
// maxResends times in resendPause.
const (
	maxResends  = 16
	resendPause = time.Hour
)

// maxProbes is how many earlier epochs are tried on a connection before the
// server is given time: more than lead to the oldest one.
const maxProbes = 8

// errBranch: others went on from an earlier state without this device.
var errBranch = errors.New("the server was put back to an earlier state, and the others went on from there without this device. Write to the person again to begin a new conversation; in a group, ask a member to remove you and to add you again")

// A rewind is how far reading a channel again has come on this connection. The
// record says that it is under way.
type rewind struct {
	// at is the earlier epoch to open the channel at, nil for the group's own.
	at *replay
	// probing: the server does not know the group's epoch; at is a guess.
	// steps counts the guesses.
	probing bool
	steps   int
	created bool // the channel was created again
	last    bool // the server knows no later epoch than at
	// sent has what this device sent, and whether the server has it; nil while
	// nothing is read again.
	sent map[mark]bool
}

// inputReplayed: the server refused a commit that was posted again.
type inputReplayed struct {
	opening uint64
	err     error
}

// readAgain has the channel read from the beginning of an epoch.
func (c *conversation) readAgain(tx *records.Tx, since uint64) error {
	if c.rec.Rewind != nil {
		since = min(since, c.rec.Rewind.Since)
	}
	c.rec.Rewind = &records.Rewind{Since: since}
	c.rec.Cursor, c.rec.Mark = 0, nil
	c.rewind.sent, c.rewind.probing = map[mark]bool{}, false
	c.touch()
	err := scanSent(tx, c.id, func(_ uint64, rec *sentRecord) bool {
		c.rewind.sent[rec.Mark] = false
		return true
	})
	if err != nil {
		return err
	}
	return c.reopenAtEpoch(tx, since)
}

// readingAgain reports whether what comes now may have been dealt with before.
func (c *conversation) readingAgain() bool { return c.rewind.sent != nil }

// noteRead notes that the server has an entry.
func (c *conversation) noteRead(e protocol.Entry) {
	m := markOf(e.Ciphertext)
	if _, ok := c.rewind.sent[m]; ok {
		c.rewind.sent[m] = true
	}
}

// readAgainOnConnection begins what an earlier connection did not end.
func (c *conversation) readAgainOnConnection(tx *records.Tx) error {
	c.rewind = rewind{}
	if c.rec.Rewind == nil {
		return nil
	}
	return c.readAgain(tx, c.rec.Rewind.Since)
}

// reopenAtEpoch opens the channel at an epoch next.
func (c *conversation) reopenAtEpoch(tx *records.Tx, epoch uint64) (err error) {
	c.phase, c.rewind.at = phaseClosed, nil
	if epoch < c.group.Epoch() {
		c.rewind.at, err = c.loadReplay(tx, epoch)
	}
	return err
}

// wentBack reports whether the server has lost, or exchanged, what this device
// had from it.
func (c *conversation) wentBack(state protocol.ChannelState) bool {
	other := len(state.Mark) > 0 && len(c.rec.Mark) > 0 && !bytes.Equal(state.Mark, c.rec.Mark)
	return state.Last < c.rec.Cursor || other
}

// firstSent returns the earliest epoch in which this device sent something that
// may have to be sent again, as far back as the channel can be read.
func (c *conversation) firstSent(tx *records.Tx) (uint64, error) {
	oldest, err := c.oldestReplay(tx)
	if err != nil {
		return 0, err
	}
	first := c.group.Epoch()
	err = scanSent(tx, c.id, func(_ uint64, rec *sentRecord) bool {
		if rec.Letter == nil {
			first = min(first, max(rec.Epoch, oldest))
		}
		return true
	})
	return first, err
}

// openEpoch returns the epoch to open the channel at, and the key for it.
func (c *conversation) openEpoch() (uint64, ed25519.PrivateKey, error) {
	if at := c.rewind.at; at != nil {
		return at.epoch, at.access, nil
	}
	access, err := accessKey(c.group, c.rec.Channel)
	return c.group.Epoch(), access, err
}

// openAfter returns the entry to open the channel behind. Where a server may
// have no such number, that is its first one.
func (c *conversation) openAfter() uint64 {
	if c.rewind.probing {
		return 0
	}
	return c.rec.Cursor
}

// tryEarlier has an earlier epoch opened next: one back, then two, four and so
// on, then the oldest that the channel could be led forward from. It reports
// false if there is none left.
func (c *conversation) tryEarlier(tx *records.Tx) (bool, error) {
	if c.rec.Status != chat.StatusActive {
		return false, nil
	}
	oldest, err := c.oldestReplay(tx)
	if err != nil {
		return false, err
	}
	now := c.group.Epoch()
	tried := c.rewind.probing && c.rewind.at != nil && c.rewind.at.epoch == oldest
	if oldest == now || tried || c.rewind.steps == maxProbes {
		return false, nil
	}
	back := uint64(1) << c.rewind.steps
	c.rewind.steps++
	c.rewind.probing = true
	return true, c.reopenAtEpoch(tx, now-min(back, now-oldest))
}

// createAgain has the channel created at the oldest epoch that it can be led
// forward from, if the server is not any more the one that had it. Once on a
// connection: somebody else may have done it.
func (c *conversation) createAgain(tx *records.Tx) (bool, error) {
	was, is := c.rec.Incarnation, c.hello.Incarnation
	unknown := was == protocol.Incarnation{} || is == protocol.Incarnation{}
	if c.rewind.created || c.rec.Status != chat.StatusActive || unknown || was == is {
		return false, nil
	}
	oldest, err := c.oldestReplay(tx)
	if err != nil {
		return false, err
	}
	if err := c.readAgain(tx, oldest); err != nil {
		return false, err
	}
	epoch, access, err := c.openEpoch()
	if err != nil {
		return false, err
	}
	c.rewind.created = true
	c.create(epoch, access)
	return true, nil
}

// openedEarlier deals with a channel that was opened at an earlier epoch than
// the group's.
func (c *conversation) openedEarlier(tx *records.Tx, state protocol.ChannelState) error {
	at := c.rewind.at
	if state.Epoch < at.epoch { // it opened what it says is yet to come
		c.phase, c.rewind.at = phaseClosed, nil
		c.channel.Failed(c.now(), errCredit)
		return nil
	}
	if c.rewind.probing {
		// A later epoch may be this device's own, which another member has posted
		// meanwhile. The commits that lead there tell.
		since := state.Epoch
		if since >= c.group.Epoch() {
			since = at.epoch
		}
		return c.readAgain(tx, since)
	}
	c.credit.newest = state.Last
	c.rewind.last = state.Epoch == at.epoch
	c.phase = phaseCatching
	return nil
}

// refusedEarlier goes on with the next epoch if the server does not have one
// that is read again, and reports whether that was so.
func (c *conversation) refusedEarlier(tx *records.Tx) (bool, error) {
	at := c.rewind.at
	if at == nil || c.rewind.probing {
		return false, nil
	}
	return true, c.reopenAtEpoch(tx, at.epoch+1)
}

// endAtBranch ends a conversation whose other members went on without this device
// since an epoch. An invitation from there leads beyond that epoch.
func (c *conversation) endAtBranch(tx *records.Tx, since uint64) error {
	c.rewind, c.rec.Rewind = rewind{}, nil
	c.rec.Epoch = min(c.rec.Epoch, since)
	return c.stop(tx, chat.StatusLost, errBranch)
}

// replayed takes in an entry of an epoch that this device has left: if it is
// the commit that ended that epoch, the channel is opened at the next one.
func (c *conversation) replayed(tx *records.Tx, e protocol.Entry) (bool, error) {
	at := c.rewind.at
	if at == nil || e.Kind != protocol.KindCommit || e.Epoch != at.epoch {
		return false, nil
	}
	if !bytes.Equal(e.Ciphertext, at.commit) {
		return true, c.endAtBranch(tx, at.epoch)
	}
	c.passed(e)
	return true, c.reopenAtEpoch(tx, at.epoch+1)
}

// caughtUpAgain goes on once all entries of an epoch were read again.
func (c *conversation) caughtUpAgain(tx *records.Tx) error {
	at := c.rewind.at
	switch {
	case at == nil:
		return c.endRewind(tx)
	case !c.rewind.last: // its commit is not there any more
		return c.reopenAtEpoch(tx, at.epoch+1)
	}
	opening := c.opening
	c.phase = phaseReplaying
	c.out.do(doRequest{
		op: protocol.OpChannelCommit,
		body: &protocol.ChannelCommit{
			Channel: c.rec.Channel, Epoch: at.epoch, Ciphertext: at.commit, NextKey: at.next,
		},
		done: func(_ protocol.Body, err error) input {
			if err == nil {
				return nil // the entry itself says that it is there
			}
			return inputReplayed{opening, err}
		},
	})
	return nil
}

func (in inputReplayed) step(c *conversation, _ *records.Tx) error {
	if in.opening != c.opening || c.phase != phaseReplaying || !errors.As(in.err, new(*protocol.Error)) {
		return nil
	}
	c.phase = phaseClosed
	if !errors.Is(in.err, &protocol.Error{Code: protocol.CodeStaleEpoch}) { // else somebody was faster
		c.channel.Failed(c.now(), in.err)
	}
	return nil
}

// rewindAt is when a channel is read again of which that was put off, zero if
// there is none.
func (c *conversation) rewindAt() time.Time {
	if c.rec.Rewind == nil || c.readingAgain() || c.phase != phaseLive {
		return time.Time{}
	}
	return time.Unix(c.rec.ResentAt, 0).Add(resendPause)
}

// resumeRewind reads a channel again of which that was put off.
func (c *conversation) resumeRewind(tx *records.Tx) error {
	if at := c.rewindAt(); at.IsZero() || c.now().Before(at) {
		return nil
	}
	return c.readAgain(tx, c.rec.Rewind.Since)
}

// endRewind sends again what the server lost, and says so in the history.
func (c *conversation) endRewind(tx *records.Tx) error {
	since, now := c.rec.Rewind.Since, c.now().Unix()
	there := c.rewind.sent
	c.rewind = rewind{}
	if now >= c.rec.ResentAt+int64(resendPause/time.Second) || now < c.rec.ResentAt { // or a clock was wrong
		c.rec.ResentAt, c.rec.Resends = now, 0
	}
	if c.rec.Resends == maxResends {
		return nil // later: see resumeRewind
	}
	c.rec.Rewind = nil
	c.rec.Resends++
	c.touch()
	if c.rec.Status != chat.StatusActive {
		return nil
	}
	lost, err := c.resend(tx, since, there)
	if err != nil {
		return err
	}
	return c.notice(tx, c.self.address.String(), records.Notice{Kind: chat.NoticeServerWentBack, Count: uint64(lost)})
}
